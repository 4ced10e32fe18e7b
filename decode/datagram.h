/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "decode/exporter.h"

/* A view of one UDP payload; dead when its burst is released. */
struct datagram {
    const uint8_t *payload;
    uint32_t size_bytes;
    struct exporter *exporter;
    int64_t received_ns; /* UTC; the NIC's or the kernel's time where there is one */
};
