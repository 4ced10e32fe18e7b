/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of datagrams to one decoder. The first byte chooses profile and options; then, for each datagram, its length
 * in two bytes (the top two bits choose the exporter) and its bytes.
 */
#include "base/bytes.h"
#include "tests/unit/decode_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHOOSE_ELASTIC = 1,
    CHOOSE_DETECT = 2,
    CHOOSE_SHARE = 4,
    CHOOSE_EXPIRY = 8,
    CHOOSE_CAPS = 16,
};

static struct elements *elements_of(enum profile_kind kind)
{
    static struct elements *made[2];
    if (!made[kind])
        made[kind] = elements_new(profile_of(kind), NULL, &(struct config_problems){0});
    return made[kind];
}

static void options_choose(struct fixture *fixture, uint8_t choice)
{
    enum profile_kind kind = choice & CHOOSE_ELASTIC ? PROFILE_ELASTIC : PROFILE_WEIR;
    fixture_init(fixture, kind);
    fixture->elements = elements_of(kind);
    fixture->config.detect_sequence_reset = choice & CHOOSE_DETECT;
    fixture->config.share_templates = choice & CHOOSE_SHARE;
    fixture->config.expiration_timeout = choice & CHOOSE_EXPIRY ? 2000 : 0;
    fixture->config.limits.exporters = 8;
    fixture->config.limits.memory = 256 << 10;
    if (choice & CHOOSE_CAPS) {
        fixture->config.limits.templates_per_exporter = 3;
        fixture->config.limits.fields_per_template = 8;
        fixture->config.limits.memory = 32 << 10;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const exporters[] = {"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "[2001:db8::1]:1"};
    static struct fixture fixture;
    if (size == 0)
        return 0;
    options_choose(&fixture, data[0]);
    fixture_open_decoder(&fixture);
    for (size_t at = 1; at + 2 <= size;) {
        uint32_t head = read_be16(data + at), length = head & 0x3fff;
        at += 2;
        if (length > size - at)
            length = (uint32_t)(size - at);
        struct exporter *exporter = fixture_exporter(&fixture, exporters[head >> 14]);
        fixture_feed(&fixture, exporter, data + at, length);
        at += length;
        fixture.now_ns += 500;
        decoder_housekeep(fixture.decoder, fixture.now_ns);
    }
    fixture_check_ledger(&fixture);
    for (size_t i = 0; i < 4; i++)
        decoder_forget(fixture.decoder, fixture_exporter(&fixture, exporters[i]));
    fixture_close_decoder(&fixture);
    return 0;
}
