/* SPDX-License-Identifier: Apache-2.0 */
#include "export/memory/recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/memory/image.h"
#include "export/memory/memory.h"
#include "export/spool/spool.h"

#define SPOOL_WAIT_MS 10000 /* for the disk */

/* What becomes of an output's documents. */
struct fate {
    uint64_t before; /* in its spool */
    uint64_t open;   /* had not been counted as the output's: their body was not sealed */
    uint64_t moved;
    uint64_t lost;
    bool stuck;      /* the disk refuses: the rest stays where it is */
};

/* One thread of an output, as it was and as it is: their spool is the same folder, or a new one. */
struct target {
    const struct memory_image *image;
    struct memory_recovered *recovered;
    uint32_t number;              /* of the output in this run's configuration */
    uint32_t thread;
    uint32_t old_number;          /* and in the image's */
    const struct memory_output *old;
    bool same_spool;              /* the folder that the killed run had */
    struct spool *spool;          /* NULL: none is configured */
    struct counters counters;     /* of the spool, while it is open here */
    struct spool_memory memory;   /* and of what it would leave */
    struct memory_body body;
    uint64_t found;               /* documents on disk that had not been counted as being there */
    struct fate *fate;            /* of all threads */
};

/* ---- whose ---- */

static const struct memory_output *output_of(const struct memory_header *header, const char *name, uint32_t *number)
{
    for (*number = 0; *number < header->shape.outputs; ++*number)
        if (strcmp(header->outputs[*number].name, name) == 0)
            return &header->outputs[*number];
    return NULL;
}

static bool spool_same(const struct memory_output *old, const struct output_config *output)
{
    char path[MEMORY_SPOOL_MOST];
    return output->spool.path && *output->spool.path && memory_spool_path(output->spool.path, path) == 0 &&
           strcmp(path, old->spool) == 0;
}

/* Ours is what has a spool of ours: two processes cannot have the same one. */
static bool is_ours(const struct memory_header *header, const void *context)
{
    const struct config *config = context;
    bool ours = false;
    uint32_t number;
    for (uint32_t i = 0; i < config->output_count; i++) {
        const struct memory_output *old = output_of(header, config->outputs[i].name, &number);
        ours |= old && spool_same(old, &config->outputs[i]);
    }
    return ours;
}

/* ---- bodies ---- */

static _Atomic uint64_t *owed_of(const struct target *target, uint32_t worker, uint32_t batch)
{
    uint8_t *block = memory_block(&target->image->layout, target->image->base, worker);
    return &memory_batch_at(&target->image->layout, block, batch).mark->owed[target->old_number];
}

/* Whether the worker's bodies are for this thread now: its own, and those of threads that there are no more. */
static bool serves(const struct target *target, uint32_t worker, uint32_t threads)
{
    return worker % target->old->threads % threads == target->thread;
}

static uint32_t body_count(const struct target *target, uint32_t worker, uint32_t batch)
{
    uint8_t *block = memory_block(&target->image->layout, target->image->base, worker);
    return memory_body_count(target->image, memory_batch_at(&target->image->layout, block, batch).mark);
}

static bool body_is_open(const struct target *target, uint32_t worker, uint32_t batch)
{
    uint8_t *block = memory_block(&target->image->layout, target->image->base, worker);
    return !memory_batch_at(&target->image->layout, block, batch).mark->sealed_ns;
}

/* What was on its way to the disk is there, or it is not: said before anything else is written to the spool. */
static void spooling_resolve(struct target *target, uint32_t worker)
{
    bool own = target->same_spool && worker % target->old->threads == target->thread;
    for (uint32_t i = 0; i < target->image->layout.shape.batches; i++) {
        _Atomic uint64_t *owed = owed_of(target, worker, i);
        if (*owed < OWED_SPOOLING)
            continue;
        bool there = own && target->spool && spool_has(target->spool, *owed - OWED_SPOOLING);
        if (there)
            target->found += body_count(target, worker, i);
        owed_set(owed, there ? OWED_NOTHING : OWED_MEMORY);
    }
}

