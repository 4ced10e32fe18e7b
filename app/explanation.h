/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "decode/element.h"
#include "decode/element_names.h"
#include "decode/plan.h"

/* A template, or a built-in format, of which is told what becomes of it. */
struct explanation_subject {
    const struct config *config;
    const struct elements *elements;
    const struct plan *plan;    /* a built-in one; NULL: the fields of a template, as decoders resolve them */
    const struct field *fields;
    uint32_t field_count;
    const struct field_names *names; /* of these, as the exporter tells them; NULL: none */
    uint8_t version;            /* 9 or 10, with fields */
    uint8_t kind;               /* enum plan_kind */
    uint16_t id;
};

/*
 * Writes a JSON object: profile, the template's bytes, its fields with offset, type and name, and the members of its
 * documents with the fields that each is made from. It compiles the template as the encoder does, and tells what the
 * compiler does. False for want of memory, with nothing written.
 */
bool explanation_print(FILE *stream, const struct explanation_subject *subject);
