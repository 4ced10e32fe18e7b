/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

/*
 * input.allow: the exporters that may send. Constant after allow_new(); any thread may ask. The XDP program has a copy
 * of its own; this one serves what comes by other ways.
 */
struct allow;

/* NULL with errno: EINVAL for an entry that is no prefix (config_load() has refused those), or ENOMEM. */
struct allow *allow_new(const struct text_list *prefixes);
void allow_free(struct allow *allow);

/* True for every address when the list is empty. A binary search. */
bool allow_contains(const struct allow *allow, const struct address *address);
