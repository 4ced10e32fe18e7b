/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a worker is made of: for worker.c, which runs it, worker_make.c and worker_view.c. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "dataplane/crew_shared.h"
#include "dataplane/fairness.h"
#include "dataplane/frame.h"
#include "dataplane/pause.h"
#include "dataplane/window.h"
#include "dataplane/worker.h"
#include "decode/datagram.h"
#include "decode/decoder.h"
#include "export/encode/encoder.h"
#include "export/output.h"

/* A queue, the counter that its packets are received under, and the losses counted so far. */
struct worker_queue {
    struct backend_queue *queue;
    enum counter received;
    struct losses seen;
};

/* A UDP datagram of the burst at hand. */
struct arrival {
    struct frame frame;
    const struct packet *packet;
    uint64_t hash; /* exporters_hash() of its source */
};

struct worker {
    /* the burst's */
    struct decoder *decoder;
    struct encoder *encoder;
    struct outlet *outlet;
    struct exporters *exporters;
    bool waits;              /* for batches: all its queues are finite */
    bool keeps_cut;          /* profile elastic decodes what is left of a datagram that is too long */
    bool strays;             /* this burst handed datagrams over */
    uint32_t message_bytes_most;
    const struct rules *rules; /* as of this burst */
    uint32_t arrival_count;
    uint32_t datagram_count;
    int64_t packet_ns;       /* received_ns of the last packet: a capture's own time */
    struct chunk chunk;
    struct packet packets[BURST_PACKETS];
    struct arrival arrivals[BURST_PACKETS];
    struct datagram datagrams[BURST_PACKETS];
    struct counters *counters; /* the worker writes, any thread reads */

    /* housekeeping */
    struct pause pause;
    int64_t housekeep_ns;    /* steady clock, when it is next due */
    int64_t losses_ns;
    uint32_t sweep_slot;     /* next exporter to look at */
    uint64_t exporter_expiry_ns; /* 0: never */
    struct window window;

    /* cold */
    struct crew_shared *shared;
    _Atomic uint32_t rules_adopted; /* the generation of rules; the worker writes, the control thread reads */
    struct handover *handover; /* strays that others bring; its queue is also the first of queues */
    uint32_t number;
    bool *stray_to;            /* workers to wake, by number */
    struct heap *heap;
    uint32_t queue_count;
    struct worker_queue *queues;
    uint32_t poll_count;
    struct pollfd *polls;
    struct fairness fairness;  /* long */
};

/* --- worker_decode.c --- */

/* Decodes the burst's datagrams, as far as their exporters may have it, and encodes their records. */
void worker_decode(struct worker *worker);

/* Encodes what the decoder has begun. */
void worker_encode(struct worker *worker);
