/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/worker_state.h"

/* What other threads may ask of a worker. */

const struct counters *worker_counters(const struct worker *worker)
{
    return worker->counters;
}

struct exporters *worker_exporters(struct worker *worker)
{
    return worker->exporters;
}

uint32_t worker_rules(const struct worker *worker)
{
    return atomic_load_explicit(&worker->rules_adopted, memory_order_acquire);
}

const struct window *worker_window(const struct worker *worker)
{
    return &worker->window;
}

bool worker_survey(struct worker *worker, struct survey *survey, int64_t timeout_ns)
{
    window_ask(&worker->window, survey);
    handover_interrupt(worker->handover);
    return window_wait(&worker->window, survey, timeout_ns);
}

uint64_t worker_waiting_records(const struct worker *worker)
{
    return outlet_waiting(worker->outlet);
}

uint32_t worker_waiting_sets(const struct worker *worker)
{
    return decoder_parked_sets(worker->decoder);
}

uint64_t worker_waiting_packets(const struct worker *worker)
{
    return handover_waiting(worker->handover);
}
