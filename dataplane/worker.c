/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/losses.h"
#include "dataplane/sandbox.h"
#include "dataplane/worker_state.h"

#define HOUSEKEEP_NS    (10 * NS_PER_MS)
#define LOSSES_NS       NS_PER_S
#define SWEEP_EXPORTERS 64  /* slots looked at each housekeeping: 6,400 a second */
#define ENDED_KEPT_NS   (60 * NS_PER_S)
#define FINISH_STEP_MS  1
#define DRAIN_NS        NS_PER_S
#define SAY_STEPS_MOST  3000

/* --- frames to datagrams --- */

static const enum counter verdict_counters[] = {
    [FRAME_MALFORMED] = COUNTER_packets_malformed,
    [FRAME_NOT_UDP] = COUNTER_packets_not_udp,
    [FRAME_NOT_BALANCER] = COUNTER_packets_not_balancer,
    [FRAME_TUNNEL_FRAGMENT] = COUNTER_packets_tunnel_fragment,
    [FRAME_TUNNEL_OTHER] = COUNTER_packets_tunnel_other,
};

/* Is the datagram to a port that is to be taken, where the backend could not tell? */
static bool port_is_wanted(const struct worker *worker, const struct packet *packet, const struct frame *frame)
{
    if (packet->kind == PACKET_GUE)
        return rules_want_port(worker->rules, frame->destination_port);
    return crew_wants_port(&worker->shared->setup, packet, frame);
}

/* A message needs no parsing: it is cut out already, of a session that is allowed, and this worker's. */
static void message_arrive(struct worker *worker, const struct packet *packet)
{
    worker->arrivals[worker->arrival_count++] = (struct arrival){
        .frame = {.payload = packet->bytes, .size_bytes = packet->size_bytes, .source = packet->source},
        .packet = packet,
    };
}

/* First pass: parse all, hash, and have the exporters' hash slots on their way into the cache. */
static void packets_parse(struct worker *worker, int count)
{
    worker->arrival_count = 0;
    for (int i = 0; i < count; i++) {
        const struct packet *packet = &worker->packets[i];
        if (packet->kind == PACKET_MESSAGE) {
            message_arrive(worker, packet);
            continue;
        }
        struct arrival *arrival = &worker->arrivals[worker->arrival_count];
        enum frame_verdict verdict = frame_parse(packet, &worker->rules->unpack, &arrival->frame);
        if (verdict != FRAME_DATAGRAM) {
            counter_add(worker->counters, verdict_counters[verdict], 1);
        } else if (!port_is_wanted(worker, packet, &arrival->frame)) {
            counter_add(worker->counters, COUNTER_packets_other_port, 1);
        } else if (!frame_fit(&arrival->frame, packet, worker->message_bytes_most) && !worker->keeps_cut) {
            counter_add(worker->counters, COUNTER_packets_too_large, 1);
        } else {
            counter_add(worker->counters, COUNTER_packets_unpacked, arrival->frame.unpacked);
            arrival->packet = packet;
            arrival->hash = exporters_hash(worker->exporters, &arrival->frame.source);
            exporters_prefetch(worker->exporters, arrival->hash);
            __builtin_prefetch(arrival->frame.payload);
            worker->arrival_count++;
        }
    }
    worker->packet_ns = worker->packets[count - 1].received_ns;
}

static void stray_hand_over(struct worker *worker, const struct arrival *arrival, uint32_t owner)
{
    bool pushed = handover_push(worker->shared->handovers[owner], &arrival->frame, arrival->packet);
    counter_add(worker->counters, pushed ? COUNTER_packets_handed_over : COUNTER_packets_handover_full, 1);
    worker->stray_to[owner] = true;
    worker->strays = true;
}

static bool source_is_allowed(struct worker *worker, const struct endpoint *source)
{
    bool allowed = allow_contains(worker->rules->allow, &source->address);
    if (!allowed)
        counter_add(worker->counters, COUNTER_packets_not_allowed, 1);
    return allowed;
}

