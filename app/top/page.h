/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/top/columns.h"
#include "app/top/reading.h"

/* What is shown, as lines: the same for the terminal and for plain text. */

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_HEADING, STYLE_WARNING, STYLE_QUIET };

struct page_line {
    char *text; /* nothing that moves a terminal's cursor: what came from elsewhere is made harmless */
    uint8_t style; /* enum style */
};

struct top_page {
    struct page_line *lines;
    uint32_t count, room;
    bool failed; /* there was no memory for all lines */
};

void page_clear(struct top_page *page);
void page_line(struct top_page *page, enum style style, const char *format, ...) __attribute__((format(printf, 3, 4)));
void page_print(const struct top_page *page, FILE *stream);

/* Where the rows are that can be chosen: exporters, or templates. */
struct page_rows {
    uint32_t first; /* line */
    uint32_t count;
};

/* The ledger, losses, outputs and exporters. before: NULL on the first reading. exporters: from table_sort(). */
struct page_rows page_overview(struct top_page *page, const struct reading *now, const struct reading *before,
                               const struct table_order *order, const struct top_exporter *const *exporters);

/* The templates of one address, from the answer of /api/templates; NULL: it has not come yet. */
struct page_rows page_templates_of(struct top_page *page, const char *address, const json_t *answer);

/* One line on top of everything: who answers, since when, and how it is. */
void page_title(struct top_page *page, const char *url, const struct reading *now, const struct reading *before);
