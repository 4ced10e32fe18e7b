/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "config/config.h"
#include "decode/profile.h"
#include "decode/record.h"
#include "export/encode/builder.h"

/* The parts of a document that are the same in all documents of a message, rendered when its first record comes. */
#define STRIPS 3 /* the last one of explained programs alone */

struct strip {
    char *text; /* readable, and writable, TEXT_OVERRUN bytes behind the end */
    uint32_t size_bytes;
    uint32_t most_bytes;
};

/* Texts of the configuration and the machine, made once. */
struct strip_texts {
    char *agent_id, *agent_name, *namespace, *tags; /* JSON as it stands */
    const char *fields;                             /* members; "" = none */
    bool fields_under_root;
};

int strip_texts_init(struct strip_texts *texts, const struct config *config);
void strip_texts_fini(struct strip_texts *texts);

/* Makes and renders the strips; one program a version and strip, and others for explained programs. */
struct strip_maker;

struct strip_maker *strip_maker_new(const struct config *config, const struct profile *profile);
void strip_maker_free(struct strip_maker *maker);

/* Bytes that a document's strips take at most. */
uint32_t strip_maker_most_bytes(const struct strip_maker *maker);

/* Renders the strips of a message; they stay until the next call with the same `explained`. */
const struct strip *strip_maker_render(struct strip_maker *maker, const struct message *message, bool explained,
                                       struct text_day *day);
