/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sflow.h"

/* enum header_protocol of sFlow v5 5.3 and of its 802.11 structures, as far as the dissector begins so. */
static bool start_of(uint32_t protocol, enum dissect_start *start)
{
    static const struct {
        uint32_t protocol;
        enum dissect_start start;
    } rows[] = {{1, DISSECT_ETHERNET}, {7, DISSECT_PPP},   {9, DISSECT_LLC},   {10, DISSECT_IP},
                {11, DISSECT_IPV4},    {12, DISSECT_IPV6}, {13, DISSECT_MPLS}, {14, DISSECT_PPP},
                {15, DISSECT_WLAN},    {17, DISSECT_WLAN_AGGREGATED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].protocol == protocol) {
            *start = rows[i].start;
            return true;
        }
    return false;
}

/* Protocol and length of the frame stand at `at`. */
static void header_put(struct row *row, const uint8_t *at, const uint8_t *packet, uint32_t size_bytes)
{
    enum dissect_start start;
    row_put_wire(row, SFLOW_HEADER_PROTOCOL, at, 4);
    row_put_wire(row, SFLOW_FRAME_LENGTH, at + 4, 4);
    if (start_of(read_be32(at), &start))
        row_put_packet(row, start, packet, size_bytes);
    else
        decoder_count(row->decoder, COUNTER_sflow_headers_unknown, 1);
}

bool sflow_header_read(struct row *row, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 16)
        return false;
    uint32_t header_bytes = read_be32(at + 12);
    if ((size_t)(end - at) - 16 < header_bytes)
        return false;
    row_put_wire(row, SFLOW_STRIPPED_BYTES, at + 8, 4);
    row_put_wire(row, SFLOW_HEADER_LENGTH, at + 12, 4);
    header_put(row, at, at + 16, header_bytes);
    return true;
}

const uint8_t *sflow_old_header_read(struct row *row, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 12)
        return NULL;
    size_t header_bytes = read_be32(at + 8), padded = (header_bytes + 3) & ~(size_t)3;
    if ((size_t)(end - at) - 12 < padded)
        return NULL;
    row_put_wire(row, SFLOW_HEADER_LENGTH, at + 8, 4);
    header_put(row, at, at + 12, (uint32_t)header_bytes);
    return at + 12 + padded;
}
