/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <liburing.h>
#include <limits.h>
#include <stdatomic.h>

#include "export/file/writer.h"
#include "export/sink.h"
#include "export/spool/spool.h"
#include "export/spool/cursor.h"
#include "export/spool/segment.h"

/* What the files of the spool share. */

#define SPOOL_READ_SLOTS    3  /* frames that are read before anyone asks for them */
#define SPOOL_READ_BATCHES  32 /* of what is read back, out at a time */
#define SPOOL_DROP_BATCHES  16 /* of what was dropped, out at a time */
#define SPOOL_DROPS_MOST    64 /* single frames that wait to be dropped */
#define SPOOL_RETRY_MOST_MS 5000

/* Frames that are written at once, and the memory that they stand in. */
struct spool_unit {
    struct file_unit unit;
    uint8_t *arena;
    uint32_t used_bytes;
};

struct spool_writer {
    struct file_writer file;
    struct frame_codec *codec;
    struct spool_unit units[2];
    struct spool_unit *writing;
    struct spool_unit *ready;    /* composed while the other one is written */
    uint32_t arena_bytes;
    struct batch_list done;
    uint32_t held;               /* batches that were not fetched back */
    struct segment *segment;     /* that is written; NULL = none */
    uint64_t position;           /* end of the last frame that is on disk */
    uint64_t composed;           /* end of the last frame in a unit */
    uint64_t segment_most;       /* bytes */
    bool roll;                   /* finish the segment when nothing is under way */
    bool full;                   /* the file system was, at the last try */
    bool said_how;
    int64_t retry_ns;            /* steady clock; 0 = nothing is to be tried again */
    int64_t retry_wait_ms;
};

enum slot_state {
    SLOT_READING,
    SLOT_READY,
    SLOT_CANCELLED, /* is still read into, but nobody wants it any more */
};

/* A frame that is read. */
struct read_slot {
    struct segment *segment;     /* NULL when cancelled */
    uint32_t index;
    enum slot_state state;
    bool submitted;              /* the kernel has it */
    bool failed;
    uint8_t *bytes;
    uint32_t room_bytes;
    uint32_t size_bytes;
    uint32_t have_bytes;
    int fd;                      /* the segment's */
};

/* A single frame on its way to be dropped. */
struct spool_drop {
    struct segment *segment;
    uint32_t index;
    enum counter reason;
};

/* A frame that is larger than a batch, because an earlier run had larger ones: it comes in parts. */
struct frame_parts {
    uint32_t out;                /* parts that are not over */
    uint32_t held;               /* parts that were not given back */
    bool complete;               /* there will be no more */
};

/* A batch of the spool's own. */
struct spool_batch {
    struct batch batch;          /* first: spool_batch_of() relies on it */
    struct endpoint *endpoints;  /* share_most */
    struct document_id *ids;     /* most */
    struct segment *segment;     /* NULL when its frame is over */
    uint32_t index;
    struct frame_parts *parts;   /* NULL where the frame is one batch */
    bool dropped;
};

struct spool_split {
    struct spool_batch whole;    /* as large as its frame; bytes is NULL when there is none */
    struct frame_parts *parts;
    uint32_t next;               /* document */
    uint32_t share;
    uint32_t share_left;         /* documents of it that were not given out */
};

struct spool_reader {
    struct io_uring ring;
    bool uring;
    bool direct;
    struct read_slot slots[SPOOL_READ_SLOTS]; /* first in, first out */
    uint32_t head;
    uint32_t count;
    bool wanted;                 /* someone asked for frames */
    struct spool_split split;

    struct spool_batch batches[SPOOL_READ_BATCHES];
    struct spool_batch *free[SPOOL_READ_BATCHES];
    uint32_t free_count;
    uint32_t made_count;         /* batches are made when they are first used */
    uint32_t most_count;

    double tokens;               /* bytes of documents that may be given out now */
    int64_t tokens_ns;           /* steady clock, when they were counted */
    bool starved;                /* spool_next() had a frame and no tokens */
    bool asked;                  /* spool_next() had no frame or no batch to give */
    uint8_t news;                /* and now it may: the thread does not sleep during so many polls */
    int64_t retry_ns;            /* a segment could not be opened; 0 = none */
};

struct spool_dropper {
    struct spool_drop drops[SPOOL_DROPS_MOST]; /* first in, first out */
    uint32_t head;
    uint32_t count;
    struct spool_batch batches[SPOOL_DROP_BATCHES];
    struct spool_batch *free[SPOOL_DROP_BATCHES];
    uint32_t free_count;
    uint8_t *bytes;              /* a header and shares */
    uint32_t room_bytes;
    struct segment *doomed;      /* at most one at a time */
};

struct spool {
    struct spool_setup setup;
    const struct output_config *output;
    uint64_t size_most;          /* this thread's part of spool.size */
    uint64_t replay_rate;        /* and of spool.replay_rate; 0 = unbounded */
    char folder[PATH_MAX];
    int folder_fd;
    int sync_fd;                 /* the folder again: a sync under way does not hold the lock */
    int epoll_fd;
    uint64_t run;
    uint64_t next_number;
    uint64_t next_sequence;
    uint64_t end_sequence;       /* frames from here on are not on disk */
    struct segments segments;
    struct spool_cursor cursor;
    bool cursor_dirty;
    int64_t cursor_ns;           /* steady clock, when it was written */
    bool reap;                   /* there may be segments whose frames are all over */
    int64_t reap_ns;             /* a segment could not be removed: when to try again; 0 = none */
    _Atomic uint64_t bytes;      /* on disk; the output thread writes, any thread reads */
    struct spool_writer writer;
    struct spool_reader reader;
    struct spool_dropper dropper;
    struct log_cause cause;
};

