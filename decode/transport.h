/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How an exporter's messages come. All but UDP have sessions, with a beginning and an end (RFC 7011 10). */
enum transport {
    TRANSPORT_UDP,
    TRANSPORT_TCP,
    TRANSPORT_TLS,
    TRANSPORT_SCTP,
    TRANSPORT_DTLS,
    TRANSPORT_FILE, /* an IPFIX file (RFC 5655) is one session */
    TRANSPORTS
};

/* "udp", "tcp", ...; constant. */
const char *transport_name(enum transport transport);

/*
 * Nothing is lost on the way, so what a session has announced holds until it withdraws it or ends: templates do not
 * expire, and withdrawals are obeyed (RFC 7011 8.1). Elsewhere it is the other way round (8.4).
 */
static inline bool transport_is_reliable(enum transport transport)
{
    return transport != TRANSPORT_UDP && transport != TRANSPORT_DTLS;
}

/* Messages come in the order in which they were sent: no template can come after its data. */
static inline bool transport_is_ordered(enum transport transport)
{
    return transport_is_reliable(transport) && transport != TRANSPORT_SCTP;
}
