/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "export/encode/names.h"

/* Whence a sampling rate is known; the first of these that says one counts. */
enum rate_source {
    RATE_CONFIGURATION,
    RATE_RECORD,
    RATE_SAMPLER,
    RATE_SELECTOR,
    RATE_INTERFACE,
    RATE_TEMPLATE,
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
    struct word event_type[EVENT_KINDS];
    struct word event_outcome[EVENT_KINDS]; /* empty: ECS has none for it */
    struct names names;
};

void words_init(struct words *words);
