/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "export/encode/program.h"
#include "export/encode/values.h"

/*
 * What becomes of a template, told by the compiler itself while it compiles (struct compiler.watch): each member that
 * it puts into the program, and each field that it leaves out. So the telling is as true as the documents.
 */

/* A member of the documents. Views: of the time of the call. */
struct compile_member {
    const struct compilation *compilation;
    const struct ecs_row *row;
    const char *key;             /* of an element: its path is the row's, a dot and this; NULL: the row's own */
    const struct answer *answer;
};

/* Why a field has no member of its own below netflow. */
enum left_out {
    LEFT_OUT_UNREADABLE, /* TYPE_NONE: see decode/element.h */
    LEFT_OUT_HIDES,      /* its key would hide a fixed field of netflow, or is too long */
    LEFT_OUT_REPEATED,   /* a later field has the same key: the last one wins */
};

struct compile_watch {
    void (*member)(void *context, const struct compile_member *member);
    void (*left_out)(void *context, const struct compilation *compilation, uint16_t field, enum left_out why);
    void *context;
};

enum explain_way {
    EXPLAIN_CONSTANT, /* the same in each record */
    EXPLAIN_FIELD,    /* a field's value as it stands */
    EXPLAIN_DERIVED,  /* made of fields, of the message's header and of the configuration */
    EXPLAIN_NEVER,    /* the program has it, but no record of this template can */
};

/*
 * Marks the fields that the member's value depends on, beside the message's header: marks has one byte for each field
 * of the plan, zero before.
 */
enum explain_way explain_sources(const struct compile_member *member, uint8_t *marks);

/* When a record has the member; NULL: each one has. */
const char *explain_when(const struct compile_member *member);

/* What the value is, as the ECS table has it; "" of an element. */
const char *explain_help(const struct compile_member *member);