/* Documents that the spool lets go of, for want of room or for age. */
static void dropped_count(struct target *target)
{
    struct batch *batch;
    uint64_t *counts = target->recovered->counts[target->number];
    while ((batch = spool_next_dropped(target->spool))) {
        counts[COUNTER_records_recovered] += batch->failed;
        counts[batch->failed_as] += batch->failed;
        spool_give_back(target->spool, batch);
    }
}

/* Puts the batch and waits until it is on disk, or is refused. */
static int batch_move(struct target *target, struct batch *batch)
{
    struct batch *back;
    int64_t by_ns = clock_steady_ns() + SPOOL_WAIT_MS * NS_PER_MS;
    int error;
    while ((error = spool_put(target->spool, batch)) == -EAGAIN && clock_steady_ns() < by_ns) {
        spool_flush(target->spool, 10);
        spool_poll(target->spool, &back, 1);
        dropped_count(target);
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
    while (!error && spool_poll(target->spool, &back, 1) == 0)
        if (spool_flush(target->spool, SPOOL_WAIT_MS) < 0 && clock_steady_ns() >= by_ns)
            return -ETIMEDOUT;
    dropped_count(target);
    if (!error && batch->failed)
        error = batch->failed_as == COUNTER_records_spool_full ? -ENOSPC : -EIO;
    return error;
}

static void body_lose(struct target *target, _Atomic uint64_t *owed, uint32_t count)
{
    target->fate->lost += count;
    owed_set(owed, OWED_NOTHING);
}

static void body_move(struct target *target, uint32_t worker, uint32_t number)
{
    _Atomic uint64_t *owed = owed_of(target, worker, number);
    uint32_t count = body_count(target, worker, number);
    struct batch *batch = &target->body.batch;
    if (!count) {
        owed_set(owed, OWED_NOTHING);
        return;
    }
    target->fate->open += body_is_open(target, worker, number) ? count : 0;
    if (!target->spool || *owed == OWED_MISSED || !memory_body_read(target->image, worker, number, &target->body)) {
        body_lose(target, owed, count);
        return;
    }
    batch->owed = owed;
    batch_judge_from(batch, 0, VERDICT_FAILED);
    int error = batch_move(target, batch);
    if (error == -ENOSPC) {
        target->recovered->counts[target->number][COUNTER_records_recovered] += count;
        target->recovered->counts[target->number][COUNTER_records_spool_full] += count;
        owed_set(owed, OWED_NOTHING);
    }
    target->fate->moved += error ? 0 : count;
    target->fate->stuck |= error && error != -ENOSPC;
}

/* ---- the order of bodies ---- */

struct place {
    uint64_t first;
    uint32_t route, number;
};

static int place_compare(const void *one, const void *other)
{
    const struct place *a = one, *b = other;
    if (a->route != b->route)
        return a->route < b->route ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

/* Moves a worker's bodies, the oldest first. */
static int bodies_move(struct target *target, uint32_t worker)
{
    uint32_t batches = target->image->layout.shape.batches, count = 0;
    uint8_t *block = memory_block(&target->image->layout, target->image->base, worker);
    struct place *places = malloc(batches * sizeof *places);
    if (!places)
        return -ENOMEM;
    for (uint32_t i = 0; i < batches; i++) {
        const struct batch_mark *mark = memory_batch_at(&target->image->layout, block, i).mark;
        if (*owed_of(target, worker, i))
            places[count++] = (struct place){mark->first, mark->route, i};
    }
    qsort(places, count, sizeof *places, place_compare);
    for (uint32_t i = 0; i < count && !target->fate->stuck; i++)
        body_move(target, worker, places[i].number);
    free(places);
    return 0;
}

/* ---- an output's thread ---- */

/* What the killed run knew of the same folder; NULL when it had none. */
static const struct spool_memory *spool_before(const struct target *target)
{
    if (!target->same_spool || target->thread >= target->old->threads)
        return NULL;
    uint32_t thread = target->thread;
    for (uint32_t i = 0; i < target->old_number; i++)
        thread += target->image->header.outputs[i].threads;
    return &memory_thread_at(&target->image->layout, target->image->base, thread)->spool;
}

static int target_open(struct target *target, struct output_config *output)
{
    int error = memory_body_init(&target->body, target->image);
    if (error || !output->spool.path || !*output->spool.path)
        return error;
    /* Frames may be as large as the killed run's batches. */
    if (output->batch_size < target->image->layout.shape.batch_bytes)
        output->batch_size = target->image->layout.shape.batch_bytes;
    return spool_open(&target->spool, &(struct spool_setup){.output = output,
                                                            .thread = target->thread,
                                                            .counters = &target->counters,
                                                            .memory = &target->memory,
                                                            .before = spool_before(target)});
}

/* Documents that were counted as being on disk and are not found there. */
static uint64_t spool_missing(const struct target *target)
{
    const struct spool_memory *memory = spool_before(target);
    if (!memory)
        return 0;
    uint64_t before = counter_read(&memory->waiting);
    uint64_t now = counter_read(&target->counters.value[COUNTER_records_recovered]);
    now -= target->found < now ? target->found : now;
    return before > now && !target->image->header.counted ? before - now : 0;
}

static int workers_move(struct target *target, uint32_t threads)
{
    int error = 0;
    for (uint32_t i = 0; i < target->image->layout.shape.workers; i++)
        if (serves(target, i, threads))
            spooling_resolve(target, i);
    target->fate->lost += spool_missing(target);
    target->fate->before += counter_read(&target->counters.value[COUNTER_records_recovered]);
    for (uint32_t i = 0; i < target->image->layout.shape.workers && !error; i++)
        if (serves(target, i, threads))
            error = bodies_move(target, i);
    return error;
}

static void target_close(struct target *target)
{
    static const enum counter kept[] = {COUNTER_spool_frames_written, COUNTER_spool_bytes_written,
                                        COUNTER_spool_write_errors};
    uint64_t *counts = target->recovered->counts[target->number];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        counts[kept[i]] += counter_read(&target->counters.value[kept[i]]);
    if (target->spool)
        spool_close(target->spool);
    memory_body_fini(&target->body);
}

static int thread_recover(struct target *target, const struct output_config *config, uint32_t threads)
{
    struct output_config output = *config;
    int error = target_open(target, &output);
    if (!error)
        error = workers_move(target, threads);
    target_close(target);
    return error;
}

/* ---- an output ---- */

/* What the killed run had counted for the output; 0 where nobody knows. */
static unsigned long long counted(const struct memory_image *image, uint32_t number, enum counter counter)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; memory_counters_known(&image->header) && i < image->layout.shape.workers; i++)
        sum += counter_read(&memory_worker_at(&image->layout, image->base, i)->feeds[number].value[counter]);
    return sum;
}