static struct exporter *exporter_add(struct worker *worker, const struct arrival *arrival)
{
    const struct transport_session *session = arrival->packet->kind == PACKET_MESSAGE ? arrival->packet->session : NULL;
    if (session)
        return exporters_add_stream(worker->exporters, &session->source, session->transport, session->number);
    return exporters_add(worker->exporters, &arrival->frame.source, arrival->hash);
}

/* Whoever sent it is an exporter of this worker's from here on. NULL at the cap: counted. */
static struct exporter *exporter_learn(struct worker *worker, const struct arrival *arrival)
{
    struct exporter *exporter = NULL;
    if (owners_admit(worker->shared->owners)) {
        exporter = exporter_add(worker, arrival);
        if (!exporter)
            owners_dismiss(worker->shared->owners);
    }
    if (!exporter) {
        counter_add(worker->counters, COUNTER_packets_no_exporter, 1);
        return NULL;
    }
    exporter->owner = (uint16_t)worker->number;
    exporter->admitted = worker->rules->generation;
    atomic_store_explicit(&exporter->first_ns, arrival->packet->received_ns, memory_order_relaxed);
    counter_add(worker->counters, COUNTER_exporters_learned, 1);
    return exporter;
}

/*
 * A source that this worker does not know: new, not allowed, or another worker's. Returns the exporter if it is to be
 * decoded here; otherwise the datagram is accounted for.
 */
static struct exporter *exporter_meet(struct worker *worker, const struct arrival *arrival)
{
    const struct endpoint *source = &arrival->frame.source;
    if (!source_is_allowed(worker, source))
        return NULL;
    const struct crew_setup *setup = &worker->shared->setup;
    uint32_t wanted = setup->spread ? owners_steered(&source->address, setup->worker_count) : worker->number;
    uint32_t owner = owners_claim(worker->shared->owners, source, wanted);
    if (owner != worker->number) {
        stray_hand_over(worker, arrival, owner);
        return NULL;
    }
    return exporter_learn(worker, arrival);
}

static struct exporter *session_exporter(struct worker *worker, const struct arrival *arrival)
{
    struct transport_session *session = arrival->packet->session;
    if (!session->exporter && source_is_allowed(worker, &session->source))
        session->exporter = exporter_learn(worker, arrival);
    return session->exporter;
}

static struct exporter *arrival_exporter(struct worker *worker, const struct arrival *arrival)
{
    if (arrival->packet->kind == PACKET_MESSAGE)
        return session_exporter(worker, arrival);
    struct exporter *exporter = exporters_find(worker->exporters, &arrival->frame.source, arrival->hash);
    return exporter ? exporter : exporter_meet(worker, arrival);
}

/* The rules have changed since the exporter was let in: is it still? If not, it is asked again for each datagram. */
static bool exporter_readmit(struct worker *worker, struct exporter *exporter)
{
    bool allowed = source_is_allowed(worker, &exporter->endpoint);
    if (allowed)
        exporter->admitted = worker->rules->generation;
    return allowed;
}

/* As the XDP program has it (bpf/xdp.bpf.c): the time until which the exporter's packets are paid for. */
static bool exporter_pays(struct worker *worker, struct exporter *exporter, int64_t now_ns)
{
    const struct rules *rules = worker->rules;
    int64_t ahead_ns = exporter->paid_ns - now_ns;
    if (ahead_ns < 0 || ahead_ns > rules->budget_tolerance_ns + rules->budget_cost_ns)
        ahead_ns = 0; /* long ago, or a clock that was set back */
    if (ahead_ns > rules->budget_tolerance_ns) {
        counter_add(worker->counters, COUNTER_packets_over_budget, 1);
        return false;
    }
    exporter->paid_ns = now_ns + ahead_ns + rules->budget_cost_ns;
    return true;
}

