/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Journals in a folder of their own, and templates that tell which one they are. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "decode/journal/journal.h"
#include "decode/journal/record.h"

struct fixture {
    char folder[64];
    char file[128];
    struct config config;
    struct journal *journal;
};

static inline int fixture_open(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/weir-journal-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    snprintf(fixture->file, sizeof fixture->file, "%s/templates.journal", fixture->folder);
    fixture->config.templates.path = fixture->folder;
    fixture->config.templates.size = 64 << 20;
    *state = fixture;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    journal_free(fixture->journal);
    snprintf(command, sizeof command, "rm -r %s", fixture->folder);
    int status = system(command);
    free(fixture);
    return status;
}

static inline struct journal *journal_begin(struct fixture *fixture)
{
    assert_null(fixture->journal);
    assert_int_equal(journal_open(&fixture->journal, &fixture->config, 1), 0);
    return fixture->journal;
}

static inline void journal_end(struct fixture *fixture)
{
    journal_finish(fixture->journal);
    journal_free(fixture->journal);
    fixture->journal = NULL;
}

#define RECORD_ROOM 512

/* Template `number` in its version `round`: from both follow its key, id, kind and fields, of 1 to 40. */
static inline struct template_event event_make(uint32_t number, uint32_t round, uint8_t record[RECORD_ROOM])
{
    uint32_t fields = 1 + (number + round) % 40;
    bool options = number % 5 == 4;
    struct template_event event = {
        .key = {.domain = number / 3, .version = number % 2 ? 9 : 10},
        .time_ns = clock_utc_ns() / NS_PER_S * NS_PER_S,
        .record = record,
        .id = (uint16_t)(256 + number % 3),
        .source_port = (uint16_t)(number * 7),
        .change = CHANGE_LEARNED,
        .options = options,
    };
    memcpy(event.key.address.bytes, &number, sizeof number);
    memcpy(event.key.address.bytes + 8, &number, sizeof number);
    uint8_t *at = record;
    uint32_t first = event.key.version == 9 ? 4 : fields, second = event.key.version == 9 ? 4 * (fields - 1) : 1;
    uint32_t words[] = {event.id, options ? first : fields, second};
    for (uint32_t i = 0; i < (options ? 3u : 2u); i++) {
        *at++ = (uint8_t)(words[i] >> 8);
        *at++ = (uint8_t)words[i];
    }
    for (uint32_t i = 0; i < fields; i++, at += 4) {
        uint32_t value = (1 + (number + i) % 300) << 16 | (1 + (round + i) % 8);
        uint32_t swapped = __builtin_bswap32(value);
        memcpy(at, &swapped, 4);
    }
    event.record_bytes = (uint16_t)(at - record);
    return event;
}

static inline void event_push(struct fixture *fixture, uint32_t number, uint32_t round)
{
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_make(number, round, record);
    while (!template_feed_push(journal_feed(fixture->journal, 0), &event))
        journal_turn(fixture->journal);
}

static inline void event_push_removed(struct fixture *fixture, uint32_t number)
{
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_make(number, 0, record);
    event.change = CHANGE_REMOVED;
    event.record_bytes = 0;
    while (!template_feed_push(journal_feed(fixture->journal, 0), &event))
        journal_turn(fixture->journal);
}

#define ROUND_NONE UINT32_MAX

/* Which version of a template the store has, of the first `rounds`; anything else than one of them fails. */
static inline uint32_t round_known(const struct template_store *store, uint32_t number, uint32_t rounds)
{
    uint8_t record[RECORD_ROOM];
    struct template_event wanted = event_make(number, 0, record), found;
    uint32_t slot = template_store_find(store, &wanted.key, wanted.id);
    if (slot == STORE_NONE || !template_store_at(store, slot, &found))
        return ROUND_NONE;
    assert_int_equal(found.source_port, wanted.source_port);
    assert_int_equal(found.options, wanted.options);
    for (uint32_t round = 0; round < rounds; round++) {
        wanted = event_make(number, round, record);
        if (wanted.record_bytes == found.record_bytes && memcmp(record, found.record, found.record_bytes) == 0)
            return round;
    }
    fail_msg("template %u is none of those that were written", number);
    return ROUND_NONE;
}

static inline uint64_t journal_counted(const struct fixture *fixture, enum counter counter)
{
    return counter_read(&journal_counters(fixture->journal)->value[counter]);
}

static inline uint64_t file_bytes(const struct fixture *fixture)
{
    struct stat status;
    return stat(fixture->file, &status) < 0 ? 0 : (uint64_t)status.st_size;
}

struct image {
    uint8_t *bytes;
    uint64_t size;
};

static inline struct image image_load(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &status), 0);
    struct image image = {malloc((size_t)status.st_size), (uint64_t)status.st_size};
    assert_int_equal(read(fd, image.bytes, image.size), image.size);
    close(fd);
    return image;
}

static inline void image_store(const char *path, const struct image *image, uint64_t size)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_int_equal(write(fd, image->bytes, size), size);
    close(fd);
}
