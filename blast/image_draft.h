/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/image.h"

/* An image in the making. */
struct image_draft {
    uint8_t bytes[IMAGE_BYTES_MOST + 512];
    uint32_t size_bytes;
    uint32_t patch_count[PATCH_KINDS];
    struct patch patches[PATCH_KINDS][2 * IMAGE_RECORDS_MOST];
    struct image image; /* its counts */
};

struct image_draft *image_draft_new(void);

/* Appends a number of `length` bytes, or bytes as they are. */
void draft_number(struct image_draft *draft, uint64_t value, uint32_t length);
void draft_bytes(struct image_draft *draft, const void *bytes, uint32_t length);

/* What is appended next will be patched. */
void draft_patch(struct image_draft *draft, enum patch_kind kind, uint32_t value);

/* Appends the record of a flow. number: of the record in its datagram, from 0 on. */
struct flow;
void draft_record(struct image_draft *draft, const struct layout *layout, const struct flow *flow, uint32_t number);

/* sFlow's datagram, but for its header's times and number. */
void draft_sflow(struct image_draft *draft, const struct image_setup *setup, uint64_t *random);

/* Makes the image of the draft, which it frees. Returns 0 or -ENOMEM. */
int draft_finish(struct image_draft *draft, struct image *image);
