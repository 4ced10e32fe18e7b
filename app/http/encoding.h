/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Does an Accept-Encoding header (NULL: none) take gzip? By the weights of RFC 9110 12.5.3. */
bool encoding_takes_gzip(const char *header);

/* The body as one gzip member, to be freed; NULL where it gets no smaller, or for want of memory. */
void *encoding_gzip(const char *body, size_t body_bytes, size_t *gzip_bytes);
