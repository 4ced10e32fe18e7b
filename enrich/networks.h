/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

/*
 * internal_networks: which addresses are internal (spec'd by Elastic's names and CIDRs). Constant after networks_new();
 * any thread may ask.
 */
struct networks;

/* NULL with the reasons in problems: an entry that is neither a name nor a CIDR. */
struct networks *networks_new(const struct text_list *entries, struct config_problems *problems);
void networks_free(struct networks *networks);

bool networks_internal_ipv4(const struct networks *networks, const uint8_t *four_bytes);
bool networks_internal_ipv6(const struct networks *networks, const uint8_t *sixteen_bytes); /* mapped ones as IPv4 */
