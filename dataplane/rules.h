/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/allow.h"
#include "dataplane/frame.h"

#define RULES_PORTS_MOST 64 /* as many as entries of host (dataplane/listen.h) */

/*
 * Which exporters may send: what of the configuration can change while weir runs. Constant; a change is another one,
 * which crew_set_rules() puts in the place of the one before. The XDP program has a copy of its own
 * (dataplane/xdp_rules.h) of the same configuration.
 */
struct rules {
    struct allow *allow;
    struct allow *balancers; /* NULL: there are none */
    struct unpack unpack;    /* for frame_parse(): constant parts of the configuration, and balancers */

    int64_t budget_cost_ns;      /* of a packet; 0: there are no budgets */
    int64_t budget_tolerance_ns; /* how far ahead an exporter's costs may be: a burst */
    uint16_t ports[RULES_PORTS_MOST]; /* of host: for datagrams out of tunnels whose backend could not look */
    uint32_t port_count;

    /* the crew's */
    uint32_t generation;
    struct rules *older; /* was replaced; freed once no worker looks at it */
};

/* The budget of input.exporter_rate and exporter_burst, as the members above. */
int64_t rules_budget_cost_ns(const struct config *config);
int64_t rules_budget_tolerance_ns(const struct config *config);

/* NULL with errno: EINVAL for what config_load() would have refused, or ENOMEM. */
struct rules *rules_new(const struct config *config);
void rules_free(struct rules *rules);

/* Is it a port of host? */
bool rules_want_port(const struct rules *rules, uint16_t port);

/* Frees those older than newest that nobody looks at: not of generation oldest, nor of a later one. */
void rules_reclaim(struct rules *newest, uint32_t oldest);

/* With all older ones; NULL: none. */
void rules_free_all(struct rules *rules);
