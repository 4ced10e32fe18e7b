/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/journal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "decode/journal/file.h"
#include "decode/journal/record.h"

#define FEED_BYTES (1u << 20) /* some ten thousand templates */
#define TURN_NS    (20 * NS_PER_MS)
#define SYNC_NS    NS_PER_S
#define RETRY_NS   (5 * NS_PER_S)
#define SLACK      (1u << 20) /* bytes of dead records for which a file is never written anew */

/*
 * What is alive is `recent` (what was said in this run) and those of `known` that nothing was said about: the workers
 * read `known` without a lock, so it stays as it was read, and `superseded` has a bit for each of its slots.
 */
struct journal {
    const struct config *config;
    struct journal_file file;
    struct template_store *known, *recent;
    uint8_t *superseded;
    uint64_t known_live_bytes; /* of those that are not superseded */
    struct template_feed **feeds;
    uint32_t feed_count;
    struct template_feed *tap; /* NULL, or where all is passed on to */
    bool finishing;            /* what finds no room there is not passed on: the file has it */
    bool broken;      /* the file does not have all: it has to be written anew */
    int64_t sync_ns;  /* steady: not before */
    int64_t retry_ns; /* steady: when it may be written anew */
    struct counters counters; /* the thread writes, any thread reads */

    bool started;
    bool stopping;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

/* --- what is alive --- */

static bool is_superseded(const struct journal *journal, uint32_t slot)
{
    return journal->superseded[slot / 8] >> slot % 8 & 1;
}

static void known_supersede(struct journal *journal, uint32_t slot)
{
    struct template_event event;
    if (slot == STORE_NONE || is_superseded(journal, slot))
        return;
    journal->superseded[slot / 8] |= (uint8_t)(1 << slot % 8);
    if (template_store_at(journal->known, slot, &event))
        journal->known_live_bytes -= journal_record_bytes(event.record_bytes);
}

static uint64_t live_bytes(const struct journal *journal)
{
    return journal->known_live_bytes + template_store_live_bytes(journal->recent);
}

/* --- writing anew --- */

/* What is alive and not too old goes to the new file; those of this run also to `kept`. */
static int recent_copy(const struct journal *journal, struct journal_file *next, struct template_store *kept)
{
    struct template_event event;
    int64_t now_ns = clock_utc_ns();
    for (uint32_t slot = 0; slot < template_store_slots(journal->recent); slot++) {
        if (!template_store_at(journal->recent, slot, &event) ||
            template_event_expired(&event, journal->config->expiration_timeout, now_ns))
            continue;
        if (!template_store_put(kept, &event))
            return -ENOMEM;
        int result = journal_file_append(next, &event);
        if (result)
            return result;
    }
    return 0;
}

static int known_copy(struct journal *journal, struct journal_file *next)
{
    struct template_event event;
    int64_t now_ns = clock_utc_ns();
    for (uint32_t slot = 0; slot < template_store_slots(journal->known); slot++) {
        if (is_superseded(journal, slot) || !template_store_at(journal->known, slot, &event))
            continue;
        if (template_event_expired(&event, journal->config->expiration_timeout, now_ns)) {
            known_supersede(journal, slot);
            continue;
        }
        int result = journal_file_append(next, &event);
        if (result)
            return result;
    }
    return 0;
}

static int file_rewrite(struct journal *journal)
{
    struct journal_file next;
    struct template_store *kept = template_store_new();
    if (!kept)
        return -ENOMEM;
    int result = journal_file_begin(&journal->file, &next);
    if (!result)
        result = known_copy(journal, &next);
    if (!result)
        result = recent_copy(journal, &next, kept);
    if (!result)
        result = journal_file_replace(&journal->file, &next);
    if (result) {
        journal_file_drop(&journal->file, &next);
        template_store_free(kept);
        return result;
    }
    template_store_free(journal->recent);
    journal->recent = kept;
    counter_add(&journal->counters, COUNTER_template_journal_rewrites, 1);
    return 0;
}

static void error_note(struct journal *journal, int error)
{
    static struct log_cause cause;
    counter_add(&journal->counters, COUNTER_template_journal_errors, 1);
    log_limited(&cause, LOG_LEVEL_WARNING, "templates: cannot write the journal in %s: %s; trying again",
                journal->config->templates.path, strerror(-error));
}

/* Where the file is not what it should be, or mostly of the dead. */
static void file_mend(struct journal *journal, bool full)
{
    int64_t now_ns = clock_steady_ns();
    bool wasteful = journal->file.size_bytes > 2 * live_bytes(journal) + SLACK;
    if ((!journal->broken && !wasteful && !full) || now_ns < journal->retry_ns)
        return;
    int result = file_rewrite(journal);
    journal->retry_ns = result ? now_ns + RETRY_NS : 0;
    journal->broken &= result != 0;
    if (result)
        error_note(journal, result);
}

/* --- events --- */

static uint64_t file_end(const struct journal *journal)
{
    return journal->file.size_bytes + journal->file.buffered_bytes;
}

/*
 * False when there is no more room for what is alive: half of the file's, so that the other half is there to append to
 * before it has to be written anew.
 */
static bool room_make(struct journal *journal, const struct template_event *event)
{
    uint64_t most = journal->config->templates.size, bytes = journal_record_bytes(event->record_bytes);
    if (event->change != CHANGE_REMOVED && live_bytes(journal) + bytes > most / 2)
        return false;
    if (!journal->broken && file_end(journal) + bytes > most) {
        file_mend(journal, true);
        journal->broken = file_end(journal) + bytes > most;
    }
    return true;
}

/* Removed: it is enough that neither store has it any more; the file says so to the next run. */
static bool stores_put(struct journal *journal, const struct template_event *event)
{
    known_supersede(journal, template_store_find(journal->known, &event->key, event->id));
    bool removed = event->change == CHANGE_REMOVED;
    if (removed && template_store_find(journal->recent, &event->key, event->id) == STORE_NONE)
        return true;
    return template_store_put(journal->recent, event);
}

static void event_take(struct journal *journal, const struct template_event *event)
{
    counter_add(&journal->counters, COUNTER_template_events, 1);
    if (!room_make(journal, event) || !stores_put(journal, event)) {
        counter_add(&journal->counters, COUNTER_template_journal_full, 1);
        return;
    }
    int result = journal->broken ? 0 : journal_file_append(&journal->file, event);
    if (!result)
        return;
    journal->broken = true;
    error_note(journal, result);
}

static uint32_t feeds_drain(struct journal *journal)
{
    uint32_t count = 0;
    struct template_event event;
    for (uint32_t i = 0; i < journal->feed_count; i++) {
        for (; template_feed_peek(journal->feeds[i], &event); count++) {
            if (journal->tap && !template_feed_push(journal->tap, &event) && !journal->finishing)
                return count; /* there is room again soon; until then it stays where it is */
            event_take(journal, &event);
            template_feed_pop(journal->feeds[i]);
        }
    }
    return count;
}

static void file_sync(struct journal *journal, int64_t now_ns)
{
    int result = journal->broken ? 0 : journal_file_flush(&journal->file);
    if (!result && now_ns >= journal->sync_ns) {
        journal->sync_ns = now_ns + SYNC_NS;
        result = journal_file_sync(&journal->file);
    }
    if (!result)
        return;
    journal->broken = true;
    error_note(journal, result);
}

uint32_t journal_turn(struct journal *journal)
{
    uint32_t count = feeds_drain(journal);
    file_sync(journal, clock_steady_ns());
    file_mend(journal, false);
    return count;
}

/* --- the thread --- */

static bool turn_wait(struct journal *journal)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t until_ns = until.tv_sec * NS_PER_S + until.tv_nsec + TURN_NS;
    until = (struct timespec){.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&journal->mutex);
    if (!journal->stopping)
        pthread_cond_timedwait(&journal->wake, &journal->mutex, &until);
    bool stopping = journal->stopping;
    pthread_mutex_unlock(&journal->mutex);
    return !stopping;
}

