/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/address.h"

/*
 * Traffic for benchmarks, made in memory: the same seed gives the same bytes. Templates come first, then datagrams of
 * data, from `exporters` exporters in turn.
 */
enum traffic_kind {
    TRAFFIC_V5,     /* 30 records a datagram, as routers send it */
    TRAFFIC_V9,     /* 18 fields: addresses, ports, counters, times, interfaces, AS numbers */
    TRAFFIC_NBAR,   /* v9 with application name, HTTP host and SSID-like strings */
    TRAFFIC_BIFLOW, /* IPFIX with reverse counters, biflowDirection and variable-length strings */
    TRAFFIC_MIXED,  /* all of them in turn: each exporter sends one kind, but a single exporter sends all */
    TRAFFIC_LISTS,  /* IPFIX with structured data (RFC 6313): a basicList of three, a subTemplateList of two records */
    TRAFFIC_SFLOW,  /* flow samples with a sampled header of 128 bytes: Ethernet, IPv4, TCP or UDP */
    TRAFFIC_KINDS
};

struct traffic_datagram {
    uint8_t *payload;
    uint32_t size_bytes;
    uint32_t records;
    struct endpoint source;
    uint32_t stream; /* whose sequence number it carries */
};

struct traffic {
    struct traffic_datagram *datagrams;
    uint32_t count;           /* of all datagrams */
    uint32_t template_count;  /* the first ones: templates alone */
    uint64_t records;         /* in all datagrams */
    uint64_t bytes;           /* of all datagrams */
    uint8_t *memory;
    uint32_t *sequences;      /* next one, by stream */
};

const char *traffic_name(enum traffic_kind kind);

/* records_a_datagram: 0 = as many as fit 1,400 bytes. Returns 0 or -ENOMEM. */
struct traffic_setup {
    enum traffic_kind kind;
    uint32_t exporters;
    uint32_t datagrams;       /* of data */
    uint32_t records_a_datagram;
    uint32_t templates_an_exporter; /* v9, IPFIX: the data uses the first; the others are announced beside it */
    uint32_t first_exporter; /* number in the address of the first exporter: for making them in portions */
};

int traffic_make(struct traffic *traffic, const struct traffic_setup *setup);

/*
 * Gives `count` datagrams from the first on the sequence numbers that come next (v5: flows, v9: messages, IPFIX: data
 * records), so that sending them again looks as if the exporters went on. traffic_make() has done it once for all.
 */
void traffic_advance(struct traffic *traffic, uint32_t first, uint32_t count);

void traffic_free(struct traffic *traffic);