/* Second pass: whose is it? */
static void arrivals_resolve(struct worker *worker)
{
    worker->datagram_count = 0;
    for (uint32_t i = 0; i < worker->arrival_count; i++) {
        const struct arrival *arrival = &worker->arrivals[i];
        struct exporter *exporter = arrival_exporter(worker, arrival);
        if (!exporter || (exporter->admitted != worker->rules->generation && !exporter_readmit(worker, exporter)))
            continue;
        const struct packet *packet = arrival->packet;
        if (worker->rules->budget_cost_ns && !packet->budgeted && packet->kind != PACKET_MESSAGE &&
            !exporter_pays(worker, exporter, packet->received_ns))
            continue;
        __builtin_prefetch(&exporter->counters);
        fairness_meet(&worker->fairness, exporter);
        atomic_store_explicit(&exporter->seen_ns, arrival->packet->received_ns, memory_order_relaxed);
        worker->datagrams[worker->datagram_count++] = (struct datagram){.payload = arrival->frame.payload,
                                                                        .size_bytes = arrival->frame.size_bytes,
                                                                        .exporter = exporter,
                                                                        .received_ns = packet->received_ns,
                                                                        .untimed = packet->untimed};
    }
    counter_add(worker->counters, COUNTER_packets_with_datagram, worker->datagram_count);
}

static void strays_announce(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->shared->setup.worker_count; i++) {
        if (worker->stray_to[i])
            handover_wake(worker->shared->handovers[i]);
        worker->stray_to[i] = false;
    }
    worker->strays = false;
}

/* --- housekeeping --- */

/* What backends know of packets that never came. */
static void queue_count_losses(struct worker *worker, struct worker_queue *queue)
{
    struct losses now;
    queue->queue->backend->ops->losses(queue->queue, &now);
    losses_add(worker->counters, &now, &queue->seen);
    queue->seen = now;
}

static void losses_count(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->queue_count; i++)
        queue_count_losses(worker, &worker->queues[i]);
}

/* Its templates go at once; its counters stay for a while, so that whoever looks now and then sees what it sent. */
static void session_end(struct worker *worker, struct exporter *exporter)
{
    decoder_forget(worker->decoder, exporter);
    atomic_store_explicit(&exporter->ended_ns, worker->waits ? worker->packet_ns : clock_utc_ns(),
                          memory_order_relaxed);
}

static bool exporter_is_due(const struct worker *worker, const struct exporter *exporter, int64_t now_ns)
{
    int64_t ended_ns = atomic_load_explicit(&exporter->ended_ns, memory_order_relaxed);
    if (exporter->records_in_flight)
        return false;
    if (exporter->stream_number) {
        bool roomy = exporters_count(worker->exporters) <= exporters_most(worker->exporters) / 2;
        return ended_ns && (!roomy || now_ns - ended_ns > ENDED_KEPT_NS);
    }
    return worker->exporter_expiry_ns && now_ns - exporter->seen_ns > (int64_t)worker->exporter_expiry_ns;
}

static void exporter_forget(struct worker *worker, struct exporter *exporter)
{
    decoder_forget(worker->decoder, exporter);
    exporters_remove(worker->exporters, exporter);
    owners_dismiss(worker->shared->owners);
    counter_add(worker->counters, COUNTER_exporters_expired, 1);
}

/* Expiry, a slice at a time. Exporters whose documents are still under way are looked at again in the next round. */
static void exporters_sweep(struct worker *worker, int64_t now_ns)
{
    uint32_t slots = exporters_slots_used(worker->exporters);
    for (uint32_t i = 0; i < SWEEP_EXPORTERS && i < slots; i++) {
        worker->sweep_slot = worker->sweep_slot + 1 < slots ? worker->sweep_slot + 1 : 0;
        struct exporter *exporter = exporters_at(worker->exporters, worker->sweep_slot);
        if (exporter && exporter_is_due(worker, exporter, now_ns))
            exporter_forget(worker, exporter);
    }
}

