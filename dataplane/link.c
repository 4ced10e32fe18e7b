/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/link.h"

#include <pcap/dlt.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "dataplane/frame.h"

/* A link header in front of IP: how long, and where its EtherType stands. */
struct link_row {
    int type;
    uint8_t kind;        /* enum packet_kind */
    uint8_t bytes;       /* of the link header */
    uint8_t type_offset; /* of its EtherType; NO_TYPE: it has none, IP's version tells */
};

#define NO_TYPE 0xff
#define LINKTYPE_RAW  101 /* DLT_RAW's number in files; the DLT_ number differs between systems */
#define LINKTYPE_LOOP 108

static const struct link_row link_rows[] = {
    {.type = DLT_EN10MB, .kind = PACKET_ETHERNET, .bytes = 0, .type_offset = NO_TYPE},
    {.type = DLT_LINUX_SLL, .kind = PACKET_IP, .bytes = 16, .type_offset = 14},
    {.type = DLT_LINUX_SLL2, .kind = PACKET_IP, .bytes = 20, .type_offset = 0},
    {.type = DLT_RAW, .kind = PACKET_IP, .bytes = 0, .type_offset = NO_TYPE},
    {.type = LINKTYPE_RAW, .kind = PACKET_IP, .bytes = 0, .type_offset = NO_TYPE},
    {.type = DLT_IPV4, .kind = PACKET_IP, .bytes = 0, .type_offset = NO_TYPE},
    {.type = DLT_IPV6, .kind = PACKET_IP, .bytes = 0, .type_offset = NO_TYPE},
    /* An address family whose value differs between systems: IP's version is the better witness. */
    {.type = DLT_NULL, .kind = PACKET_IP, .bytes = 4, .type_offset = NO_TYPE},
    {.type = DLT_LOOP, .kind = PACKET_IP, .bytes = 4, .type_offset = NO_TYPE},
    {.type = LINKTYPE_LOOP, .kind = PACKET_IP, .bytes = 4, .type_offset = NO_TYPE},
};

static const struct link_row *link_find(int link_type)
{
    for (size_t i = 0; i < sizeof link_rows / sizeof *link_rows; i++)
        if (link_rows[i].type == link_type)
            return &link_rows[i];
    return NULL;
}

bool link_known(int link_type)
{
    return link_find(link_type) != NULL;
}

void link_strip(int link_type, struct packet *packet)
{
    const struct link_row *row = link_find(link_type);
    packet->kind = PACKET_OTHER;
    if (!row || packet->size_bytes < row->bytes)
        return;
    uint32_t offset = row->bytes;
    if (row->type_offset != NO_TYPE) {
        uint16_t type = read_be16(packet->bytes + row->type_offset);
        if (!frame_skip_tags(packet->bytes, packet->size_bytes, &offset, &type))
            return;
        if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
            return;
    }
    packet->kind = row->kind;
    packet->bytes += offset;
    packet->size_bytes -= offset;
}
