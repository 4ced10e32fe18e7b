/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a killed run: one worker, two batches. The first byte says where the rest goes: over the header, with
 * a checksum that fits or without, or over the worker's marks, lists and documents.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "export/memory/image.h"

#define BATCHES     2
#define BATCH_BYTES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OVER_HEADER = 1, SEALED = 2 };

static struct memory_layout layout_make(void)
{
    struct memory_layout layout;
    struct memory_shape shape = {
        .workers = 1, .outputs = 1, .threads = 1, .batches = BATCHES, .batch_bytes = BATCH_BYTES, .ids = 1};
    memory_shape_fit(&shape);
    bool possible = memory_layout_of(&shape, &layout);
    assert(possible);
    return layout;
}

static void header_make(uint8_t *base, const struct memory_layout *layout)
{
    struct output_config output = {.name = "out", .spool.path = "/spool"};
    struct config config = {.outputs = &output, .output_count = 1};
    int error = memory_header_fill((struct memory_header *)base, &layout->shape, &config);
    assert(!error);
}

static void body_check(const struct batch *batch)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < batch->share_count; i++)
        sum += batch->shares[i].count;
    assert(sum == batch->count && batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t begin = i ? batch->ends[i - 1] : 0;
        assert(batch->ends[i] > begin && batch->ends[i] <= batch->size_bytes);
        assert(memchr(batch->bytes + begin, '\n', batch->ends[i] - begin) == batch->bytes + batch->ends[i] - 1);
    }
    assert(batch->size_bytes <= batch->capacity_bytes && batch->kind < DOCUMENT_KINDS);
}

static void image_check(const struct memory_image *image)
{
    struct memory_body body;
    int error = memory_body_init(&body, image);
    for (uint32_t worker = 0; !error && worker < image->layout.shape.workers; worker++) {
        memory_worker_lost(image, worker);
        for (uint32_t i = 0; i < image->layout.shape.batches; i++)
            if (memory_body_read(image, worker, i, &body))
                body_check(&body.batch);
    }
    memory_body_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_layout layout = layout_make();
    struct memory_image image;
    if (size < 1)
        return 0;
    uint8_t *base = calloc(1, layout.total);
    header_make(base, &layout);
    uint64_t at = data[0] & OVER_HEADER ? 0 : layout.workers + layout.marks;
    uint64_t lists = layout.content - layout.marks;
    uint64_t room = data[0] & OVER_HEADER ? layout.threads : lists + BATCHES * layout.batch_stride;
    memcpy(base + at, data + 1, size - 1 < room ? size - 1 : room);
    if (data[0] & SEALED)
        memory_header_seal((struct memory_header *)base);
    if (memory_image_read(&image, base, layout.total))
        image_check(&image);
    free(base);
    return 0;
}
