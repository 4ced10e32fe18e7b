/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes v9 and IPFIX datagrams, number by number. */

#include <stdint.h>
#include <string.h>

struct wire {
    uint8_t bytes[16384];
    uint32_t size_bytes;
    uint32_t message; /* where the last header begins */
    uint32_t set;     /* where the last set begins */
};

static inline void wire_16(struct wire *wire, uint32_t value)
{
    wire->bytes[wire->size_bytes++] = (uint8_t)(value >> 8);
    wire->bytes[wire->size_bytes++] = (uint8_t)value;
}

static inline void wire_32(struct wire *wire, uint32_t value)
{
    wire_16(wire, value >> 16);
    wire_16(wire, value & 0xffff);
}

static inline void wire_patch(struct wire *wire, uint32_t at, uint32_t value)
{
    wire->bytes[at] = (uint8_t)(value >> 8);
    wire->bytes[at + 1] = (uint8_t)value;
}

static inline void wire_fill(struct wire *wire, uint8_t value, uint32_t count)
{
    memset(wire->bytes + wire->size_bytes, value, count);
    wire->size_bytes += count;
}

static inline void wire_v9(struct wire *wire, uint32_t count, uint32_t sequence, uint32_t source)
{
    wire->message = wire->size_bytes;
    wire_16(wire, 9);
    wire_16(wire, count);
    wire_32(wire, 1000);
    wire_32(wire, 1767225600);
    wire_32(wire, sequence);
    wire_32(wire, source);
}

static inline void wire_ipfix(struct wire *wire, uint32_t seconds, uint32_t domain)
{
    wire->message = wire->size_bytes;
    wire_16(wire, 10);
    wire_16(wire, 0);
    wire_32(wire, seconds);
    wire_32(wire, 1);
    wire_32(wire, domain);
}

/* Ends the IPFIX message. */
static inline void wire_message_end(struct wire *wire)
{
    wire_patch(wire, wire->message + 2, wire->size_bytes - wire->message);
}

static inline void wire_set(struct wire *wire, uint32_t id)
{
    wire->set = wire->size_bytes;
    wire_16(wire, id);
    wire_16(wire, 0);
}

static inline void wire_set_end(struct wire *wire)
{
    wire_patch(wire, wire->set + 2, wire->size_bytes - wire->set);
}

/* A template set with one template of IANA elements: pairs of id and length. */
static inline void wire_template(struct wire *wire, uint32_t set, uint32_t id, const uint16_t *pairs, uint32_t count)
{
    wire_set(wire, set);
    wire_16(wire, id);
    wire_16(wire, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        wire_16(wire, pairs[i]);
    wire_set_end(wire);
}

/* A data set of so many bytes of one value. */
static inline void wire_data(struct wire *wire, uint32_t id, uint8_t value, uint32_t count)
{
    wire_set(wire, id);
    wire_fill(wire, value, count);
    wire_set_end(wire);
}
