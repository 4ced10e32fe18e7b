/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/window.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

#define LOOK_NS 200000 /* between two looks whether a survey is done: a worker makes a slice in less */

const struct gauge_row gauge_rows[GAUGE_COUNT] = {
#define GAUGE_ROW(row_name, row_help) [GAUGE_##row_name] = {.name = #row_name, .help = row_help},
    GAUGE_TABLE(GAUGE_ROW)
#undef GAUGE_ROW
};

int window_init(struct window *window, const struct config *config, const struct elements *elements,
                const struct decoder *decoder)
{
    if (!config->http.listen.count || !config->http.talkers)
        return 0;
    window->talkers = talkers_new(elements, decoder_plans_most(decoder));
    return window->talkers ? 0 : -ENOMEM;
}

void window_fini(struct window *window)
{
    talkers_free(window->talkers);
}

/* Relaxed throughout: numbers to look at, which order nothing. */
static void gauge_set(struct window *window, enum gauge gauge, uint64_t value)
{
    atomic_store_explicit(&window->gauges[gauge], value, memory_order_relaxed);
}

void window_publish(struct window *window, const struct decoder *decoder, const struct exporters *exporters,
                    const struct outlet *outlet, const struct heap *heap)
{
    struct decoder_sizes sizes = decoder_sizes(decoder);
    gauge_set(window, GAUGE_exporters, exporters_count(exporters));
    gauge_set(window, GAUGE_exporters_clock_off, sizes.clocks_off);
    gauge_set(window, GAUGE_sessions, sizes.sessions);
    gauge_set(window, GAUGE_templates, sizes.templates);
    gauge_set(window, GAUGE_plans, sizes.plans);
    gauge_set(window, GAUGE_memory_used_bytes, heap_used_bytes(heap));
    gauge_set(window, GAUGE_batches_free, outlet->pool.free_count);
    gauge_set(window, GAUGE_batches, outlet->pool.count);
    for (uint32_t i = 0; i < outlet->feed_count; i++)
        atomic_store_explicit(&window->views_free[i], outlet->feeds[i].free_count, memory_order_relaxed);
    if (window->talkers)
        talkers_housekeep(window->talkers, clock_steady_ns());
}

/* Taken out of the window for the slice, so that whoever asked cannot take it away meanwhile. */
void window_serve(struct window *window, const struct decoder *decoder)
{
    if (!window_is_asked(window))
        return;
    /* pairs with the release in window_ask(): what is asked for is there */
    struct survey *survey = atomic_exchange_explicit(&window->survey, NULL, memory_order_acquire);
    if (!survey)
        return;
    if (survey_slice(survey, decoder))
        atomic_store_explicit(&survey->done, true, memory_order_release); /* see window_wait() */
    else
        atomic_store_explicit(&window->survey, survey, memory_order_release); /* see window_wait() */
}

void window_ask(struct window *window, struct survey *survey)
{
    atomic_store_explicit(&survey->done, false, memory_order_relaxed);
    atomic_store_explicit(&window->survey, survey, memory_order_release); /* see window_serve() */
}

/* pairs with the release in window_serve(): the rows are there */
static bool is_done(const struct survey *survey)
{
    return atomic_load_explicit(&survey->done, memory_order_acquire);
}

bool window_wait(struct window *window, struct survey *survey, int64_t timeout_ns)
{
    struct timespec pause = {.tv_nsec = LOOK_NS};
    int64_t by_ns = clock_steady_ns() + timeout_ns;
    while (!is_done(survey)) {
        /* pairs with the release in window_serve(): the last slice is over */
        if (clock_steady_ns() > by_ns && atomic_exchange_explicit(&window->survey, NULL, memory_order_acquire))
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

void window_survey_here(const struct window *window, struct survey *survey)
{
    while (!survey_slice(survey, window->decoder))
        ;
}
