/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "export/batch.h"

/*
 * A frame of the spool: one batch, or those of its documents that failed, as it lies on disk. It begins and ends at
 * multiples of BATCH_ALIGN_BYTES: a header, the shares, the length of each document, their ids if there are some, the
 * documents, zeroes. Numbers are little-endian, as all machines are that weir runs on.
 */
#define FRAME_RAW_MOST (1u << 30)  /* bytes of the documents, as output.batch_size */
#define FRAME_NO_FEED  UINT32_MAX

struct frame_header {
    uint64_t magic;
    uint64_t checksum;        /* XXH3-64 of what follows in the header */
    uint64_t shares_checksum; /* of the shares: readable by themselves, to say whose documents were dropped */
    uint64_t body_checksum;   /* of lengths, ids and documents as stored */
    uint64_t run;             /* random, of each spool_open(); a segment's name has it too */
    uint64_t sequence;        /* grows from frame to frame, over all segments and runs */
    uint64_t offset;          /* in the segment */
    int64_t sealed_ns;        /* UTC */
    uint32_t version;
    uint32_t frame_bytes;     /* all of it, a multiple of BATCH_ALIGN_BYTES */
    uint32_t feed;            /* of this run; FRAME_NO_FEED = none */
    uint32_t count;           /* documents */
    uint32_t share_count;
    uint32_t raw_bytes;       /* of the documents */
    uint32_t stored_bytes;    /* the same compressed */
    uint8_t kind;             /* enum document_kind */
    uint8_t compression;      /* enum compression: none, lz4 or zstd */
    uint8_t has_ids;
    uint8_t reserved[33];     /* zero */
};

#define FRAME_MAGIC   0x6d617266006c7377 /* "wsl", NUL, "fram": no text has it */
#define FRAME_VERSION 1

struct frame_share {
    uint8_t address[16];
    uint16_t port;
    uint16_t reserved;        /* zero */
    uint32_t count;
};

/* What a batch's failed documents take. */
struct frame_measure {
    uint32_t count;
    uint32_t share_count;
    uint32_t raw_bytes;
    uint32_t room_bytes;      /* most that the frame can be */
};

/* Compresses and decompresses; one thread. */
struct frame_codec;

/* NULL when there is no memory. method: none, lz4 or zstd. */
struct frame_codec *frame_codec_new(enum compression method);
void frame_codec_free(struct frame_codec *codec);

/* False when the frame would be larger than any may be. */
bool frame_measure(const struct batch *batch, struct frame_measure *measure);

/* Where the frame goes: the header's fields of the same names. */
struct frame_place {
    uint64_t run;
    uint64_t sequence;
    uint64_t offset;
    uint32_t feed;
};

/* Writes the failed documents of the batch to `frame`, which has measure->room_bytes. Returns the frame's length. */
uint32_t frame_write(struct frame_codec *codec, const struct batch *batch, const struct frame_measure *measure,
                     const struct frame_place *place, uint8_t *frame);

/* Checks everything that the header says by itself: from here on its lengths may be trusted. */
bool frame_header_read(struct frame_header *header, const uint8_t *bytes, size_t size_bytes);

/* Bytes from the frame's beginning to the end of its shares. */
static inline size_t frame_shares_end(const struct frame_header *header)
{
    return sizeof *header + (size_t)header->share_count * sizeof(struct frame_share);
}

/* What a frame is read into. The batch's own ids pointer is set to ids or NULL. */
struct frame_target {
    struct batch *batch;
    struct endpoint *endpoints; /* batch->share_most */
    struct document_id *ids;    /* batch->most */
};

/* Sets kind, count and shares of the batch, which has room for them. `bytes` has frame_shares_end(). False when they
   were changed on disk. */
bool frame_shares_read(const struct frame_header *header, const uint8_t *bytes, struct frame_target *target);

/* Sets the rest of it. `bytes` is the whole frame, and the batch has room. False when it was changed on disk. */
bool frame_documents_read(struct frame_codec *codec, const struct frame_header *header, const uint8_t *bytes,
                          struct frame_target *target);

/* Whether the whole frame is as it was written. */
bool frame_intact(const struct frame_header *header, const uint8_t *bytes);

/* Sets the three checksums of a frame whose lengths are right. */
void frame_seal(uint8_t *bytes, struct frame_header *header);

static inline uint64_t frame_round_up(uint64_t size_bytes)
{
    return (size_bytes + BATCH_ALIGN_BYTES - 1) / BATCH_ALIGN_BYTES * BATCH_ALIGN_BYTES;
}
