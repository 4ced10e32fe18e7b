/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "export/compress.h"

#define BODY_LEAST 512       /* bytes: shorter ones fit a packet as they are */
#define BODY_MOST  (1U << 30)
#define BLANKS     " \t"

/* Is the weight behind an item 0? "" has none, which is 1. */
static bool weight_is_zero(const char *at, const char *end)
{
    const char *semicolon = memchr(at, ';', (size_t)(end - at));
    if (!semicolon)
        return false;
    at = semicolon + 1;
    at += strspn(at, BLANKS);
    if (strncasecmp(at, "q=", 2) != 0)
        return false;
    for (at += 2; at < end; at++)
        if (*at >= '1' && *at <= '9')
            return false;
    return true;
}

/* The items "gzip" and, where that is not there, "*". */
bool encoding_takes_gzip(const char *header)
{
    bool any = false;
    while (header && *header) {
        header += strspn(header, BLANKS ",");
        const char *end = header + strcspn(header, ",");
        size_t name_bytes = strcspn(header, BLANKS ";,");
        if (name_bytes == 4 && strncasecmp(header, "gzip", 4) == 0)
            return !weight_is_zero(header, end);
        if (name_bytes == 1 && *header == '*')
            any = !weight_is_zero(header, end);
        header = end;
    }
    return any;
}

void *encoding_gzip(const char *body, size_t body_bytes, size_t *gzip_bytes)
{
    if (body_bytes < BODY_LEAST || body_bytes > BODY_MOST)
        return NULL;
    struct compressor *compressor = compressor_new(COMPRESSION_GZIP, 1, (uint32_t)body_bytes);
    void *output = compressor ? malloc(compressor_bound(compressor)) : NULL;
    *gzip_bytes = output ? compressor_frame(compressor, body, body_bytes, output) : 0;
    if (compressor)
        compressor_free(compressor);
    if (*gzip_bytes && *gzip_bytes < body_bytes)
        return output;
    free(output);
    return NULL;
}
