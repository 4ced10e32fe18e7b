/* SPDX-License-Identifier: Apache-2.0 */
#include "export/memory/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define LOCK_WAIT_MS  5000 /* the kernel takes its time to end a process that had much memory */
#define LOCK_PAUSE_MS 20

/* ---- the whole ---- */

bool memory_image_read(struct memory_image *image, uint8_t *base, size_t size_bytes)
{
    if (size_bytes < sizeof image->header)
        return false;
    memcpy(&image->header, base, sizeof image->header);
    image->base = base;
    image->size_bytes = size_bytes;
    return memory_header_valid(&image->header) && memory_layout_of(&image->header.shape, &image->layout) &&
           image->layout.total == size_bytes;
}

/* ---- the file ---- */

/* Only who may end a process of ours, or is root, can have made it. */
static bool is_own(int fd, struct stat *status)
{
    return fstat(fd, status) == 0 && S_ISREG(status->st_mode) && status->st_uid == geteuid() && status->st_nlink == 1 &&
           !(status->st_mode & (S_IWGRP | S_IWOTH));
}

static bool lock_wait(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * NS_PER_MS};
    int64_t by_ns = clock_steady_ns() + LOCK_WAIT_MS * NS_PER_MS;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (clock_steady_ns() >= by_ns)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* Nobody has the file, and we do not want it: its outputs were renamed, or another weir is down. */
static void stray_say(const struct memory_image *image)
{
    const char *spool = "";
    for (uint32_t i = 0; i < image->header.shape.outputs && !*spool; i++)
        spool = image->header.outputs[i].spool;
    if (flock(image->fd, LOCK_EX | LOCK_NB) == 0)
        log_warning("%s is of a run that was killed, whose spool is no output's here: start weir with spool.path %s to "
                    "have its documents sent, or remove it",
                    image->path, spool);
}

/* Whether the file is one of ours, before it is locked. */
static bool is_claimed(struct memory_image *image, const struct memory_claim *claim)
{
    struct stat status;
    if (!is_own(image->fd, &status) ||
        pread(image->fd, &image->header, sizeof image->header, 0) != sizeof image->header)
        return false;
    if (image->header.magic == MEMORY_MAGIC && image->header.version != MEMORY_VERSION)
        log_warning("%s is of another version of weir; start that one to have what is in it, or remove it",
                    image->path);
    if (!memory_header_valid(&image->header))
        return false;
    bool wanted = claim->wanted(&image->header, claim->context);
    if (!wanted)
        stray_say(image);
    return wanted;
}

/* Maps the file, which may be gone by now. */
static bool file_map(struct memory_image *image)
{
    struct stat status;
    if (!is_own(image->fd, &status) || status.st_size <= 0)
        return false;
    size_t bytes = (size_t)status.st_size;
    uint8_t *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
    if (base == MAP_FAILED)
        return false;
    if (memory_image_read(image, base, bytes))
        return true;
    munmap(base, bytes);
    image->base = NULL;
    return false;
}

int memory_image_open(struct memory_image *image, const char *folder, const char *name,
                      const struct memory_claim *claim)
{
    memset(image, 0, sizeof *image);
    image->fd = -1;
    if (asprintf(&image->path, "%s/%s", folder, name) < 0) {
        image->path = NULL;
        return 0;
    }
    image->fd = open(image->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool claimed = image->fd >= 0 && is_claimed(image, claim);
    if (claimed && !lock_wait(image->fd)) {
        log_error("output.memory_path: %s is in use by another process, which has the same spool", image->path);
        memory_image_close(image, false);
        return -EBUSY;
    }
    if (claimed && file_map(image))
        return 1;
    memory_image_close(image, false);
    return 0;
}

void memory_image_close(struct memory_image *image, bool over)
{
    if (over)
        unlink(image->path);
    if (image->base)
        munmap(image->base, image->size_bytes);
    if (image->fd >= 0)
        close(image->fd);
    free(image->path);
}

/* ---- bodies ---- */

int memory_body_init(struct memory_body *body, const struct memory_image *image)
{
    const struct memory_shape *shape = &image->layout.shape;
    memset(body, 0, sizeof *body);
    body->batch = (struct batch){
        .capacity_bytes = shape->batch_bytes,
        .most = shape->documents,
        .share_most = shape->owners,
        .shares = calloc(shape->owners, sizeof *body->batch.shares),
        .verdicts = calloc(shape->documents, 1),
    };
    body->endpoints = calloc(shape->owners, sizeof *body->endpoints);
    return body->batch.shares && body->batch.verdicts && body->endpoints ? 0 : -ENOMEM;
}

void memory_body_fini(struct memory_body *body)
{
    free(body->batch.shares);
    free(body->batch.verdicts);
    free(body->endpoints);
}

uint32_t memory_body_count(const struct memory_image *image, const struct batch_mark *mark)
{
    uint32_t count = atomic_load_explicit(&mark->count, memory_order_relaxed); /* nobody writes any more */
    return count < image->layout.shape.documents ? count : image->layout.shape.documents;
}

/* One line, and nothing but blanks behind an end of line inside it: it was being moved when the process was killed. */
static bool document_valid(uint8_t *document, uint32_t size_bytes)
{
    if (size_bytes < 3 || document[0] != '{' || document[size_bytes - 1] != '\n')
        return false;
    uint8_t *inner = memchr(document, '\n', size_bytes - 1);
    for (uint8_t *at = inner; at && ++at < document + size_bytes - 1;)
        if (*at != ' ')
            return false;
    if (inner)
        *inner = ' ';
    uint32_t last = size_bytes - 2;
    while (document[last] == ' ') /* ends at the brace in front, at the latest */
        last--;
    return document[last] == '}';
}

static bool documents_valid(struct batch *batch)
{
    uint32_t begin = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t end = batch->ends[i];
        if (end <= begin || end > batch->capacity_bytes || !document_valid(batch->bytes + begin, end - begin))
            return false;
        begin = end;
    }
    batch->size_bytes = begin;
    return true;
}

