/* SPDX-License-Identifier: Apache-2.0 */
/* related.ip: every address once, in the order of the texts, however many there are. */
#include <stdlib.h>
#include <unistd.h>

#include "export/encode/derive.h"
#include "tests/unit/encode_flow.h"
#include "tests/unit/random.h"

/* A text that is often the same as one before, or longer than what the short way compares. */
static void address_choose(struct address *address, uint64_t *random, bool short_ones)
{
    random_fill(random, address->bytes, sizeof address->bytes);
    uint32_t kind = random_below(random, short_ones ? 3 : 5);
    if (kind < 2)
        *address = address_from_ipv4(address->bytes);
    if (kind == 1)
        memset(address->bytes + 12, 1, 3);
    if (kind == 2)
        memset(address->bytes + 1, 0, 14);
    if (kind == 3)
        memset(address->bytes, 0x20, 15);
    if (kind < 4)
        address->bytes[15] %= 11;
}

static int texts_compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void sorted_and_once(void **state)
{
    static struct derived derived;
    uint64_t random = 1;
    for (int round = 0; round < 20000; round++) {
        char texts[64][ADDRESS_TEXT_MOST];
        bool short_ones = round & 1;
        uint32_t count = 1 + random_below(&random, round % 4 < 2 ? 8 : 64), kept = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct address address;
            address_choose(&address, &random, short_ones);
            address_format(&address, texts[i]);
            memset(&derived.slots[i], 0xee, sizeof derived.slots[i]);
            slot_set_address(&derived.slots[i], &address);
            derived.related[i] = &derived.slots[i];
        }
        derived.related_count = count;
        derive_related(&derived);
        qsort(texts, count, sizeof *texts, texts_compare);
        for (uint32_t i = 0; i < count; i++) {
            if (i && strcmp(texts[i], texts[i - 1]) == 0)
                continue;
            assert_true(kept < derived.related_count);
            const struct slot *slot = derived.related[kept++];
            if (slot->size_bytes != strlen(texts[i]) || memcmp(slot->text, texts[i], slot->size_bytes) != 0)
                fail_msg("round %d: %.*s is not %s", round, (int)slot->size_bytes, slot->text, texts[i]);
        }
        assert_int_equal(derived.related_count, kept);
    }
}

/* What is in the document: source, destination, next hops and so on, and the exporter; an address twice only once. */
static void of_a_flow(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "192.0.2.9"}, {0, 12, 4, "10.0.0.1"},
        {0, 15, 4, "192.0.2.1"}, {0, 18, 4, "192.0.2.10"}, {0, 27, 16, "::ffff:10.0.0.1"}, {0, 62, 16, "2001:db8::f"},
        {0, 44, 4, "172.16.0.0"}));
    EXPECT(document, "related.ip",
           "[\"10.0.0.1\", \"192.0.2.1\", \"192.0.2.10\", \"192.0.2.9\", \"2001:db8::f\"]");
    EXPECT(document, "netflow.source_ipv6_address", "\"10.0.0.1\"");
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_ELASTIC);
    document = flow_document(&encoding, &(struct flow){FIELDS({0, 27, 16, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"},
        {0, 28, 16, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0"}, {0, 12, 4, "0.0.0.0"}),
        .exporter = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:9"});
    EXPECT(document, "related.ip", "[\"0.0.0.0\", \"2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0\","
                                   " \"2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff\"]");
    encoding_close(&encoding);
}

static void element_add(struct flow_field *fields, uint32_t *count, uint16_t id, const char *value)
{
    fields[(*count)++] = (struct flow_field){.id = id, .length = strchr(value, ':') ? 16 : 4, .value = value};
}

/* More addresses than there are slots: the flow's own addresses and counters come first. */
static void more_addresses_than_slots(void **state)
{
    char name[] = "/tmp/weir-definitions-XXXXXX", *path = name;
    int file = mkstemp(name);
    assert_true(file >= 0);
    for (unsigned i = 0; i < 300; i++)
        dprintf(file, "%u: [':ip4_addr', ':a%u_ipv4_address']\n", 20000 + i, i);
    close(file);
    for (int kind = 0; kind < 2; kind++) {
        static struct flow_field fields[FIELDS_MOST];
        char values[300][16];
        uint32_t count = 0;
        struct encoding encoding;
        encoding_init(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        encoding.fixture.config.custom_definitions = (struct text_list){.items = &path, .count = 1};
        encoding_open(&encoding);
        for (unsigned i = 0; i < 300; i++) {
            sprintf(values[i], "10.1.%u.%u", i / 250, i % 250);
            element_add(fields, &count, (uint16_t)(20000 + i), values[i]);
        }
        element_add(fields, &count, 8, "10.0.0.1");
        element_add(fields, &count, 12, "203.0.113.9");
        fields[count++] = (struct flow_field){.id = 7, .length = 2, .value = "#1000"};
        fields[count++] = (struct flow_field){.id = 1, .length = 8, .value = "#77"};
        fields[count++] = (struct flow_field){.enterprise = 29305, .id = 1, .length = 8, .value = "#3"};
        json_t *document = flow_document(&encoding, &(struct flow){.fields = fields, .count = count});
        EXPECT(document, "source",
               "{\"ip\": \"10.0.0.1\", \"locality\": \"internal\", \"port\": 1000, \"bytes\": 77}");
        EXPECT(document, "destination", "{\"ip\": \"203.0.113.9\", \"locality\": \"external\", \"bytes\": 3}");
        EXPECT(document, "network.bytes", "80");
        EXPECT(document, "netflow.a299_ipv4_address", "\"10.1.1.49\"");
        assert_int_equal(json_object_size(member(document, "netflow")), count + 2);
        size_t related = json_array_size(member(document, "related.ip"));
        assert_true(related > 200 && related <= SLOTS_MOST);
        encoding_close(&encoding);
    }
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_and_once),
        cmocka_unit_test(of_a_flow),
        cmocka_unit_test(more_addresses_than_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
