/* SPDX-License-Identifier: Apache-2.0 */
/* Names, keys and types of elements in both profiles, and the files of custom_definitions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decode/definitions.h"
#include "decode/element.h"
#include "decode/element_rows.h"

static struct elements *registry(enum profile_kind kind)
{
    struct config_problems problems = {0};
    struct elements *elements = elements_new(profile_of(kind), NULL, &problems);
    assert_non_null(elements);
    return elements;
}

static void keys_are_elastics(void **state)
{
    static const char *const pairs[][2] = {
        {"octetDeltaCount", "octet_delta_count"},
        {"sourceIPv4Address", "source_ipv4_address"},
        {"postNATSourceIPv4Address", "post_nat_source_ipv4_address"},
        {"postNAPTSourceTransportPort", "post_napt_source_transport_port"},
        {"selectorIDTotalFlowsObserved", "selector_id_total_flows_observed"},
        {"postMCastPacketDeltaCount", "post_mcast_packet_delta_count"},
        {"messageMD5Checksum", "message_md5_checksum"},
        {"icmpTypeCodeIPv4", "icmp_type_code_ipv4"},
        {"layer2packetSectionOffset", "layer2packet_section_offset"},
        {"wlanSSID", "wlan_ssid"},
        {"ipv4IHL", "ipv4_ihl"},
        {"reverseVRFname", "reverse_vr_fname"},
        {"IPSecSPI", "ip_sec_spi"},
        {"ingressVRFID", "ingress_vrfid"},
        {"hashIPPayloadOffset", "hash_ip_payload_offset"},
        {"dot1qDEI", "dot1q_dei"},
        {"upperCILimit", "upper_ci_limit"},
        {"maxBIBEntries", "max_bib_entries"},
        {"mibObjectValueOID", "mib_object_value_oid"},
        {"dnsQRType", "dns_qr_type"},
        {"dnsPTRDName", "dns_ptrd_name"},
        {"FW_Rule", "fw_rule"},
        {"XlateSourceAddressIPV4", "xlate_source_address_ip_v4"},
        {"applicationHttpUser-agent", "application_http_user-agent"},
        {"netscalerHttpReqXForwardedFor", "netscaler_http_req_xforwarded_for"},
        {"PolicyQosQueueINDEX", "policy_qos_queue_index"},
        {"viptelaVPNId", "viptela_vpn_id"},
        {"VRFname", "vrf_name"},
        {"A", "a"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char key[128];
        element_key(pairs[i][0], key);
        assert_string_equal(key, pairs[i][1]);
    }
}

/* Everything that a row says must be found again by its number. */
static void every_row_is_found(void **state)
{
    static const enum profile_kind kinds[] = {PROFILE_WEIR, PROFILE_ELASTIC};
    for (size_t k = 0; k < 2; k++) {
        struct elements *elements = registry(kinds[k]);
        uint32_t found = 0;
        for (uint32_t i = 0; i < element_row_count; i++) {
            const struct element_row *row = &element_rows[i];
            const struct element *element = elements_find(elements, row->enterprise, row->id);
            if (kinds[k] == PROFILE_ELASTIC && row->elastic == ELASTIC_NO) {
                assert_null(element);
                continue;
            }
            assert_non_null(element);
            assert_string_equal(element->name, row->name);
            assert_ptr_equal(elements_at(elements, elements_index(elements, element)), element);
            assert_true(elements_index(elements, element) >= 1);
            assert_true(*element->key);
            bool list = element->type >= TYPE_BASIC_LIST && element->type <= TYPE_SUB_TEMPLATE_MULTI_LIST;
            if (row->elastic == ELASTIC_OMITTED)
                assert_true(kinds[k] == PROFILE_ELASTIC ? element->type == TYPE_NONE : list);
            found++;
        }
        assert_int_equal(found, elements_count(elements));
        assert_null(elements_find(elements, 0, 0));
        assert_null(elements_find(elements, 64999, 1));
        elements_free(elements);
    }
}

