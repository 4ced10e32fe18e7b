/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's datagrams to documents. */
#include "base/clock.h"
#include "dataplane/worker_state.h"

static_assert((int)PLAN_FLOW == (int)DOCUMENT_FLOW && (int)PLAN_OPTIONS == (int)DOCUMENT_OPTIONS &&
                  (int)PLAN_COUNTERS == (int)DOCUMENT_COUNTERS,
              "a plan's kind is its documents'");

static void chunk_encode(struct worker *worker, const struct chunk *chunk)
{
    struct exporter *exporter = chunk->message->exporter;
    enum document_kind kind = chunk->plan->kind;
    uint32_t copies = outlet_copies(worker->outlet, kind);
    window_count(&worker->window, chunk);
    for (uint32_t done = 0; done < chunk->count;) {
        struct batch *batch = outlet_batch(worker->outlet, kind, worker->waits);
        if (!batch) {
            outlet_drop(worker->outlet, kind, exporter, chunk->count - done);
            return;
        }
        uint32_t before = batch->count;
        done += encoder_chunk(worker->encoder, chunk, done, batch);
        batch_publish(batch);
        counter_bump(&exporter->records_in_flight, (uint64_t)(batch->count - before) * copies);
        if (done < chunk->count)
            outlet_seal(worker->outlet, kind);
    }
}

void worker_encode(struct worker *worker)
{
    while (decoder_next(worker->decoder, &worker->chunk))
        chunk_encode(worker, &worker->chunk);
}

static void datagram_decode(struct worker *worker, const struct datagram *datagram)
{
    decoder_begin(worker->decoder, datagram);
    worker_encode(worker);
}

/* There is a backlog: who has had its part is refused what it sends. */
static void datagrams_decode_fairly(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->datagram_count; i++) {
        const struct datagram *datagram = &worker->datagrams[i];
        if (!fairness_admits(&worker->fairness, datagram->exporter)) {
            decoder_refuse(worker->decoder, datagram);
            continue;
        }
        int64_t began_ns = clock_steady_ns();
        datagram_decode(worker, datagram);
        fairness_charge(&worker->fairness, datagram->exporter, began_ns, clock_steady_ns());
    }
}

void worker_decode(struct worker *worker)
{
    if (worker->fairness.measures) {
        datagrams_decode_fairly(worker);
        return;
    }
    for (uint32_t i = 0; i < worker->datagram_count; i++)
        datagram_decode(worker, &worker->datagrams[i]);
}
