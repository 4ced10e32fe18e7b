/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/memory/layout.h"

/*
 * The memory of a run that was killed. What stands in it is not trusted: whatever bytes it has, reading it stays within
 * it, and only whole documents come out.
 */
struct memory_image {
    struct memory_header header;  /* a copy, which was checked */
    struct memory_layout layout;
    uint8_t *base;
    size_t size_bytes;
    int fd;
    char *path;
};

/* Looks at bytes that are in memory. False when they are none of a run, or none of this version of weir. */
bool memory_image_read(struct memory_image *image, uint8_t *base, size_t size_bytes);

/*
 * Opens, locks and maps the file `name` of the folder. `wanted` says by the header whether it is ours: only then is it
 * locked, which may take until the kernel has ended the process that had it. Returns 1, or 0 when there is nothing to
 * be done with it, or -EBUSY when a process that lives has it.
 */
struct memory_claim {
    bool (*wanted)(const struct memory_header *header, const void *context);
    const void *context;
};

int memory_image_open(struct memory_image *image, const char *folder, const char *name,
                      const struct memory_claim *claim);

/* Removes the file if it is over; ends the image. */
void memory_image_close(struct memory_image *image, bool over);

/* A body read from the image: a batch whose bytes, ends and ids are the image's own, and room for the rest. */
struct memory_body {
    struct batch batch;
    struct endpoint *endpoints;
    struct batch_mark *mark;
};

/* Returns 0 or -ENOMEM; memory_body_fini() is in order either way. */
int memory_body_init(struct memory_body *body, const struct memory_image *image);
void memory_body_fini(struct memory_body *body);

/* Documents that the body is said to have, within what it has room for. */
uint32_t memory_body_count(const struct memory_image *image, const struct batch_mark *mark);

/* False when not all of its documents, ends and owners are as a worker writes them. */
bool memory_body_read(const struct memory_image *image, uint32_t worker, uint32_t number, struct memory_body *body);

/* Records that a worker had received and neither dropped nor placed in a body. */
uint64_t memory_worker_lost(const struct memory_image *image, uint32_t worker);