/* The tables beside the elements are what rows refer to, and a look-up of the built-in one finds every row. */
static void tables_belong_together(void **state)
{
    struct elements *elements = registry(PROFILE_WEIR);
    for (uint32_t i = 0; i < element_row_count; i++) {
        const struct element_row *row = &element_rows[i], *before = i ? row - 1 : NULL;
        const struct element *element = elements_find_builtin(elements, row->enterprise, row->id);
        bool named = false, published = false;
        assert_non_null(element);
        assert_string_equal(element->name, row->name);
        assert_true(!before || before->enterprise < row->enterprise ||
                    (before->enterprise == row->enterprise && before->id < row->id));
        for (uint32_t k = 0; k < enterprise_row_count; k++)
            named = named || enterprise_rows[k].number == row->enterprise;
        for (uint32_t k = 0; k < source_row_count; k++)
            published = published || strcmp(source_rows[k].key, row->source) == 0;
        assert_true(named && published);
    }
    assert_null(elements_find_builtin(elements, 0, 0));
    assert_null(elements_find_builtin(elements, 64999, 1));
    assert_null(elements_find_builtin(elements, UINT32_MAX, UINT16_MAX));
    for (uint32_t i = 0; i < source_row_count; i++)
        assert_int_equal(strncmp(source_rows[i].address, "https://", 8), 0);
    elements_free(elements);
}

struct expected_element {
    uint32_t enterprise;
    uint16_t id;
    const char *key, *data_type;
};

/* One or two of each vendor that Elastic's tables lack; Elastic's profile does not know them. */
static void vendors_are_known(void **state)
{
    static const struct expected_element expected[] = {
        {0, 56701, "panos_app_id", "string"},
        {0, 57590, "l7_proto", "unsigned16"},
        {0, 45004, "client_ipv4_address", "ipv4Address"},
        {9, 4251, "transport_packets_lost_counter", "unsigned64"},
        {637, 112, "msisdn", "unsigned64"},
        {3054, 195, "ixia_http_sessions", "subTemplateList"},
        {6871, 16626, "reverse_dhcp_fingerprint", "string"},
        {6871, 111, "cert_http_user_agent", "string"},
        {6876, 960, "vmware_vif_uuid", "hexadecimal"},
        {8057, 2, "dns_name", "string"},
        {8741, 5, "initiator_ip_addr", "ipv4Address"},
        {12276, 26, "acl_policy_name", "string"},
        {13745, 5025, "syslog_process_name", "string"},
        {15397, 51, "procera_incoming_dot1q_vlan_id_level1", "unsigned64"},
        {22610, 260, "fwd_tuple_vnp_id", "unsigned64"},
        {23867, 25, "overlay", "string"},
        {26866, 204, "gigamon_dns_query_name", "string"},
        {29305, 530, "reverse_path_delay_mean_delta_microseconds", "unsigned32"},
        {32622, 0, "cace_local_ipv4_address", "ipv4Address"},
        {35632, 118, "l7_proto", "unsigned16"},
        {39499, 1, "http_host", "string"},
        {43874, 3, "cust_label", "string"},
        {45346, 12240, "link_uuid", "hexadecimal"},
        {47729, 203, "dns_query_name", "string"},
        {56506, 101, "source_pod_name", "string"},
    };
    struct elements *elastic = registry(PROFILE_ELASTIC), *weir = registry(PROFILE_WEIR);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct element *element = elements_find(weir, expected[i].enterprise, expected[i].id);
        assert_non_null(element);
        assert_string_equal(element->key, expected[i].key);
        assert_string_equal(element->data_type, expected[i].data_type);
        assert_true(element->rare);
        assert_null(elements_find(elastic, expected[i].enterprise, expected[i].id));
    }
    assert_false(elements_find(weir, 0, 530)->rare);
    assert_false(elements_find(weir, ENTERPRISE_SFLOW, 1)->rare);
    assert_false(elements_find(weir, 6871, 14)->rare);
    elements_free(elastic);
    elements_free(weir);
}

struct expected_type {
    uint32_t enterprise;
    uint16_t id;
    const char *elastic;
    const char *weir;
};

static void types_differ_where_iana_does(void **state)
{
    static const struct expected_type expected[] = {
        {0, 1, "unsigned64", "unsigned64"},
        {0, 51, "unsigned32", "unsigned32"},
        {0, 89, "unsigned8", "unsigned32"},
        {9, 12232, "unsigned32", "string"},
        {0, 152, "dateTimeMilliseconds", "dateTimeMilliseconds"},
        {29305, 152, "unsigned64", "dateTimeMilliseconds"},
        {29305, 95, "string", "octetArray"},
        {6871, 14, "unsigned8", "unsigned16"},
        {6871, 250, "string", "unsigned16"},
        {0, 33000, "aclid", "aclid"},
        {9, 9360, "unsigned32", "unsigned32"},
        {0, 515, NULL, "unsigned256"},
        {ENTERPRISE_V9_SCOPE, 3, NULL, "unsigned64"},
    };
    struct elements *elastic = registry(PROFILE_ELASTIC), *weir = registry(PROFILE_WEIR);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct element *one = elements_find(elastic, expected[i].enterprise, expected[i].id);
        const struct element *other = elements_find(weir, expected[i].enterprise, expected[i].id);
        assert_int_equal(one != NULL, expected[i].elastic != NULL);
        if (one)
            assert_string_equal(one->data_type, expected[i].elastic);
        assert_non_null(other);
        assert_string_equal(other->data_type, expected[i].weir);
    }
    assert_string_equal(elements_find(elastic, 9, 9360)->name, "PolicyQosQueueINDEX");
    assert_string_equal(elements_find(weir, ENTERPRISE_V9_SCOPE, 3)->key, "line_card");
    assert_string_equal(elements_find(elastic, 0, 51)->es_type, "long");
    assert_string_equal(elements_find(weir, 0, 89)->es_type, "long");
    elements_free(elastic);
    elements_free(weir);
}

