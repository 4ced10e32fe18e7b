/* SPDX-License-Identifier: Apache-2.0 */

/* The generator: what it says that it made is what weir's decoder finds in it, for every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "blast/envelope.h"
#include "blast/generator.h"
#include "blast/image.h"
#include "blast/sender.h"
#include "dataplane/frame.h"
#include "tests/unit/decode_fixture.h"

#define DATAGRAMS 2000

struct generated {
    struct blast_supply *supply;
    uint8_t memory[BLAST_BURST][ENVELOPE_BYTES + BLAST_PAYLOAD_MOST];
    struct blast_datagram datagrams[BLAST_BURST];
    struct blast_clock now;
};

static struct generator_setup setup_of(const char *format)
{
    struct generator_setup setup = {.formats = {format_find(format)},
                                    .format_count = 1,
                                    .exporters = 7,
                                    .seed = 1,
                                    .bytes_most = IMAGE_BYTES_DEFAULT,
                                    .templates_every = 100,
                                    .datagrams = DATAGRAMS};
    assert_true(prefix_parse("198.18.0.0/15", &setup.sources.prefixes[0]));
    setup.sources.count = 1;
    setup.sources.port = 2055;
    return setup;
}

static struct generated *generated_new(const struct generator_setup *setup)
{
    struct generated *generated = calloc(1, sizeof *generated);
    generated->supply = generator_new(setup);
    assert_non_null(generated->supply);
    generated->now.utc_ns = FIXTURE_NOW;
    for (uint32_t i = 0; i < BLAST_BURST; i++)
        generated->datagrams[i].payload = generated->memory[i] + ENVELOPE_BYTES;
    return generated;
}

static void generated_free(struct generated *generated)
{
    generated->supply->ops->free(generated->supply);
    free(generated);
}

/* The next burst, a millisecond later; each datagram is settled, as a sender that takes all would have it. */
static uint32_t generated_burst(struct generated *generated)
{
    struct blast_supply *supply = generated->supply;
    uint32_t count = supply->ops->fill(supply, generated->datagrams, BLAST_BURST, &generated->now);
    for (uint32_t i = 0; i < count; i++)
        supply_settle(supply, &generated->datagrams[i]);
    generated->now.steady_ns += NS_PER_MS;
    generated->now.utc_ns += NS_PER_MS;
    return count;
}

/* --- what the decoder finds --- */

struct found {
    const struct elements *elements;
    struct blast_sums sums;
    int64_t now_ns;
};

static uint64_t field_read(const struct chunk *chunk, const struct record *record, uint32_t field)
{
    return read_be(record->bytes + record->spans[field].offset, record->spans[field].length);
}

static void chunk_count(const struct chunk *chunk, void *data)
{
    struct found *found = data;
    bool options = chunk->plan->kind == PLAN_OPTIONS;
    *(options ? &found->sums.options : &found->sums.records) += chunk->count;
    for (uint32_t r = 0; r < chunk->count && !options; r++)
        for (uint32_t i = 0; i < chunk->plan->field_count; i++) {
            uint8_t role = elements_at(found->elements, chunk->plan->fields[i].element)->role;
            if (role == ROLE_octets_delta || role == ROLE_reverse_octets_delta)
                found->sums.octets += field_read(chunk, &chunk->records[r], i);
            if (role == ROLE_packets_delta || role == ROLE_reverse_packets_delta)
                found->sums.packets += field_read(chunk, &chunk->records[r], i);
            if (role == ROLE_end_milliseconds) {
                int64_t age_ms = found->now_ns / NS_PER_MS - (int64_t)field_read(chunk, &chunk->records[r], i);
                assert_in_range(age_ms, 0, 20000);
            }
            if (role == ROLE_end_uptime)
                assert_in_range(chunk->message->uptime_ms - (uint32_t)field_read(chunk, &chunk->records[r], i), 0,
                                20000);
        }
}

