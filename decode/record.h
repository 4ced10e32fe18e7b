/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "decode/exporter.h"
#include "decode/facts.h"
#include "decode/plan.h"

/* The header of the message that a record came in (RFC 7011 3.1, RFC 3954 5.1 and the fixed formats'). */
struct message {
    struct exporter *exporter;
    uint64_t serial;        /* differs from message to message of a worker; never 0 */
    int64_t received_ns;    /* UTC */
    int64_t export_ns;      /* UTC: seconds, and nanoseconds where the version has them */
    int64_t shift_ms;       /* so far is the exporter's clock ahead, and documents' times are earlier; 0: as they are */
    uint32_t uptime_ms;     /* IPFIX: 0 */
    uint32_t domain;        /* v9 source id, IPFIX observation domain id, sFlow sub-agent id; else 0 */
    uint32_t sequence;
    uint16_t version;       /* 1, 5, 6, 7, 8, 9, 10, VERSION_SFLOW */
    uint16_t sampling;      /* v5, v6: the 16 bits of the header */
    uint8_t engine_type;    /* v5, v6, v8 */
    uint8_t engine_id;
    uint8_t aggregation;    /* v8 */
    uint8_t aggregation_version;
    uint8_t sflow_version;
    bool clock_off;         /* the exporter's clock is off by clock.tolerance or more */
    struct address agent;   /* sFlow */
};

/* A view of one flow or options record; its length was checked. */
struct record {
    const uint8_t *bytes;
    const struct span *spans; /* one a field of the plan */
    uint32_t size_bytes;
};

#define CHUNK_RECORDS 64
#define RECORD_SLACK_BYTES 64

/*
 * Records of one set, at most CHUNK_RECORDS: all of one plan and one message. Valid until the next call of
 * decoder_next(); after each record's last byte at least RECORD_SLACK_BYTES bytes are readable.
 */
struct chunk {
    const struct plan *plan;
    const struct message *message;
    uint32_t position; /* of the first record in the message: so many came before it */
    uint32_t count;
    struct record records[CHUNK_RECORDS];
    struct known known; /* what options records and the configuration say of the exporter */
};
