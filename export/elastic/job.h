/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "export/batch.h"
#include "export/elastic/bulk_body.h"
#include "export/target_name.h"

/*
 * Documents on their way: they wait at their target until a request has room for them, and then belong to a job, which
 * is what one request sends and what is sent again, in parts where only parts are to be. A document is in one place
 * only: at a target or in one job. One thread.
 */

/* An index or data stream. */
struct elastic_target {
    struct elastic_target *next;
    char name[TARGET_NAME_MOST];
    uint64_t hash;            /* of the name */
    uint32_t jobs;            /* that go there */
    struct bulk_run *runs;    /* waiting, in the order in which they came: run_head up to run_end */
    uint32_t run_head, run_end, run_room;
    /* what its documents are sent again for */
    char trouble[64];         /* type of the error, "" = nothing */
    int64_t trouble_ns;       /* steady clock, when it was last so */
};

struct elastic_targets {
    struct target_name pattern;
    struct elastic_target *first; /* whose turn it is */
    struct elastic_target *last;  /* that documents came for, or NULL: most often it is the next one's, too */
    uint32_t count;
    bool ids;
};

struct elastic_job {
    struct elastic_job *next;
    struct elastic_target *target;
    uint32_t documents;
    uint64_t bytes;           /* of the body */
    uint32_t attempts;
    uint32_t failures;        /* attempts of which the whole request failed, since it was last split */
    uint32_t splits;          /* how often it was halved */
    uint64_t mark;            /* elastic_sink.accepted at the first failure, before any split */
    int64_t due_ns;           /* steady clock: not to be sent before */
    uint32_t run_count;
    struct bulk_run runs[];
};

/* Returns 0, or -EINVAL, logged: the pattern is impossible. ids: actions carry them. */
int elastic_targets_init(struct elastic_targets *targets, const struct output_config *output);
void elastic_targets_fini(struct elastic_targets *targets);

/* The batch's documents wait at their targets. Returns 0, or -ENOMEM: then none does. The batch is not empty. */
int elastic_targets_add(struct elastic_targets *targets, struct batch *batch);

bool elastic_targets_waiting(const struct elastic_targets *targets);

/* A job of the documents that wait at one target, at most most_bytes of body, but at least a document; the targets take
   turns. NULL when none waits or there is no memory. */
struct elastic_job *elastic_targets_take(struct elastic_targets *targets, uint64_t most_bytes);

/* Some documents that wait, which are the caller's then. False when none waits. */
bool elastic_targets_pop(struct elastic_targets *targets, struct bulk_run *run);

void elastic_job_free(struct elastic_job *job);

/* A job of those documents of the job whose `fates` is `fate`, of which there is one at least; or NULL when there is no
   memory. */
struct elastic_job *elastic_job_part(const struct elastic_job *job, const uint8_t *fates, uint8_t fate, bool ids);

/* The same of `count` documents from `first` on. */
struct elastic_job *elastic_job_slice(const struct elastic_job *job, uint32_t first, uint32_t count, bool ids);

/* Walks over the documents of a job: begin with all zero. False at the end. */
struct elastic_walk {
    uint32_t run;
    uint32_t at;       /* of the next document, in the run */
    struct batch *batch;
    uint32_t document; /* in the batch */
};
bool elastic_walk_next(struct elastic_walk *walk, const struct elastic_job *job);
