/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/exporter.h"

/* A view of one UDP payload; dead when its burst is released. */
struct datagram {
    const uint8_t *payload;
    uint32_t size_bytes;
    struct exporter *exporter;
    int64_t received_ns; /* UTC; the NIC's or the kernel's time where there is one */
    bool untimed;        /* nobody knows when it came: received_ns is when it was read from a file */
};
