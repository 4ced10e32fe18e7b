/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "decode/element_rows.h"

/* An element of a custom_definitions file. */
struct definition {
    uint32_t enterprise;
    uint16_t id;
    struct data_type type; /* static texts */
    char *name;            /* the definitions' own */
};

/* The elements of all files read so far, in their order: later ones replace earlier ones. Zeroed before the first. */
struct definitions {
    struct definition *items;
    uint32_t count;
    uint32_t capacity;
};

/*
 * Reads one YAML file of either of Elastic's shapes, or its text in memory, where path is its name in problems. Returns
 * 0, or -EINVAL with every problem of the file in problems, or -ENOMEM.
 */
int definitions_read(struct definitions *definitions, const char *path, struct config_problems *problems);
int definitions_parse(struct definitions *definitions, const char *path, const char *text, size_t size_bytes,
                      struct config_problems *problems);
void definitions_fini(struct definitions *definitions);
