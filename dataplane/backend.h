/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/counter.h"
#include "config/config.h"

struct exporter;

/* What the bytes of a packet begin with. */
enum packet_kind {
    PACKET_ETHERNET, /* an Ethernet frame */
    PACKET_IP,       /* an IPv4 or IPv6 header */
    PACKET_PAYLOAD,  /* a UDP payload: source is filled in */
    PACKET_GUE,      /* the same, sent to the port of GUE */
    PACKET_MESSAGE,  /* an IPFIX message of a session: source and session are filled in */
    PACKET_OTHER,    /* nothing that weir reads: a link type's own traffic */
};

/* A frame or payload in memory that the backend owns until release. 64 readable bytes follow its last one. */
struct packet {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint8_t kind;            /* enum packet_kind */
    bool cut;                /* longer than max_message_size or than the capture kept */
    bool budgeted;           /* the backend has seen to input.exporter_rate */
    bool untimed;            /* a file's, which does not say when it came: received_ns is the time of reading */
    int64_t received_ns;     /* UTC */
    struct endpoint source;  /* PACKET_PAYLOAD, PACKET_GUE and PACKET_MESSAGE only */
    struct transport_session *session; /* PACKET_MESSAGE only */
};

/*
 * A session of a transport that has them, as workers see it. Its messages come to one queue; the exporter is the
 * worker's own of that queue, NULL until it has met it.
 */
struct transport_session {
    struct endpoint source;
    uint8_t transport;   /* enum transport */
    uint16_t number;     /* from 1 on; no other live session has it */
    struct exporter *exporter;
};

#define BURST_PACKETS 64
#define PACKET_SLACK_BYTES 64

/* What a backend knows was lost before it could take it; totals since open. */
struct losses {
    uint64_t socket;
    uint64_t ring;
    uint64_t filter;    /* the XDP program dropped it: not on input.allow */
    uint64_t budget;    /* the XDP program dropped it: over input.exporter_rate */
    uint64_t buffers;   /* no memory was free for the frame */
    uint64_t damaged;   /* checksum, length or the wire's own check */
    uint64_t kernel;    /* for the kernel, which did not take it in time */

    /* no losses: what became of the other frames that the XDP program or the device's driver brought */
    uint64_t to_kernel;        /* not weir's, by DPDK */
    uint64_t unsent;           /* the kernel's, which a device of DPDK's did not take */
    uint64_t redirected;       /* to a ring */
    uint64_t passed_other;     /* to the kernel: not for weir */
    uint64_t passed_fragments;
    uint64_t passed_long;
    uint64_t passed_no_socket;
    uint64_t timed_nic;    /* received, with the time of the NIC */
    uint64_t timed_kernel; /* with that of the XDP program */
    uint64_t budgets; /* exporters that the XDP program began a budget for */

    /* sessions of TCP, TLS and their like */
    uint64_t streams_open; /* now */
    uint64_t streams_accepted;
    uint64_t streams_full;         /* closed at input.streams.most */
    uint64_t streams_full_address; /* closed at input.streams.per_address */
    uint64_t streams_not_allowed;  /* not on input.allow, or not any more */
    uint64_t streams_handshake_failed;
    uint64_t streams_handshake_late;
    uint64_t streams_closed;      /* by the peer */
    uint64_t streams_cut;         /* by the peer, inside a message */
    uint64_t streams_broken;
    uint64_t streams_bad_message;
    uint64_t streams_stalled;
    uint64_t streams_idle;
};

struct backend_queue;

/*
 * A source of packets with one or more queues; a queue belongs to one worker. All calls but open and close come from
 * the queue's worker, once a burst, never once a packet.
 */
struct backend {
    const struct backend_ops *ops;
    struct backend_queue **queues;
    uint32_t queue_count;
    bool alone; /* set by open: sockets beside it would bring the same packets again */
    void *state;
};

struct backend_queue {
    struct backend *backend;
    uint32_t number;
    int fd;                  /* readable when packets wait; -1 when receive never has to be waited for */
    bool finite;             /* a capture: when ended is set, nothing more comes; the worker may wait for the output */
    bool ended;
    bool unread;             /* more is at hand than the last receive gave: it is to be called again at once */
    bool tells_fill;         /* fill is told: for input.fair (dataplane/fairness.h) */
    double fill;             /* how full is what packets wait in, 0 to 1, as the last receive left it; it need not be
                                told where that gave less than it could */
    bool polled;             /* nothing tells of packets: receive is called again soon, though none came */
    void *state;
};

struct backend_ops {
    const char *name;
    /* receive, release and losses make no system calls but those of dataplane/sandbox.c: workers can be held to them */
    bool sandboxed;
    /* Returns 0 or -errno, having logged what to do about it. queues: how many the caller has workers for; the backend
       sets queue_count, which may be more (AF_XDP: every queue of the interface). */
    int (*open)(struct backend *backend, const struct config *config, uint32_t queues);
    /* Starts threads of its own, before the workers' and after rights were dropped. Returns 0 or -errno, logged. May be
       NULL. */
    int (*start)(struct backend *backend);
    /* Fills at most `most` packets; returns their number, 0 when none wait. */
    int (*receive)(struct backend_queue *queue, struct packet *packets, int most);
    /* Gives everything of the last receive back. */
    void (*release)(struct backend_queue *queue);
    /* The exporter of a session that has ended, each once: called again and again until it is NULL, between a release
       and the next receive. What the session has announced is void. May be NULL. */
    struct exporter *(*ended)(struct backend_queue *queue);
    /* The worker's thread begins to use the queue, before the first receive, and ends, after the last release. May be
       NULL. */
    void (*enter)(struct backend_queue *queue);
    void (*leave)(struct backend_queue *queue);
    void (*losses)(struct backend_queue *queue, struct losses *losses);
    void (*close)(struct backend *backend);
    /* Follows what changes on the machine (its addresses). The control thread calls it every few seconds; may be NULL.
     */
    void (*refresh)(struct backend *backend);
    /* Goes by the rules of another configuration from now on (dataplane/rules.h), where the backend has a copy of
       them. Returns 0, or -errno having logged and changed nothing. The control thread; may be NULL. */
    int (*set_rules)(struct backend *backend, const struct config *config);
};

extern const struct backend_ops backend_xdp;
extern const struct backend_ops backend_socket;
extern const struct backend_ops backend_stream;
extern const struct backend_ops backend_capture; /* see dataplane/backend_capture.h */
extern const struct backend_ops backend_memory;  /* see dataplane/backend_memory.h */
