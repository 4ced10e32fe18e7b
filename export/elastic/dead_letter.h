/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * A file for documents that a server refused for good, one line of JSON each: when, where to, HTTP's status, the
 * server's error, and the document as a string. Bounded: a file that is DEAD_LETTER_FILE_BYTES long gets ".1" behind
 * its name, in the place of the one before. Lines gather in memory and are appended now and then; several threads, and
 * processes, may append to one file. What cannot be written is counted and logged, and never waited for.
 */
#define DEAD_LETTER_FILE_BYTES (256ULL << 20)

struct dead_letter {
    const char *output;   /* its name */
    const char *pattern;  /* "" = none: then nothing is kept */
    int fd;               /* -1 = none */
    char path[4096];      /* of fd */
    char *lines;
    size_t size_bytes;    /* of lines */
    size_t room_bytes;
    uint32_t waiting;     /* documents in lines */
    int64_t due_ns;       /* steady clock; when lines are to be appended; INT64_MAX = nothing waits */
    bool torn;            /* the file's last line is not whole */
    bool failing;         /* and logged */
    uint64_t lost;        /* documents that could not be written, since the log said so */
};

struct dead_letter_document {
    const char *target;
    long status;
    const char *type;
    const char *reason;
    const uint8_t *bytes; /* without its newline */
    size_t size_bytes;
};

void dead_letter_init(struct dead_letter *letter, const struct output_config *output);
/* Appends what waits. */
void dead_letter_fini(struct dead_letter *letter);

void dead_letter_add(struct dead_letter *letter, const struct dead_letter_document *document);

/* Appends what waits when that is due. */
void dead_letter_poll(struct dead_letter *letter, int64_t now_ns);
