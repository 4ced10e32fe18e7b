/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "decode/exporter.h"

#define BATCH_ALIGN_BYTES 4096 /* bytes is aligned so, and capacity_bytes a multiple: O_DIRECT asks for it */
#define BATCH_SLACK_BYTES 64   /* writable behind capacity_bytes: copies may run over */

/* A run of documents of one exporter. */
struct share {
    struct exporter *exporter;
    uint32_t count;   /* documents */
    uint32_t refused; /* of these; the output's, like the sums in the batch */
    uint32_t failed;
};

/*
 * Finished documents, each with its newline, one behind the other. Owned by the worker that fills it, then by the
 * output that it was submitted to, then (by the ring back) by the worker again.
 */
struct batch {
    uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t capacity_bytes;
    uint32_t *ends;          /* end of each document, its newline included */
    uint32_t count;          /* documents */
    uint32_t most;           /* documents that ends has room for */
    struct share *shares;    /* in the order of the documents; the same exporter may come again */
    uint32_t share_count;
    uint32_t share_most;
    int64_t opened_ns;       /* steady clock, when the first document came; 0 = outlet_housekeep() sets it */

    /* the output's, while it has the batch; a sink sets them through batch_refuse() and batch_fail_from() alone */
    uint32_t refused;        /* documents that it refused for good: the sum over the shares */
    uint32_t failed;         /* documents that it could not write: the sum over the shares */
    void *output_data;
};

/* Whether batch_share() has room for another exporter's documents. */
static inline int batch_has_share(const struct batch *batch, const struct exporter *exporter)
{
    return batch->share_count < batch->share_most ||
           (batch->share_count && batch->shares[batch->share_count - 1].exporter == exporter);
}

/* Counts documents for an exporter: the last share grows or a new one begins. False when no share is left. */
static inline int batch_share(struct batch *batch, struct exporter *exporter, uint32_t count)
{
    if (batch->share_count && batch->shares[batch->share_count - 1].exporter == exporter) {
        batch->shares[batch->share_count - 1].count += count;
        return 1;
    }
    if (batch->share_count == batch->share_most)
        return 0;
    batch->shares[batch->share_count++] = (struct share){.exporter = exporter, .count = count};
    return 1;
}

/* Makes the batch as new: no documents, no shares. */
void batch_clear(struct batch *batch);

/*
 * Puts blanks in front of the last document's newline until size_bytes is a multiple of BATCH_ALIGN_BYTES; a line stays
 * a line and JSON allows white space at its end (RFC 8259 2). The batch has documents, in plain text.
 */
void batch_pad(struct batch *batch);

/* The sink's verdicts on documents, each at most once: this one is refused; all from `first` on cannot be written. */
void batch_refuse(struct batch *batch, uint32_t document);
void batch_fail_from(struct batch *batch, uint32_t first);