static void worker_housekeep(struct worker *worker)
{
    int64_t steady_ns = clock_steady_ns();
    fairness_round(&worker->fairness, steady_ns);
    outlet_housekeep(worker->outlet, steady_ns);
    window_serve(&worker->window, worker->decoder);
    if (steady_ns < worker->housekeep_ns)
        return;
    worker->housekeep_ns = steady_ns + HOUSEKEEP_NS;
    int64_t now_ns = worker->waits ? worker->packet_ns : clock_utc_ns();
    decoder_housekeep(worker->decoder, now_ns);
    if (decoder_begin_parked(worker->decoder))
        worker_encode(worker);
    exporters_sweep(worker, now_ns);
    window_publish(&worker->window, worker->decoder, worker->exporters, worker->outlet, worker->heap);
    if (steady_ns < worker->losses_ns)
        return;
    worker->losses_ns = steady_ns + LOSSES_NS;
    losses_count(worker);
}

/* --- the loop --- */

static void sessions_end(struct worker *worker, struct backend_queue *queue)
{
    struct exporter *exporter;
    while ((exporter = queue->backend->ops->ended(queue)))
        session_end(worker, exporter);
}

static uint32_t queue_burst(struct worker *worker, struct worker_queue *queue)
{
    const struct backend_ops *ops = queue->queue->backend->ops;
    if (ops->ended)
        sessions_end(worker, queue->queue);
    int count = ops->receive(queue->queue, worker->packets, BURST_PACKETS);
    if (count <= 0)
        return 0;
    counter_add(worker->counters, queue->received, (uint64_t)count);
    packets_parse(worker, count);
    arrivals_resolve(worker);
    fairness_burst(&worker->fairness, count == BURST_PACKETS,
                   queue->queue->tells_fill ? queue->queue->fill : FILL_UNKNOWN);
    worker_decode(worker);
    ops->release(queue->queue);
    if (worker->strays)
        strays_announce(worker);
    return (uint32_t)count;
}

/* Between two bursts, so that a burst has one set of rules. */
static void rules_adopt(struct worker *worker)
{
    /* pairs with the release in crew_set_rules(): the rules are whole */
    const struct rules *rules = atomic_load_explicit(&worker->shared->rules, memory_order_acquire);
    if (rules == worker->rules)
        return;
    worker->rules = rules;
    /* pairs with the acquire in worker_rules(): we look at the older ones no more */
    atomic_store_explicit(&worker->rules_adopted, rules->generation, memory_order_release);
}

uint32_t worker_burst(struct worker *worker)
{
    uint32_t count = 0;
    rules_adopt(worker);
    for (uint32_t i = 0; i < worker->queue_count; i++)
        count += queue_burst(worker, &worker->queues[i]);
    worker_housekeep(worker);
    return count;
}

bool worker_exhausted(const struct worker *worker)
{
    bool ended = worker->queue_count > 1; /* the first is for strays */
    for (uint32_t i = 1; i < worker->queue_count && ended; i++)
        ended = worker->queues[i].queue->finite && worker->queues[i].queue->ended;
    return ended;
}

static bool queues_unread(const struct worker *worker)
{
    bool unread = false;
    for (uint32_t i = 0; i < worker->queue_count; i++)
        unread = unread || worker->queues[i].queue->unread;
    return unread;
}

/* Until packets or strays come, the crew is stopped or housekeeping is due; or for a nap, while packets keep coming. */
static void worker_pause(struct worker *worker)
{
    int64_t nap_ns;
    enum pause_advice advice = pause_advise(&worker->pause, clock_steady_ns(), &nap_ns);
    if (advice == PAUSE_NAP)
        nanosleep(&(struct timespec){.tv_nsec = nap_ns}, NULL);
    if (advice != PAUSE_WAIT || !handover_doze(worker->handover))
        return;
    struct timespec wait = {.tv_nsec = worker->pause.wait_ns};
    ppoll(worker->polls, worker->poll_count, &wait, NULL);
    handover_rouse(worker->handover, worker->polls[0].revents != 0);
    pause_waited(&worker->pause, clock_steady_ns());
}