static void *thread_run(void *argument)
{
    struct journal *journal = argument;
    do
        journal_turn(journal);
    while (turn_wait(journal));
    return NULL;
}

int journal_start(struct journal *journal)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int error = pthread_create(&journal->thread, NULL, thread_run, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("cannot start the thread of the journal: %s; raise the limit of threads (ulimit -u)",
                  strerror(error));
        return -error;
    }
    pthread_setname_np(journal->thread, "weir-journal");
    journal->started = true;
    return 0;
}

static void thread_stop(struct journal *journal)
{
    if (!journal->started)
        return;
    pthread_mutex_lock(&journal->mutex);
    journal->stopping = true;
    pthread_cond_signal(&journal->wake);
    pthread_mutex_unlock(&journal->mutex);
    pthread_join(journal->thread, NULL);
    journal->started = false;
}

/* --- opening and closing --- */

struct reader {
    struct journal *journal;
    int64_t now_ns;
};

/* A time to come is a clock that was wrong: the template is as old as it can be said to be. */
static bool known_take(const struct template_event *event, void *data)
{
    struct reader *reader = data;
    struct template_event taken = *event;
    if (taken.time_ns > reader->now_ns)
        taken.time_ns = reader->now_ns;
    return template_store_put(reader->journal->known, &taken);
}

