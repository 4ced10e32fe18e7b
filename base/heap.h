/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that may be taken and given back inside a burst: one reserved mapping with a cap, size classes (four steps a
 * power of two, from 32 bytes to 1 MiB) with free lists, larger than that refused. No system call after init; pages
 * come with their first touch. Belongs to one thread.
 */
struct heap;

/* NULL with errno set where the mapping is refused. most_bytes is the cap, rounded up to a page. */
struct heap *heap_new(size_t most_bytes);
void heap_free_all(struct heap *heap);

/* 16-byte aligned memory of undefined content, or NULL at the cap (the caller counts that). */
void *heap_take(struct heap *heap, size_t size_bytes);

/* Gives back what heap_take() gave for the same size. memory may be NULL. */
void heap_give(struct heap *heap, void *memory, size_t size_bytes);

/* Bytes out to callers now, in their size classes. Any thread may call. */
size_t heap_used_bytes(const struct heap *heap);
