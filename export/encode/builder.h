/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/encode/program.h"

/*
 * Assembles steps: keeps the JSON text up to the next value, the objects that are open, and where commas go. Scratch of
 * an encoder, made once; what does not fit sets `failed` and is seen at the end.
 */

#define BUILDER_DEPTH 6

struct open_object {
    char name[64];
    bool certain;   /* has a member in every record: what follows begins with a comma */
    bool any;       /* may have a member already */
    bool dynamic;   /* FORMAT_OPEN was emitted: FORMAT_CLOSE ends it */
    uint32_t open_step;
};

struct builder {
    char *text;
    uint32_t text_bytes, text_most;
    uint32_t pending;       /* where the text of the next step begins */
    uint8_t pending_when;   /* what the next step's `when` is, if nothing else: WHEN_ALWAYS or WHEN_COMMA */
    struct step *steps;     /* .text is an offset into text until the end */
    uint32_t step_count, step_most;
    uint32_t most_bytes;    /* sum over the steps */
    struct open_object open[BUILDER_DEPTH]; /* [0] is the document */
    uint32_t depth;
    bool failed;
};

/* A value as a step writes it. */
struct piece {
    uint8_t format;
    uint8_t when;      /* WHEN_ALWAYS: in every record */
    uint16_t value;
    uint16_t most_bytes;
    bool quoted;
};

/* Returns 0 or -ENOMEM. */
int builder_init(struct builder *builder, uint32_t text_most, uint32_t step_most);
void builder_fini(struct builder *builder);

/* Begins anew; with whole, the document's brace is the first text. */
void builder_reset(struct builder *builder, bool whole);

/* Appends text as it stands to the text before the next value. */
void builder_text(struct builder *builder, const char *text, size_t size_bytes);

/* Emits what text is pending as a step of its own. */
void builder_flush(struct builder *builder);

/*
 * Makes parent ("source.nat", "" for the document) the innermost open object: closes and opens what is needed. An
 * object to open is dynamic unless certain says that it has a member in every record; when says under what condition
 * it stands at all.
 */
void builder_enter(struct builder *builder, const char *parent, bool certain, uint8_t when);

/* Whether the object at path is open, maybe with others inside it. */
bool builder_is_inside(const struct builder *builder, const char *path);

/* A member of the innermost object whose value is constant JSON. */
void builder_constant(struct builder *builder, const char *key, const char *json);

/* A member with a value that is written for each record. */
void builder_member(struct builder *builder, const char *key, const struct piece *piece);

/* A value without a key, behind the pending text. */
void builder_piece(struct builder *builder, const struct piece *piece);

/* Says that text written by someone else left these objects open (a header strip). */
void builder_resume(struct builder *builder, const char *parent);

/* Closes all objects but the document. */
void builder_close(struct builder *builder);
