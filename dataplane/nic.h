/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/counter.h"
#include "config/config.h"

/*
 * What network interfaces say they dropped before AF_XDP or a socket could take it: a NIC out of buffers, a driver, the
 * kernel's backlog. Frames of all traffic, for an interface cannot tell whose they were. Those of input.interface;
 * without, every interface that has an address. Counted from when an interface is first seen.
 */
struct nics;

/* NULL for want of memory. */
struct nics *nics_new(const struct config *config);
void nics_free(struct nics *nics);

/* Reads the interfaces' statistics and counts what is new. One thread at a time; takes system calls. */
void nics_read(struct nics *nics);

/* Any thread. */
const struct counters *nics_counters(const struct nics *nics);
