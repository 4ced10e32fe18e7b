/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes sFlow datagrams: samples in a datagram, structures in a sample; each end fills in its length and count. */

#include "tests/unit/packet.h"

struct sflow_wire {
    struct wire wire;
    uint32_t samples_at;    /* number of samples */
    uint32_t sample_at;     /* of the open sample: its format */
    uint32_t structures_at; /* its number of structures */
    uint32_t structure_at;  /* of the open structure: its format */
};

static inline void sflow_patch(struct sflow_wire *sflow, uint32_t at, uint32_t value)
{
    wire_patch(&sflow->wire, at, value >> 16);
    wire_patch(&sflow->wire, at + 2, value & 0xffff);
}

static inline void sflow_words(struct sflow_wire *sflow, const uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        wire_32(&sflow->wire, words[i]);
}

#define WORDS(sflow, ...)                                                                                              \
    sflow_words(sflow, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static inline void sflow_text(struct sflow_wire *sflow, const char *text)
{
    uint32_t size_bytes = (uint32_t)strlen(text);
    wire_32(&sflow->wire, size_bytes);
    memcpy(sflow->wire.bytes + sflow->wire.size_bytes, text, size_bytes);
    sflow->wire.size_bytes += size_bytes;
    wire_fill(&sflow->wire, 0, (4 - size_bytes % 4) % 4);
}

/* Agent 192.0.2.7, sub-agent 3. */
static inline void sflow_datagram(struct sflow_wire *sflow, uint32_t sequence)
{
    *sflow = (struct sflow_wire){0};
    WORDS(sflow, 5, 1, 0xc0000207, 3, sequence, 100000 + sequence);
    sflow->samples_at = sflow->wire.size_bytes;
    wire_32(&sflow->wire, 0);
}

/* The words are what stands before the number of structures. */
#define SFLOW_SAMPLE(sflow, format, ...)                                                                               \
    do {                                                                                                               \
        (sflow)->sample_at = (sflow)->wire.size_bytes;                                                                 \
        WORDS(sflow, format, 0, __VA_ARGS__);                                                                          \
        (sflow)->structures_at = (sflow)->wire.size_bytes;                                                             \
        wire_32(&(sflow)->wire, 0);                                                                                    \
    } while (0)

static inline void sflow_count(struct sflow_wire *sflow, uint32_t at)
{
    sflow->wire.bytes[at + 3]++;
}

static inline void sflow_sample_end(struct sflow_wire *sflow)
{
    sflow_patch(sflow, sflow->sample_at + 4, sflow->wire.size_bytes - sflow->sample_at - 8);
    sflow_count(sflow, sflow->samples_at);
}

static inline void sflow_structure(struct sflow_wire *sflow, uint32_t format)
{
    sflow->structure_at = sflow->wire.size_bytes;
    WORDS(sflow, format, 0);
}

static inline void sflow_structure_end(struct sflow_wire *sflow)
{
    sflow_patch(sflow, sflow->structure_at + 4, sflow->wire.size_bytes - sflow->structure_at - 8);
    sflow_count(sflow, sflow->structures_at);
}

/* A whole structure of plain numbers. */
#define SFLOW_NUMBERS(sflow, format, ...)                                                                              \
    do {                                                                                                               \
        sflow_structure(sflow, format);                                                                                \
        WORDS(sflow, __VA_ARGS__);                                                                                     \
        sflow_structure_end(sflow);                                                                                    \
    } while (0)

/* A sampled header with the packet in it. */
static inline void sflow_header(struct sflow_wire *sflow, uint32_t protocol, uint32_t frame_bytes,
                                const struct wire *packet)
{
    sflow_structure(sflow, 1);
    WORDS(sflow, protocol, frame_bytes, 4, packet->size_bytes);
    memcpy(sflow->wire.bytes + sflow->wire.size_bytes, packet->bytes, packet->size_bytes);
    sflow->wire.size_bytes += packet->size_bytes;
    wire_fill(&sflow->wire, 0, (4 - packet->size_bytes % 4) % 4);
    sflow_structure_end(sflow);
}