/* Shares of the documents: the last owner's count may be ahead of the body's. */
static bool shares_read(struct memory_body *body, const struct batch_owner *owners, uint32_t owner_count)
{
    struct batch *batch = &body->batch;
    uint32_t left = batch->count;
    for (uint32_t i = 0; i < owner_count && left; i++) {
        uint32_t count = owners[i].count < left ? owners[i].count : left;
        if (!count)
            return false;
        struct endpoint *endpoint = &body->endpoints[i];
        memset(endpoint, 0, sizeof *endpoint);
        memcpy(endpoint->address.bytes, owners[i].address, sizeof owners[i].address);
        endpoint->port = owners[i].port;
        batch->shares[batch->share_count++] = (struct share){.endpoint = endpoint, .count = count};
        left -= count;
    }
    return left == 0;
}

bool memory_body_read(const struct memory_image *image, uint32_t worker, uint32_t number, struct memory_body *body)
{
    struct memory_batch place =
        memory_batch_at(&image->layout, memory_block(&image->layout, image->base, worker), number);
    struct batch *batch = &body->batch;
    /* Relaxed loads: nobody writes any more. */
    uint32_t count = atomic_load_explicit(&place.mark->count, memory_order_relaxed);
    uint32_t owner_count = atomic_load_explicit(&place.mark->owner_count, memory_order_relaxed);
    uint32_t kind = atomic_load_explicit(&place.mark->kind, memory_order_relaxed);
    int64_t sealed_ns = atomic_load_explicit(&place.mark->sealed_ns, memory_order_relaxed);
    if (!count || count > batch->most || owner_count > batch->share_most || kind >= DOCUMENT_KINDS)
        return false;
    batch_clear(batch);
    batch->bytes = place.bytes;
    batch->ends = place.ends;
    batch->ids = place.ids;
    batch->count = count;
    batch->kind = (uint8_t)kind;
    batch->sealed_ns = sealed_ns > 0 ? sealed_ns : clock_utc_ns();
    body->mark = place.mark;
    return documents_valid(batch) && shares_read(body, place.owners, owner_count);
}

/* ---- the worker's part of the ledger ---- */

/* Documents that a route has placed: as much as was known when its last body was opened, or that body and what was
   before it. */
static uint64_t route_placed(const struct memory_image *image, uint32_t worker, uint32_t route)
{
    uint8_t *block = memory_block(&image->layout, image->base, worker);
    uint64_t placed = atomic_load_explicit(&((struct memory_worker *)block)->placed[route], memory_order_relaxed);
    for (uint32_t i = 0; i < image->layout.shape.batches; i++) {
        const struct batch_mark *mark = memory_batch_at(&image->layout, block, i).mark;
        if (atomic_load_explicit(&mark->route, memory_order_relaxed) != route)
            continue;
        uint64_t end = atomic_load_explicit(&mark->first, memory_order_relaxed) + memory_body_count(image, mark);
        placed = end > placed ? end : placed;
    }
    return placed;
}

uint64_t memory_worker_lost(const struct memory_image *image, uint32_t worker)
{
    const struct memory_worker *memory = memory_worker_at(&image->layout, image->base, worker);
    const _Atomic uint64_t *counts = memory->counters.value;
    uint64_t over = atomic_load_explicit(&memory->unplaced, memory_order_relaxed) +
                    counter_read(&counts[COUNTER_records_too_large]) +
                    counter_read(&counts[COUNTER_records_no_program]);
    for (uint32_t i = 0; i < DOCUMENT_KINDS; i++)
        over += route_placed(image, worker, i);
    uint64_t received = counter_read(&counts[COUNTER_records_received]);
    return received > over ? received - over : 0;
}
