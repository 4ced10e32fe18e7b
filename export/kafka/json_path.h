/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a value stands in a JSON text, without its quotes; text is NULL where there is none. */
struct json_value {
    const uint8_t *text;
    size_t size_bytes;
};

/*
 * Finds a scalar by its path, the names of members with dots in between: "flow.id" is the member "id" of the object
 * "flow", or a member whose name is "flow.id". A string comes as it stands, its escapes (RFC 8259 7) not resolved: the
 * same text for the same value, as long as one encoder writes it. Objects, arrays, null and empty strings are no value.
 * Any bytes may be given: what is no JSON text gives some value inside of it, or none.
 */
struct json_value json_path_find(const uint8_t *json, size_t size_bytes, const char *path);

/* Whether a path can name anything: names that are not empty, of letters, digits, '_', '-' and '@'. */
bool json_path_valid(const char *path);