static void format_check(const char *name, uint32_t records_most)
{
    struct generator_setup setup = setup_of(name);
    setup.records_most = records_most;
    struct generated *generated = generated_new(&setup);
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture_open(&fixture);
    struct found found = {.elements = fixture.elements};
    uint64_t datagrams = 0;
    for (uint32_t count; (found.now_ns = generated->now.utc_ns, count = generated_burst(generated)) > 0;) {
        for (uint32_t i = 0; i < count; i++) {
            struct blast_datagram *datagram = &generated->datagrams[i];
            char text[ENDPOINT_TEXT_MOST];
            endpoint_format(&generated->supply->exporters[datagram->exporter].endpoint, text);
            uint64_t before = found.sums.records;
            fixture_visit(&fixture, fixture_exporter(&fixture, text),
                          (struct fixture_bytes){datagram->payload, datagram->size_bytes}, chunk_count, &found);
            assert_int_equal(found.sums.records - before, datagram->records);
            assert_true(datagram->size_bytes <= 1472); /* v1 to v8 have their own most */
            assert_true(!records_most || datagram->records <= records_most);
        }
        datagrams += count;
    }
    const struct blast_sums *said = &generated->supply->sums;
    assert_int_equal(datagrams, DATAGRAMS);
    assert_int_equal(said->datagrams, DATAGRAMS);
    assert_int_equal(said->records, found.sums.records);
    assert_int_equal(said->options, found.sums.options);
    assert_int_equal(said->octets, found.sums.octets);
    assert_int_equal(said->packets, found.sums.packets);
    assert_true(said->records > DATAGRAMS && said->octets > said->packets && said->packets > said->records);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_decoded), DATAGRAMS);
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_missing), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_sequence_resets), 0);
    fixture_check_ledger(&fixture);
    fixture_close(&fixture);
    generated_free(generated);
}

static void every_format_decodes_to_its_sums(void **state)
{
    for (uint32_t i = 0; i < export_format_count; i++)
        if (export_formats[i].version != FORMAT_SFLOW) {
            format_check(export_formats[i].name, 0);
            format_check(export_formats[i].name, 3);
        }
}

/* Sums by exporter add up to those of all, and exporters have the formats in turn. */
static void exporters_have_sums_of_their_own(void **state)
{
    struct generator_setup setup = setup_of("v5");
    setup.formats[1] = format_find("ipfix");
    setup.format_count = 2;
    struct generated *generated = generated_new(&setup);
    while (generated_burst(generated))
        ;
    struct blast_sums sums = {0};
    for (uint32_t i = 0; i < setup.exporters; i++) {
        const struct blast_exporter *exporter = &generated->supply->exporters[i];
        assert_int_equal(exporter->format->version, i % 2 ? 10 : 5);
        assert_int_equal(exporter->sums.templates > 0, i % 2);
        assert_in_range(exporter->sums.datagrams, DATAGRAMS / 7, DATAGRAMS / 7 + 1);
        sums.records += exporter->sums.records;
        sums.octets += exporter->sums.octets;
    }
    assert_int_equal(sums.records, generated->supply->sums.records);
    assert_int_equal(sums.octets, generated->supply->sums.octets);
    generated_free(generated);
}

/* --- sFlow, which is walked here --- */

static void sflow_check(const struct blast_datagram *datagram, const struct blast_exporter *exporter)
{
    const uint8_t *at = datagram->payload + 28, *end = datagram->payload + datagram->size_bytes;
    uint32_t samples = read_be32(datagram->payload + 24), flows = 0;
    uint64_t octets = 0;
    assert_int_equal(read_be32(datagram->payload), 5);
    assert_memory_equal(datagram->payload + 8, exporter->endpoint.address.bytes + 12, 4);
    for (; samples; samples--) {
        assert_true(at + 8 <= end);
        uint32_t kind = read_be32(at), bytes = read_be32(at + 4);
        assert_true(kind == 1 || kind == 2);
        if (kind == 1) {
            flows++;
            uint32_t header_bytes = read_be32(at + 60);
            octets += read_be32(at + 52); /* frame_length of the one raw packet header */
            assert_int_equal(read_be32(at + 40), 1);
            assert_int_equal(bytes, 56 + header_bytes);
            assert_int_equal(at[64 + 14], 0x45);
        }
        at += 8 + bytes;
    }
    assert_ptr_equal(at, end);
    assert_int_equal(flows, datagram->records);
    assert_int_equal(octets, datagram->octets);
}

