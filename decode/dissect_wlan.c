/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/dissect_layers.h"

/* Frames of wireless links: IEEE 802.11-2020 9.2 and 9.3. Numbers of several bytes are little-endian there. */

/* The first byte: two bits of version, two of type, four of subtype. */
#define VERSION_TYPE(byte)  ((byte) & 0x0f)
#define TYPE_MANAGEMENT     0x00
#define TYPE_DATA           0x08
#define SUBTYPE_NO_DATA     0x40
#define SUBTYPE_QOS         0x80

/* The second byte. */
#define FLAG_TO_SYSTEM      0x01
#define FLAG_FROM_SYSTEM    0x02
#define FLAG_PROTECTED      0x40
#define FLAG_ORDER          0x80 /* of QoS frames: HT control is there */

#define QOS_AGGREGATED      0x80 /* the payload is an A-MSDU */

#define HEADER_BYTES 24
#define FRAGMENT_AT  22 /* sequence control: its low four bits number the fragment */

/* Which of the four addresses are the destination and the source, by the two flags: 9.3.2.1, table 9-30. */
static const struct {
    uint8_t destination_at, source_at;
} address_rows[4] = {{4, 10}, {16, 10}, {4, 16}, {16, 24}};

static void addresses_take(struct walk_point *point, uint8_t destination_at, uint8_t source_at)
{
    point->dissection->destination_mac = point->at + destination_at;
    point->dissection->source_mac = point->at + source_at;
}

/* What stands behind the header of a data frame. Its end is at header_bytes, and there. */
static enum layer payload_follow(struct walk_point *point, bool aggregated)
{
    const uint8_t *at = point->at;
    if (at[0] & SUBTYPE_NO_DATA || at[FRAGMENT_AT] & 0x0f)
        return LAYER_END;
    if (at[1] & FLAG_PROTECTED) {
        point->dissection->encrypted = true;
        return LAYER_END;
    }
    return aggregated ? LAYER_AGGREGATED : LAYER_LLC;
}

static enum layer data_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    uint32_t direction = at[1] & (FLAG_TO_SYSTEM | FLAG_FROM_SYSTEM);
    uint32_t qos_at = HEADER_BYTES + (direction == 3 ? 6 : 0);
    bool qos = at[0] & SUBTYPE_QOS;
    point->header_bytes = qos_at + (qos ? 2 : 0) + (qos && at[1] & FLAG_ORDER ? 4 : 0);
    if (point->left < point->header_bytes)
        return LAYER_LLC; /* the walk sees that it is cut */
    bool aggregated = qos && at[qos_at] & QOS_AGGREGATED;
    if (!aggregated) /* subframes have the addresses themselves */
        addresses_take(point, address_rows[direction].destination_at, address_rows[direction].source_at);
    return payload_follow(point, aggregated);
}

/* Control frames, and frames of other versions, have nothing to read. */
enum layer wlan_read(struct walk_point *point)
{
    uint8_t kind = VERSION_TYPE(point->at[0]);
    if (kind == TYPE_DATA)
        return data_read(point);
    point->header_bytes = HEADER_BYTES;
    if (kind == TYPE_MANAGEMENT && point->left < HEADER_BYTES)
        point->dissection->cut = true;
    else if (kind == TYPE_MANAGEMENT)
        addresses_take(point, 4, 10);
    return LAYER_END;
}

/* 9.3.2.2.2: addresses and length as Ethernet has them, and LLC. Of several subframes the first one. */
enum layer aggregated_read(struct walk_point *point)
{
    point->header_bytes = 14;
    if (!point->dissection->destination_mac)
        addresses_take(point, 0, 6);
    return LAYER_LLC;
}
