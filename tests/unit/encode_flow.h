/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Flows written down as fields with values, sent as template and data; and what their documents say, path by path. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/encode_fixture.h"
#include "tests/unit/wire.h"

#define EXPORTER "192.0.2.1:4444"
#define VAR LENGTH_VARIABLE
#define FIELDS_MOST 400

/* value: "#123" a number (not with VAR), an address, "'text", else hexadecimal. It is as long as the field says. */
struct flow_field {
    uint32_t enterprise;
    uint16_t id, length;
    const char *value;
};

static inline uint32_t value_bytes(const struct flow_field *field, uint8_t *out)
{
    struct address address;
    const char *value = field->value;
    if (*value == '#') {
        uint64_t number_be = __builtin_bswap64(strtoull(value + 1, NULL, 10));
        uint32_t length = field->length < 8 ? field->length : 8;
        assert_int_equal(length, field->length);
        memcpy(out, (char *)&number_be + 8 - length, length);
        return length;
    }
    if (*value == '\'') {
        memcpy(out, value + 1, strlen(value + 1));
        return (uint32_t)strlen(value + 1);
    }
    if (address_parse(value, &address)) {
        bool dotted = !strchr(value, ':');
        memcpy(out, address.bytes + (dotted ? 12 : 0), dotted ? 4 : 16);
        return dotted ? 4 : 16;
    }
    uint32_t length = 0;
    for (; *value; value += 2, value += *value == ' ')
        out[length++] = (uint8_t)strtoul((const char[3]){value[0], value[1]}, NULL, 16);
    return length;
}

static inline void wire_field_value(struct wire *wire, const struct flow_field *field)
{
    uint8_t bytes[2048];
    uint32_t length = value_bytes(field, bytes);
    if (field->length == VAR)
        wire->bytes[wire->size_bytes++] = (uint8_t)(length < 255 ? length : 255);
    if (field->length == VAR && length >= 255)
        wire_16(wire, length);
    assert_true(field->length == VAR || field->length == length);
    memcpy(wire->bytes + wire->size_bytes, bytes, length);
    wire->size_bytes += length;
}

struct flow {
    const struct flow_field *fields;
    uint32_t count;
    uint32_t scopes;   /* > 0: an options template */
    uint32_t version;  /* 9; 0 = 10 */
    uint32_t uptime_ms;
    uint32_t records;  /* of the same values; 0 = 1 */
    const char *exporter; /* NULL = EXPORTER */
};

#define FIELDS(...)                                                                                                    \
    .fields = (const struct flow_field[]){__VA_ARGS__},                                                                \
    .count = sizeof((const struct flow_field[]){__VA_ARGS__}) / sizeof(struct flow_field)

/* An IPFIX flow of these fields. */
#define FLOW_OF(...) &(struct flow){FIELDS(__VA_ARGS__)}

static inline void wire_flow_template(struct wire *wire, const struct flow *flow, bool nine)
{
    wire_set(wire, (nine ? 0 : 2) + (flow->scopes > 0));
    wire_16(wire, 300);
    if (nine && flow->scopes) {
        wire_16(wire, 4 * flow->scopes);
        wire_16(wire, 4 * (flow->count - flow->scopes));
    } else {
        wire_16(wire, flow->count);
        if (flow->scopes)
            wire_16(wire, flow->scopes);
    }
    for (uint32_t i = 0; i < flow->count; i++) {
        const struct flow_field *field = &flow->fields[i];
        wire_16(wire, field->id | (field->enterprise ? 0x8000 : 0));
        wire_16(wire, field->length);
        if (field->enterprise)
            wire_32(wire, field->enterprise);
    }
    wire_set_end(wire);
}

static inline void wire_flow(struct wire *wire, const struct flow *flow)
{
    bool nine = flow->version == 9;
    wire->size_bytes = 0;
    if (nine) {
        wire_v9(wire, 2, 1, 0);
        wire_patch(wire, 4, flow->uptime_ms >> 16);
        wire_patch(wire, 6, flow->uptime_ms);
    } else {
        wire_ipfix(wire, 1767225600, 0);
    }
    wire_flow_template(wire, flow, nine);
    wire_set(wire, 300);
    for (uint32_t k = 0; k < (flow->records ? flow->records : 1); k++)
        for (uint32_t i = 0; i < flow->count; i++)
            wire_field_value(wire, &flow->fields[i]);
    wire_set_end(wire);
    if (!nine)
        wire_message_end(wire);
}

/* Sends the flow; returns its document, which the encoding keeps until the next one. */
static inline json_t *flow_document(struct encoding *encoding, const struct flow *flow)
{
    static struct wire wire;
    wire_flow(&wire, flow);
    size_t count = encoding_feed(encoding, flow->exporter ? flow->exporter : EXPORTER, wire.bytes, wire.size_bytes);
    assert_int_equal(count, flow->records ? flow->records : 1);
    encoding_check_ledger(encoding);
    return json_array_get(encoding->documents, 0);
}

/* The member at path is this JSON; NULL: there is none. */
static inline void expect_member(json_t *document, const char *path, const char *json, int line)
{
    json_t *found = member(document, path);
    json_t *wanted = json ? json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    assert_true(!json == !wanted);
    if (found == wanted || (found && wanted && json_equal(found, wanted))) {
        json_decref(wanted);
        return;
    }
    char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    fail_msg("line %d: %s is %s, not %s", line, path, text ? text : "absent", json ? json : "absent");
}

#define EXPECT(document, path, json) expect_member(document, path, json, __LINE__)

/* The document, without what the clock says, is this one. */
static inline void expect_document(json_t *document, const char *json)
{
    json_error_t error;
    json_t *wanted = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!wanted)
        fail_msg("the expectation, line %d: %s", error.line, error.text);
    json_object_del(json_object_get(document, "event"), "created");
    if (!json_equal(document, wanted)) {
        char *got = json_dumps(document, JSON_SORT_KEYS | JSON_INDENT(1));
        char *text = json_dumps(wanted, JSON_SORT_KEYS | JSON_INDENT(1));
        fail_msg("%s\nis not\n%s", got, text);
    }
    json_decref(wanted);
}

static inline void encoding_begin(struct encoding *encoding, enum profile_kind kind)
{
    encoding_init(encoding, kind);
    encoding_open(encoding);
}
