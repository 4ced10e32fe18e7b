/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MOST         1000            /* bytes of a line with its newline */
#define ENDING_MOST       8               /* room for the cut mark, the end of the JSON object and the newline */
#define LIMIT_INTERVAL_NS (10 * NS_PER_S) /* often enough to be seen, rare enough not to fill a disk */

struct line {
    char text[LINE_MOST];
    size_t length;
};

struct level_row {
    const char *name;
    int priority; /* sd-daemon(3) */
};

static const struct level_row levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static enum log_format setup_format = LOG_FORMAT_TEXT;
static enum log_level setup_level = LOG_LEVEL_INFO;

void log_setup(enum log_format format, enum log_level level)
{
    setup_format = format;
    setup_level = level;
}

static void time_format(char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    char seconds[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

static void line_begin(struct line *line, enum log_level level)
{
    char time[48];
    int length = 0;
    switch (setup_format) {
    case LOG_FORMAT_TEXT:
        time_format(time, sizeof time);
        length = snprintf(line->text, LINE_MOST, "%s %-7s ", time, levels[level].name);
        break;
    case LOG_FORMAT_JSON:
        time_format(time, sizeof time);
        length = snprintf(line->text, LINE_MOST, "{\"@timestamp\":\"%s\",\"log.level\":\"%s\",\"message\":\"", time,
                          levels[level].name);
        break;
    case LOG_FORMAT_JOURNAL:
        length = snprintf(line->text, LINE_MOST, "<%d>", levels[level].priority);
        break;
    }
    line->length = (size_t)length;
}

/* Bytes of the printable UTF-8 character (RFC 3629) at text, or 0 where there is none. */
static size_t character_length(const unsigned char *text)
{
    static const uint32_t least[] = {0, 0x20, 0xa0 /* no C1 controls */, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length == 0)
        return 0;
    uint32_t code = length == 1 ? text[0] : text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    bool possible = code >= least[length] && code <= 0x10ffff && code != 0x7f && (code < 0xd800 || code > 0xdfff);
    return possible ? length : 0;
}

/* Writes how the character at text stands in the line; returns how many bytes of text that took. */
static size_t character_escape(const unsigned char *text, char *escaped, size_t size)
{
    bool json = setup_format == LOG_FORMAT_JSON;
    size_t length = character_length(text);
    if (length == 0) {
        if (json && text[0] >= 0x80)
            snprintf(escaped, size, "\\ufffd");
        else
            snprintf(escaped, size, json ? "\\u%04x" : "\\x%02x", text[0]);
        return 1;
    }
    snprintf(escaped, size, "%s%.*s", json && (text[0] == '"' || text[0] == '\\') ? "\\" : "", (int)length,
             (const char *)text);
    return length;
}

static void line_append(struct line *line, const char *message)
{
    const unsigned char *rest = (const unsigned char *)message;
    while (*rest) {
        char escaped[8];
        rest += character_escape(rest, escaped, sizeof escaped);
        size_t length = strlen(escaped);
        if (line->length + length > LINE_MOST - ENDING_MOST) {
            memcpy(line->text + line->length, "...", 3);
            line->length += 3;
            return;
        }
        memcpy(line->text + line->length, escaped, length);
        line->length += length;
    }
}

static void line_write(struct line *line)
{
    const char *ending = setup_format == LOG_FORMAT_JSON ? "\"}\n" : "\n";
    size_t length = strlen(ending);
    memcpy(line->text + line->length, ending, length);
    line->length += length;

    size_t done = 0;
    while (done < line->length) {
        ssize_t written = write(STDERR_FILENO, line->text + done, line->length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* there is no other place to say it */
        done += (size_t)written;
    }
}

static void message_write(enum log_level level, uint64_t left_out, const char *format, va_list arguments)
{
    char message[LINE_MOST + 1];
    struct line line;
    int saved = errno;
    vsnprintf(message, sizeof message, format, arguments); /* first of all: %m reads errno */
    line_begin(&line, level);
    line_append(&line, message);
    if (left_out) {
        snprintf(message, sizeof message, " (%" PRIu64 " more of these left out)", left_out);
        line_append(&line, message);
    }
    line_write(&line);
    errno = saved;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > setup_level)
        return;
    va_list arguments;
    va_start(arguments, format);
    message_write(level, 0, format, arguments);
    va_end(arguments);
}

/* True for the one thread that may write now. */
static bool cause_due(struct log_cause *cause)
{
    int64_t now = clock_steady_ns();
    int64_t next = atomic_load_explicit(&cause->next_ns, memory_order_relaxed);
    if (now < next)
        return false;
    /* relaxed: only the winner matters, nothing else is published by it */
    return atomic_compare_exchange_strong_explicit(&cause->next_ns, &next, now + LIMIT_INTERVAL_NS,
                                                   memory_order_relaxed, memory_order_relaxed);
}

void log_limited(struct log_cause *cause, enum log_level level, const char *format, ...)
{
    if (level > setup_level)
        return;
    if (!cause_due(cause)) {
        atomic_fetch_add_explicit(&cause->left_out, 1, memory_order_relaxed);
        return;
    }
    uint64_t left_out = atomic_exchange_explicit(&cause->left_out, 0, memory_order_relaxed);
    va_list arguments;
    va_start(arguments, format);
    message_write(level, left_out, format, arguments);
    va_end(arguments);
}
