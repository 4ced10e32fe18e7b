/* SPDX-License-Identifier: Apache-2.0 */
#include "export/gzip_member.h"

#include <string.h>

#define LENGTH_AT 16 /* of our length in the header */

/* ID1 ID2, deflate, FEXTRA, no time, no flags, Unix; XLEN 8; "WL", 4 bytes (RFC 1952 2.3). */
static const uint8_t head_template[GZIP_MEMBER_HEAD_BYTES] = {
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 8, 0, 'W', 'L', 4, 0, 0, 0, 0, 0};

static void write_le16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static void write_le32(uint8_t *bytes, uint32_t value)
{
    write_le16(bytes, value);
    write_le16(bytes + 2, value >> 16);
}

static uint32_t read_le32(const uint8_t *bytes)
{
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

size_t gzip_member_wrap(uint8_t *output, size_t deflated_bytes, uint32_t checksum, uint32_t input_bytes)
{
    size_t all = GZIP_MEMBER_EXTRA_BYTES + deflated_bytes;
    memcpy(output, head_template, sizeof head_template);
    write_le32(output + LENGTH_AT, (uint32_t)all);
    uint8_t *tail = output + GZIP_MEMBER_HEAD_BYTES + deflated_bytes;
    write_le32(tail, checksum);
    write_le32(tail + 4, input_bytes);
    return all;
}

void gzip_filler(uint8_t *output, size_t size_bytes)
{
    static const uint8_t empty_block[2] = {0x03, 0x00}; /* final, fixed codes, end of block (RFC 1951 3.2.6) */
    size_t blank = size_bytes - GZIP_MEMBER_EXTRA_BYTES - sizeof empty_block; /* a second extra field takes it up */
    memset(output, 0, size_bytes);
    memcpy(output, head_template, sizeof head_template);
    write_le16(output + 10, (uint32_t)(8 + blank));
    write_le32(output + LENGTH_AT, (uint32_t)size_bytes);
    uint8_t *extra = output + GZIP_MEMBER_HEAD_BYTES;
    memcpy(extra, "WB", 2);
    write_le16(extra + 2, (uint32_t)(blank - 4));
    memcpy(extra + blank, empty_block, sizeof empty_block);
}

size_t gzip_member_whole(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < GZIP_MEMBER_EXTRA_BYTES || memcmp(bytes, head_template, 4) != 0 ||
        memcmp(bytes + 12, head_template + 12, LENGTH_AT - 12) != 0)
        return 0;
    size_t all = read_le32(bytes + LENGTH_AT);
    return all >= GZIP_MEMBER_EXTRA_BYTES && all <= size_bytes ? all : 0;
}
