/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "decode/decoder.h"
#include "decode/plan.h"

/*
 * A list of a decoder's templates for another thread. Sessions, templates and plans are the worker's own memory, so the
 * worker itself copies them, a bounded slice at a time between two bursts, into memory that whoever asks has brought.
 * What is learned or dropped meanwhile may be missing or stand there twice.
 */

/* Which templates are asked for. */
struct survey_filter {
    struct address address;
    uint32_t domain;
    uint16_t version;
    uint16_t id;
    bool by_address, by_domain, by_version, by_id;
};

struct template_row {
    struct address address; /* of the exporter; all zero where templates are shared */
    uint32_t domain;
    uint16_t port;          /* 0: whichever, as of v9 in profile weir */
    uint16_t session;       /* number of the transport's; 0: UDP, which has none */
    uint16_t version;       /* 9 or 10 */
    uint16_t id;
    uint16_t field_count;
    uint16_t record_bytes;  /* of every record; with variable: of the shortest possible one */
    uint8_t kind;           /* enum plan_kind */
    bool variable;
    uint64_t plan;          /* serial: the same for templates of one definition, within a worker */
    uint64_t uses;          /* data sets decoded by it */
    uint32_t learned_s;     /* UTC, when it came with this definition first; */
    uint32_t announced_s;   /* when it came last; */
    uint32_t used_s;        /* and when data of it came last: 0 = never */
    uint32_t fields_at;     /* of the survey's fields, where those of this template begin */
    uint32_t names_at;      /* of the survey's names, where those of this template begin (struct field_names) */
    bool has_fields;
    bool has_names;
};

struct survey {
    /* who asks sets these before */
    struct survey_filter filter;
    struct template_row *rows;
    uint32_t rows_most;
    struct field *fields;    /* NULL: not asked for */
    uint32_t fields_most;
    uint8_t *names;          /* with fields; aligned as struct field_names */
    uint32_t names_most;     /* bytes */

    /* the decoder's until done */
    uint32_t count;          /* rows */
    uint32_t left_out;       /* rows for which there was no room */
    uint32_t field_count;
    uint32_t names_bytes;
    uint32_t bucket, session, slot; /* where the next slice begins */

    _Atomic bool done;       /* the worker sets it, who asked reads */
};

/* Copies the next slice; true when that was the last. */
bool survey_slice(struct survey *survey, const struct decoder *decoder);
