/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes through LZ4 and deflate of export/lz/, and back by the libraries. The first byte says where it is cut. */
#include <isa-l.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "export/lz/deflate.h"
#include "export/lz/lz4_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_lz4(const uint8_t *bytes, size_t size_bytes, size_t room_bytes)
{
    static struct finder finder;
    if (!finder.distance_most)
        finder_init(&finder, LZ4_BLOCK_DISTANCE_MOST);
    uint8_t *out = malloc(room_bytes + 1);
    char *back = malloc(size_bytes + 1);
    size_t packed = lz4_block_write(&finder, bytes, size_bytes, out, room_bytes);
    require(packed || room_bytes < lz4_block_bound(size_bytes));
    if (packed) {
        require(LZ4_decompress_safe((char *)out, back, (int)packed, (int)size_bytes) == (int)size_bytes);
        require(memcmp(back, bytes, size_bytes) == 0);
    }
    free(out);
    free(back);
}

static void check_deflate(const uint8_t *bytes, size_t size_bytes, size_t at)
{
    static struct deflater deflater;
    if (!deflater.finders[0].distance_most)
        deflater_init(&deflater);
    uint8_t *out = malloc(deflate_bound(size_bytes)), *back = malloc(size_bytes + 1);
    deflate_begin(&deflater, out);
    deflate_part(&deflater, bytes, at, 0);
    deflate_part(&deflater, bytes + at, size_bytes - at, deflate_lines_before(bytes, bytes + at));
    struct inflate_state inflate;
    isal_inflate_init(&inflate);
    inflate.next_in = out;
    inflate.avail_in = (uint32_t)deflate_end(&deflater);
    inflate.next_out = back;
    inflate.avail_out = (uint32_t)size_bytes + 1;
    require(isal_inflate(&inflate) == ISAL_DECOMP_OK && inflate.block_state == ISAL_BLOCK_FINISH);
    require(inflate.total_out == size_bytes && memcmp(back, bytes, size_bytes) == 0);
    free(out);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    size_t at = (size - 1) * data[0] / 255;
    check_lz4(data + 1, size - 1, lz4_block_bound(size - 1));
    check_lz4(data + 1, size - 1, at);
    check_deflate(data + 1, size - 1, at);
    return 0;
}
