/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "config/config.h"
#include "dataplane/talkers.h"
#include "decode/decoder.h"
#include "decode/survey.h"
#include "export/outlet.h"

/*
 * What other threads see of a worker beside its counters and exporters, without its having to stop: sizes, which the
 * worker writes every few milliseconds, and lists of templates, which it copies in slices between bursts when somebody
 * asks. No lock; a burst does not know of it, but for the talkers.
 */

/* Every size, one row each: X(name, help). */
#define GAUGE_TABLE(X)                                                                                                \
    X(exporters, "Exporters known")                                                                                   \
    X(exporters_clock_off, "Exporters whose clock is off by clock.tolerance or more")                                 \
    X(sessions, "Sessions known: exporter, version and observation domain with templates")                            \
    X(templates, "Templates known")                                                                                   \
    X(plans, "Plans: templates compiled, each once for all exporters, and the fixed formats")                         \
    X(memory_used_bytes, "Memory in use for templates, plans and encode programs, of limits.memory")                  \
    X(batches_free, "Batches that can be filled")                                                                     \
    X(batches, "Batches that there are")

enum gauge {
#define GAUGE_ENUM(name, help) GAUGE_##name,
    GAUGE_TABLE(GAUGE_ENUM)
#undef GAUGE_ENUM
        GAUGE_COUNT
};

struct gauge_row {
    const char *name;
    const char *help;
};

extern const struct gauge_row gauge_rows[GAUGE_COUNT];

struct window {
    _Atomic uint64_t gauges[GAUGE_COUNT];      /* the worker writes, any thread reads */
    _Atomic uint32_t views_free[OUTPUTS_MOST]; /* the same: batches of each output that are not out */
    struct talkers *talkers;                   /* NULL: off; constant. Takes care of itself */
    const struct decoder *decoder;             /* the worker's; constant, and so are its built-in plans */
    _Atomic(struct survey *) survey;           /* one thread asks; the worker takes it for a slice and puts it back */
};

/* For a window of zeroes: what counts talkers, where that is on. Returns 0 or -ENOMEM. */
int window_init(struct window *window, const struct config *config, const struct elements *elements,
                const struct decoder *decoder);
void window_fini(struct window *window);

/* --- the worker's calls --- */

/* In a burst. */
static inline void window_count(struct window *window, const struct chunk *chunk)
{
    if (window->talkers && chunk->plan->kind == PLAN_FLOW)
        talkers_count(window->talkers, chunk);
}

/* Between bursts. */

void window_publish(struct window *window, const struct decoder *decoder, const struct exporters *exporters,
                    const struct outlet *outlet, const struct heap *heap);

/* Goes on with what is asked for, if anything is. */
void window_serve(struct window *window, const struct decoder *decoder);

/* Is something asked for? Then there is more to do, and no time to sleep. */
static inline bool window_is_asked(const struct window *window)
{
    return atomic_load_explicit(&window->survey, memory_order_relaxed);
}

/* --- the calls of one other thread --- */

/* Asks; the worker is to be woken then. */
void window_ask(struct window *window, struct survey *survey);

/* Waits until it is done, at most timeout_ns. The survey is the caller's again either way; false: it is not whole. */
bool window_wait(struct window *window, struct survey *survey, int64_t timeout_ns);

/* The same of a worker whose thread has ended, without it: asks nobody, waits for nobody. */
void window_survey_here(const struct window *window, struct survey *survey);

/* --- any thread --- */

/* See decoder_fixed_plan(). */
static inline const struct plan *window_fixed_plan(const struct window *window, uint8_t version, uint8_t aggregation)
{
    return decoder_fixed_plan(window->decoder, version, aggregation);
}

static inline uint64_t window_gauge(const struct window *window, enum gauge gauge)
{
    return atomic_load_explicit(&window->gauges[gauge], memory_order_relaxed); /* a number to look at */
}

static inline uint32_t window_views_free(const struct window *window, uint32_t output)
{
    return atomic_load_explicit(&window->views_free[output], memory_order_relaxed);
}
