/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "export/compress.h"
#include "export/file/name.h"
#include "export/file/writer.h"
#include "export/sink.h"

/* What the files of the file sink share: export/file/sink.c and file_compose.c. */

#define STAGING_COUNT 2 /* one frame is written while the next one is made */

/*
 * Files of whole documents. What a unit (export/file/writer.h) could not write stays and is tried again; the file is
 * cut back to its last whole batch first, so that its readers never see a torn line.
 */
struct file_sink {
    struct sink *sink;
    struct file_names names;
    struct file_writer writer;
    struct batch_list queue; /* submitted, in no unit yet */
    struct batch_list done;
    uint32_t held;           /* batches that the output has not fetched back */

    struct file_unit units[2];
    struct file_unit *writing;
    struct file_unit *ready; /* compressed while the other one is written */

    struct compressor *compressor;
    uint8_t *staging[STAGING_COUNT];
    uint32_t staging_next;
    uint64_t frame_bytes;    /* of the last frame: the guess for the next one */

    /* the file at hand; writer.fd is -1 when there is none */
    struct file_name name;
    uint64_t position;       /* end of the last whole batch on disk */
    uint64_t composed;       /* end of the last batch in a unit */
    uint8_t tail[BATCH_ALIGN_BYTES]; /* direct and compressed: content from the last aligned position to `composed` */
    int64_t opened_ns;
    bool torn;               /* there may be bytes behind position */
    bool finish_due;
    bool open_due;

    int64_t retry_ns;        /* steady clock; 0 = nothing is to be tried again */
    int64_t retry_wait_ms;
    bool direct;             /* try to write past the page cache */
    bool said_how;
    struct log_cause cause;
};

/* Fills the unit from the queue: batches as they are, or a frame. False when there is nothing for it now. */
bool file_compose(struct file_sink *file, struct file_unit *unit);

/* Whether the queue's first batch belongs in the next file. */
bool file_over_size(const struct file_sink *file);
