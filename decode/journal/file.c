/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decode/journal/record.h"

#define FILE_NAME    "templates.journal"
#define NEXT_NAME    "templates.journal.next"
#define LOCK_NAME    "lock"
#define BUFFER_BYTES (256u << 10)
#define WINDOW_BYTES (1u << 20)

static_assert(BUFFER_BYTES > RECORD_MOST && WINDOW_BYTES > 2 * RECORD_MOST, "every record fits in");

/* --- opening --- */

/* The folder, and those that it is in. */
static int folder_make(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    int result = 0;
    for (char *at = copy + 1; *at && !result; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        result = mkdir(copy, 0750) < 0 && errno != EEXIST ? -errno : 0;
        *at = '/';
    }
    if (!result && mkdir(copy, 0750) < 0 && errno != EEXIST)
        result = -errno;
    free(copy);
    return result;
}

static int folder_open(struct journal_file *file)
{
    int result = folder_make(file->folder);
    if (result)
        return result;
    file->folder_fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->folder_fd < 0)
        return -errno;
    file->lock_fd = openat(file->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (file->lock_fd < 0)
        return -errno;
    if (flock(file->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    unlinkat(file->folder_fd, NEXT_NAME, 0); /* of a run that was killed while it wrote the file anew */
    return 0;
}

/* As many bytes as there are, up to size_bytes. */
static ssize_t read_at(int fd, void *bytes, size_t size_bytes, uint64_t offset)
{
    size_t count = 0;
    while (count < size_bytes) {
        ssize_t step = pread(fd, (uint8_t *)bytes + count, size_bytes - count, (off_t)(offset + count));
        if (step < 0 && errno == EINTR)
            continue;
        if (step < 0)
            return -errno;
        if (step == 0)
            break;
        count += (size_t)step;
    }
    return (ssize_t)count;
}

static int write_at(int fd, const void *bytes, size_t size_bytes, uint64_t offset)
{
    for (size_t count = 0; count < size_bytes;) {
        ssize_t step = pwrite(fd, (const uint8_t *)bytes + count, size_bytes - count, (off_t)(offset + count));
        if (step < 0 && errno != EINTR)
            return -errno;
        count += step > 0 ? (size_t)step : 0;
    }
    return 0;
}

static int head_write(struct journal_file *file)
{
    const struct journal_head head = {.magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION};
    file->size_bytes = sizeof head;
    file->unsynced = true;
    return write_at(file->fd, &head, sizeof head, 0);
}

/* A head that is no head at all is damage like any other, and mended: what is behind it may be whole. */
static int head_check(struct journal_file *file)
{
    struct journal_head head;
    ssize_t count = read_at(file->fd, &head, sizeof head, 0);
    if (count < 0)
        return (int)count;
    if (count == sizeof head && head.magic == JOURNAL_MAGIC && head.version > JOURNAL_VERSION)
        return -EPROTO;
    if (count == sizeof head && head.magic == JOURNAL_MAGIC && head.version == JOURNAL_VERSION) {
        file->size_bytes = sizeof head;
        return 0;
    }
    return head_write(file);
}

int journal_file_open(struct journal_file *file, const char *folder)
{
    *file = (struct journal_file){.folder_fd = -1, .lock_fd = -1, .fd = -1};
    file->folder = strdup(folder);
    file->buffer = malloc(BUFFER_BYTES);
    if (!file->folder || !file->buffer)
        return -ENOMEM;
    int result = folder_open(file);
    if (result)
        return result;
    file->fd = openat(file->folder_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    return file->fd < 0 ? -errno : head_check(file);
}

static void fd_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void journal_file_close(struct journal_file *file)
{
    fd_close(file->fd);
    fd_close(file->lock_fd);
    fd_close(file->folder_fd);
    free(file->folder);
    free(file->buffer);
    *file = (struct journal_file){.folder_fd = -1, .lock_fd = -1, .fd = -1};
}

/* --- reading --- */

struct window {
    uint8_t *bytes;
    uint64_t offset; /* in the file */
    uint32_t count;
    uint32_t at;
    bool last;       /* the file ends with it */
};

static int window_fill(const struct journal_file *file, struct window *window)
{
    window->offset += window->at;
    window->at = 0;
    ssize_t count = read_at(file->fd, window->bytes, WINDOW_BYTES, window->offset);
    if (count < 0)
        return (int)count;
    window->count = (uint32_t)count;
    window->last = count < WINDOW_BYTES;
    return 0;
}

/* The end of the whole records is `whole`: the rest goes, so that what is appended can be read. */
static int tail_cut(struct journal_file *file, uint64_t whole, uint64_t end, struct journal_reading *reading)
{
    file->size_bytes = whole;
    reading->cut_bytes = end - whole;
    if (end == whole)
        return 0;
    file->unsynced = true;
    return ftruncate(file->fd, (off_t)whole) < 0 ? -errno : 0;
}

static int records_read(struct journal_file *file, struct window *window, journal_visitor visitor, void *data,
                        struct journal_reading *reading)
{
    uint64_t whole = window->offset;
    bool damage = false; /* the place before was damaged, too: one place */
    for (;;) {
        struct template_event event;
        uint32_t skip;
        enum journal_verdict verdict =
            journal_record_read(window->bytes + window->at, window->count - window->at, &event, &skip);
        if (verdict == JOURNAL_SHORT && !window->last) {
            int result = window_fill(file, window);
            if (result)
                return result;
            continue;
        }
        if (verdict == JOURNAL_SHORT)
            break;
        window->at += skip;
        reading->damaged += verdict != JOURNAL_WHOLE && !damage;
        damage = verdict != JOURNAL_WHOLE;
        if (damage)
            continue;
        if (!visitor(&event, data))
            return -ENOMEM;
        reading->records++;
        whole = window->offset + window->at;
    }
    uint64_t end = window->offset + window->count;
    reading->damaged += end != whole && !damage;
    return tail_cut(file, whole, end, reading);
}

int journal_file_read(struct journal_file *file, journal_visitor visitor, void *data, struct journal_reading *reading)
{
    struct window window = {.bytes = malloc(WINDOW_BYTES), .offset = sizeof(struct journal_head)};
    *reading = (struct journal_reading){0};
    int result = window.bytes ? window_fill(file, &window) : -ENOMEM;
    if (!result)
        result = records_read(file, &window, visitor, data, reading);
    free(window.bytes);
    return result;
}

/* --- writing --- */

int journal_file_flush(struct journal_file *file)
{
    if (!file->buffered_bytes)
        return 0;
    int result = write_at(file->fd, file->buffer, file->buffered_bytes, file->size_bytes);
    if (result) {
        /* a torn record would be cut at the next start; here it would stand in the way of the ones after it */
        if (ftruncate(file->fd, (off_t)file->size_bytes) < 0)
            result = -errno;
        return result;
    }
    file->size_bytes += file->buffered_bytes;
    file->buffered_bytes = 0;
    file->unsynced = true;
    return 0;
}

int journal_file_append(struct journal_file *file, const struct template_event *event)
{
    int result = 0;
    if (BUFFER_BYTES - file->buffered_bytes < RECORD_MOST)
        result = journal_file_flush(file);
    if (!result)
        file->buffered_bytes += journal_record_write(file->buffer + file->buffered_bytes, event);
    return result;
}

int journal_file_sync(struct journal_file *file)
{
    if (!file->unsynced)
        return 0;
    if (fdatasync(file->fd) < 0)
        return -errno;
    file->unsynced = false;
    return 0;
}

/* --- writing anew --- */

int journal_file_begin(struct journal_file *file, struct journal_file *next)
{
    *next = (struct journal_file){.folder_fd = -1, .lock_fd = -1, .fd = -1};
    next->buffer = malloc(BUFFER_BYTES);
    if (!next->buffer)
        return -ENOMEM;
    next->fd = openat(file->folder_fd, NEXT_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    return next->fd < 0 ? -errno : head_write(next);
}

void journal_file_drop(struct journal_file *file, struct journal_file *next)
{
    journal_file_close(next);
    unlinkat(file->folder_fd, NEXT_NAME, 0);
}

int journal_file_replace(struct journal_file *file, struct journal_file *next)
{
    int result = journal_file_flush(next);
    if (!result)
        result = journal_file_sync(next); /* before the name: what has the name is whole, even after a power cut */
    if (!result && renameat(file->folder_fd, NEXT_NAME, file->folder_fd, FILE_NAME) < 0)
        result = -errno;
    if (result)
        return result;
    fsync(file->folder_fd);
    close(file->fd);
    file->fd = next->fd;
    file->size_bytes = next->size_bytes;
    file->unsynced = false;
    file->buffered_bytes = 0; /* all of it is in the new file */
    next->fd = -1;
    journal_file_close(next);
    return 0;
}
