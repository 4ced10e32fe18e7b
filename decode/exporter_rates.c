/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/exporter_rates.h"

#include <stdlib.h>

/* Those of whole exporters first, then by the interface's number. */
static bool rule_before(const struct sampling_rule *one, const struct sampling_rule *other)
{
    if (one->any_interface != other->any_interface)
        return one->any_interface;
    return one->interface < other->interface;
}

static bool rule_same_place(const struct sampling_rule *one, const struct sampling_rule *other)
{
    return one->any_interface == other->any_interface && one->interface == other->interface;
}

/* Rules of the same place keep their order. */
static void rule_insert(struct sampling_rules *rules, const struct sampling_rule *rule)
{
    uint32_t at = rules->count++;
    for (; at > 0 && rule_before(rule, &rules->items[at - 1]); at--)
        rules->items[at] = rules->items[at - 1];
    rules->items[at] = *rule;
}

struct sampling_rules *sampling_rules_new(const struct text_list *texts, bool *failed)
{
    struct sampling_rule rule;
    *failed = false;
    if (texts->count == 0)
        return NULL;
    struct sampling_rules *rules = malloc(sizeof *rules + texts->count * sizeof *rules->items);
    *failed = !rules;
    if (!rules)
        return NULL;
    rules->count = 0;
    for (uint32_t i = 0; i < texts->count; i++)
        if (sampling_rule_parse(texts->items[i], &rule))
            rule_insert(rules, &rule);
    return rules;
}

static bool rule_is_for(const struct sampling_rule *rule, const struct address *address)
{
    return address_is_ipv4(&rule->prefix.address) == address_is_ipv4(address) &&
           prefix_contains(&rule->prefix, address);
}

/* The best rule of the place at *at, and *at behind that place: the longest prefix, of several the last. NULL: none. */
static const struct sampling_rule *place_next(const struct sampling_rules *rules, const struct address *address,
                                              uint32_t *at)
{
    const struct sampling_rule *first = &rules->items[*at], *best = NULL;
    for (; *at < rules->count && rule_same_place(&rules->items[*at], first); ++*at) {
        const struct sampling_rule *rule = &rules->items[*at];
        if (rule_is_for(rule, address) && (!best || rule->prefix.length >= best->prefix.length))
            best = rule;
    }
    return best;
}

struct exporter_rates *exporter_rates_new(const struct sampling_rules *rules, const struct address *address,
                                          struct heap *heap)
{
    uint32_t places = 0;
    for (uint32_t at = 0; at < rules->count;)
        places += place_next(rules, address, &at) != NULL;
    if (!places)
        return NULL;
    uint32_t size_bytes = (uint32_t)(sizeof(struct exporter_rates) + places * sizeof(struct interface_rate));
    struct exporter_rates *rates = heap_take(heap, size_bytes);
    if (!rates)
        return NULL;
    *rates = (struct exporter_rates){.size_bytes = size_bytes};
    for (uint32_t at = 0; at < rules->count;) {
        const struct sampling_rule *rule = place_next(rules, address, &at);
        if (!rule)
            continue;
        const struct rate rate = {.population = rule->rate, .size = 1};
        if (rule->any_interface)
            rates->whole = rate;
        else
            rates->interfaces[rates->count++] = (struct interface_rate){.interface = rule->interface, .rate = rate};
    }
    return rates;
}

void exporter_rates_free(struct exporter_rates *rates, struct heap *heap)
{
    if (rates)
        heap_give(heap, rates, rates->size_bytes);
}

const struct rate *exporter_rates_find(const struct exporter_rates *rates, uint64_t interface)
{
    uint32_t low = 0, high = rates->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct interface_rate *at = &rates->interfaces[middle];
        if (at->interface == interface)
            return &at->rate;
        if (at->interface < interface)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
