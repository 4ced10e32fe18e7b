/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/replay.h"

/* Where a datagram has a time, counted from the beginning of its payload. */
enum moment_kind { MOMENT_SECONDS, MOMENT_MS, MOMENT_NTP };
struct moment {
    uint16_t offset;
    uint8_t kind; /* enum moment_kind */
};

/* Datagrams of one exporter that have one numbering: of an observation domain, a source id or an engine. */
struct stream {
    uint32_t exporter;
    uint32_t id;
    uint16_t version;
    uint32_t first; /* sequence number */
    uint32_t next;  /* that would follow the last one; so much a round goes on */
};

struct captured {
    size_t offset; /* of the payload, in the capture's bytes */
    int64_t at_ns; /* UTC */
    uint64_t octets, packets;
    uint32_t size_bytes;
    uint32_t exporter;
    uint32_t stream;
    uint32_t moment_first, moment_count;
    uint16_t records, options;
    uint16_t version; /* FORMAT_SFLOW: sFlow, of which nothing more is known */
    bool templates;
};

/* A capture in memory. */
struct capture {
    struct captured *datagrams;
    uint32_t count;
    struct endpoint *exporters;
    uint32_t exporter_count;
    struct stream *streams;
    uint32_t stream_count;
    struct moment *moments;
    uint32_t moment_count;
    uint8_t *bytes;
    size_t size_bytes;
    uint64_t left_out; /* packets that are no flow export, or too long */
};

/* False when it cannot be read, or for want of memory; logged. capture_free() in any case. */
bool capture_load(struct capture *capture, const struct replay_setup *setup);
void capture_free(struct capture *capture);

/* Where the header's sequence number and time of export lie; 0: it has none. */
uint32_t version_sequence_offset(uint16_t version);
uint32_t version_seconds_offset(uint16_t version);