static void fate_say(const struct memory_image *image, const char *name, uint32_t old_number, const struct fate *fate)
{
    log_line(fate->lost ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
             "output %s: the run before was killed after %llu documents, %llu of them delivered; %llu were in its "
             "spool, %llu in memory are there now, %llu are lost",
             name, counted(image, old_number, COUNTER_records_received) + fate->open,
             counted(image, old_number, COUNTER_records_delivered), (unsigned long long)fate->before,
             (unsigned long long)fate->moved, (unsigned long long)fate->lost);
    if (fate->stuck)
        log_error("output %s: the spool cannot be written to: the rest of what a killed run had stays in %s for the "
                  "next start",
                  name, image->path);
}

static int output_recover(const struct memory_image *image, const struct output_config *output, uint32_t number,
                          struct memory_recovered *recovered, struct fate *fate)
{
    uint32_t old_number, threads = output->threads ? output->threads : 1;
    const struct memory_output *old = output_of(&image->header, output->name, &old_number);
    struct target *target = malloc(sizeof *target);
    int error = target ? 0 : -ENOMEM;
    for (uint32_t i = 0; old && i < threads && !error; i++) {
        *target = (struct target){.image = image, .recovered = recovered, .number = number, .thread = i,
                                  .old_number = old_number, .old = old, .same_spool = spool_same(old, output),
                                  .fate = fate};
        error = thread_recover(target, output, threads);
    }
    free(target);
    recovered->counts[number][COUNTER_records_inherited] += fate->lost;
    recovered->counts[number][COUNTER_records_lost_by_kill] += fate->lost;
    if (old && !error)
        fate_say(image, output->name, old_number, fate);
    return error;
}