static void sflow_has_what_it_says(void **state)
{
    struct generator_setup setup = setup_of("sflow");
    struct generated *generated = generated_new(&setup);
    uint32_t sequences[7] = {0}, samples[7] = {0}, count;
    while ((count = generated_burst(generated)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            const struct blast_datagram *datagram = &generated->datagrams[i];
            uint32_t exporter = datagram->exporter;
            sflow_check(datagram, &generated->supply->exporters[exporter]);
            assert_int_equal(read_be32(datagram->payload + 16), sequences[exporter]++);
            samples[exporter] += datagram->records;
        }
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(samples[i], generated->supply->exporters[i].samples);
    assert_true(generated->supply->sums.options > 0);
    generated_free(generated);
}

/* --- the same, again --- */

static uint64_t bytes_hash(const struct generator_setup *setup)
{
    struct generated *generated = generated_new(setup);
    uint64_t hash = 14695981039346656037u;
    for (uint32_t count; (count = generated_burst(generated)) > 0;)
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t at = 0; at < generated->datagrams[i].size_bytes; at++)
                hash = (hash ^ generated->datagrams[i].payload[at]) * 1099511628211u;
    generated_free(generated);
    return hash;
}

static void same_seed_same_bytes(void **state)
{
    for (uint32_t i = 0; i < export_format_count; i++) {
        struct generator_setup setup = setup_of(export_formats[i].name);
        uint64_t first = bytes_hash(&setup);
        assert_int_equal(first, bytes_hash(&setup));
        setup.seed = 2;
        assert_int_not_equal(first, bytes_hash(&setup));
    }
}

/* --- rate and bounds --- */

static void rate_is_exact(void **state)
{
    struct generator_setup setup = setup_of("v5");
    setup.rate = 2500;
    struct generated *generated = generated_new(&setup);
    uint64_t sent = 0;
    for (uint32_t ms = 0; ms < 400; ms++) {
        sent += generated_burst(generated);
        assert_int_equal(sent, ms * 5 / 2 + 1); /* the first at once */
    }
    assert_in_range(generated->supply->due_ns, 399 * NS_PER_MS, 400 * NS_PER_MS);
    generated_free(generated);
}

/* Many exporters begin with their templates, which must not come all at once. */
static void templates_take_their_time(void **state)
{
    struct generator_setup setup = setup_of("ipfix");
    setup.exporters = 1000;
    setup.record_rate = 20000; /* about a datagram a millisecond */
    struct generated *generated = generated_new(&setup);
    for (uint32_t ms = 0; ms < 200; ms++)
        assert_in_range(generated_burst(generated), 0, 3);
    assert_in_range(generated->supply->sums.templates, 150, 400);
    generated_free(generated);
}

static void records_are_a_bound(void **state)
{
    struct generator_setup setup = setup_of("v9");
    setup.datagrams = 0;
    setup.records = 10000;
    struct generated *generated = generated_new(&setup);
    while (generated_burst(generated))
        ;
    assert_true(generated->supply->ended);
    assert_in_range(generated->supply->sums.records, 10000, 10000 + 60);
    generated_free(generated);
}

static void templates_come_again(void **state)
{
    struct generator_setup setup = setup_of("ipfix");
    setup.exporters = 1;
    setup.templates_every = 9;
    struct generated *generated = generated_new(&setup);
    while (generated_burst(generated))
        ;
    assert_int_equal(generated->supply->sums.templates, DATAGRAMS / 10);
    generated_free(generated);
    setup.templates_every = 0;
    setup.templates_seconds = 1; /* a burst of 64 takes a millisecond, so all take 32 ms */
    generated = generated_new(&setup);
    while (generated_burst(generated))
        generated->now.utc_ns += NS_PER_S / 4;
    assert_int_equal(generated->supply->sums.templates, 8); /* 32 bursts are 8 s */
    generated_free(generated);
}

/* --- addresses and headers --- */

