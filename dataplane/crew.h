/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/backend.h"
#include "dataplane/nic.h"
#include "dataplane/rules.h"
#include "dataplane/worker.h"
#include "decode/element.h"
#include "decode/journal/circle.h"
#include "decode/journal/journal.h"
#include "decode/profile.h"
#include "enrich/networks.h"
#include "export/kafka/exchange.h"
#include "export/outputs.h"

/* All workers, and the little that they share: the table of owners, the rings for strays, the order to stop. */
struct crew;

/* Everything that is pointed at outlives the crew. */
struct crew_setup {
    const struct config *config;
    const struct profile *profile;
    const struct elements *elements;
    const struct networks *networks;
    struct outputs *outputs;     /* have an outlet for each worker */
    struct journal *journal;     /* has a feed for each worker; NULL: there is none */
    struct exchange *exchange;   /* has a place for each worker; NULL: there is none */
    struct template_circle *circle; /* has a place for each worker; NULL: there is none */
    const struct nics *nics;     /* NULL: there are none */
    uint32_t worker_count;
    bool spread;                 /* more workers than queues: an address's worker is by its hash, not by who meets it */
    const uint16_t *ports;       /* destination ports to take, where the backend does not choose; NULL: every one */
    uint32_t port_count;
};

/* NULL with the reason logged. */
struct crew *crew_new(const struct crew_setup *setup);

/* Before crew_start(): queue q of the backend goes to worker q modulo their number. Returns 0 or -ENOMEM. */
int crew_add_backend(struct crew *crew, struct backend *backend);

/* Starts a thread for each worker, and returns when all of them receive, which they begin together. Returns 0 or
   -errno, having logged; crew_stop() and crew_join() are then in order. */
int crew_start(struct crew *crew);

/*
 * The crew's own from now on; workers go by them from their next burst on, and exporters that are known already are
 * held to them, too. The control thread.
 */
void crew_set_rules(struct crew *crew, struct rules *rules);

/* Tells the workers to stop receiving and to finish what they have. Any thread; also a signal handler's. */
void crew_stop(struct crew *crew);

/* Waits until all workers have ended: after crew_stop(), or by themselves when their queues are finite. */
void crew_join(struct crew *crew);

/* Have all workers ended? Any thread. */
bool crew_ended(const struct crew *crew);

/* After crew_join(). */
void crew_free(struct crew *crew);

/* NULL where there is none. */
const struct journal *crew_journal(const struct crew *crew);
const struct exchange *crew_exchange(const struct crew *crew);
const struct nics *crew_nics(const struct crew *crew);

uint32_t crew_worker_count(const struct crew *crew);
struct worker *crew_worker(const struct crew *crew, uint32_t number);
