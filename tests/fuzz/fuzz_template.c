/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template set, then data of its first template. The first byte chooses profile, version and kind of template; the
 * next two are the length of the template set's body, which begins with the template's id; the rest is the data.
 */
#include "base/bytes.h"
#include "tests/unit/decode_fixture.h"
#include "tests/unit/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHOOSE_ELASTIC = 1,
    CHOOSE_IPFIX = 2,
    CHOOSE_OPTIONS = 4,
    CHOOSE_TWO = 8, /* template and data in datagrams of their own */
};

static void header_write(struct wire *wire, bool ipfix)
{
    wire->size_bytes = 0;
    if (ipfix)
        wire_ipfix(wire, 1, 1);
    else
        wire_v9(wire, 2, 1, 1);
}

static void set_write(struct wire *wire, uint32_t id, const uint8_t *bytes, size_t size)
{
    wire_set(wire, id);
    memcpy(wire->bytes + wire->size_bytes, bytes, size);
    wire->size_bytes += (uint32_t)size;
    wire_set_end(wire);
}

static void wire_send(struct fixture *fixture, struct wire *wire, bool ipfix)
{
    if (ipfix)
        wire_message_end(wire);
    fixture_feed(fixture, fixture_exporter(fixture, "192.0.2.1:1"), wire->bytes, wire->size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture fixtures[2];
    static struct wire wire;
    if (size < 5 || size > sizeof wire.bytes - 64)
        return 0;
    bool ipfix = data[0] & CHOOSE_IPFIX;
    enum profile_kind kind = data[0] & CHOOSE_ELASTIC ? PROFILE_ELASTIC : PROFILE_WEIR;
    struct fixture *fixture = &fixtures[kind];
    struct elements *elements = fixture->elements;
    size_t body = read_be16(data + 1);
    if (body < 2 || body > size - 3)
        body = size - 3;
    fixture_init(fixture, kind);
    fixture->config.limits.memory = 256 << 10;
    fixture->config.limits.exporters = 8;
    fixture->elements = elements ? elements : elements_new(profile_of(kind), NULL, &(struct config_problems){0});
    fixture_open_decoder(fixture);
    header_write(&wire, ipfix);
    set_write(&wire, (ipfix ? 2 : 0) + (data[0] & CHOOSE_OPTIONS ? 1 : 0), data + 3, body);
    if (data[0] & CHOOSE_TWO) {
        wire_send(fixture, &wire, ipfix);
        header_write(&wire, ipfix);
    }
    set_write(&wire, read_be16(data + 3), data + 3 + body, size - 3 - body);
    wire_send(fixture, &wire, ipfix);
    fixture_check_ledger(fixture);
    fixture_close_decoder(fixture);
    return 0;
}
