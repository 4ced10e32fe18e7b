/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "blast/flow.h"
#include "blast/image_draft.h"
#include "blast/put.h"

#define TEXT_MOST  128
#define OCTET_WIDE 8

static uint64_t prefix_of(const struct flow_end *end)
{
    return end->ipv4 & (uint32_t)(0xffffffffull << (32 - end->prefix_bits));
}

/* Patches go where the flow's value would stand, so each knows it. */
static void patch_add(struct image_draft *draft, const struct layout_field *field, const struct flow *flow)
{
    bool out = flow->source.port >= 32768, in = flow->destination.port >= 32768;
    switch (field->content) {
    case CONTENT_FIRST_UPTIME:
        draft_patch(draft, PATCH_UPTIME, flow->began_ms);
        break;
    case CONTENT_LAST_UPTIME:
        draft_patch(draft, PATCH_UPTIME, flow->ended_ms);
        break;
    case CONTENT_FIRST_MS:
        draft_patch(draft, PATCH_MS, flow->began_ms);
        break;
    case CONTENT_LAST_MS:
        draft_patch(draft, PATCH_MS, flow->ended_ms);
        break;
    case CONTENT_OCTETS:
        draft_patch(draft, field->length == OCTET_WIDE ? PATCH_OCTETS64 : PATCH_OCTETS32, flow->octets);
        break;
    case CONTENT_SOURCE_PORT:
        if (out)
            draft_patch(draft, PATCH_PORT, flow->source.port);
        break;
    case CONTENT_DESTINATION_PORT:
        if (in)
            draft_patch(draft, PATCH_PORT, flow->destination.port);
        break;
    }
}

static uint64_t number_of(const struct flow *flow, uint8_t content, uint32_t number)
{
    switch (content) {
    case CONTENT_ONE:
        return 1;
    case CONTENT_SOURCE4:
        return flow->source.ipv4;
    case CONTENT_DESTINATION4:
        return flow->destination.ipv4;
    case CONTENT_SOURCE6:
        return flow->source.ipv6;
    case CONTENT_DESTINATION6:
        return flow->destination.ipv6;
    case CONTENT_SOURCE_PREFIX:
        return prefix_of(&flow->source);
    case CONTENT_DESTINATION_PREFIX:
        return prefix_of(&flow->destination);
    case CONTENT_SOURCE_BITS:
        return flow->source.prefix_bits;
    case CONTENT_DESTINATION_BITS:
        return flow->destination.prefix_bits;
    case CONTENT_SOURCE_AS:
        return flow->source.as;
    case CONTENT_DESTINATION_AS:
        return flow->destination.as;
    case CONTENT_SOURCE_PORT:
        return flow->source.port;
    case CONTENT_DESTINATION_PORT:
        return flow->destination.port;
    case CONTENT_SOURCE_MAC:
        return flow->source.mac;
    case CONTENT_NEXT_HOP:
        return flow->next_hop;
    case CONTENT_INPUT:
        return flow->source.interface;
    case CONTENT_OUTPUT:
        return flow->destination.interface;
    case CONTENT_OCTETS:
        return flow->octets;
    case CONTENT_PACKETS:
        return flow->packets;
    case CONTENT_REVERSE_OCTETS:
        return flow->reverse_octets;
    case CONTENT_REVERSE_PACKETS:
        return flow->reverse_packets;
    case CONTENT_FLOWS:
        return 1 + flow->packets / 8;
    case CONTENT_PROTOCOL:
        return flow->protocol;
    case CONTENT_TCP_FLAGS:
        return flow->tcp_flags;
    case CONTENT_TOS:
        return flow->tos;
    case CONTENT_APPLICATION_ID: /* RFC 6759: IANA's layer 4 numbers, and the port */
        return 3u << 24 | (flow->source.port < flow->destination.port ? flow->source.port : flow->destination.port);
    case CONTENT_INTERFACE:
        return number + 1;
    }
    return 0; /* a patch's, or nothing */
}

/* Returns the text's length; 0: the content is no text. */
static int text_of(const struct flow *flow, uint8_t content, uint32_t number, char *text)
{
    static const char *const names[] = {"guests", "staff", "warehouse-2", "lab"};
    uint32_t server = flow->source.ipv4 >> 24 == 10 ? flow->destination.ipv4 : flow->source.ipv4;
    switch (content) {
    case CONTENT_APPLICATION:
        return snprintf(text, TEXT_MOST, "%s", flow->application);
    case CONTENT_HOST:
        return snprintf(text, TEXT_MOST, "www-%u.%s.example.net", server & 0xffff, flow->application);
    case CONTENT_SSID:
        return snprintf(text, TEXT_MOST, "%s", names[server & 3]);
    case CONTENT_INTERFACE_NAME:
        return snprintf(text, TEXT_MOST, "Te0/0/%u", number);
    case CONTENT_INTERFACE_ALIAS:
        return snprintf(text, TEXT_MOST, "uplink %u to core-%u", number + 1, number & 1);
    }
    return 0;
}

static void field_add(struct image_draft *draft, const struct layout_field *field, const struct flow *flow,
                      uint32_t number)
{
    char text[TEXT_MOST] = "";
    uint32_t length = (uint32_t)text_of(flow, field->content, number, text);
    if (field->length == LENGTH_VARIABLE) {
        draft_number(draft, length, 1);
        draft_bytes(draft, text, length);
    } else if (length) {
        draft_bytes(draft, text, field->length);
    } else if (field->length == 16) { /* IPv6: the documentation's prefix */
        draft_number(draft, 0x20010db800000000ull, 8);
        draft_number(draft, number_of(flow, field->content, number), 8);
    } else {
        patch_add(draft, field, flow);
        draft_number(draft, number_of(flow, field->content, number), field->length);
    }
}

void draft_record(struct image_draft *draft, const struct layout *layout, const struct flow *flow, uint32_t number)
{
    for (uint32_t i = 0; i < layout->field_count; i++)
        field_add(draft, &layout->fields[i], flow, number);
}