static bool worker_goes_on(const struct worker *worker)
{
    return !atomic_load_explicit(&worker->shared->stopping, memory_order_relaxed) && !worker_exhausted(worker);
}

/* What sessions have sent: the kernel has told their exporters that it arrived. Who goes on sending is cut off. */
static void sessions_drain(struct worker *worker)
{
    int64_t until_ns = clock_steady_ns() + DRAIN_NS;
    for (uint32_t i = 0; i < worker->queue_count; i++) {
        struct worker_queue *queue = &worker->queues[i];
        if (!queue->queue->backend->ops->ended || queue->queue->finite)
            continue;
        while ((queue_burst(worker, queue) || queue->queue->unread) && clock_steady_ns() < until_ns)
            worker_housekeep(worker);
    }
}

void worker_finish(struct worker *worker)
{
    bool last;
    sessions_drain(worker);
    /* Release and acquire: who sees nobody receiving any more sees all that was handed over. */
    atomic_fetch_sub_explicit(&worker->shared->receiving, 1, memory_order_release);
    do {
        last = atomic_load_explicit(&worker->shared->receiving, memory_order_acquire) == 0;
        while (queue_burst(worker, &worker->queues[0]))
            worker_housekeep(worker);
        if (!last)
            poll(NULL, 0, FINISH_STEP_MS);
    } while (!last);
    losses_count(worker);
    decoder_finish(worker->decoder);
    /* What the journal could not be told yet: its thread makes room, unless the disk stands still. */
    for (uint32_t i = 0; i < SAY_STEPS_MOST && !decoder_catch_up(worker->decoder, clock_utc_ns()); i++)
        poll(NULL, 0, FINISH_STEP_MS);
    outlet_seal_all(worker->outlet);
    outlet_housekeep(worker->outlet, clock_steady_ns());
    window_publish(&worker->window, worker->decoder, worker->exporters, worker->outlet, worker->heap);
}

/* Not where a backend needs more calls than workers do. */
static void sandbox_try(const struct worker *worker)
{
    bool sandboxed = true;
    for (uint32_t i = 0; i < worker->queue_count; i++)
        sandboxed = sandboxed && worker->queues[i].queue->backend->ops->sandboxed;
    if (sandboxed)
        sandbox_enter(worker->shared->setup.config);
}

static void queues_enter(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->queue_count; i++)
        if (worker->queues[i].queue->backend->ops->enter)
            worker->queues[i].queue->backend->ops->enter(worker->queues[i].queue);
}

static void queues_leave(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->queue_count; i++)
        if (worker->queues[i].queue->backend->ops->leave)
            worker->queues[i].queue->backend->ops->leave(worker->queues[i].queue);
}

/* What comes meanwhile waits with the backend: who begins early hands over to those
   who cannot take it. */
static void others_await(const struct worker *worker)
{
    atomic_fetch_sub_explicit(&worker->shared->entering, 1, memory_order_relaxed);
    while (atomic_load_explicit(&worker->shared->entering, memory_order_relaxed))
        poll(NULL, 0, ENTER_STEP_MS);
}

void *worker_run(void *argument)
{
    struct worker *worker = argument;
    queues_enter(worker);
    sandbox_try(worker);
    if (!worker->waits)
        outlet_touch(worker->outlet);
    others_await(worker);
    while (worker_goes_on(worker)) {
        uint32_t packets = worker_burst(worker);
        worker->pause.packets += packets;
        if (!packets && !worker->waits && !window_is_asked(&worker->window) && !queues_unread(worker))
            worker_pause(worker);
    }
    worker_finish(worker);
    queues_leave(worker);
    atomic_fetch_sub_explicit(&worker->shared->running, 1, memory_order_relaxed);
    return NULL;
}
