/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "blast/supply.h"

#define ENVELOPE_BYTES 64 /* room before a payload: Ethernet, IPv6 and UDP take 62 */

struct blast_target {
    struct endpoint to[2]; /* IPv4's, IPv6's */
    bool has[2];
};

/* The headers around a payload: Ethernet, IP and UDP, with their checksums. */
struct envelope {
    uint8_t head[2][ENVELOPE_BYTES]; /* all that is the same in each datagram; it ends where the payload begins */
    uint32_t bytes[2];               /* of the headers */
    uint32_t address_sum[2];         /* of the collector's address and what else is the same in the checksum of UDP */
    uint32_t ip_sum;                 /* of the IPv4 header's parts that are the same */
    uint16_t identification;
};

void envelope_init(struct envelope *envelope, const struct blast_target *target, const uint8_t *source_mac,
                   const uint8_t *target_mac);

/*
 * Writes the headers before the payload, as from `from`, whose family the target must have. Returns the frame's bytes,
 * which begin before payload.
 */
uint32_t envelope_close(struct envelope *envelope, struct blast_datagram *datagram, const struct endpoint *from);
