/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* A short text that documents choose by a number, with what quotes and brackets belong to it. */
struct word {
    char text[63];
    uint8_t size_bytes;
};

/* Whence a sampling rate is known; the first of these that says one counts. */
enum rate_source {
    RATE_CONFIGURATION,
    RATE_RECORD,
    RATE_SAMPLER,
    RATE_SELECTOR,
    RATE_INTERFACE,
    RATE_EXPORTER,
    RATE_HEADER,
    RATE_SOURCES
};

struct words {
    struct word transport[256];   /* by protocolIdentifier: tcp, udp, ..., unknown (N) */
    struct word iana_number[256]; /* the same as a number */
    struct word direction[256];   /* by flowDirection: inbound, outbound, unknown (N) */
    struct word tcp_flags[256];   /* by tcpControlBits: ["ACK","SYN"] */
    struct word locality[2];      /* external, internal */
    struct word sides[2][2];      /* network.direction by [source internal][destination internal] */
    struct word unknown;
    struct word network_type[4];  /* bit 0: IPv4, bit 1: IPv6; in quotes, or an array of both */
    struct word category[2];      /* [biflow] */
    struct word rate_source[RATE_SOURCES];
};

void words_init(struct words *words);