static int known_read(struct journal *journal)
{
    int64_t began_ns = clock_steady_ns();
    struct reader reader = {.journal = journal, .now_ns = clock_utc_ns()};
    struct journal_reading reading;
    int result = journal_file_read(&journal->file, known_take, &reader, &reading);
    if (result)
        return result;
    journal->known_live_bytes = template_store_live_bytes(journal->known);
    journal->superseded = calloc(1, template_store_slots(journal->known) / 8 + 1);
    counter_add(&journal->counters, COUNTER_template_journal_damaged, reading.damaged);
    log_info("templates: %u known from %s, read in %lld ms, %zu KiB of memory", template_store_count(journal->known),
             journal->config->templates.path, (long long)((clock_steady_ns() - began_ns) / NS_PER_MS),
             template_store_memory(journal->known) >> 10);
    if (reading.damaged)
        log_warning("templates: the journal was damaged in %llu places, of which the last %llu bytes were cut off",
                    (unsigned long long)reading.damaged, (unsigned long long)reading.cut_bytes);
    return journal->superseded ? 0 : -ENOMEM;
}

static int feeds_make(struct journal *journal, uint32_t workers)
{
    journal->feeds = calloc(workers, sizeof(*journal->feeds));
    if (!journal->feeds)
        return -ENOMEM;
    for (; journal->feed_count < workers; journal->feed_count++) {
        journal->feeds[journal->feed_count] = template_feed_new(FEED_BYTES);
        if (!journal->feeds[journal->feed_count])
            return -ENOMEM;
    }
    return 0;
}

void journal_free(struct journal *journal)
{
    if (!journal)
        return;
    for (uint32_t i = 0; i < journal->feed_count; i++)
        template_feed_free(journal->feeds[i]);
    free(journal->feeds);
    template_store_free(journal->known);
    template_store_free(journal->recent);
    free(journal->superseded);
    journal_file_close(&journal->file);
    pthread_cond_destroy(&journal->wake);
    pthread_mutex_destroy(&journal->mutex);
    free(journal);
}

static void failure_say(const struct config *config, int error)
{
    const char *path = config->templates.path;
    if (error == -EBUSY)
        log_error("templates: %s is in use by another process; give each a templates.path of its own", path);
    else if (error == -EPROTO)
        log_error("templates: the journal in %s is of a newer weir; run that one, or move the file away", path);
    else
        log_error("templates: cannot use %s: %s; see that templates.path is a folder that can be written to", path,
                  strerror(-error));
}

static struct journal *journal_new(const struct config *config)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&journal->mutex, NULL);
    journal->config = config;
    journal->known = template_store_new();
    journal->recent = template_store_new();
    return journal;
}

int journal_open(struct journal **journal, const struct config *config, uint32_t workers)
{
    *journal = NULL;
    if (!config->templates.path || !*config->templates.path)
        return 0;
    struct journal *made = journal_new(config);
    int result = !made ? -ENOMEM : journal_file_open(&made->file, config->templates.path);
    if (!result)
        result = made->known && made->recent ? known_read(made) : -ENOMEM;
    if (!result)
        result = feeds_make(made, workers);
    if (!result) {
        *journal = made;
        return 0;
    }
    failure_say(config, result);
    journal_free(made);
    return result;
}

void journal_finish(struct journal *journal)
{
    thread_stop(journal);
    journal->finishing = true;
    journal->sync_ns = journal->retry_ns = 0;
    journal_turn(journal);
}

struct template_feed *journal_feed(struct journal *journal, uint32_t worker)
{
    return journal->feeds[worker];
}

void journal_tap(struct journal *journal, struct template_feed *tap)
{
    journal->tap = tap;
}

struct template_store *journal_known(struct journal *journal)
{
    return journal->known;
}

const struct counters *journal_counters(const struct journal *journal)
{
    return &journal->counters;
}
