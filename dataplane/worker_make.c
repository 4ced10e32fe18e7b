/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/worker_state.h"

static int decoder_init(struct worker *worker)
{
    const struct crew_setup *setup = &worker->shared->setup;
    worker->heap = heap_new(setup->config->limits.memory);
    worker->exporters = exporters_new(setup->config->limits.exporters);
    if (!worker->heap || !worker->exporters)
        return -ENOMEM;
    struct decoder_setup decoder = {.config = setup->config,
                                    .profile = setup->profile,
                                    .elements = setup->elements,
                                    .exporters = worker->exporters,
                                    .counters = worker->counters,
                                    .heap = worker->heap,
                                    .feed = crew_feed(setup, worker->number),
                                    .board = crew_board(setup),
                                    .board_reader = worker->number,
                                    .known = setup->journal ? journal_known(setup->journal) : NULL};
    worker->window.decoder = worker->decoder = decoder_new(&decoder);
    return worker->decoder ? 0 : -ENOMEM;
}

static int encoder_init(struct worker *worker)
{
    const struct crew_setup *setup = &worker->shared->setup;
    worker->outlet = outputs_outlet(setup->outputs, worker->number, worker->counters, worker->exporters);
    worker->encoder = encoder_new(&(struct encoder_setup){.config = setup->config,
                                                          .profile = setup->profile,
                                                          .elements = setup->elements,
                                                          .networks = setup->networks,
                                                          .counters = worker->counters,
                                                          .heap = worker->heap,
                                                          .plans_most = decoder_plans_most(worker->decoder)});
    return worker->encoder ? 0 : -ENOMEM;
}

struct worker *worker_new(struct crew_shared *shared, uint32_t number)
{
    const struct config *config = shared->setup.config;
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->shared = shared;
    worker->number = number;
    worker->handover = shared->handovers[number];
    worker->rules = atomic_load_explicit(&shared->rules, memory_order_acquire);
    atomic_init(&worker->rules_adopted, worker->rules->generation);
    worker->counters = outputs_counters(shared->setup.outputs, number);
    worker->message_bytes_most = (uint32_t)config->max_message_size;
    worker->keeps_cut = config->output.profile == PROFILE_ELASTIC;
    pause_init(&worker->pause, config);
    fairness_init(&worker->fairness, config->input.fair, clock_steady_ns());
    worker->exporter_expiry_ns = 2 * config->expiration_timeout;
    worker->stray_to = calloc(shared->setup.worker_count, sizeof *worker->stray_to);
    if (worker->stray_to && !decoder_init(worker) && !encoder_init(worker) &&
        !window_init(&worker->window, config, shared->setup.elements, worker->decoder) &&
        !worker_add_queue(worker, handover_queue(worker->handover)))
        return worker;
    worker_free(worker);
    return NULL;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    window_fini(&worker->window);
    if (worker->encoder)
        encoder_free(worker->encoder);
    if (worker->decoder)
        decoder_free(worker->decoder);
    if (worker->exporters)
        exporters_free(worker->exporters);
    if (worker->heap)
        heap_free_all(worker->heap);
    free(worker->stray_to);
    free(worker->queues);
    free(worker->polls);
    free(worker);
}

int worker_add_queue(struct worker *worker, struct backend_queue *queue)
{
    struct worker_queue *queues = realloc(worker->queues, (worker->queue_count + 1) * sizeof *queues);
    if (!queues)
        return -ENOMEM;
    worker->queues = queues;
    struct pollfd *polls = realloc(worker->polls, (worker->poll_count + 1) * sizeof *polls);
    if (!polls)
        return -ENOMEM;
    worker->polls = polls;
    bool stray = worker->queue_count == 0;
    queues[worker->queue_count++] = (struct worker_queue){
        .queue = queue, .received = stray ? COUNTER_packets_from_other_workers : COUNTER_packets_received};
    if (queue->fd >= 0)
        polls[worker->poll_count++] = (struct pollfd){.fd = queue->fd, .events = POLLIN};
    if (queue->polled)
        pause_poll(&worker->pause);
    worker->waits = !stray && queue->finite;
    worker->fairness.on = worker->shared->setup.config->input.fair && !worker->waits;
    return 0;
}
