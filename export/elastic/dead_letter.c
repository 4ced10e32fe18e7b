/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define LINES_BYTES      (256U << 10) /* appended at once */
#define LINES_MOST_BYTES (64U << 20)  /* a document that does not fit is not kept */
#define LINES_AGE_NS     (1 * NS_PER_S)
#define RETRY_NS         (10 * NS_PER_S)
#define JSON_MOST        6            /* bytes of a byte, escaped */
#define FRAME_BYTES      512          /* of a line: names, time, status */

void dead_letter_init(struct dead_letter *letter, const struct output_config *output)
{
    *letter = (struct dead_letter){
        .output = output->name, .pattern = output->elastic.dead_letter, .fd = -1, .due_ns = INT64_MAX};
}

/* ---- the file ---- */

/* The path that the pattern stands for now, in UTC; %i is always 1, for files are appended to. */
static int render_path(const char *pattern, char *path, size_t room_bytes)
{
    char format[4096];
    size_t length = 0;
    for (const char *at = pattern; *at && length + 2 < sizeof format; at++) {
        bool percent = at[0] == '%' && at[1];
        if (percent && at[1] == 'i') {
            format[length++] = '1';
            at++;
            continue;
        }
        format[length++] = *at;
        if (percent)
            format[length++] = *++at;
    }
    format[length] = '\0';
    struct tm utc;
    time_t now = (time_t)(clock_utc_ns() / NS_PER_S);
    return gmtime_r(&now, &utc) && strftime(path, room_bytes, format, &utc) ? 0 : -ENAMETOOLONG;
}

static void file_close(struct dead_letter *letter)
{
    if (letter->fd >= 0)
        close(letter->fd);
    letter->fd = -1;
    letter->torn = false;
}

/* Whether the open file still stands at the path, and may grow. */
static bool file_fits(struct dead_letter *letter, const char *path)
{
    struct stat open_file, named_file;
    if (letter->fd < 0 || strcmp(path, letter->path) != 0 || fstat(letter->fd, &open_file) < 0)
        return false;
    if (stat(path, &named_file) < 0 || named_file.st_ino != open_file.st_ino || named_file.st_dev != open_file.st_dev)
        return false;
    if (!S_ISREG(open_file.st_mode) || (uint64_t)open_file.st_size < DEAD_LETTER_FILE_BYTES)
        return true;
    char before[sizeof letter->path + 2];
    snprintf(before, sizeof before, "%s.1", path);
    return rename(path, before) < 0; /* if it cannot be, it grows: to lose documents is worse */
}

static int file_open(struct dead_letter *letter)
{
    char path[sizeof letter->path];
    int error = render_path(letter->pattern, path, sizeof path);
    if (error || file_fits(letter, path))
        return error;
    file_close(letter);
    strcpy(letter->path, path);
    /* A pipe without a reader is an error, not something to wait for. */
    letter->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    return letter->fd < 0 ? -errno : 0;
}

/* Several threads append: a line that was cut is ended by the next that this one writes. */
static int lines_append(struct dead_letter *letter)
{
    int error = file_open(letter);
    if (error)
        return error;
    if (letter->torn && write(letter->fd, "\n", 1) == 1)
        letter->torn = false;
    ssize_t written = write(letter->fd, letter->lines, letter->size_bytes);
    if (written == (ssize_t)letter->size_bytes)
        return 0;
    error = written < 0 ? -errno : -ENOSPC;
    letter->torn |= written > 0;
    return error;
}

static void lines_clear(struct dead_letter *letter)
{
    letter->size_bytes = 0;
    letter->waiting = 0;
    letter->due_ns = INT64_MAX;
}

static void lines_flush(struct dead_letter *letter)
{
    int error = letter->size_bytes ? lines_append(letter) : 0;
    if (error) {
        letter->lost += letter->waiting;
        if (!letter->failing)
            log_error("output %s: cannot write elasticsearch.dead_letter %s: %s; documents that the server refuses are "
                      "not kept until it can",
                      letter->output, letter->pattern, strerror(-error));
        letter->failing = true;
    } else if (letter->failing && letter->size_bytes) {
        log_info("output %s: elasticsearch.dead_letter %s is written again; %llu refused documents were not kept",
                 letter->output, letter->path, (unsigned long long)letter->lost);
        letter->failing = false;
        letter->lost = 0;
    }
    lines_clear(letter);
}

/* ---- the lines ---- */

static bool lines_room(struct dead_letter *letter, size_t more_bytes)
{
    if (letter->size_bytes && letter->size_bytes + more_bytes > LINES_BYTES)
        lines_flush(letter);
    size_t need = letter->size_bytes + more_bytes;
    need = need < LINES_BYTES ? LINES_BYTES : need;
    if (need <= letter->room_bytes)
        return true;
    char *lines = need > LINES_MOST_BYTES ? NULL : realloc(letter->lines, need);
    if (!lines)
        return false;
    letter->lines = lines;
    letter->room_bytes = need;
    return true;
}

static char *put_text(char *at, const char *name, const void *text, size_t size_bytes)
{
    at += sprintf(at, "\"%s\":\"", name);
    at = text_json(at, text, size_bytes);
    *at++ = '"';
    return at;
}

static char *put_line(char *at, const struct dead_letter_document *document)
{
    struct text_day day = {0};
    at += sprintf(at, "{\"@timestamp\":\"");
    at = text_time(at, clock_utc_ns() / NS_PER_MS, &day);
    at += sprintf(at, "\",");
    at = put_text(at, "target", document->target, strlen(document->target));
    at += sprintf(at, ",\"status\":%ld,\"error\":{", document->status);
    at = put_text(at, "type", document->type, strlen(document->type));
    *at++ = ',';
    at = put_text(at, "reason", document->reason, strlen(document->reason));
    at += sprintf(at, "},");
    at = put_text(at, "document", document->bytes, document->size_bytes);
    at += sprintf(at, "}\n");
    return at;
}

void dead_letter_add(struct dead_letter *letter, const struct dead_letter_document *document)
{
    if (!*letter->pattern)
        return;
    size_t texts = strlen(document->target) + strlen(document->type) + strlen(document->reason) + document->size_bytes;
    if (!lines_room(letter, FRAME_BYTES + JSON_MOST * texts + TEXT_OVERRUN)) {
        letter->lost++;
        return;
    }
    char *end = put_line(letter->lines + letter->size_bytes, document);
    letter->size_bytes = (size_t)(end - letter->lines);
    letter->waiting++;
    if (letter->due_ns == INT64_MAX)
        letter->due_ns = clock_steady_ns() + (letter->failing ? RETRY_NS : LINES_AGE_NS);
}

void dead_letter_poll(struct dead_letter *letter, int64_t now_ns)
{
    if (now_ns >= letter->due_ns)
        lines_flush(letter);
}

void dead_letter_fini(struct dead_letter *letter)
{
    lines_flush(letter);
    if (letter->lost)
        log_error("output %s: %llu documents that the server refused could not be written to elasticsearch.dead_letter",
                  letter->output, (unsigned long long)letter->lost);
    file_close(letter);
    free(letter->lines);
    letter->lines = NULL;
    letter->room_bytes = 0;
}
