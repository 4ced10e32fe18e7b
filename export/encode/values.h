/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "export/encode/builder.h"
#include "export/encode/program.h"

/* How the values of the ECS table come about for one plan: the compiler's knowledge, without the order of the rows. */

/* The state of one compilation. */
struct compilation {
    const struct compiler *compiler;
    const struct plan *plan;
    struct builder *builder;
    struct inputs inputs;
    uint32_t flags;          /* enum program_flag */
    struct render renders[SLOTS_MOST];
    uint32_t render_count;
    uint32_t slot_count;
    bool explained;          /* something is known of the exporter */
    struct fact_lookup lookups[LOOKUPS_MOST];
    uint32_t lookup_count;
    struct name_use names[NAMED_PLACES];
    uint32_t name_count;
    struct list_group lists[UINT8_MAX + 1]; /* of compiler->list_fields */
    uint32_t list_count, list_field_count;
    uint32_t byte_uses;      /* how often strings and octets of the record are written: for program.most_per_byte */
};

/* Copies what the scratch holds into one allocation (assemble.c). NULL: there is no memory. */
struct program *program_assemble(const struct compilation *compilation);

enum presence { ABSENT, SOMETIMES, CERTAIN };

/* What a value of a row is for this plan. */
struct answer {
    enum presence presence;
    struct piece piece;      /* SOMETIMES and CERTAIN, unless constant is set */
    const char *constant;    /* JSON as it stands, the same in every record of the plan */
};

/* Finds inputs, decides flags, gives slots to the fields whose text is used more than once. */
void values_prepare(struct compilation *compilation);

/* The answer for a row of LEVEL_RECORD (other than the three that list elements). */
struct answer values_answer(const struct compilation *compilation, const struct ecs_row *row);

/* The same as it is read from the record, with its condition. */
struct piece values_piece(const struct compilation *compilation, uint16_t field);

/* How field number `field` is written below netflow, netflow.scope or netflow.options. */
struct answer values_field(const struct compilation *compilation, uint16_t field);

/* The format of a field's text by its type and length; most_bytes and quotes with it. */
struct piece values_format(const struct compilation *compilation, uint16_t field);
