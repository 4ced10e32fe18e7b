/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h> /* its macros are empty in a build without the sanitizer */
#else
#define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
#endif

#define ALIGNMENT   16
#define LEAST_POWER 5  /* 32 bytes */
#define MOST_POWER  20 /* 1 MiB */
#define LEAST_BYTES ((size_t)1 << LEAST_POWER)
#define MOST_BYTES  ((size_t)1 << MOST_POWER)
#define CLASS_COUNT ((MOST_POWER - LEAST_POWER) * 4 + 1)

/* What stands in a block while nobody has it. */
struct free_block {
    struct free_block *next;
};

struct heap {
    struct free_block *free_blocks[CLASS_COUNT];
    uint8_t *next, *end; /* of the mapping, what was never given out */
    uint8_t *mapping;
    size_t mapping_bytes;
    _Atomic size_t used_bytes; /* the owner writes, any thread reads */
};

/* The class whose blocks hold size_bytes, which is at most MOST_BYTES. */
static unsigned class_find(size_t size_bytes)
{
    if (size_bytes <= LEAST_BYTES)
        return 0;
    size_t last = size_bytes - 1;
    unsigned power = 63U - (unsigned)__builtin_clzll(last);
    return (power - LEAST_POWER) * 4 + (unsigned)(last >> (power - 2) & 3) + 1;
}

static size_t class_bytes(unsigned class)
{
    size_t size = (size_t)(4 + class % 4) << (class / 4 + LEAST_POWER - 2);
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

struct heap *heap_new(size_t most_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (most_bytes == 0 || most_bytes > SIZE_MAX / 2) {
        errno = EINVAL;
        return NULL;
    }
    struct heap *heap = calloc(1, sizeof *heap);
    if (!heap)
        return NULL;
    heap->mapping_bytes = (most_bytes + page - 1) / page * page;
    heap->mapping =
        mmap(NULL, heap->mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (heap->mapping == MAP_FAILED) {
        free(heap); /* keeps errno (POSIX.1-2024, and glibc since 2.33) */
        return NULL;
    }
    heap->next = heap->mapping;
    heap->end = heap->mapping + heap->mapping_bytes;
    ASAN_POISON_MEMORY_REGION(heap->mapping, heap->mapping_bytes);
    return heap;
}

void heap_free_all(struct heap *heap)
{
    if (!heap)
        return;
    ASAN_UNPOISON_MEMORY_REGION(heap->mapping, heap->mapping_bytes);
    munmap(heap->mapping, heap->mapping_bytes);
    free(heap);
}

static void used_change(struct heap *heap, size_t amount)
{
    /* one writer, and readers need no order: a relaxed load and store, not an atomic addition */
    size_t used = atomic_load_explicit(&heap->used_bytes, memory_order_relaxed);
    atomic_store_explicit(&heap->used_bytes, used + amount, memory_order_relaxed);
}

static void block_push(struct heap *heap, void *memory, unsigned class)
{
    struct free_block *block = memory;
    block->next = heap->free_blocks[class];
    heap->free_blocks[class] = block;
    ASAN_POISON_MEMORY_REGION(memory, class_bytes(class));
}

static uint8_t *block_pop(struct heap *heap, unsigned class)
{
    struct free_block *block = heap->free_blocks[class];
    if (!block)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(block, class_bytes(class));
    heap->free_blocks[class] = block->next;
    return (uint8_t *)block;
}

/* Makes free blocks of size_bytes at memory, the largest first. Less than the smallest class (16 bytes) is lost. */
static void remainder_push(struct heap *heap, uint8_t *memory, size_t size_bytes)
{
    for (unsigned class = CLASS_COUNT; class -- > 0;) {
        for (size_t size = class_bytes(class); size <= size_bytes; size_bytes -= size, memory += size)
            block_push(heap, memory, class);
    }
}

/* At the cap: a larger block that is free is cut, so that what was given back in other sizes is still of use. */
static uint8_t *block_split(struct heap *heap, unsigned class)
{
    for (unsigned larger = class + 1; larger < CLASS_COUNT; larger++) {
        uint8_t *memory = block_pop(heap, larger);
        if (!memory)
            continue;
        size_t kept = class_bytes(class);
        remainder_push(heap, memory + kept, class_bytes(larger) - kept);
        return memory;
    }
    return NULL;
}

static uint8_t *block_carve(struct heap *heap, unsigned class)
{
    size_t size = class_bytes(class);
    if ((size_t)(heap->end - heap->next) < size)
        return NULL;
    uint8_t *memory = heap->next;
    heap->next += size;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

void *heap_take(struct heap *heap, size_t size_bytes)
{
    if (size_bytes > MOST_BYTES)
        return NULL;
    unsigned class = class_find(size_bytes);
    uint8_t *memory = block_pop(heap, class);
    if (!memory)
        memory = block_carve(heap, class);
    if (!memory)
        memory = block_split(heap, class);
    if (memory)
        used_change(heap, class_bytes(class));
    return memory;
}

void heap_give(struct heap *heap, void *memory, size_t size_bytes)
{
    if (!memory)
        return;
    assert(size_bytes <= MOST_BYTES);
    assert((uint8_t *)memory >= heap->mapping && (uint8_t *)memory < heap->next);
    unsigned class = class_find(size_bytes);
    block_push(heap, memory, class);
    used_change(heap, -class_bytes(class));
}

size_t heap_used_bytes(const struct heap *heap)
{
    return atomic_load_explicit(&heap->used_bytes, memory_order_relaxed);
}
