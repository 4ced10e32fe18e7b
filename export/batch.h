/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "decode/exporter.h"
#include "export/memory/mark.h"

#define BATCH_ALIGN_BYTES 4096 /* bytes is aligned so, and capacity_bytes a multiple: O_DIRECT asks for it */
#define BATCH_SLACK_BYTES 64   /* writable behind capacity_bytes: copies may run over */

/* A run of documents of one exporter, and what became of them. */
struct share {
    struct exporter *exporter;       /* NULL in a batch that was read back from the spool */
    const struct endpoint *endpoint; /* the exporter's */
    uint32_t count;                  /* documents; the sums below are the output's */
    uint32_t refused;
    uint32_t failed;
    uint32_t spooled;
};

/* The same for the same document, whenever and wherever its record is decoded: export/encode/ids.h. */
struct document_id {
    uint64_t words[2];
};

/* What became of a document. */
enum verdict {
    VERDICT_DELIVERED, /* acknowledged */
    VERDICT_REFUSED,   /* for good: no second try would help */
    VERDICT_FAILED,    /* not acknowledged when the output gave up; with a spool it goes there */
    VERDICT_SPOOLED,   /* on disk, waiting */
};

struct feed;

/*
 * Finished documents of one kind, each with its newline, one behind the other. A worker fills one (the body) and gives
 * each output that takes these documents a view of it: a batch that has the same bytes, ends and ids, which nobody
 * changes any more, but shares, verdicts and sums of its own. The body is filled anew when all views are back.
 */
struct batch {
    uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t capacity_bytes;
    uint32_t *ends;          /* end of each document, its newline included */
    struct document_id *ids; /* of each document; NULL where no output asks for them */
    uint32_t count;          /* documents */
    uint32_t most;           /* documents that ends has room for */
    struct share *shares;    /* in the order of the documents; the same exporter may come again */
    uint32_t share_count;
    uint32_t share_most;
    uint8_t kind;            /* enum document_kind */
    int64_t opened_ns;       /* steady clock, when the first document came; 0 = not known until its burst ends */
    int64_t sealed_ns;       /* UTC */

    /* of a body: the same for a next start, should the process be killed (export/memory/mark.h) */
    struct batch_mark *mark;
    struct batch_owner *owners; /* share_most */
    uint32_t published;         /* shares that are among the owners */

    /* the output's, while it has the batch; a sink sets them through batch_judge() and batch_judge_from() alone */
    uint8_t *verdicts;       /* enum verdict of each document; all are VERDICT_DELIVERED until one is set */
    uint32_t refused;        /* documents: the sums over the shares */
    uint32_t failed;
    uint32_t spooled;
    uint8_t failed_as;       /* enum counter of the failed ones: records_failed, or why the spool let go of them */
    void *output_data;       /* the sink's */

    /* where it came from */
    struct batch *body;      /* of a view */
    struct feed *feed;       /* of a view, and of a batch read back that a worker of this run had filled; else NULL */
    _Atomic uint64_t *owed;  /* of a view: in its body's mark, what this output owes (enum owed); NULL of others */
    uint32_t views;          /* of a body: how many are out */
};

/* A document without its newline and the blanks before it. */
static inline const uint8_t *batch_document(const struct batch *batch, uint32_t index, uint32_t *size_bytes)
{
    uint32_t begin = index ? batch->ends[index - 1] : 0, end = batch->ends[index] - 1;
    while (end > begin && batch->bytes[end - 1] == ' ') /* batch_pad() put some behind the last one */
        end--;
    *size_bytes = end - begin;
    return batch->bytes + begin;
}

/* Whether batch_share() has room for another exporter's documents. */
static inline bool batch_has_share(const struct batch *batch, const struct exporter *exporter)
{
    return batch->share_count < batch->share_most ||
           (batch->share_count && batch->shares[batch->share_count - 1].exporter == exporter);
}

/* Counts documents for an exporter: the last share grows or a new one begins. False when no share is left. */
static inline bool batch_share(struct batch *batch, struct exporter *exporter, uint32_t count)
{
    if (batch->share_count && batch->shares[batch->share_count - 1].exporter == exporter) {
        batch->shares[batch->share_count - 1].count += count;
        return true;
    }
    if (batch->share_count == batch->share_most)
        return false;
    batch->shares[batch->share_count++] =
        (struct share){.exporter = exporter, .endpoint = &exporter->endpoint, .count = count};
    return true;
}

/* From here on a next start finds the body's documents. After each chunk. */
static inline void batch_publish(struct batch *body)
{
    for (uint32_t i = body->published ? body->published - 1 : 0; i < body->share_count; i++) {
        const struct share *share = &body->shares[i];
        struct batch_owner *owner = &body->owners[i];
        memcpy(owner->address, share->endpoint->address.bytes, sizeof owner->address);
        owner->port = share->endpoint->port;
        owner->count = share->count;
    }
    body->published = body->share_count;
    atomic_store_explicit(&body->mark->owner_count, body->share_count, memory_order_release);
    atomic_store_explicit(&body->mark->count, body->count, memory_order_release);
}

/* Says what the output owes for the documents: owed is an enum owed, or one with a sequence. */
static inline void batch_owe(const struct batch *batch, uint64_t owed)
{
    if (batch->owed)
        owed_set(batch->owed, owed);
}

/* Makes the batch as new: no documents, no shares. */
void batch_clear(struct batch *batch);

/*
 * Puts blanks in front of the last document's newline until size_bytes is a multiple of BATCH_ALIGN_BYTES; a line stays
 * a line and JSON allows white space at its end (RFC 8259 2). The batch has documents, in plain text.
 */
void batch_pad(struct batch *batch);

/* The verdict on a document, on all from `first` on, or on all that have one verdict another. Any number of times: the
   last one counts, and the sums follow. */
void batch_judge(struct batch *batch, uint32_t document, enum verdict verdict);
void batch_judge_from(struct batch *batch, uint32_t first, enum verdict verdict);
void batch_rejudge(struct batch *batch, enum verdict from, enum verdict to);

static inline enum verdict batch_verdict(const struct batch *batch, uint32_t document)
{
    return (enum verdict)batch->verdicts[document];
}
