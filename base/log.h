/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Log lines to standard error, as text, as JSON (ECS: @timestamp, log.level, message) or with journald's <N> priority
 * in front. Never called in a burst; whoever may be reached again and again for one cause uses log_limited().
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

/* For the whole process; call it before other threads start. */
void log_setup(enum log_format format, enum log_level level);

/* One line of at most 1,000 bytes; control characters are escaped. Any thread. errno is kept. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* One cause: at most one line an interval; the next line says how many were left out. Static storage, zeroed. */
struct log_cause {
    _Atomic int64_t next_ns;
    _Atomic uint64_t left_out;
};

void log_limited(struct log_cause *cause, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
