/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/*
 * What a server has against what it is to have, compared by meaning: numbers may be texts, settings may be nested or
 * have dots in their names, and what servers add by themselves (dates, versions, defaults) is no difference.
 */

enum difference_kind {
    DIFFERENCE_VALUE,   /* both have the path */
    DIFFERENCE_MISSING, /* the server has nothing there */
    DIFFERENCE_EXTRA,   /* weir has nothing there */
};

struct difference {
    char *path;       /* "template.settings.index.codec"; numbers stand for places in arrays */
    const char *have; /* NULL: nothing; both lie in the comparison */
    const char *want;
};

struct comparison {
    struct difference *items; /* sorted by path */
    size_t count;
    json_t *have, *want; /* path to value as text */
};

/* Compares two bodies of one object. Returns 0 or -ENOMEM; the caller ends it with comparison_fini() in both cases. */
int comparison_make(struct comparison *comparison, json_t *have, json_t *want);
void comparison_fini(struct comparison *comparison);

/* One line a difference, at most so many, and how many more there are. */
void comparison_print(FILE *stream, const struct comparison *comparison, size_t most);

/* Prints at most so many bytes of a text that came from a server, without what a terminal would obey. */
void server_text_print(FILE *stream, const char *text, size_t most);
