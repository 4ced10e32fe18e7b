/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

/*
 * Where a document goes, by a pattern: Kafka's topics and Elasticsearch's indices. strftime's letters stand for the
 * time in UTC, %{exporter} for the exporter's address (with '-' for every character that such a name cannot have),
 * %{kind} for "flows" or "options", %{namespace} for output.namespace, and %% for a percent sign.
 */
enum target_rules {
    TARGET_TOPIC, /* letters, digits, '.', '_' and '-'; at most 249; neither "." nor ".." */
    TARGET_INDEX, /* what Elasticsearch and OpenSearch take as index or data stream: lower case, at most 255 bytes */
};

#define TARGET_NAME_MOST    256 /* longest name with its NUL */
#define TARGET_PATTERN_MOST 512 /* longest pattern with its NUL, %{namespace} replaced */
#define TARGET_WHY_MOST     512 /* longest reason with its NUL */

struct target_name {
    bool by_exporter;                 /* has %{exporter}: documents of one batch may have different targets */
    bool by_kind;                     /* has %{kind} */
    bool by_time;                     /* has letters of strftime */
    uint8_t rules;                    /* enum target_rules */
    char format[TARGET_PATTERN_MOST]; /* for strftime; a control character stands where exporter and kind go */

    /* the last name */
    int64_t second; /* UTC, that `stamped` is of; INT64_MIN = none */
    char stamped[TARGET_PATTERN_MOST];
    struct address address;
    enum document_kind kind;
    size_t size_bytes; /* 0 = none */
    char text[TARGET_NAME_MOST];
};

/*
 * Returns 0, or -EINVAL with the reason in why: the pattern cannot be read, or names that it yields are too long or
 * have characters that are not allowed, at whatever time and for whatever exporter. So target_name_render() cannot
 * fail. No memory is taken, there is nothing to end.
 */
int target_name_init(struct target_name *name, const char *pattern, const char *namespace, enum target_rules rules,
                     char why[TARGET_WHY_MOST]);

/*
 * Writes the name and a NUL to text, which has room for TARGET_NAME_MOST bytes, and returns its length. endpoint may be
 * NULL where by_exporter is false. What was rendered last is kept: the same second, kind and exporter again cost a
 * copy. One thread at a time.
 */
size_t target_name_render(struct target_name *name, int64_t utc_ns, enum document_kind kind,
                          const struct endpoint *endpoint, char text[TARGET_NAME_MOST]);
