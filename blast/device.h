/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/sender.h"

/*
 * Looks the interface up and makes the envelope for what leaves by it: its hardware address, and the target's: the one
 * that was given, or the neighbour's. Returns the interface's index, or -errno, having logged what to do about it.
 */
int device_open(const struct sender_setup *setup, struct envelope *envelope);
