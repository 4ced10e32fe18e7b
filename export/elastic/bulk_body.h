/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/batch.h"

/*
 * Bodies of bulk requests: in front of each document the line of its action, {"create":{}} or {"create":{"_id":"..."}}.
 * A body is never in memory as a whole: it is read off the batches piece by piece. One thread.
 */

/* Documents of a batch, one behind the other. */
struct bulk_run {
    struct batch *batch;
    uint32_t first;
    uint32_t count;
};

#define BULK_ID_BYTES      22 /* two words of 11 characters of base64url each, RFC 4648 5 */
#define BULK_ACTION_PLAIN  "{\"create\":{}}\n"
#define BULK_ACTION_HEAD   "{\"create\":{\"_id\":\""
#define BULK_ACTION_TAIL   "\"}}\n"
#define BULK_ACTION_MOST   96 /* room for the longer one, and for copies that run over */

/* Bytes of a document in a body, its action included; of a whole run. */
uint64_t bulk_document_bytes(const struct batch *batch, uint32_t document, bool ids);
uint64_t bulk_run_bytes(const struct bulk_run *run, bool ids);

/* Where reading a body has come to. */
struct bulk_reader {
    const struct bulk_run *runs;
    uint32_t run_count;
    bool ids;             /* the batches of all runs have ids */
    uint32_t run;         /* the current one */
    uint32_t document;    /* in the run */
    bool in_action;
    uint32_t piece_bytes; /* of the action or the document at hand */
    uint32_t offset;      /* in it */
    const uint8_t *piece;
    char action[BULK_ACTION_MOST];
};

/* The runs stay where they are as long as the reader is used. */
void bulk_reader_begin(struct bulk_reader *reader, const struct bulk_run *runs, uint32_t run_count, bool ids);

/* Writes the next bytes of the body, at most room_bytes; returns how many, 0 at its end. */
size_t bulk_reader_read(struct bulk_reader *reader, void *out, size_t room_bytes);

/* Compresses bodies as gzip. */
struct bulk_packer;

/* level: 0 = export/lz/deflate.h, 1 to 3 = ISA-L's; NULL when there is no memory. */
struct bulk_packer *bulk_packer_new(uint32_t level);
void bulk_packer_free(struct bulk_packer *packer);

/*
 * Compresses all that the reader still gives, body_bytes in number, to *out, which has *room_bytes and is made larger
 * when it must be. Returns the length, or 0 when there is no memory or the library failed.
 */
size_t bulk_pack(struct bulk_packer *packer, struct bulk_reader *reader, uint64_t body_bytes, uint8_t **out,
                 size_t *room_bytes);
