/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* The port is what stands behind the last colon, as in all that config_load() lets through. */
static void ports_read(struct rules *rules, const struct text_list *hosts)
{
    for (uint32_t i = 0; i < hosts->count && rules->port_count < RULES_PORTS_MOST; i++) {
        const char *colon = strrchr(hosts->items[i], ':');
        if (colon)
            rules->ports[rules->port_count++] = (uint16_t)strtoul(colon + 1, NULL, 10);
    }
}

int64_t rules_budget_cost_ns(const struct config *config)
{
    return config->input.exporter_rate ? NS_PER_S / config->input.exporter_rate : 0;
}

int64_t rules_budget_tolerance_ns(const struct config *config)
{
    return (config->input.exporter_burst - 1) * rules_budget_cost_ns(config);
}

struct rules *rules_new(const struct config *config)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        return NULL;
    ports_read(rules, &config->host);
    rules->budget_cost_ns = rules_budget_cost_ns(config);
    rules->budget_tolerance_ns = rules_budget_tolerance_ns(config);
    rules->allow = allow_new(&config->input.allow);
    if (config->input.balancers.count)
        rules->balancers = allow_new(&config->input.balancers);
    rules->unpack = (struct unpack){.kinds = config->input.unpack,
                                    .gue_port = (uint16_t)config->input.gue_port,
                                    .balancers = rules->balancers};
    if (rules->allow && (rules->balancers || !config->input.balancers.count))
        return rules;
    rules_free(rules);
    return NULL;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    allow_free(rules->allow);
    allow_free(rules->balancers);
    free(rules);
}

void rules_reclaim(struct rules *newest, uint32_t oldest)
{
    while (newest->older && newest->older->generation >= oldest)
        newest = newest->older;
    rules_free_all(newest->older);
    newest->older = NULL;
}

void rules_free_all(struct rules *rules)
{
    while (rules) {
        struct rules *older = rules->older;
        rules_free(rules);
        rules = older;
    }
}

bool rules_want_port(const struct rules *rules, uint16_t port)
{
    for (uint32_t i = 0; i < rules->port_count; i++)
        if (rules->ports[i] == port)
            return true;
    return false;
}
