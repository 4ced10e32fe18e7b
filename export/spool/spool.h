/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/batch.h"

/*
 * Batches on disk while an output is slow or gone: a folder of segments, each a run of frames (one batch each:
 * checksummed, compressed, aligned, written past the page cache), bounded by output_config.spool.size and .age. Frames
 * are read back in their order; one is over when spool_done() was told so, and a segment goes when all its frames are.
 * After a kill at any moment every frame that was written whole is there; how far reading had come is kept beside the
 * segments, so that few frames come twice. Of one output thread, which never waits for the disk.
 */
struct spool;

#define SPOOL_OVER_MOST 500

/* What a next start cannot see on disk should the process be killed; it lies in memory that outlives it. */
struct spool_memory {
    _Atomic uint64_t waiting;       /* spool_waiting() */
    _Atomic uint32_t over_count;
    uint32_t reserved;
    uint64_t over[SPOOL_OVER_MOST]; /* sequences of frames that are over, and not yet written down as such */
};

struct spool_setup {
    const struct output_config *output;
    uint32_t thread;           /* the output's thread: each has a folder of its own, PATH/NAME-THREAD */
    struct counters *counters; /* the output thread's own: records_recovered and the spool_* rows */
    struct spool_memory *memory;       /* the output's thread writes, any thread reads what waits */
    const struct spool_memory *before; /* of the run that was killed, while the spool is opened; or NULL */
    struct feed **feeds;       /* by number: whose batches were spooled; struct batch.feed of what is read back */
    uint32_t feed_count;
};

/* Opens or makes the folder, locks it, and finds what an earlier run left. Returns 0 or -errno, logged. */
int spool_open(struct spool **spool, const struct spool_setup *setup);

/* What is on disk stays there for the next start. No batch is with the spool or out. */
void spool_close(struct spool *spool);

/*
 * Takes the batch to write those of its documents that are VERDICT_FAILED; batch->feed says whose it is. Returns 0, or
 * -EAGAIN while the disk is busy, or -ENOSPC when the spool is full and keeps what it has (or the disk is full and
 * nothing older is left to drop): the batch is still the caller's.
 */
int spool_put(struct spool *spool, struct batch *batch);

/*
 * Goes on with writing and reading, and drops what is over age or size. Returns the batches of spool_put() that are
 * done, at most `most`: their failed documents are VERDICT_SPOOLED now, or still VERDICT_FAILED where the disk refused.
 */
int spool_poll(struct spool *spool, struct batch **batches, int most);

/*
 * The oldest frame that was not read back yet, as a batch of the spool's own, or NULL: none, not read from the disk
 * yet, over replay_rate, or all of the spool's batches are out. Its shares have endpoints but no exporters.
 */
struct batch *spool_next(struct spool *spool, int64_t steady_ns);

/* A frame that was dropped for age or size: a batch with shares but without bytes, all of it VERDICT_FAILED with
   failed_as set; or NULL. */
struct batch *spool_next_dropped(struct spool *spool);

/* The frame that spool_next() gave is over, whatever became of it; its documents are no longer counted as waiting. */
void spool_frame_over(struct spool *spool, struct batch *batch);

/* The batch of spool_next() or spool_next_dropped() may be used again; spool_frame_over() was called, or is not to be:
   then the frame is read again at the next start. */
void spool_give_back(struct spool *spool, struct batch *batch);

/* Is the batch one of the spool's own? */
bool spool_owns(const struct spool *spool, const struct batch *batch);

/* Documents on disk whose frames are not over, and their bytes on disk. Any thread. */
uint64_t spool_waiting(const struct spool *spool);
uint64_t spool_bytes(const struct spool *spool);

/* Whether the frame of this sequence is on disk, as far as spool_open() found it. */
bool spool_has(const struct spool *spool, uint64_t sequence);

/* For the thread that sleeps: as in struct sink. */
int spool_wait_fd(const struct spool *spool);
int64_t spool_due_ns(const struct spool *spool);

/* Waits at most timeout_ms until nothing is being written. Returns 0 or -ETIMEDOUT. */
int spool_flush(struct spool *spool, int timeout_ms);
