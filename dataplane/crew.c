/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/processor.h"
#include "dataplane/crew_shared.h"

/* As many as a queue of AF_XDP holds by default: a worker that was away for a moment hands all of it over at once, far
   faster than an owner decodes. */
#define HANDOVER_DATAGRAMS 4096

struct crew {
    struct crew_shared shared;
    struct worker **workers;
    pthread_t *threads;
    uint32_t started;
};

static int shared_init(struct crew_shared *shared, const struct crew_setup *setup)
{
    const struct config *config = setup->config;
    /* One store of templates for all exporters (share_templates) needs one worker for all of them. */
    shared->setup = *setup;
    enum owning owning = config->share_templates                ? OWNING_PINNED
                         : config->input.rss == RSS_SOURCE_PORT ? OWNING_BY_PORT
                                                                : OWNING_BY_ADDRESS;
    shared->owners = owners_new(setup->worker_count, config->limits.exporters, owning);
    atomic_init(&shared->rules, rules_new(config));
    shared->handovers = calloc(setup->worker_count, sizeof(*shared->handovers));
    if (!shared->owners || !atomic_load_explicit(&shared->rules, memory_order_relaxed) || !shared->handovers)
        return -ENOMEM;
    atomic_init(&shared->entering, setup->worker_count);
    atomic_init(&shared->receiving, setup->worker_count);
    if (config->share_templates && setup->worker_count > 1)
        log_info("share_templates: one worker of %u decodes for all exporters", setup->worker_count);
    return 0;
}

/* In memory near its processor. Where it cannot run there, its thread's start says so. */
static int worker_init(struct crew *crew, uint32_t number)
{
    struct crew_shared *shared = &crew->shared;
    const struct config *config = shared->setup.config;
    struct processor_visit visit;
    processor_visit(&visit, config_worker_cpu(config, number));
    uint32_t datagrams = shared->setup.worker_count > 1 ? HANDOVER_DATAGRAMS : 1;
    shared->handovers[number] = handover_new(datagrams, (uint32_t)config->max_message_size);
    if (shared->handovers[number])
        crew->workers[number] = worker_new(shared, number);
    processor_return(&visit);
    return crew->workers[number] ? 0 : -ENOMEM;
}

static int workers_init(struct crew *crew, uint32_t count)
{
    crew->workers = calloc(count, sizeof(*crew->workers));
    crew->threads = calloc(count, sizeof(*crew->threads));
    if (!crew->workers || !crew->threads)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        int result = worker_init(crew, i);
        if (result)
            return result;
    }
    return 0;
}

struct crew *crew_new(const struct crew_setup *setup)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return NULL;
    int result = shared_init(&crew->shared, setup);
    if (!result)
        result = workers_init(crew, setup->worker_count);
    if (!result)
        return crew;
    log_error("no memory for %u workers; set workers, limits.memory or limits.exporters lower", setup->worker_count);
    crew_free(crew);
    return NULL;
}

int crew_add_backend(struct crew *crew, struct backend *backend)
{
    int result = 0;
    for (uint32_t i = 0; i < backend->queue_count && !result; i++)
        result = worker_add_queue(crew->workers[i % crew->shared.setup.worker_count], backend->queues[i]);
    return result;
}

/* On its processor from its first instruction on. */
static int thread_create(struct crew *crew, uint32_t number)
{
    struct processor_visit visit;
    int cpu = config_worker_cpu(crew->shared.setup.config, number);
    int error = processor_visit(&visit, cpu);
    if (error)
        log_warning("input.cpus: worker %u cannot run on processor %d: %s; taskset -p shows the allowed ones", number,
                    cpu, strerror(-error));
    error = pthread_create(&crew->threads[number], NULL, worker_run, crew->workers[number]);
    processor_return(&visit);
    return error;
}

static int thread_start(struct crew *crew, uint32_t number)
{
    char name[16]; /* the kernel's limit */
    atomic_fetch_add_explicit(&crew->shared.running, 1, memory_order_relaxed);
    int error = thread_create(crew, number);
    if (error) {
        atomic_fetch_sub_explicit(&crew->shared.running, 1, memory_order_relaxed);
        log_error("cannot start the thread of worker %u: %s; raise the limit of threads (ulimit -u)", number,
                  strerror(error));
        return -error;
    }
    snprintf(name, sizeof name, "weir-worker-%u", number % 1000);
    pthread_setname_np(crew->threads[number], name);
    return 0;
}

int crew_start(struct crew *crew)
{
    sigset_t all, before;
    int result = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    while (crew->started < crew->shared.setup.worker_count && !result) {
        result = thread_start(crew, crew->started);
        crew->started += !result;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* Those that could not be started hand nothing over: nobody may wait for them. */
    uint32_t lacking = crew->shared.setup.worker_count - crew->started;
    atomic_fetch_sub_explicit(&crew->shared.entering, lacking, memory_order_relaxed);
    atomic_fetch_sub_explicit(&crew->shared.receiving, lacking, memory_order_relaxed);
    while (atomic_load_explicit(&crew->shared.entering, memory_order_relaxed))
        poll(NULL, 0, ENTER_STEP_MS);
    return result;
}

void crew_stop(struct crew *crew)
{
    atomic_store_explicit(&crew->shared.stopping, true, memory_order_relaxed);
    for (uint32_t i = 0; i < crew->shared.setup.worker_count; i++)
        handover_interrupt(crew->shared.handovers[i]);
}

void crew_join(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->started; i++)
        pthread_join(crew->threads[i], NULL);
    crew->started = 0;
}

bool crew_ended(const struct crew *crew)
{
    return atomic_load_explicit(&crew->shared.running, memory_order_relaxed) == 0;
}

/* The oldest that a worker goes by. */
static uint32_t rules_oldest(const struct crew *crew, const struct rules *newest)
{
    uint32_t oldest = newest->generation;
    for (uint32_t i = 0; i < crew->shared.setup.worker_count; i++) {
        uint32_t adopted = worker_rules(crew->workers[i]);
        oldest = adopted < oldest ? adopted : oldest;
    }
    return oldest;
}

void crew_set_rules(struct crew *crew, struct rules *rules)
{
    rules->older = atomic_load_explicit(&crew->shared.rules, memory_order_relaxed);
    rules->generation = rules->older->generation + 1;
    /* pairs with the acquire in rules_adopt() */
    atomic_store_explicit(&crew->shared.rules, rules, memory_order_release);
    rules_reclaim(rules, rules_oldest(crew, rules));
}

void crew_free(struct crew *crew)
{
    uint32_t count = crew->shared.setup.worker_count;
    for (uint32_t i = 0; crew->workers && i < count; i++)
        worker_free(crew->workers[i]);
    for (uint32_t i = 0; crew->shared.handovers && i < count; i++)
        handover_free(crew->shared.handovers[i]);
    free(crew->shared.handovers);
    owners_free(crew->shared.owners);
    rules_free_all(atomic_load_explicit(&crew->shared.rules, memory_order_relaxed));
    free(crew->workers);
    free(crew->threads);
    free(crew);
}

const struct journal *crew_journal(const struct crew *crew)
{
    return crew->shared.setup.journal;
}

const struct exchange *crew_exchange(const struct crew *crew)
{
    return crew->shared.setup.exchange;
}

const struct nics *crew_nics(const struct crew *crew)
{
    return crew->shared.setup.nics;
}

uint32_t crew_worker_count(const struct crew *crew)
{
    return crew->shared.setup.worker_count;
}

struct worker *crew_worker(const struct crew *crew, uint32_t number)
{
    return crew->workers[number];
}
