/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "config/config.h"

/*
 * What the next start must know of a body whose process was killed: it lies beside the documents in memory that
 * outlives the process (export/memory/memory.h). Plain data, no pointers.
 *
 * Nobody reads it while the process lives. What the processor has executed is in memory when the kernel has ended the
 * process, however it ended: only the compiler could bring the stores out of order, and release stores forbid it (they
 * cost nothing more on x86-64). So each state that a kill can leave is one between two stores.
 */

/* Whose documents, in the order of the documents: as struct frame_share of the spool. */
struct batch_owner {
    uint8_t address[16];
    uint16_t port;
    uint16_t reserved; /* zero */
    uint32_t count;    /* may be ahead of the body's own count */
};

/* Whether an output has yet to answer for a body. */
enum owed {
    OWED_NOTHING,
    OWED_MISSED,   /* it had no view left for the body, and it is not counted yet */
    OWED_MEMORY,   /* all of the body, or what of it failed, is nowhere else */
    OWED_SPOOLING, /* and above, less this: the sequence of the spool's frame that it is on its way to the disk as */
};

struct batch_mark {
    _Atomic uint64_t first;              /* documents that the worker's route had placed before it; the worker writes */
    _Atomic uint32_t count;              /* whole documents; the worker writes, last */
    _Atomic uint32_t owner_count;
    _Atomic uint32_t route;
    _Atomic uint32_t kind;               /* enum document_kind */
    _Atomic int64_t sealed_ns;           /* UTC; 0 = is open */
    _Atomic uint64_t owed[OUTPUTS_MOST]; /* by number of the output. The worker sets, the output's thread clears */
} __attribute__((aligned(64)));

static inline void owed_set(_Atomic uint64_t *owed, uint64_t value)
{
    atomic_store_explicit(owed, value, memory_order_release);
}

/* The body is empty and opened for a route that has placed `first` documents. Each step leaves first + count at what
   the route had placed, or below. */
static inline void mark_begin(struct batch_mark *mark, uint32_t route, uint64_t first, uint32_t kind)
{
    atomic_store_explicit(&mark->count, 0, memory_order_release);
    atomic_store_explicit(&mark->first, 0, memory_order_release);
    atomic_store_explicit(&mark->route, route, memory_order_release);
    atomic_store_explicit(&mark->kind, kind, memory_order_release);
    atomic_store_explicit(&mark->sealed_ns, 0, memory_order_release);
    atomic_store_explicit(&mark->first, first, memory_order_release);
}
