/* SPDX-License-Identifier: Apache-2.0 */
#include "export/memory/layout.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define PAGE_BYTES           4096
#define HUGE_PAGE_BYTES      ((uint64_t)2 << 20)
#define DOCUMENT_LEAST_BYTES 256 /* hardly a document is shorter: a batch runs out of bytes before it does of ends */
#define OWNERS_MOST          4096

/* More than any configuration allows; products of them stay far below 2^64. */
#define WORKERS_MOST     4096
#define THREADS_MOST     (OUTPUTS_MOST * 64)
#define BATCHES_MOST     (OUTPUTS_MOST * 65536)
#define BATCH_BYTES_MOST (1u << 30)

static_assert(sizeof(struct batch_owner) == 24, "the layout in memory");
static_assert(sizeof(struct document_id) == 16, "the layout in memory");
static_assert(sizeof(struct batch_mark) == 192, "the layout in memory");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout in memory");

/* ---- sizes ---- */

static uint64_t round_up(uint64_t size, uint64_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static uint32_t threads_of(const struct output_config *output)
{
    return output->threads ? output->threads : 1;
}

static bool ids_wanted(const struct config *config)
{
    bool wanted = false;
    for (uint32_t i = 0; i < config->output_count; i++)
        wanted |= config->outputs[i].elastic.ids &&
                  (config->outputs[i].kind == OUTPUT_ELASTICSEARCH || config->outputs[i].kind == OUTPUT_OPENSEARCH);
    return wanted;
}

void memory_shape_fit(struct memory_shape *shape)
{
    shape->documents = shape->batch_bytes / DOCUMENT_LEAST_BYTES + 1;
    shape->owners = shape->documents < OWNERS_MOST ? shape->documents : OWNERS_MOST;
}

/* Each body has a view at an output at least, so there are never more bodies under way than views. */
struct memory_shape memory_shape_of(const struct config *config, uint32_t workers)
{
    struct memory_shape shape = {
        .workers = workers,
        .outputs = config->output_count,
        .batch_bytes = (uint32_t)config->output.batch_size,
        .ids = ids_wanted(config),
    };
    memory_shape_fit(&shape);
    for (uint32_t i = 0; i < config->output_count; i++) {
        shape.batches += config->outputs[i].batches;
        shape.threads += threads_of(&config->outputs[i]);
    }
    return shape;
}

static bool shape_possible(const struct memory_shape *shape)
{
    return shape->workers && shape->workers <= WORKERS_MOST && shape->outputs <= OUTPUTS_MOST &&
           shape->threads <= THREADS_MOST && shape->batches && shape->batches <= BATCHES_MOST && shape->batch_bytes &&
           shape->batch_bytes <= BATCH_BYTES_MOST && shape->batch_bytes % BATCH_ALIGN_BYTES == 0 &&
           shape->documents == shape->batch_bytes / DOCUMENT_LEAST_BYTES + 1 && shape->owners &&
           shape->owners <= OWNERS_MOST && shape->ids <= 1;
}

bool memory_layout_of(const struct memory_shape *shape, struct memory_layout *layout)
{
    if (!shape_possible(shape))
        return false;
    uint64_t batches = shape->batches, documents = batches * shape->documents;
    *layout = (struct memory_layout){.shape = *shape};
    layout->threads = round_up(sizeof(struct memory_header), PAGE_BYTES);
    layout->workers = round_up(layout->threads + shape->threads * sizeof(struct memory_thread), HUGE_PAGE_BYTES);
    layout->marks = round_up(sizeof(struct memory_worker), PAGE_BYTES);
    layout->owners = layout->marks + batches * sizeof(struct batch_mark);
    layout->ids = round_up(layout->owners + batches * shape->owners * sizeof(struct batch_owner), PAGE_BYTES);
    layout->ends = layout->ids + (shape->ids ? documents * sizeof(struct document_id) : 0);
    layout->content = round_up(layout->ends + documents * sizeof(uint32_t), PAGE_BYTES);
    layout->batch_stride = shape->batch_bytes + round_up(BATCH_SLACK_BYTES, BATCH_ALIGN_BYTES);
    layout->worker_bytes = round_up(layout->content + batches * layout->batch_stride, HUGE_PAGE_BYTES);
    layout->total = layout->workers + shape->workers * layout->worker_bytes;
    return true;
}

/* ---- the header ---- */

static uint64_t header_checksum(const struct memory_header *header)
{
    size_t from = offsetof(struct memory_header, version);
    return XXH3_64bits((const uint8_t *)header + from, offsetof(struct memory_header, ended) - from);
}

static uint64_t counters_checksum(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++)
        sum = XXH3_64bits_withSeed(counter_rows[i].name, strlen(counter_rows[i].name), sum);
    return sum;
}

int memory_spool_path(const char *path, char absolute[MEMORY_SPOOL_MOST])
{
    char folder[MEMORY_SPOOL_MOST] = "";
    if (*path && *path != '/' && !getcwd(folder, sizeof folder))
        return -errno;
    int length = snprintf(absolute, MEMORY_SPOOL_MOST, "%s%s%s", folder, *folder ? "/" : "", path);
    return length < MEMORY_SPOOL_MOST ? 0 : -ENAMETOOLONG;
}

int memory_header_fill(struct memory_header *header, const struct memory_shape *shape, const struct config *config)
{
    memset(header, 0, sizeof *header);
    header->magic = MEMORY_MAGIC;
    header->version = MEMORY_VERSION;
    header->counter_count = COUNTER_COUNT;
    header->counters_checksum = counters_checksum();
    header->shape = *shape;
    for (uint32_t i = 0; i < config->output_count; i++) {
        const struct output_config *output = &config->outputs[i];
        int length = snprintf(header->outputs[i].name, MEMORY_NAME_MOST, "%s", output->name);
        int error = memory_spool_path(output->spool.path ? output->spool.path : "", header->outputs[i].spool);
        if (error || length >= MEMORY_NAME_MOST)
            return error ? error : -ENAMETOOLONG;
        header->outputs[i].threads = threads_of(output);
    }
    memory_header_seal(header);
    return 0;
}

void memory_header_seal(struct memory_header *header)
{
    header->checksum = header_checksum(header);
}

static bool outputs_valid(const struct memory_header *header)
{
    uint32_t threads = 0;
    for (uint32_t i = 0; i < header->shape.outputs; i++) {
        const struct memory_output *output = &header->outputs[i];
        if (!memchr(output->name, '\0', sizeof output->name) || !memchr(output->spool, '\0', sizeof output->spool) ||
            !output->threads || output->threads > THREADS_MOST)
            return false;
        threads += output->threads;
    }
    return threads == header->shape.threads;
}

bool memory_header_valid(const struct memory_header *header)
{
    return header->magic == MEMORY_MAGIC && header->version == MEMORY_VERSION &&
           header->checksum == header_checksum(header) && shape_possible(&header->shape) && outputs_valid(header);
}

bool memory_counters_known(const struct memory_header *header)
{
    return header->counter_count == COUNTER_COUNT && header->counters_checksum == counters_checksum();
}
