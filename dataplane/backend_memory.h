/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/address.h"

/* A datagram that the caller laid out; PACKET_SLACK_BYTES readable bytes follow its payload. */
struct memory_datagram {
    const uint8_t *payload;
    uint32_t size_bytes;
    struct endpoint source;
};

/*
 * What backend_memory yields: set backend.state to it before open; it stays the caller's and outlives the backend. The
 * datagrams in order, `rounds` times over, to one queue; no memory is written, no system call made.
 */
struct memory_input {
    const struct memory_datagram *datagrams;
    uint32_t count;
    uint64_t rounds;
    int64_t received_ns; /* of every datagram; 0 = the clock's, read once a burst */
};
