/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/* An entry of sampling.rates: ADDRESS[/BITS][%INTERFACE]=RATE. */
struct sampling_rule {
    struct prefix prefix;
    uint32_t rate;        /* one of so many packets; at least 1 */
    uint32_t interface;   /* SNMP's number */
    bool any_interface;
};

/* False when text is none. */
bool sampling_rule_parse(const char *text, struct sampling_rule *rule);
