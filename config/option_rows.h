/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/clock.h"
#include "config/config.h"
#include "config/option.h"

/* What the files with rows of the option table have in common: private to them and to config/option.c. */

#define MEMBER(member) .offset = offsetof(struct config, member)
/* clang-format off */
#define NAMES(...)     .names = (const char *const[]){__VA_ARGS__, NULL}
#define SYNONYMS(...)  .synonyms = (const char *const[]){__VA_ARGS__}
/* clang-format on */
#define KIB  1024ULL
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define HOUR (3600ULL * NS_PER_S)

#define TYPE(kind)    (1U << (kind))
#define TYPES_KAFKA   TYPE(OUTPUT_KAFKA)
#define TYPES_ELASTIC (TYPE(OUTPUT_ELASTICSEARCH) | TYPE(OUTPUT_OPENSEARCH))
#define TYPES_SERVERS (TYPES_KAFKA | TYPES_ELASTIC)
#define TYPES_SPOOLED (TYPES_SERVERS | TYPE(OUTPUT_FILE))

extern const struct option_row option_rows_general[], option_rows_input[], option_rows_streams[],
    option_rows_output[], option_rows_servers[];
extern const uint32_t option_rows_general_count, option_rows_input_count, option_rows_streams_count,
    option_rows_output_count, option_rows_servers_count;
