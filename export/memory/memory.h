/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "export/memory/layout.h"

/*
 * The memory of this run's batches and counters. Where an output has a spool it is a file in memory (tmpfs), shared, so
 * that it outlives a kill of the process and the next start finds what was not delivered (export/memory/recover.h). All
 * of it is allocated when it is made. Otherwise it is anonymous, and pages come when they are touched (outlet_touch()).
 *
 * The file FOLDER/weir-RUN.memory is locked (flock) as long as the process lives, mode 0600, and appears when it is
 * whole. At an orderly end it is removed.
 */
#define MEMORY_FILE_START "weir-"
#define MEMORY_FILE_END   ".memory"

struct memory {
    struct memory_layout layout;
    uint8_t *base;
    int fd;     /* -1: anonymous */
    char *path; /* of the file */
};

/* Returns 0 or -errno, logged but for -ENOMEM. Made by the main thread. */
int memory_open(struct memory *memory, const struct config *config, uint32_t workers);

/* Anonymous, for one worker and no outputs, in batches without ids. Returns 0 or -ENOMEM. */
int memory_open_bare(struct memory *memory, uint32_t batches, uint32_t batch_bytes);

/* The run ends in order: what is in it is not wanted any more. In order for a zeroed one, too. */
void memory_close(struct memory *memory);

/* Whether an output has a spool, so that what a kill leaves can be kept. */
bool memory_outlives(const struct config *config);

#define MEMORY_FOLDERS_MOST 3

/* Folders where files of earlier runs may be; the first is where this run's goes. Returns their number, 0: nowhere. */
uint32_t memory_folders(const struct config *config, const char *folders[MEMORY_FOLDERS_MOST]);
