/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "blast/layout.h"

/* Payloads: what fits an Ethernet frame beside the headers of IPv6 and UDP, and a jumbo frame. */
#define IMAGE_BYTES_DEFAULT 1400
#define IMAGE_BYTES_LEAST   400
#define IMAGE_BYTES_MOST    8900
#define IMAGE_RECORDS_MOST  600 /* of any format, in a datagram of IMAGE_BYTES_MOST */

/* What of a datagram is written anew whenever it is sent. */
enum patch_kind {
    PATCH_UPTIME,   /* 4 bytes: uptime in milliseconds, minus the patch's value */
    PATCH_MS,       /* 8 bytes: UTC in milliseconds, minus the value */
    PATCH_PORT,     /* 2 bytes: an ephemeral port */
    PATCH_OCTETS32, /* the value and a few bytes more */
    PATCH_OCTETS64,
    PATCH_SAMPLE,   /* 4 bytes: so many samples of this exporter's, plus the value */
    PATCH_POOL,     /* 4 bytes: the same times IMAGE_SAMPLING_RATE */
    PATCH_KINDS
};

#define IMAGE_SAMPLING_RATE 1024
#define IMAGE_MORE_OCTETS   64 /* below so many are added to each record's */

struct patch {
    uint32_t value;
    uint16_t offset;
};

/*
 * A datagram as it will be sent, but for its header's times and number and for the patches: made once, sent again and
 * again. Constant.
 */
struct image {
    uint8_t *bytes;
    uint32_t size_bytes;
    uint16_t records;       /* flow records or flow samples */
    uint16_t options;       /* options records; sFlow: counter samples */
    uint16_t units;         /* by which the sequence number grows */
    uint16_t samples;       /* sFlow: flow samples */
    uint64_t octets;        /* of all its records, without what the patches add */
    uint64_t packets;
    struct patch *patches;  /* by kind */
    uint16_t ends[PATCH_KINDS];
};

struct image_setup {
    const struct format *format;
    const struct layout *layout; /* NULL for sFlow */
    uint32_t bytes_most;         /* of a payload */
    uint32_t records_most;       /* 0: as many as fit */
};

/* A datagram of data. random: as for random_next(). Returns 0 or -ENOMEM. */
int image_make(struct image *image, const struct image_setup *setup, uint64_t *random);

/* The datagram that says what the others mean: all templates of the format, and its options records. */
int image_make_templates(struct image *image, const struct format *format);

void image_free(struct image *image);
