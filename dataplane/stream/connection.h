/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "dataplane/backend.h"
#include "dataplane/stream/framing.h"
#include "decode/transport.h"

/*
 * The connection of a session (RFC 7011 10). The doorman (doorman.h), a thread, accepts it, does
 * the handshake and gives it to a worker; the worker alone reads it until it has ended; then it is the doorman's again,
 * who closes it. So a worker makes no other calls than reads, and waits for nobody's handshake.
 */

/* Why a session has ended. The doorman may order it, by shutting the connection down; the worker finds out the rest. */
enum stream_end {
    STREAM_GOES_ON,
    STREAM_CLOSED,      /* the peer closed it, between two messages */
    STREAM_CUT,         /* the peer closed it, inside a message */
    STREAM_BROKEN,      /* reset, timed out by the kernel, or TLS found something wrong */
    STREAM_BAD_MESSAGE, /* what came is no IPFIX */
    STREAM_STALLED,     /* input.streams.message_timeout */
    STREAM_IDLE,        /* input.streams.idle_timeout */
    STREAM_NOT_ALLOWED, /* by another input.allow */
    STREAM_ENDS
};

enum stream_state {
    STREAM_FREE,
    STREAM_HANDSHAKE, /* the doorman's */
    STREAM_OPEN,      /* its worker's */
    STREAM_OVER,      /* the worker's no more: the doorman closes it */
};

/* Pages, and the slack that a packet needs behind its bytes. */
#define STREAM_BUFFER_BYTES (65536u + 4096u)
#define STREAM_ROOM_BYTES   65536u

struct stream_queue;
struct sctp_bridge;

struct connection {
    struct transport_session session; /* the exporter is the worker's, the rest constant while it is open */

    /* set by the doorman before it is open; constant then */
    int fd;
    SSL *ssl; /* NULL: no TLS. Who has the connection has this */
    struct stream_queue *queue;
    uint8_t *buffer; /* STREAM_BUFFER_BYTES; memory comes with the bytes that are written there */

    /* the worker's */
    uint32_t start, end; /* of what was read and not taken, in the buffer */
    bool dry;    /* there was nothing more to read: the kernel says when there is */
    bool done;   /* nothing more comes: what is in the buffer is the last */
    bool waits;  /* in the list of those with something to read or take */
    uint8_t why; /* enum stream_end, once it is done */
    struct connection *next;

    /* both look */
    _Atomic uint8_t state;    /* enum stream_state */
    _Atomic uint8_t order;    /* enum stream_end: the doorman has shut it down; he writes */
    _Atomic int64_t heard_ns; /* steady clock, of the last byte, or of the beginning; the worker writes */
    _Atomic int64_t begun_ns; /* the same, of the message that is not whole yet; 0: there is none. The worker writes */

    /* the doorman's */
    int64_t since_ns; /* steady clock, when it was accepted */
    struct sctp_bridge *bridge; /* SCTP in user space; or NULL */
};
