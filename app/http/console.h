/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The web console's files, as they are in ui/: embedded when weir is built. */
struct console_file {
    const char *name; /* console.html, the page, comes first */
    const char *type; /* Content-Type */
    const char *tag;  /* ETag, with its quotes: of the content */
    const unsigned char *bytes;
    size_t size_bytes;
};

extern const struct console_file console_files[];
extern const unsigned console_file_count;
