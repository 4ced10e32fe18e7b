/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/batch.h"
#include "export/spool/spool.h"

/*
 * The memory of a run's batches and counters in one piece: a header, the counters of the outputs' threads, and of each
 * worker its counters, marks, lists and bytes. Numbers are little-endian, as all machines are that weir runs on.
 */
#define MEMORY_MAGIC      0x6d656d006c7377 /* "wsl", NUL, "mem" */
#define MEMORY_VERSION    2
#define MEMORY_NAME_MOST  64
#define MEMORY_SPOOL_MOST 4096

/* From this all sizes follow. */
struct memory_shape {
    uint32_t workers;
    uint32_t outputs;
    uint32_t threads;     /* of all outputs */
    uint32_t batches;     /* of each worker */
    uint32_t batch_bytes; /* a multiple of BATCH_ALIGN_BYTES */
    uint32_t documents;   /* of each batch, at most */
    uint32_t owners;
    uint32_t ids;         /* 1: each document has an id */
};

struct memory_output {
    char name[MEMORY_NAME_MOST];
    char spool[MEMORY_SPOOL_MOST]; /* absolute path of spool.path; "" = none */
    uint32_t threads;
    uint32_t reserved;             /* zero */
};

struct memory_header {
    uint64_t magic;
    uint64_t checksum;          /* XXH3-64 of what follows, up to `ended` */
    uint32_t version;
    uint32_t counter_count;
    uint64_t counters_checksum; /* of the counters' names: another version may have others */
    struct memory_shape shape;
    struct memory_output outputs[OUTPUTS_MOST];
    _Atomic uint32_t ended;     /* in order: nothing is left in it */
    _Atomic uint32_t counted;   /* a later start has counted what was lost with the process */
};

/* An output's thread writes. */
struct memory_thread {
    struct spool_memory spool;
    struct counters counters;
} __attribute__((aligned(64)));

/*
 * A worker writes. What was decoded and is neither dropped nor placed in a body is lost with the process: no more than
 * the records of a chunk and those that were placed but not published.
 */
struct memory_worker {
    _Atomic uint64_t unplaced;               /* records for which there was no batch or no output */
    _Atomic uint64_t placed[DOCUMENT_KINDS]; /* documents of each route in bodies before the last one that it opened */
    struct counters counters;
    struct counters feeds[OUTPUTS_MOST];
} __attribute__((aligned(64)));

/* Where what begins, in bytes. */
struct memory_layout {
    struct memory_shape shape;
    uint64_t threads;
    uint64_t workers;                           /* the first block of a worker */
    uint64_t worker_bytes;                      /* of a block */
    uint64_t marks, owners, ends, ids, content; /* in a block */
    uint64_t batch_stride;                      /* in content */
    uint64_t total;
};

/* Sets what follows from the size of a batch. */
void memory_shape_fit(struct memory_shape *shape);

/* What a run with this configuration takes. */
struct memory_shape memory_shape_of(const struct config *config, uint32_t workers);

/* False when the shape is none that a run can have. */
bool memory_layout_of(const struct memory_shape *shape, struct memory_layout *layout);

/* The header of a run; its absolute paths are made from the working directory. Returns 0 or -errno. */
int memory_header_fill(struct memory_header *header, const struct memory_shape *shape, const struct config *config);
/* Sets the checksum. */
void memory_header_seal(struct memory_header *header);
/* Whether the header is one of this version, whole and without contradiction. */
bool memory_header_valid(const struct memory_header *header);
/* Whether the counters mean what they mean here. */
bool memory_counters_known(const struct memory_header *header);

/* The absolute path of a spool. Returns 0 or -errno. */
int memory_spool_path(const char *path, char absolute[MEMORY_SPOOL_MOST]);

/* ---- places; base: where the piece begins ---- */

static inline struct memory_thread *memory_thread_at(const struct memory_layout *layout, uint8_t *base, uint32_t thread)
{
    return (struct memory_thread *)(base + layout->threads) + thread;
}

static inline uint8_t *memory_block(const struct memory_layout *layout, uint8_t *base, uint32_t worker)
{
    return base + layout->workers + worker * layout->worker_bytes;
}

static inline struct memory_worker *memory_worker_at(const struct memory_layout *layout, uint8_t *base, uint32_t worker)
{
    return (struct memory_worker *)memory_block(layout, base, worker);
}

/* The parts of one batch. */
struct memory_batch {
    struct batch_mark *mark;
    struct batch_owner *owners;
    uint32_t *ends;
    struct document_id *ids; /* NULL: they have none */
    uint8_t *bytes;
};

static inline struct memory_batch memory_batch_at(const struct memory_layout *layout, uint8_t *block, uint64_t number)
{
    const struct memory_shape *shape = &layout->shape;
    return (struct memory_batch){
        .mark = (struct batch_mark *)(block + layout->marks) + number,
        .owners = (struct batch_owner *)(block + layout->owners) + number * shape->owners,
        .ends = (uint32_t *)(block + layout->ends) + number * shape->documents,
        .ids = shape->ids ? (struct document_id *)(block + layout->ids) + number * shape->documents : NULL,
        .bytes = block + layout->content + number * layout->batch_stride,
    };
}
