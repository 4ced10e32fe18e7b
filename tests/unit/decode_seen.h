/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Datagrams written by hand, and what the decoder made of them. */

#include "tests/unit/decode_fixture.h"
#include "tests/unit/wire.h"

#define A "192.0.2.1:5000"

static inline void begin(struct fixture *fixture, enum profile_kind kind)
{
    fixture_init(fixture, kind);
    fixture_open(fixture);
}

static inline uint32_t feed(struct fixture *fixture, const char *exporter, const struct wire *wire)
{
    uint32_t records = fixture_feed(fixture, fixture_exporter(fixture, exporter), wire->bytes, wire->size_bytes);
    fixture_check_ledger(fixture);
    return records;
}

/* The plan of the last chunk, the spans of its first record; and of each chunk its message and its records. */
struct seen {
    uint32_t chunks;
    uint64_t serials[8];
    int64_t exported_ns[8];
    struct plan plan;
    struct field fields[32];
    struct span spans[32];
    uint32_t counts[8];
};

static inline void look(const struct chunk *chunk, void *data)
{
    struct seen *seen = data;
    seen->plan = *chunk->plan;
    memcpy(seen->fields, chunk->plan->fields, chunk->plan->field_count * sizeof *seen->fields);
    memcpy(seen->spans, chunk->records[0].spans, chunk->plan->field_count * sizeof *seen->spans);
    seen->serials[seen->chunks] = chunk->message->serial;
    seen->exported_ns[seen->chunks] = chunk->message->export_ns;
    seen->counts[seen->chunks++] = chunk->count;
}

static inline struct seen visit(struct fixture *fixture, const struct wire *wire)
{
    struct seen seen = {0};
    fixture_visit(fixture, fixture_exporter(fixture, A), (struct fixture_bytes){wire->bytes, wire->size_bytes}, look,
                  &seen);
    fixture_check_ledger(fixture);
    return seen;
}

/* A v9 datagram with a template, and one with a data set. */
static inline uint32_t feed_v9_template(struct fixture *fixture, const char *exporter, uint32_t id,
                                        const uint16_t *pairs, uint32_t count)
{
    struct wire wire = {0};
    wire_v9(&wire, 1, 1, 7);
    wire_template(&wire, 0, id, pairs, count);
    return feed(fixture, exporter, &wire);
}

static inline uint32_t feed_v9_data(struct fixture *fixture, const char *exporter, uint32_t id, uint32_t size_bytes)
{
    struct wire wire = {0};
    wire_v9(&wire, 1, 2, 7);
    wire_data(&wire, id, 1, size_bytes);
    return feed(fixture, exporter, &wire);
}