static inline void spool_count(struct spool *spool, enum counter counter, uint64_t amount)
{
    counter_add(spool->setup.counters, counter, amount);
}

static inline bool frame_is_expired(const struct spool *spool, const struct segment_frame *frame, int64_t utc_ns)
{
    uint64_t age = spool->output->spool.age;
    return age && utc_ns > frame->sealed_ns && (uint64_t)(utc_ns - frame->sealed_ns) > age;
}

static inline bool error_is_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

/* ---- export/spool/spool.c ---- */

void spool_waiting_add(struct spool *spool, int64_t documents);
void spool_segment_resize(struct spool *spool, struct segment *segment, uint64_t bytes);
/* Removes the files of segments whose frames are all over. */
void spool_reap(struct spool *spool);
/* The frame is given to be read or dropped, or is over. */
void spool_frame_out(struct segment *segment, uint32_t index);
void spool_frame_settle(struct spool *spool, struct segment *segment, uint32_t index);

/* Whose the frame is, if a worker of this run made it; else NULL. */
static inline struct feed *spool_feed_of(const struct spool *spool, const struct frame_header *header)
{
    bool ours = header->run == spool->run && header->feed < spool->setup.feed_count;
    return ours ? spool->setup.feeds[header->feed] : NULL;
}

/* ---- export/spool/write.c ---- */

int spool_writer_init(struct spool *spool);
/* Ends the segment. Nothing is under way, unless the disk does not answer. */
void spool_writer_fini(struct spool *spool);
/* Everything that can be done without waiting. */
void spool_writer_advance(struct spool *spool);
int64_t spool_writer_due(const struct spool *spool);

/* ---- export/spool/read.c, export/spool/next.c ---- */

int spool_reader_init(struct spool *spool);
void spool_reader_fini(struct spool *spool);
void spool_reader_advance(struct spool *spool);
int64_t spool_reader_due(const struct spool *spool);
/* Nobody reads the segment from here on: its frames that were read and not given out are unread again. */
void spool_reader_forget(struct spool *spool, struct segment *segment);
/* The first frame that was read and not given out, or NULL. */
const struct segment_frame *spool_reader_first(const struct spool *spool);
/* Drops what was read and has become too old. */
void spool_reader_expire(struct spool *spool, int64_t utc_ns);
/* spool_next() may have something to give now. */
void spool_reader_news(struct spool_reader *reader);
/* The first slot is free again. */
void spool_slot_pop(struct spool *spool);
/* When the rate allows the next frame; there is a rate. */
int64_t spool_tokens_due(const struct spool *spool);
/* Brings a segment's content to the disk in the background; takes the descriptor. */
void spool_sync(struct spool *spool, int fd, bool folder);

/* ---- export/spool/split.c ---- */

/* The frame in the slot is larger than a batch: reads all of it. False when it is damaged, or one of its documents does
   not fit any batch. */
bool spool_split_begin(struct spool *spool, const struct frame_header *header, const struct read_slot *slot);
bool spool_split_active(const struct spool *spool);
/* The next part. */
void spool_split_next(struct spool *spool, struct spool_batch *to);
void spool_split_end(struct spool *spool);

/* ---- export/spool/drop.c ---- */

/* Room on the disk: lets go of the oldest segment. 0 when that is under way, -ENOSPC when there is none to let go. */
int spool_drop_oldest(struct spool *spool);
/* A single frame, which is FRAME_OUT. False when there is no room for it now. */
bool spool_drop_frame(struct spool *spool, const struct spool_drop *drop);
bool spool_drop_room(const struct spool *spool);
/* Looks for frames that are too old. */
void spool_drop_expired(struct spool *spool);
int64_t spool_drop_due(const struct spool *spool);
void spool_dropper_init(struct spool *spool);
void spool_dropper_fini(struct spool *spool);

/* ---- export/spool/batch.c ---- */

/* A batch with room for what the frame has, within the output's batch_size; NULL when all are out. */
struct spool_batch *spool_batch_take(struct spool *spool);
/* A batch without bytes, with room for so many documents and shares; NULL when all are out. */
struct spool_batch *spool_batch_take_dropped(struct spool *spool, uint32_t documents, uint32_t shares);
void spool_batch_give(struct spool *spool, struct spool_batch *batch);
void spool_batch_free(struct spool_batch *batch);
/* Room for so much; what was there before is lost. False when there is no memory. */
bool spool_batch_make(struct spool_batch *batch, uint32_t bytes, uint32_t documents, uint32_t shares);

static inline struct spool_batch *spool_batch_of(struct batch *batch)
{
    return (struct spool_batch *)batch;
}

static inline struct frame_target spool_batch_target(struct spool_batch *batch)
{
    return (struct frame_target){.batch = &batch->batch, .endpoints = batch->endpoints, .ids = batch->ids};
}
