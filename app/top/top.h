/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/client.h"
#include "app/top/columns.h"
#include "app/top/reading.h"

/* "weir top": what its two faces, the terminal and plain text, have in common. */
struct top {
    struct client client;
    double interval_s;
    uint64_t times;   /* readings until it ends; 0 = never */
    uint32_t limit;   /* exporters asked for */
    bool plain;       /* text, even on a terminal */
    struct table_order order;
    struct reading *now, *before; /* NULL: none yet */
};

/* Begins to ask for a reading, and for the answer of another path as question TOP_ALSO; NULL: none. */
#define TOP_ALSO 3
void top_ask(struct top *top, const char *also);

/*
 * After client_wait() said that all is there: makes it the reading of now. False with client.problem where there is
 * none; what was known stays.
 */
bool top_take(struct top *top);

/* The reading before, if rates can be told from it. */
const struct reading *top_before(const struct top *top);

/* The terminal, until somebody ends it. Returns a status; -1: this terminal cannot do it. */
int screen_run(struct top *top);