static void roles_go_by_name(void **state)
{
    struct elements *elements = registry(PROFILE_ELASTIC);
    assert_int_equal(elements_find(elements, 0, 8)->role, ROLE_source_ipv4);
    assert_int_equal(elements_find(elements, 0, 61)->role, ROLE_flow_direction);
    assert_int_equal(elements_find(elements, 9789, 4)->role, ROLE_flow_direction);
    assert_int_equal(elements_find(elements, 29305, 1)->role, ROLE_reverse_octets_delta);
    assert_int_equal(elements_find(elements, 0, 15)->role, ROLE_NONE);
    assert_int_equal(role_of_name("wtpMacAddress"), ROLE_wtp_mac);
    assert_int_equal(role_of_name(""), ROLE_NONE);
    elements_free(elements);
}

static int parse(struct definitions *definitions, const char *text, struct config_problems *problems)
{
    return definitions_parse(definitions, "test.yml", text, strlen(text), problems);
}

static void both_shapes_are_read(void **state)
{
    struct definitions definitions = {0};
    struct config_problems problems = {0};
    assert_int_equal(
        parse(&definitions,
              "1:\n  - 4\n  - :myOctets\n0x10: [':uint24', ':hexed']\n010: [0, ':octal']\n'17': [3, ':text']\n"
              "901:\n- :skip\n902:\n- :application_id\n- :app\n",
              &problems),
        0);
    assert_int_equal(definitions.count, 5);
    static const struct {
        uint16_t id;
        const char *name;
        unsigned type, most;
    } expected[] = {{1, "myOctets", TYPE_UNSIGNED, 4},
                    {16, "hexed", TYPE_UNSIGNED, 24},
                    {8, "octal", TYPE_UNSIGNED, 4},
                    {17, "text", TYPE_UNSIGNED, 24},
                    {902, "app", TYPE_NONE, 65535}};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(definitions.items[i].enterprise, 0);
        assert_int_equal(definitions.items[i].id, expected[i].id);
        assert_string_equal(definitions.items[i].name, expected[i].name);
        assert_int_equal(definitions.items[i].type.type, expected[i].type);
        assert_int_equal(definitions.items[i].type.most_bytes, expected[i].most);
    }
    assert_int_equal(parse(&definitions,
                           "64999:\n  1: [':uint32', ':a']\n  2: [':skip']\n4294967295: {3: [':mac_addr', ':b']}\n",
                           &problems),
                     0);
    assert_int_equal(definitions.count, 7);
    assert_int_equal(definitions.items[6].enterprise, 4294967295u);
    assert_int_equal(definitions.items[6].type.type, TYPE_MAC);
    assert_int_equal(parse(&definitions, "", &problems), 0);
    assert_int_equal(parse(&definitions, "# nothing\n", &problems), 0);
    assert_int_equal(problems.count, 0);
    definitions_fini(&definitions);
}

