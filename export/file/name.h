/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define FILE_PARTIAL ".partial" /* behind the name of a file that is being written */

/*
 * The names that a path pattern stands for: strftime's letters in UTC, and %i for the number of the file, from 1. Where
 * the pattern has no %i, the second file of the same name is called flows.2.ndjson and so on.
 */
struct file_names {
    char pattern[PATH_MAX]; /* with the compression's extension */
    bool numbered;          /* has %i */
    uint32_t number;        /* of the last file made */
    char first[PATH_MAX];   /* the name that number 1 had then: when it changes, numbers begin again */
};

/* A file that is being written, and the name that it gets when it is whole. */
struct file_name {
    char final[PATH_MAX];
    char partial[PATH_MAX];
};

/* Returns 0, -ENAMETOOLONG, or -EINVAL when the pattern yields no name. The extension is added where it is missing. */
int file_names_init(struct file_names *names, const char *path, enum compression compression);

/*
 * Makes the next file that does not exist yet, neither whole nor partial, with the folders above it, and locks it
 * (flock), so that no other weir takes it for a leftover. Returns a file descriptor to write to, or -errno.
 */
int file_names_create(struct file_names *names, struct file_name *name);

/* Gives the file its final name, or the next free one if that is taken by now; name->final says which. 0 or -errno. */
int file_name_finish(struct file_name *name);

/* Where the extension begins: .ndjson of flows.ndjson.zst; at the end where there is none. */
size_t file_name_extension(const char *path);

/* Puts the number in front of the extension: flows.ndjson.zst, 2 -> flows.2.ndjson.zst. 0 or -ENAMETOOLONG. */
int file_name_number(char *name, const char *plain, uint32_t number);

/*
 * Files that a killed run of the same pattern left behind: each is cut after its last whole line, or its last whole
 * frame, and gets its final name. Files that somebody has locked are left alone.
 */
void file_names_recover(const struct file_names *names);
