/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * gzip members (RFC 1952) that say their own length in an extra field, "WL", so that whole members are found without
 * inflating them.
 */
#define GZIP_MEMBER_HEAD_BYTES  20 /* fixed header, length of the extra fields, "WL" with four bytes */
#define GZIP_MEMBER_TAIL_BYTES  8  /* CRC32, size of the input */
#define GZIP_MEMBER_EXTRA_BYTES (GZIP_MEMBER_HEAD_BYTES + GZIP_MEMBER_TAIL_BYTES)

/* Puts header and trailer around deflated bytes that stand at output + GZIP_MEMBER_HEAD_BYTES; returns the length. */
size_t gzip_member_wrap(uint8_t *output, size_t deflated_bytes, uint32_t checksum, uint32_t input_bytes);

/* An empty member of exactly size_bytes: 34 to 65,535. */
void gzip_filler(uint8_t *output, size_t size_bytes);

/* Length of the member at bytes, 0 when it is not whole or not of ours. */
size_t gzip_member_whole(const uint8_t *bytes, size_t size_bytes);