/* Every type that Filebeat's and Logstash's documentation names, and every number of bytes. */
static void every_type_is_read(void **state)
{
    static const struct {
        const char *text;
        unsigned type, most;
        const char *es_type;
    } expected[] = {
        {":uint8", TYPE_UNSIGNED, 1, "short"},      {":uint16", TYPE_UNSIGNED, 2, "integer"},
        {":uint24", TYPE_UNSIGNED, 24, "long"},     {":uint32", TYPE_UNSIGNED, 4, "long"},
        {":uint64", TYPE_UNSIGNED, 8, "long"},      {":int8", TYPE_SIGNED, 1, "byte"},
        {":int16", TYPE_SIGNED, 2, "short"},        {":int32", TYPE_SIGNED, 4, "integer"},
        {":int64", TYPE_SIGNED, 8, "long"},         {":float", TYPE_FLOAT, 4, "float"},
        {":double", TYPE_FLOAT, 8, "double"},       {":ip4_addr", TYPE_IPV4, 4, "ip"},
        {":ip6_addr", TYPE_IPV6, 16, "ip"},         {":mac_addr", TYPE_MAC, 6, "keyword"},
        {":string", TYPE_STRING, 65535, "keyword"}, {":octetarray", TYPE_OCTETS, 65535, "short"},
        {":acl_id_asa", TYPE_ACL, 12, "keyword"},   {"uint32", TYPE_UNSIGNED, 4, "long"},
        {"1", TYPE_UNSIGNED, 1, "short"},           {"2", TYPE_UNSIGNED, 2, "integer"},
        {"4", TYPE_UNSIGNED, 4, "long"},            {"8", TYPE_UNSIGNED, 8, "long"},
        {"0", TYPE_UNSIGNED, 4, "long"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct definitions definitions = {0};
        struct config_problems problems = {0};
        char flow[64], block[64];
        snprintf(flow, sizeof flow, "9: {700: [\"%s\", \":mine\"]}\n", expected[i].text);
        snprintf(block, sizeof block, "700:\n- %s\n- :mine\n", expected[i].text);
        assert_int_equal(parse(&definitions, flow, &problems), 0);
        assert_int_equal(parse(&definitions, block, &problems), 0);
        assert_int_equal(definitions.count, 2);
        for (uint32_t k = 0; k < 2; k++) {
            const struct definition *definition = &definitions.items[k];
            assert_int_equal(definition->enterprise, k ? 0 : 9);
            assert_int_equal(definition->id, 700);
            assert_string_equal(definition->name, "mine");
            assert_int_equal(definition->type.type, expected[i].type);
            assert_int_equal(definition->type.most_bytes, expected[i].most);
            assert_string_equal(definition->type.es_type, expected[i].es_type);
        }
        definitions_fini(&definitions);
    }
}

/* Each wrong file, the line that the problem must name, and a word of it. */
static void problems_have_lines(void **state)
{
    static const struct {
        const char *text, *where, *what;
    } wrong[] = {
        {"1: [4, ':a']\n70000: [4, ':b']\n", "test.yml:2", "70000"},
        {"1: [4, ':a']\n0x1: [4, ':b']\n", "test.yml:2", "twice"},
        {"1: [5, ':a']\n", "test.yml:1", "unknown type"},
        {"1: [':uint7', ':a']\n", "test.yml:1", "uint7"},
        {"1:\n  - :uint8\n", "test.yml:2", "not a list of a type and a name"},
        {"1: [':uint8', ':a', ':b']\n", "test.yml:1", "not a list"},
        {"1: [':uint8', [':a']]\n", "test.yml:1", "not a list"},
        {"1: [':uint8', ':']\n", "test.yml:1", "not a list"},
        {"1: [4, ':a']\n2: {3: [4, ':b']}\n", "test.yml:1", "neither all lists nor all maps"},
        {"1: 4\n", "test.yml:1", "neither"},
        {"- 1\n", "test.yml:1", "not a map"},
        {"text\n", "test.yml:1", "not a map"},
        {"9: {1: [4, ':a']}\n'9': {2: [4, ':b']}\n", "test.yml:2", "twice"},
        {"-1: {1: [4, ':a']}\n", "test.yml:1", "enterprise"},
        {"4294967296: {1: [4, ':a']}\n", "test.yml:1", "enterprise"},
        {"9: {x: [4, ':a']}\n", "test.yml:1", "element id"},
        {"9: {1: 2}\n", "test.yml:1", "not a list"},
        {"9: {[1]: [4, ':a']}\n", "test.yml:1", "element id"},
        {"1: [4, ':a'\n", "test.yml:2", "not YAML"},
        {"1: [4, ':a']\n2: [4, ':a\"b']\n", "test.yml:2", "cannot be a field's"},
        {"1: [4, ':a.b']\n", "test.yml:1", "cannot be a field's"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct definitions definitions = {0};
        struct config_problems problems = {0};
        assert_int_equal(parse(&definitions, wrong[i].text, &problems), -EINVAL);
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.items[0].where, wrong[i].where);
        assert_non_null(strstr(problems.items[0].what, wrong[i].what));
        assert_int_equal(definitions.count, 0);
        config_problems_fini(&problems);
        definitions_fini(&definitions);
    }
}

/* Of one file, all problems; and none of its definitions. */
static void all_problems_are_told(void **state)
{
    struct definitions definitions = {0};
    struct config_problems problems = {0};
    assert_int_equal(parse(&definitions, "1: [4, ':kept']\n", &problems), 0);
    assert_int_equal(
        parse(&definitions, "2: [4, ':good']\n3: [9, ':a']\nx: [4, ':b']\n4: 7\n5: [':skip']\n", &problems), -EINVAL);
    assert_int_equal(problems.count, 1); /* 4: 7 is no list, so the shape is not known */
    assert_int_equal(
        parse(&definitions, "2: [4, ':good']\n3: [9, ':a']\nx: [4, ':b']\n4: []\n5: [':skip']\n", &problems), -EINVAL);
    assert_int_equal(problems.count, 4);
    assert_int_equal(definitions.count, 1);
    config_problems_fini(&problems);
    definitions_fini(&definitions);
}

static void later_definition_wins(void **state)
{
    char first[] = "/tmp/weir-definitions-XXXXXX", second[] = "/tmp/weir-definitions-XXXXXX";
    int one = mkstemp(first), other = mkstemp(second);
    dprintf(one, "1: [4, ':myOctets']\n900: [':ip4_addr', ':sourceIPv4Address']\n");
    dprintf(other, "1: [':string', ':ourOctets']\n8: [':skip']\n");
    close(one);
    close(other);
    struct text_list paths = {.items = (char *[]){first, second}, .count = 2};
    struct config_problems problems = {0};
    struct elements *elements = elements_new(profile_of(PROFILE_ELASTIC), &paths, &problems);
    assert_non_null(elements);
    assert_string_equal(elements_find(elements, 0, 1)->key, "our_octets");
    assert_int_equal(elements_find(elements, 0, 1)->type, TYPE_STRING);
    assert_string_equal(elements_find_builtin(elements, 0, 1)->name, "octetDeltaCount");
    assert_int_equal(elements_find(elements, 0, 900)->role, ROLE_source_ipv4);
    assert_string_equal(elements_find(elements, 0, 8)->name, "sourceIPv4Address"); /* :skip removes nothing */
    elements_free(elements);
    unlink(second);
    assert_null(elements_new(profile_of(PROFILE_ELASTIC), &paths, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].where, second);
    config_problems_fini(&problems);
    unlink(first);
}

/* A file's element is weir's from then on, whatever table had its number: Cisco's, ntop's, a type of v9. */
static void definitions_replace_vendors(void **state)
{
    char path[] = "/tmp/weir-definitions-XXXXXX";
    int file = mkstemp(path);
    dprintf(file, "---\n# as Logstash's ipfix_definitions\n9:\n  12232:\n  - :string\n  - :myCategory\n"
                  "35632:\n  118:\n  - :uint32\n  - :myProtocol\n  900: [':forwarding_status', ':myStatus']\n"
                  "  901: [':application_id', ':myApplication']\n'0':\n  '57590': [\":uint32\", \":myProtocol\"]\n");
    close(file);
    struct text_list paths = {.items = (char *[]){path}, .count = 1};
    struct config_problems problems = {0};
    struct elements *weir = elements_new(profile_of(PROFILE_WEIR), &paths, &problems);
    struct elements *elastic = elements_new(profile_of(PROFILE_ELASTIC), &paths, &problems);
    unlink(path);
    assert_true(weir && elastic);
    assert_string_equal(elements_find(weir, 9, 12232)->key, "my_category");
    assert_string_equal(elements_find(elastic, 9, 12232)->data_type, "string");
    assert_string_equal(elements_find(weir, 35632, 118)->key, "my_protocol");
    assert_string_equal(elements_find(weir, 35632, 118)->source, "custom");
    assert_false(elements_find(weir, 35632, 118)->rare);
    assert_string_equal(elements_find(elastic, 0, 57590)->key, "my_protocol");
    assert_string_equal(elements_find_builtin(weir, 35632, 118)->key, "l7_proto");
    assert_int_equal(elements_find(elastic, 35632, 900)->type, TYPE_NONE);
    assert_int_equal(elements_find(weir, 35632, 900)->type, TYPE_UNSIGNED);
    assert_int_equal(elements_find(elastic, 35632, 901)->type, TYPE_NONE);
    assert_string_equal(elements_find(weir, 35632, 901)->es_type, "short");
    elements_free(weir);
    elements_free(elastic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_elastics),
        cmocka_unit_test(every_row_is_found),
        cmocka_unit_test(tables_belong_together),
        cmocka_unit_test(vendors_are_known),
        cmocka_unit_test(types_differ_where_iana_does),
        cmocka_unit_test(roles_go_by_name),
        cmocka_unit_test(both_shapes_are_read),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(problems_have_lines),
        cmocka_unit_test(all_problems_are_told),
        cmocka_unit_test(later_definition_wins),
        cmocka_unit_test(definitions_replace_vendors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
