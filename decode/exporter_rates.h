/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/heap.h"
#include "config/config.h"
#include "config/sampling.h"
#include "decode/rate.h"

/* sampling.rates: the rates that the configuration gives to exporters and interfaces, over all that they say. */
struct sampling_rules {
    uint32_t count;
    struct sampling_rule items[];
};

/* NULL where there are none, or for want of memory: *failed tells. */
struct sampling_rules *sampling_rules_new(const struct text_list *texts, bool *failed);

/* The rules as far as they are one exporter's. */
struct exporter_rates {
    uint32_t size_bytes;
    uint32_t count;
    struct rate whole; /* population 0: none */
    struct interface_rate {
        uint32_t interface;
        struct rate rate;
    } interfaces[]; /* count, by number */
};

/* NULL where no rule is for the exporter, or for want of memory. */
struct exporter_rates *exporter_rates_new(const struct sampling_rules *rules, const struct address *address,
                                          struct heap *heap);
void exporter_rates_free(struct exporter_rates *rates, struct heap *heap); /* rates may be NULL */

/* The rate of an interface, else none: NULL. */
const struct rate *exporter_rates_find(const struct exporter_rates *rates, uint64_t interface);