/* ---- an image ---- */

/* Outputs that there are no more: what they owed can be put nowhere. */
static uint64_t strangers_lose(const struct memory_image *image, const struct config *config)
{
    uint64_t lost = 0;
    for (uint32_t number = 0; number < image->header.shape.outputs; number++) {
        bool known = false;
        for (uint32_t i = 0; i < config->output_count; i++)
            known |= strcmp(config->outputs[i].name, image->header.outputs[number].name) == 0;
        for (uint32_t w = 0; !known && w < image->layout.shape.workers; w++)
            for (uint32_t i = 0; i < image->layout.shape.batches; i++) {
                uint8_t *block = memory_block(&image->layout, image->base, w);
                struct batch_mark *mark = memory_batch_at(&image->layout, block, i).mark;
                lost += mark->owed[number] ? memory_body_count(image, mark) : 0;
                owed_set(&mark->owed[number], OWED_NOTHING);
            }
    }
    return lost;
}

static uint64_t workers_lost(const struct memory_image *image)
{
    uint64_t lost = 0;
    if (image->header.counted || !memory_counters_known(&image->header))
        return 0;
    for (uint32_t i = 0; i < image->layout.shape.workers; i++)
        lost += memory_worker_lost(image, i);
    return lost;
}

static void workers_count(struct memory_image *image, const struct config *config, struct memory_recovered *recovered)
{
    uint64_t lost = workers_lost(image) + strangers_lose(image, config);
    recovered->lost += lost;
    if (lost)
        log_warning("the run before was killed: %llu records that it was just working on, or had for outputs that "
                    "there are no more, are lost",
                    (unsigned long long)lost);
    atomic_store_explicit(&((struct memory_header *)image->base)->counted, 1, memory_order_release);
}

static int image_recover(struct memory_image *image, const struct config *config, struct memory_recovered *recovered)
{
    int error = 0;
    bool stuck = false, ended = image->header.ended;
    for (uint32_t i = 0; i < config->output_count && !error && !ended; i++) {
        struct fate fate = {0};
        error = output_recover(image, &config->outputs[i], i, recovered, &fate);
        stuck |= fate.stuck;
    }
    if (!error && !ended)
        workers_count(image, config, recovered);
    memory_image_close(image, !error && !stuck);
    return error;
}

/* ---- all of them ---- */

static bool is_named(const char *name)
{
    size_t length = strlen(name), end = strlen(MEMORY_FILE_END);
    return strncmp(name, MEMORY_FILE_START, strlen(MEMORY_FILE_START)) == 0 && length > end &&
           strcmp(name + length - end, MEMORY_FILE_END) == 0;
}

static int folder_recover(const char *folder, const struct config *config, struct memory_recovered *recovered)
{
    struct memory_claim claim = {.wanted = is_ours, .context = config};
    struct memory_image *image = malloc(sizeof *image);
    DIR *entries = opendir(folder); /* without it, memory_open() says what is wrong */
    struct dirent *entry;
    int error = image ? 0 : -ENOMEM;
    while (entries && !error && (entry = readdir(entries))) {
        int found = is_named(entry->d_name) ? memory_image_open(image, folder, entry->d_name, &claim) : 0;
        error = found > 0 ? image_recover(image, config, recovered) : found;
    }
    if (entries)
        closedir(entries);
    free(image);
    return error;
}

int memory_recover(const struct config *config, struct memory_recovered *recovered)
{
    const char *folders[MEMORY_FOLDERS_MOST];
    uint32_t count = memory_folders(config, folders);
    int error = 0;
    for (uint32_t i = 0; i < count && !error; i++)
        error = folder_recover(folders[i], config, recovered);
    return error;
}
