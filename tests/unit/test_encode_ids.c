/* SPDX-License-Identifier: Apache-2.0 */
/* flow.id and network.community_id: published vectors, and random flows against a plain reading of the rules. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <xxhash.h>

#include "export/encode/derive.h"
#include "tests/unit/encode_flow.h"
#include "tests/unit/random.h"

struct vector {
    const char *source, *destination;
    unsigned source_port, destination_port, protocol;
    const char *flow_id, *community_id;
};

static uint32_t address_field(struct flow_field *field, const char *text, uint16_t ipv4_id, uint16_t ipv6_id)
{
    if (!text)
        return 0;
    bool six = strchr(text, ':');
    *field = (struct flow_field){.id = six ? ipv6_id : ipv4_id, .length = six ? 16 : 4, .value = text};
    return 1;
}

static void vector_check(struct encoding *encoding, const struct vector *vector)
{
    struct flow_field fields[5];
    char ports[3][16], flow_id[32], community_id[48];
    uint32_t count = address_field(&fields[0], vector->source, 8, 27);
    count += address_field(&fields[count], vector->destination, 12, 28);
    sprintf(ports[0], "#%u", vector->source_port);
    sprintf(ports[1], "#%u", vector->destination_port);
    sprintf(ports[2], "#%u", vector->protocol);
    fields[count++] = (struct flow_field){.id = 7, .length = 2, .value = ports[0]};
    fields[count++] = (struct flow_field){.id = 11, .length = 2, .value = ports[1]};
    fields[count++] = (struct flow_field){.id = 4, .length = 1, .value = ports[2]};
    json_t *document = flow_document(encoding, &(struct flow){.fields = fields, .count = count});
    sprintf(flow_id, "\"%s\"", vector->flow_id ? vector->flow_id : "");
    sprintf(community_id, "\"%s\"", vector->community_id);
    if (vector->flow_id)
        EXPECT(document, "flow.id", flow_id);
    EXPECT(document, "network.community_id", community_id);
}

static void elastic_vectors(void **state)
{
    static const struct vector vectors[] = {
        {"192.168.99.7", "31.13.87.36", 61910, 443, 6, "SKsZNpZob60", "1:/WRdjqoOaqvaSKG3KADN7XCzjYI="},
        {"10.99.130.239", "10.99.252.50", 65105, 53, 17, "2vFIarATx_4", "1:hn30QwbDmwNihxKr9rCALGUWPgE="},
        {"10.100.5.2", "159.65.125.168", 43376, 80, 6, "NPZRWU1oZKQ", "1:rmH7wArXzq7zo/3zq3UF3YXPRsQ="},
        {"172.16.32.201", "172.16.32.100", 46086, 53, 17, "QMH_S2K9KdI", "1:3NQ+f2IICsvUP3F8oQM9Js9FO6Q="},
        {"192.168.14.1", "2.2.2.11", 0, 17549, 1, "5JpExP8VeSU", "1:myH1DIuDZe/vHHCWbrfgfAthgew="},
        {"206.117.25.89", "138.44.161.14", 0, 8, 1, "Tv1jmZy2vn4", "1:JtAapjcKxopGbt4rPXZuNEkoRv8="},
        {"239.255.255.250", "192.168.1.80", 0, 0, 2, "BSsjrf_TZnk", "1:ULB1r6mICiBbVy83sLPpCdI1WpE="},
        {"192.168.1.80", "239.255.255.250", 0, 0, 2, "R1Sjz_ITbgo", "1:ULB1r6mICiBbVy83sLPpCdI1WpE="},
        {NULL, NULL, 0, 0, 6, "Vhs9T5k296w", "1:idwO/QHAjbcGlF1bfQE9dPuu7T0="},
        {"192.168.20.121", NULL, 0, 0, 0, "lTcFptYSabQ", "1:UlZHnBlCtQefFmKlqGRdvpX2F6E="},
        {NULL, "192.168.20.121", 0, 0, 0, "Q1JIGzkHw0I", "1:UlZHnBlCtQefFmKlqGRdvpX2F6E="},
        {"0.0.0.0", "0.0.0.0", 136, 135, 58, "GYmhjYyvaAI", "1:vK+Zeop1Y3GHxfFGVF2/COcNBWw="},
        {"2001:db8::1", "2001:db8::2", 40000, 443, 6, "UTJReQAJnP0", "1:RYG3Msb11GthNt1OYXJouPzmrvA="},
        {"2001:db8::1", "2001:db8::2", 0, 0, 58, "ezZ1ccli6aw", "1:TjV1jRMZRuGvo5LTQFpWQvkb68U="},
        {"2001:db8::2", "2001:db8::1", 0, 0, 58, "_UaVKqZ2AWU", "1:Z6xGETZ/TcOPCYO1U6q1xond9TU="},
        {"192.0.2.1", "192.0.2.2", 5000, 5000, 17, "9PHuhI8vJzI", "1:+gUV/LCFZR/VJwXTi7o03HhsDXg="},
        {"192.0.2.2", "192.0.2.1", 5000, 5000, 17, "2OyOK3l9_0s", "1:+gUV/LCFZR/VJwXTi7o03HhsDXg="},
        {"192.0.2.1", "198.51.100.1", 0, 0, 47, "Na9GZ-4m8Go", "1:I8wO2aQInH1H6WTXx7bwq7F/m20="},
        {"192.0.2.1", "198.51.100.1", 3000, 3001, 132, "6_nFQvwBKXw", "1:fcdjToPuvmzXicwMB/hiZLbkrvI="},
    };
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        vector_check(&encoding, &vectors[i]);
    encoding_close(&encoding);
}

/* Of the Community ID specification's own baseline (seed 0). */
static void community_id_vectors(void **state)
{
    static const struct vector vectors[] = {
        {"128.232.110.120", "66.35.250.204", 34855, 80, 6, NULL, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"66.35.250.204", "128.232.110.120", 80, 34855, 6, NULL, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"192.168.1.52", "8.8.8.8", 54585, 53, 17, NULL, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {"8.8.8.8", "192.168.1.52", 53, 54585, 17, NULL, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {"192.168.170.8", "192.168.170.56", 7, 7, 132, NULL, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        {"192.168.170.56", "192.168.170.8", 7, 7, 132, NULL, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        {"10.1.24.4", "10.1.12.1", 0, 0, 46, NULL, "1:/nQI4Rh/TtY3mf0R2gJFBkVlgS4="},
    };
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        vector_check(&encoding, &vectors[i]);
    encoding_close(&encoding);
}

struct icmp_vector {
    const char *source, *destination;
    unsigned type, code;
    const char *community_id;
};

/* Type and code by each way in which exporters say them. */
static void icmp_check(struct encoding *encoding, const struct icmp_vector *vector)
{
    bool six = strchr(vector->source, ':');
    char both[16], type[16], code[16], expected[48];
    sprintf(both, "#%u", vector->type << 8 | vector->code);
    sprintf(type, "#%u", vector->type);
    sprintf(code, "#%u", vector->code);
    sprintf(expected, "\"%s\"", vector->community_id);
    struct flow_field fields[5];
    uint32_t count = address_field(&fields[0], vector->source, 8, 27);
    count += address_field(&fields[count], vector->destination, 12, 28);
    fields[count++] = (struct flow_field){.id = 4, .length = 1, .value = six ? "#58" : "#1"};
    const struct flow_field ways[3][2] = {
        {{0, six ? 139 : 32, 2, both}, {0, 7, 2, "#0"}},
        {{0, six ? 178 : 176, 1, type}, {0, six ? 179 : 177, 1, code}},
        {{0, 7, 2, "#0"}, {0, 11, 2, both}},
    };
    for (int way = 0; way < 3; way++) {
        memcpy(&fields[count], ways[way], sizeof ways[way]);
        json_t *document = flow_document(encoding, &(struct flow){.fields = fields, .count = count + 2});
        EXPECT(document, "network.community_id", expected);
    }
}

static void community_id_of_icmp(void **state)
{
    static const struct icmp_vector vectors[] = {
        {"192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {"192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
    };
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        icmp_check(&encoding, &vectors[i]);
    encoding_close(&encoding);
}

/* ICMP without type and code at all: as profile elastic does. */
static void icmp_without_type(void **state)
{
    struct encoding weir, elastic;
    encoding_begin(&weir, PROFILE_WEIR);
    encoding_begin(&elastic, PROFILE_ELASTIC);
    const struct flow flow = {FIELDS({0, 8, 4, "192.0.2.7"}, {0, 12, 4, "192.0.2.3"}, {0, 4, 1, "#1"})};
    json_t *one = member(flow_document(&weir, &flow), "network.community_id");
    json_t *other = member(flow_document(&elastic, &flow), "network.community_id");
    assert_true(one && json_equal(one, other));
    encoding_close(&weir);
    encoding_close(&elastic);
}

static bool is_mapped(const struct derive_side *side)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return side->address_bytes == 16 && memcmp(side->address, mapped, sizeof mapped) == 0;
}

static size_t put(uint8_t *out, const void *bytes, size_t count)
{
    memcpy(out, bytes, count);
    return count;
}

static void reference_flow_id(char *text, const struct derive_flow *flow)
{
    uint8_t bytes[64];
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        bool source = (flow->source_port >= flow->destination_port) == (i == 0);
        const struct derive_side *side = source ? &flow->source : &flow->destination;
        uint16_t port = source ? flow->source_port : flow->destination_port;
        count += put(bytes + count, side->address, side->address_bytes);
        bytes[count++] = (uint8_t)(port >> 8);
        bytes[count++] = (uint8_t)port;
    }
    bytes[count++] = flow->protocol;
    XXH64_canonical_t canonical;
    XXH64_canonicalFromHash(&canonical, XXH64(bytes, count, 0));
    EVP_EncodeBlock((uint8_t *)text, canonical.digest, 8);
    text[11] = 0;
    for (char *at = text; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
}

/* Spec'd in words: smaller endpoint first, by address, then port; mapped addresses are hashed as IPv4. */
static void reference_community_id(char *text, const struct derive_flow *flow, bool one_way)
{
    const struct derive_side *sides[2] = {&flow->source, &flow->destination};
    uint16_t ports[2] = {flow->source_port, flow->destination_port};
    uint8_t bytes[64] = {0}, plain[2][16], digest[20];
    size_t sizes[2], count = 2;
    for (int i = 0; i < 2; i++) {
        bool skip = !flow->mapped_sorts_as_ipv6 && is_mapped(sides[i]);
        sizes[i] = put(plain[i], sides[i]->address + (skip ? 12 : 0), skip ? 4 : sides[i]->address_bytes);
    }
    int order = memcmp(plain[0], plain[1], sizes[0] < sizes[1] ? sizes[0] : sizes[1]);
    if (order == 0)
        order = (int)sizes[0] - (int)sizes[1];
    bool swap = !one_way && (order > 0 || (order == 0 && ports[0] > ports[1]));
    for (int i = 0; i < 2; i++) {
        const struct derive_side *side = sides[i ^ swap];
        count += is_mapped(side) ? put(bytes + count, side->address + 12, 4)
                                 : put(bytes + count, side->address, side->address_bytes);
    }
    bytes[count++] = flow->protocol;
    bytes[count++] = 0;
    const uint8_t with_ports[] = {1, 6, 17, 58, 132};
    if (memchr(with_ports, flow->protocol, sizeof with_ports))
        for (int i = 0; i < 2; i++) {
            bytes[count++] = (uint8_t)(ports[i ^ swap] >> 8);
            bytes[count++] = (uint8_t)ports[i ^ swap];
        }
    assert_int_equal(EVP_Digest(bytes, count, digest, NULL, EVP_sha1(), NULL), 1);
    strcpy(text, "1:");
    EVP_EncodeBlock((uint8_t *)text + 2, digest, sizeof digest);
}

/* An address in the middle of other bytes, as in a record; often the same one, or mapped. */
static void side_fill(struct derive_side *side, uint8_t memory[32], uint64_t *random)
{
    random_fill(random, memory, 32);
    side->address = memory + 3;
    side->address_bytes = random_below(random, 2) ? 4 : 16;
    if (random_below(random, 4) == 0)
        memset(memory + 3, 7, 16);
    if (side->address_bytes == 16 && random_below(random, 2))
        memcpy(memory + 3, (const uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12);
}

static void random_flows(void **state)
{
    static const uint8_t protocols[] = {0, 1, 2, 6, 17, 46, 47, 58, 132, 255};
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        uint8_t memory[2][32];
        char got[30 + TEXT_OVERRUN], expected[48];
        struct derive_flow flow = {.protocol = protocols[random_below(&random, sizeof protocols)]};
        side_fill(&flow.source, memory[0], &random);
        side_fill(&flow.destination, memory[1], &random);
        flow.source_port = (uint16_t)random_next(&random);
        flow.destination_port = i % 5 ? (uint16_t)random_next(&random) : flow.source_port;
        flow.mapped_sorts_as_ipv6 = random_below(&random, 2);
        derive_flow_id(got, &flow);
        reference_flow_id(expected, &flow);
        assert_memory_equal(got, expected, 11);
        derive_community_id(got, &flow);
        struct derive_flow ported = flow;
        if (flow.protocol == 1 || flow.protocol == 58) {
            ported.source_port = 0;
            ported.destination_port = flow.protocol == 1 ? 8 : 0;
        }
        reference_community_id(expected, &ported, flow.protocol == 58);
        assert_memory_equal(got, expected, 30);
    }
}

/* Every ICMP type and code: both directions of the ten and twelve paired types have one id, others keep their order. */
static void random_icmp(void **state)
{
    static const uint8_t pairs[2][12] = {{8, 0, 13, 14, 15, 16, 10, 9, 17, 18},
                                         {128, 129, 130, 131, 133, 134, 135, 136, 139, 140, 144, 145}};
    uint64_t random = 2;
    for (int i = 0; i < 65536; i++) {
        uint8_t memory[2][32];
        char got[30 + TEXT_OVERRUN], expected[48];
        bool six = i & 1;
        struct derive_flow flow = {.protocol = six ? 58 : 1, .icmp_known = true};
        side_fill(&flow.source, memory[0], &random);
        side_fill(&flow.destination, memory[1], &random);
        flow.icmp_type = (uint8_t)(i >> 1);
        flow.icmp_code = (uint8_t)random_next(&random);
        struct derive_flow ported = flow;
        ported.source_port = flow.icmp_type;
        ported.destination_port = flow.icmp_code;
        const uint8_t *at = memchr(pairs[six], flow.icmp_type, six ? 12 : 10);
        if (at)
            ported.destination_port = pairs[six][(at - pairs[six]) ^ 1];
        derive_community_id(got, &flow);
        reference_community_id(expected, &ported, !at);
        assert_memory_equal(got, expected, 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elastic_vectors),      cmocka_unit_test(community_id_vectors),
        cmocka_unit_test(community_id_of_icmp), cmocka_unit_test(icmp_without_type),
        cmocka_unit_test(random_flows),         cmocka_unit_test(random_icmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
