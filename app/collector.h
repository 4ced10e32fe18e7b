/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/ledger.h"
#include "config/config.h"
#include "dataplane/backend.h"
#include "dataplane/crew.h"
#include "decode/element.h"
#include "decode/journal/journal.h"
#include "enrich/networks.h"
#include "export/kafka/exchange.h"
#include "export/outputs.h"

#define COLLECTOR_BACKENDS_MOST 3

/*
 * Everything between the configuration and the ledger, put together: run and decode differ in their backends and in
 * when they stop. Of the main thread.
 */
struct collector {
    const struct config *config;
    struct elements *elements;
    struct networks *networks;
    struct outputs *outputs;
    struct journal *journal; /* NULL: none */
    struct exchange *exchange; /* NULL: none */
    struct template_circle *circle; /* NULL: workers share no exporter */
    struct nics *nics;       /* NULL: nothing comes from a network */
    struct crew *crew;
    struct backend backends[COLLECTOR_BACKENDS_MOST];
    uint32_t backend_count;
    int64_t started_ns;     /* steady clock */
    int64_t started_utc_ns;
    uint64_t splits_said;   /* of the counter addresses_split */
    struct ledger last; /* as of the interval before */
};

/* Reads what the configuration names. False with the reasons printed; collector_close() is in order either way. */
bool collector_init(struct collector *collector, const struct config *config);

/*
 * Opens a backend with so many queues; input is what a finite one reads (backend.state), else NULL. Returns 0 or
 * -errno, logged.
 */
int collector_add_backend(struct collector *collector, const struct backend_ops *ops, void *input, uint32_t queues);

/*
 * Reads the journal of templates and the topic of the tier's, where the configuration names them. Before
 * collector_start(). False: logged.
 */
bool collector_open_templates(struct collector *collector, uint32_t workers);

/* Opens the output and starts the workers. ports as in struct crew_setup. False with the reason logged. */
bool collector_start(struct collector *collector, uint32_t workers, const uint16_t *ports, uint32_t port_count);

/* Stops receiving, finishes what was received, closes the backends, then flushes the output. */
void collector_finish(struct collector *collector);

/* Says which addresses were found to have several devices behind them since the last call: in a burst nobody can. */
void collector_watch(struct collector *collector);

/* One line on standard error of what happened since the last one, or the whole ledger. */
void collector_print_interval(struct collector *collector);
/* Returns whether it balances. */
bool collector_print_ledger(struct collector *collector);

void collector_close(struct collector *collector);
