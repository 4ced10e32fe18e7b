/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sflow_structure.h"

/*
 * Samples of sFlow versions 2 and 4 (RFC 3176): no structure has a length, so what comes behind something unknown
 * cannot be found. Their structures are those of version 5 under other numbers, but for the few below.
 */

#define FLOW_BYTES     32 /* with the type of what was sampled of the packet */
#define COUNTERS_BYTES 16 /* with the type of counters */

/* Numbers of version 5's structures. */
enum {
    NEW_IPV4 = 3,
    NEW_IPV6 = 4,
    NEW_SWITCH = 1001,
    NEW_ROUTER = 1002,
    NEW_INTERFACE = 1,
    NEW_ETHERNET = 2,
    NEW_TOKEN_RING = 3,
    NEW_VG = 4,
    NEW_VLAN = 5,
};

static const struct structure gateway_2 = {
    .parts = {NUMBER(ROUTER_AS), NUMBER(SOURCE_AS), NUMBER(SOURCE_PEER_AS), ASES(DESTINATION_AS_PATH)}};
static const struct structure gateway_4 = {
    .parts = {NUMBER(ROUTER_AS), NUMBER(SOURCE_AS), NUMBER(SOURCE_PEER_AS), PATH(DESTINATION_AS_PATH),
              NUMBERS(BGP_COMMUNITIES), NUMBER(LOCAL_PREFERENCE)}};
static const struct structure user = {.parts = {TEXT(SOURCE_USER), TEXT(DESTINATION_USER)}};
static const struct structure url = {.parts = {NUMBER(URL_DIRECTION), TEXT(URL)}};

/* What is known of an extension, by its type. */
static const struct structure *extension_find(uint8_t version, uint32_t type)
{
    switch (type) {
    case 1:
        return structure_find(&sflow_flow_structures, NEW_SWITCH);
    case 2:
        return structure_find(&sflow_flow_structures, NEW_ROUTER);
    case 3:
        return version == 2 ? &gateway_2 : &gateway_4;
    case 4:
        return &user;
    case 5:
        return &url;
    default:
        return NULL;
    }
}

/* Returns what is behind the structure; NULL, and counted, when it is not known or cut. */
static const uint8_t *known_read(struct row *row, const struct structure *structure, const uint8_t *at,
                                 const uint8_t *end)
{
    if (!structure) {
        decoder_count(row->decoder, COUNTER_sflow_structures_unknown, 1);
        return NULL;
    }
    at = structure_read(row, structure, at, end);
    if (!at)
        decoder_count(row->decoder, COUNTER_sflow_structures_short, 1);
    return at;
}

static const uint8_t *packet_read(struct row *row, uint32_t type, const uint8_t *at, const uint8_t *end)
{
    if (type == 1) {
        at = sflow_old_header_read(row, at, end);
        if (!at)
            decoder_count(row->decoder, COUNTER_sflow_structures_short, 1);
        return at;
    }
    uint32_t format = type == 2 ? NEW_IPV4 : type == 3 ? NEW_IPV6 : 0;
    return known_read(row, structure_find(&sflow_flow_structures, format), at, end);
}

static const uint8_t *extensions_read(struct row *row, const uint8_t *at, const uint8_t *end)
{
    if (!at || end - at < 4)
        return NULL;
    uint8_t version = row->decoder->message.sflow_version;
    uint32_t left = read_be32(at);
    for (at += 4; left && at; left--) {
        if (end - at < 4)
            return NULL;
        at = known_read(row, extension_find(version, read_be32(at)), at + 4, end);
    }
    return at;
}

/* Counters of an interface come with those of its kind; those of a VLAN come alone. */
static const uint8_t *counters_read(struct row *row, uint32_t type, const uint8_t *at, const uint8_t *end)
{
    static const struct {
        uint8_t interface, more; /* 0: none */
    } kinds[] = {
        [1] = {NEW_INTERFACE, 0},      /* generic */
        [2] = {NEW_INTERFACE, NEW_ETHERNET},
        [3] = {NEW_INTERFACE, NEW_TOKEN_RING},
        [4] = {NEW_INTERFACE, 0},      /* FDDI */
        [5] = {NEW_INTERFACE, NEW_VG}, /* 100BaseVG */
        [6] = {NEW_INTERFACE, 0},      /* WAN */
        [7] = {0, NEW_VLAN},
    };
    if (type == 0 || type >= sizeof kinds / sizeof *kinds)
        return known_read(row, NULL, at, end);
    if (kinds[type].interface)
        at = known_read(row, structure_find(&sflow_counter_structures, kinds[type].interface), at, end);
    if (at && kinds[type].more)
        at = known_read(row, structure_find(&sflow_counter_structures, kinds[type].more), at, end);
    return at;
}

bool sflow_old_sample_read(struct row *row, enum sflow_plan kind, const uint8_t *at, const uint8_t **next)
{
    const uint8_t *end = row->decoder->walk.end;
    bool counters = kind == SFLOW_PLAN_COUNTERS;
    *next = NULL;
    if (end - at < (counters ? COUNTERS_BYTES : FLOW_BYTES))
        return false;
    uint32_t id = read_be32(at + 4);
    sflow_source_read(row, kind, read_be32(at), id >> 24, id & 0xffffff);
    if (counters) {
        row_put_number(row, SFLOW_SAMPLING_INTERVAL, read_be32(at + 8));
        *next = counters_read(row, read_be32(at + 12), at + COUNTERS_BYTES, end);
    } else {
        sflow_sampling_read(row, at + 8, false);
        at = packet_read(row, read_be32(at + 28), at + FLOW_BYTES, end);
        *next = extensions_read(row, at, end);
    }
    if (!*next)
        decoder_count(row->decoder, COUNTER_sflow_samples_cut, 1);
    return true;
}
