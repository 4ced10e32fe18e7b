/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"

/*
 * Whose templates a message speaks of: the exporter's address (and port, where sessions go by port), version and
 * observation domain (RFC 7011 2 and 8, RFC 3954 5.1). Address and port are zero where templates are shared. Where
 * the transport has sessions, the templates are of one of them alone, and port is its number: they are not shared, and
 * neither journal nor other collectors hear of them.
 */
enum key_space {
    KEY_DATAGRAMS,  /* UDP */
    KEY_RELIABLE,   /* of a session of a reliable transport: TCP, TLS, SCTP, a file */
    KEY_UNRELIABLE, /* of one of DTLS */
};

struct session_key {
    struct address address;
    uint32_t domain;
    uint16_t port;
    uint8_t version; /* 0: this session is free */
    uint8_t space;   /* enum key_space */
};

static_assert(sizeof(struct session_key) == 24, "a key is hashed, compared and stored as its bytes");

static inline bool session_key_equal(const struct session_key *one, const struct session_key *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}
