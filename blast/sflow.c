/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "blast/flow.h"
#include "blast/image_draft.h"
#include "blast/put.h"
#include "blast/random.h"

/* sFlow version 5 (sflow.org/sflow_version_5.txt): flow samples with a packet's header, and counters of interfaces. */

#define VERSION          5
#define ADDRESS_IPV4     1
#define FLOW_SAMPLE      1
#define COUNTERS_SAMPLE  2
#define RAW_HEADER       1 /* of flow records */
#define GENERIC_COUNTERS 1 /* of counter records */
#define COUNTERS_BYTES   88
#define ETHERNET         1
#define FCS_BYTES        4
#define FRAME_LEAST      64
#define HEADER_MOST      128
#define ETHERNET_BYTES   14
#define IP_BYTES         20
#define ETHERTYPE_IPV4   0x0800
#define COUNTERS_SHARE   8 /* one datagram in so many has counters */
#define SAMPLE_BYTES     (8 + 32 + 24 + HEADER_MOST)

enum { TCP = 6, UDP = 17 };

/* The sampled packet's first bytes. Its checksums are not filled in: some agents sample before they are. */
static void packet_add(struct image_draft *draft, const struct flow *flow, uint32_t header_bytes)
{
    uint32_t begin = draft->size_bytes;
    draft_number(draft, flow->destination.mac, 6);
    draft_number(draft, flow->source.mac, 6);
    draft_number(draft, ETHERTYPE_IPV4, 2);
    draft_number(draft, 0x45, 1);
    draft_number(draft, flow->tos, 1);
    draft_number(draft, flow->packet_bytes - ETHERNET_BYTES, 2);
    draft_number(draft, flow->octets & 0xffff, 2); /* identification */
    draft_number(draft, 0x4000, 2);                /* do not fragment */
    draft_number(draft, 64, 1);
    draft_number(draft, flow->protocol, 1);
    draft_number(draft, 0, 2);
    draft_number(draft, flow->source.ipv4, 4);
    draft_number(draft, flow->destination.ipv4, 4);
    draft_number(draft, flow->source.port, 2);
    draft_number(draft, flow->destination.port, 2);
    if (flow->protocol == TCP) {
        draft_number(draft, flow->octets * 2654435761u, 4);
        draft_number(draft, flow->packets * 2654435761u, 4);
        draft_number(draft, 0x5000u | flow->tcp_flags, 2);
        draft_number(draft, 65535, 2);
    } else {
        draft_number(draft, (uint64_t)flow->packet_bytes - ETHERNET_BYTES - IP_BYTES, 2);
        draft_number(draft, 0, 2);
    }
    draft_number(draft, 0, begin + header_bytes - draft->size_bytes);
}

static void flow_sample_add(struct image_draft *draft, const struct flow *flow)
{
    uint32_t frame_bytes = (uint32_t)flow->packet_bytes + FCS_BYTES;
    frame_bytes = frame_bytes < FRAME_LEAST ? FRAME_LEAST : frame_bytes;
    uint32_t header_bytes = frame_bytes - FCS_BYTES < HEADER_MOST ? (frame_bytes - FCS_BYTES) & ~3u : HEADER_MOST;
    draft_number(draft, FLOW_SAMPLE, 4);
    draft_number(draft, 32 + 24 + header_bytes, 4);
    draft_patch(draft, PATCH_SAMPLE, draft->image.samples);
    draft_number(draft, 0, 4);
    draft_number(draft, flow->source.interface, 4); /* source id: type 0 (ifIndex) and index */
    draft_number(draft, IMAGE_SAMPLING_RATE, 4);
    draft_patch(draft, PATCH_POOL, draft->image.samples);
    draft_number(draft, 0, 4);
    draft_number(draft, 0, 4); /* drops */
    draft_number(draft, flow->source.interface, 4);
    draft_number(draft, flow->destination.interface, 4);
    draft_number(draft, 1, 4); /* one record */
    draft_number(draft, RAW_HEADER, 4);
    draft_number(draft, 16 + header_bytes, 4);
    draft_number(draft, ETHERNET, 4);
    draft_number(draft, frame_bytes, 4);
    draft_number(draft, FCS_BYTES, 4); /* stripped */
    draft_number(draft, header_bytes, 4);
    packet_add(draft, flow, header_bytes);
    draft->image.samples++;
    draft->image.records++;
    draft->image.packets++;
    draft->image.octets += frame_bytes;
}

static void counters_sample_add(struct image_draft *draft, const struct flow *flow)
{
    draft_number(draft, COUNTERS_SAMPLE, 4);
    draft_number(draft, 12 + 8 + COUNTERS_BYTES, 4);
    draft_patch(draft, PATCH_SAMPLE, 0);
    draft_number(draft, 0, 4);
    draft_number(draft, flow->source.interface, 4);
    draft_number(draft, 1, 4);
    draft_number(draft, GENERIC_COUNTERS, 4);
    draft_number(draft, COUNTERS_BYTES, 4);
    draft_number(draft, flow->source.interface, 4);
    draft_number(draft, 6, 4); /* ifType: ethernetCsmacd */
    draft_number(draft, 10000000000ull, 8);
    draft_number(draft, 1, 4); /* full duplex */
    draft_number(draft, 3, 4); /* up */
    draft_number(draft, (uint64_t)flow->octets << 8, 8);
    draft_number(draft, flow->packets, 4);
    draft_number(draft, 0, 20); /* multicast, broadcast, discards, errors, unknown protocols */
    draft_number(draft, (uint64_t)flow->octets << 7, 8);
    draft_number(draft, flow->packets, 4);
    draft_number(draft, 0, 20); /* multicast, broadcast, discards, errors, promiscuous mode */
    draft->image.options++;
}

void draft_sflow(struct image_draft *draft, const struct image_setup *setup, uint64_t *random)
{
    struct flow flow;
    uint32_t most = setup->records_most ? setup->records_most : IMAGE_RECORDS_MOST;
    draft_number(draft, VERSION, 4);
    draft_number(draft, ADDRESS_IPV4, 4);
    draft->size_bytes = setup->format->header.bytes;
    if (random_below(random, COUNTERS_SHARE) == 0) {
        flow_make(&flow, random);
        counters_sample_add(draft, &flow);
    }
    while (draft->image.records < most && draft->size_bytes + SAMPLE_BYTES <= setup->bytes_most) {
        flow_make(&flow, random);
        flow_sample_add(draft, &flow);
    }
    put_be32(draft->bytes + setup->format->header.bytes - 4, draft->image.records + draft->image.options);
    draft->image.units = 1;
}