static void sources_are_numbered(void **state)
{
    struct blast_sources sources = {.count = 2, .port = 7};
    char text[ENDPOINT_TEXT_MOST];
    assert_true(prefix_parse("198.18.0.0/15", &sources.prefixes[0]));
    assert_true(prefix_parse("2001:2::/48", &sources.prefixes[1]));
    struct endpoint endpoint = sources_endpoint(&sources, 600);
    endpoint_format(&endpoint, text);
    assert_string_equal(text, "198.18.1.45:7");
    endpoint = sources_endpoint(&sources, 1);
    endpoint_format(&endpoint, text);
    assert_string_equal(text, "[2001:2::1]:7");
    assert_true(sources_suffice(&sources, 2 * 131071));
    assert_false(sources_suffice(&sources, 2 * 131071 + 1));
    sources.count = 1;
    assert_true(prefix_parse("10.1.2.3", &sources.prefixes[0]));
    assert_true(sources_suffice(&sources, 1));
    assert_false(sources_suffice(&sources, 2));
    endpoint = sources_endpoint(&sources, 0);
    endpoint_format(&endpoint, text);
    assert_string_equal(text, "10.1.2.3:7");
}

/* RFC 1071: the sum over what the checksum is of, itself included, is all ones. */
static uint32_t checksum_fold(const uint8_t *bytes, uint32_t count, uint32_t sum)
{
    for (uint32_t i = 0; i < count; i++)
        sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void envelope_check(struct envelope *envelope, const char *from, uint32_t size_bytes)
{
    static uint8_t memory[ENVELOPE_BYTES + BLAST_PAYLOAD_MOST + 64];
    struct blast_datagram datagram = {.payload = memory + ENVELOPE_BYTES, .size_bytes = size_bytes};
    struct endpoint source;
    struct frame frame;
    assert_true(endpoint_parse(from, &source));
    for (uint32_t i = 0; i < size_bytes; i++)
        datagram.payload[i] = (uint8_t)(i * 37 + size_bytes);
    uint32_t bytes = envelope_close(envelope, &datagram, &source);
    const uint8_t *begin = datagram.payload + size_bytes - bytes, *udp = datagram.payload - 8;
    struct packet packet = {.bytes = begin, .size_bytes = bytes, .kind = PACKET_ETHERNET};
    assert_int_equal(frame_parse(&packet, &(struct unpack){.kinds = 0}, &frame), FRAME_DATAGRAM);
    assert_true(frame_fit(&frame, &packet, 65535));
    assert_true(endpoint_equal(&frame.source, &source));
    assert_int_equal(frame.size_bytes, size_bytes);
    assert_ptr_equal(frame.payload, datagram.payload);
    bool four = address_is_ipv4(&source.address);
    const uint8_t *addresses = four ? begin + 14 + 12 : begin + 14 + 8;
    uint32_t pseudo = checksum_fold(addresses, four ? 8 : 32, 17 + 8 + size_bytes);
    assert_int_equal(checksum_fold(udp, 8 + size_bytes, pseudo), 0xffff);
    assert_int_not_equal(read_be16(udp + 6), 0);
    if (four)
        assert_int_equal(checksum_fold(begin + 14, 20, 0), 0xffff);
}

static void envelopes_have_right_checksums(void **state)
{
    struct blast_target target = {.has = {true, true}};
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct envelope envelope;
    assert_true(endpoint_parse("192.0.2.1:2055", &target.to[0]));
    assert_true(endpoint_parse("[2001:db8::1]:4739", &target.to[1]));
    envelope_init(&envelope, &target, mac, mac);
    for (uint32_t size_bytes = 0; size_bytes < 1500; size_bytes += 7) {
        envelope_check(&envelope, "198.18.255.254:2055", size_bytes);
        envelope_check(&envelope, "[2001:2::ffff:1]:65535", size_bytes);
    }
    envelope_check(&envelope, "255.255.255.255:65535", BLAST_PAYLOAD_MOST);
}

static void senders_are_found_by_name(void **state)
{
    for (const struct sender_ops *const *ops = senders; *ops; ops++)
        assert_ptr_equal(sender_find((*ops)->name), *ops);
    assert_null(sender_find("carrier pigeon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_decodes_to_its_sums),
        cmocka_unit_test(exporters_have_sums_of_their_own),
        cmocka_unit_test(sflow_has_what_it_says),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(rate_is_exact),
        cmocka_unit_test(templates_take_their_time),
        cmocka_unit_test(records_are_a_bound),
        cmocka_unit_test(templates_come_again),
        cmocka_unit_test(sources_are_numbered),
        cmocka_unit_test(envelopes_have_right_checksums),
        cmocka_unit_test(senders_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
