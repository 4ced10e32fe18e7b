/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "export/elastic/bulk_answer.h"

/* Why documents were refused, counted by the type of the server's error, for one log line a minute. One thread. */
#define ELASTIC_REASONS_MOST 16

struct elastic_reason {
    char type[BULK_TYPE_MOST];
    char example[160];   /* beginning of the first reason since the last line */
    uint64_t count;      /* since the last line */
    uint64_t total;
};

struct elastic_reasons {
    const struct output_config *output;
    struct elastic_reason rows[ELASTIC_REASONS_MOST];
    uint32_t row_count;  /* types beyond the table share the last row */
    uint64_t count;      /* since the last line */
    int64_t due_ns;      /* steady clock: of the next line; INT64_MAX = there is nothing to say */
    int64_t said_ns;     /* of the last line */
};

void elastic_reasons_init(struct elastic_reasons *reasons, const struct output_config *output);
void elastic_reasons_add(struct elastic_reasons *reasons, const char *type, const char *reason);
void elastic_reasons_poll(struct elastic_reasons *reasons, int64_t now_ns);

/* The last line: what no line said yet, and the sums of all. */
void elastic_reasons_close(struct elastic_reasons *reasons);
