/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config_fixture.h"

#include <inttypes.h>

#include "base/clock.h"
#include "config/option.h"
#include "config/value.h"

static void values_of_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"1500", 1500},
        {"10KiB", 10240},
        {"10kib", 10240},
        {"10 KiB", 10240},
        {"10KB", 10000},
        {"64k", 64000},
        {"64Ki", 65536},
        {"1.5MiB", 1572864},
        {".5k", 500},
        {"2GiB", 2ULL << 30},
        {"15EiB", 15ULL << 60},
        {"18446744073709551615", UINT64_MAX},
        {"10B", 10},
    };
    static const char *const bad[] = {"", "KiB", "-1", "+1", "1x", "1KiBB", "1 2", "0x10", "1.2.3", ".", "1e3", " 1"};
    static const char *const large[] = {"18446744073709551616", "16EiB", "99999999999999999999999 KiB"};
    uint64_t value = 7;
    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(size_parse(good[i].text, &value), VALUE_GOOD);
        assert_true(value == good[i].value);
    }
    value = 7;
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(size_parse(bad[i], &value), VALUE_BAD);
    for (unsigned i = 0; i < COUNT_OF(large); i++)
        assert_int_equal(size_parse(large[i], &value), VALUE_OVERFLOW);
    assert_int_equal(value, 7);
}

static void values_of_durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"30m", 1800 * NS_PER_S},
        {"1h30m", 5400 * NS_PER_S},
        {"500ms", 500 * NS_PER_MS},
        {"1.5s", 1500 * NS_PER_MS},
        {"10", 10 * NS_PER_S},
        {"2.5", 2500 * NS_PER_MS},
        {"2d", 48 * 3600 * NS_PER_S},
        {"1m500ms", 60 * NS_PER_S + 500 * NS_PER_MS},
        {"7us", 7000},
        {"7\xc2\xb5s", 7000},
        {"3ns", 3},
    };
    static const char *const bad[] = {"", "m", "-5m", "5x", "5m3", "1h 30m", "5 m", "1..5s", "5M"};
    uint64_t value = 7;
    for (unsigned i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(duration_parse(good[i].text, &value), VALUE_GOOD);
        assert_true(value == good[i].value);
    }
    value = 7;
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(duration_parse(bad[i], &value), VALUE_BAD);
    assert_int_equal(duration_parse("9999999999h", &value), VALUE_OVERFLOW);
    assert_int_equal(duration_parse("5124095h5124095h", &value), VALUE_OVERFLOW);
    assert_int_equal(value, 7);
}

static void values_are_printed_exactly(void **state)
{
    static const uint64_t values[] = {0,       1,        999,           1024,     10240,         1536,
                                      1 << 20, 90061001, 5400000000000, 60000000, 3600000000000, INT64_MAX};
    char text[VALUE_TEXT_MOST];
    uint64_t again;
    for (unsigned i = 0; i < COUNT_OF(values); i++) {
        assert_int_equal(size_parse(size_format(values[i], text), &again), VALUE_GOOD);
        assert_true(again == values[i]);
        assert_int_equal(duration_parse(duration_format(values[i], text), &again), VALUE_GOOD);
        assert_true(again == values[i]);
    }
    assert_string_equal(size_format(10240, text), "10KiB");
    assert_string_equal(size_format(10000, text), "10000");
    assert_string_equal(duration_format(5400 * NS_PER_S, text), "1h30m");
}

static void values_of_booleans_and_text(void **state)
{
    bool value = false;
    assert_int_equal(boolean_parse("Yes", &value), VALUE_GOOD);
    assert_true(value);
    assert_int_equal(boolean_parse("off", &value), VALUE_GOOD);
    assert_false(value);
    assert_int_equal(boolean_parse("1", &value), VALUE_BAD);
    assert_true(utf8_valid("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    assert_false(utf8_valid("\xc3", 1));
    assert_false(utf8_valid("\xc0\xaf", 2));
    assert_false(utf8_valid("\xed\xa0\x80", 3));
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4));
    assert_false(utf8_valid("a\0b", 3));
}

static void options_are_sound(void **state)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        char variable[OPTION_VARIABLE_MOST];
        bool member = option->type != OPTION_IGNORED && option->type != OPTION_UNSUPPORTED;
        assert_ptr_equal(option_find(option->key), option);
        assert_true(option_variable_name(option->key, variable));
        assert_true(strlen(option->help) > 10 && option->help[strlen(option->help) - 1] == '.');
        assert_int_equal(option->default_text != NULL, member);
        assert_int_equal(option->names != NULL, option->type == OPTION_ENUM || option->type == OPTION_SET);
        for (uint32_t k = 0; member && k < i; k++) {
            if (option_has_value(option_at(k)) && option_at(k)->offset == option->offset)
                fail_msg("%s and %s share a member", option->key, option_at(k)->key);
        }
    }
    assert_ptr_equal(option_find("hosts"), option_find("host"));
    assert_null(option_find("output"));
    assert_true(option_group_exists("output"));
    assert_false(option_group_exists("out"));
}

static void options_nearest(void **state)
{
    assert_string_equal(option_nearest("output.profil", "")->key, "output.profile");
    assert_string_equal(option_nearest("profile", "")->key, "output.profile");
    assert_string_equal(option_nearest("internal_network", "")->key, "internal_networks");
    assert_string_equal(option_nearest("max-message-size", "")->key, "max_message_size");
    assert_string_equal(option_nearest("Workers", "")->key, "workers");
    assert_string_equal(option_nearest("output.tags", "")->key, "tags");
    assert_string_equal(option_nearest("profil", "")->key, "output.profile");
    assert_null(option_nearest("tunnel.mask", ""));
    assert_null(
        option_nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""));
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("", "abc"), 3);
}

static void defaults(void **state)
{
    load_good("");
    assert_list(&config.host, ":2055,:4739,:6343");
    assert_int_equal(config.network, NETWORK_UDP);
    assert_int_equal(config.max_message_size, 10240);
    assert_int_equal(config.protocols, 255);
    assert_true(config.expiration_timeout == 1800 * NS_PER_S);
    assert_int_equal(config.workers, 0);
    assert_true(config.detect_sequence_reset);
    assert_list(&config.internal_networks, "private");
    assert_list(&config.tags, "netflow,forwarded");
    assert_string_equal(config.fields_json, "");
    assert_int_equal(config.input.frames, 4096);
    assert_int_equal(config.limits.memory, 256 << 20);
    assert_int_equal(config.output.kind, OUTPUT_FILE);
    assert_int_equal(config.output.profile, PROFILE_WEIR);
    assert_true(config.output.envelope);
    assert_string_equal(config.output.path, "weir-%Y%m%d-%H%M%S-%i.ndjson");
    assert_int_equal(config.output.batch_size, 1 << 20);
    assert_int_equal(config.log.level, LOG_LEVEL_INFO);
    assert_true(config.stats_interval == 60 * NS_PER_S);
}

static void yaml_nested_and_dotted(void **state)
{
    load_good("output:\n"
              "  profile: elastic\n"
              "  rotate_age: 90\n"
              "output.compression: Zstd\n"
              "input: {interface: [eth0, eth1], zero_copy: off, cpus: [0, 3]}\n"
              "host: :9995\n"
              "protocols: [v5, ipfix]\n"
              "workers: '4'\n"
              "detect_sequence_reset: no\n"
              "tags:\n"
              "#  - one\n"
              "log:\n"
              "limits: {memory: &size 1.5 MiB}\n"
              "output.batch_size: 128KiB\n"
              "read_buffer: *size\n"
              "custom_definitions: []\n");
    assert_int_equal(config.output.profile, PROFILE_ELASTIC);
    assert_true(config.output.rotate_age == 90 * NS_PER_S);
    assert_int_equal(config.output.compression, COMPRESSION_ZSTD);
    assert_list(&config.input.interface, "eth0,eth1");
    assert_int_equal(config.input.zero_copy, ZERO_COPY_OFF);
    assert_list(&config.input.cpus, "0,3");
    assert_list(&config.host, ":9995");
    assert_int_equal(config.protocols, PROTOCOL_V5 | PROTOCOL_IPFIX);
    assert_int_equal(config.workers, 4);
    assert_false(config.detect_sequence_reset);
    assert_list(&config.tags, "netflow,forwarded"); /* a key without value leaves what is */
    assert_int_equal(config.limits.memory, 1572864);
    assert_int_equal(config.read_buffer, 1572864);
}

static void localhost_is_completed(void **state)
{
    load_good("host: localhost:2055\n");
    assert_list(&config.host, "127.0.0.1:2055");
    load_good("hosts: ['localhost:2055', '[2001:db8::1]:1']\nnetwork: udp6\n");
    assert_list(&config.host, "[::1]:2055,[2001:db8::1]:1");
}

static void share_templates_is_one_worker(void **state)
{
    load_good("share_templates: true\n");
    assert_int_equal(config.workers, 1);
}

struct bad_case {
    const char *text;
    const char *where, *what, *remedy; /* part of what the problem says */
};

static const struct bad_case bad_cases[] = {
    /* keys */
    {"outptu:\n  profile: x\n", "weir.yml:2", "outptu is no option", "did you mean output?"},
    {"a: 1\noutput.profle: weir\n", "weir.yml:2", "output.profle is no option", "did you mean output.profile?"},
    {"output:\n\n  profle: weir\n", "weir.yml:3", "output.profle is no option", "did you mean output.profile?"},
    {"output:\n  file: x\n", "weir.yml:2", "output.file is no option", ""},
    {"xyzzy_plugh: 1\n", "weir.yml:1", "xyzzy_plugh is no option", "weir docs options"},
    {"output: weir\n", "weir.yml:1", "output is a group of options", "below it"},
    {"workers: 1\n\nworkers: 2\n", "weir.yml:3", "workers is set twice, for the first time on line 1", "keep one"},
    {"host: [':1']\nhosts: [':2']\n", "weir.yml:2", "host is set twice", "keep one"},
    {"log: {level: info}\nlog.level: info\n", "weir.yml:2", "log.level is set twice", "keep one"},
    {"? [a, b]\n: 1\n", "weir.yml:1", "where a key belongs", "key: value"},
    {"<<: {workers: 1}\n", "weir.yml:1", "<< is no option", "merge key"},
    {"processors: []\n", "weir.yml:1", "processors is not supported", "leave the option out"},
    {"- workers: 1\n", "weir.yml:1", "no map of options", "key: value"},
    {"workers\n", "weir.yml:1", "no map of options", "key: value"},
    /* scalars */
    {"workers: many\n", "weir.yml:1", "workers: \"many\" is no whole number", "whole number from 0 to 256"},
    {"workers: -1\n", "weir.yml:1", "\"-1\" is no whole number", "from 0 to 256"},
    {"workers: 1.5\n", "weir.yml:1", "\"1.5\" is no whole number", "from 0 to 256"},
    {"workers: 257\n", "weir.yml:1", "\"257\" is too large", "from 0 to 256"},
    {"workers: 99999999999999999999999\n", "weir.yml:1", "is too large", "from 0 to 256"},
    {"workers: [1]\n", "weir.yml:1", "workers: a list cannot stand here", "whole number"},
    {"workers: {a: 1}\n", "weir.yml:1", "workers: a map cannot stand here", "whole number"},
    {"max_message_size: 10KX\n", "weir.yml:1", "\"10KX\" is no size", "as 10KiB"},
    {"max_message_size: 0\n", "weir.yml:1", "\"0\" is too small", "from 1 to 65535"},
    {"max_message_size: 64KiB\n", "weir.yml:1", "is too large", "from 1 to 65535"},
    {"expiration_timeout: -5m\n", "weir.yml:1", "\"-5m\" is no duration", "as 30m"},
    {"expiration_timeout: soon\n", "weir.yml:1", "\"soon\" is no duration", "as 30m"},
    {"output.batch_age: 0\n", "weir.yml:1", "\"0\" is too small", "from 1ms to 1h"},
    {"output.batch_size: 64KiB\n", "weir.yml:1", "is too small", "68KiB"},
    {"output.batch_size: 100000\n", "weir.yml:1", "is no multiple of 4KiB", "multiple of 4KiB"},
    {"input.frames: 1000\n", "weir.yml:1", "is no power of two", "power of two from 64"},
    {"detect_sequence_reset: maybe\n", "weir.yml:1", "\"maybe\" is neither true nor false", "true or false"},
    {"output.profile: elastc\n", "weir.yml:1", "\"elastc\" is none of its values", "did you mean elastic?"},
    {"network: tcp\n", "weir.yml:1", "\"tcp\" is none of its values", "udp, udp4, udp6"},
    {"output.namespace: Prod\n", "weir.yml:1", "\"Prod\" cannot be the namespace", "lower-case"},
    {"output.path: \"a%q\"\n", "weir.yml:1", "a % before a letter without meaning", "%i"},
    {"output.path: \"a%\"\n", "weir.yml:1", "a % before a letter without meaning", "%%"},
    {"output.path: ''\n", "weir.yml:1", "is empty", "path of a file"},
    {"output.path: flows/\n", "weir.yml:1", "is a folder", "name of the file"},
    {"output.path: \"a\\0b\"\n", "weir.yml:1", "not UTF-8 text without NUL", "a text"},
    /* lists */
    {"host: [':2055', foo]\n", "weir.yml:1", "host: \"foo\" is no address and port", ":PORT"},
    {"host:\n  - ':2055'\n  - '1.2.3.4'\n", "weir.yml:3", "\"1.2.3.4\" is no address and port", "0.0.0.0:2055"},
    {"host: []\n", "weir.yml:1", "no address to receive on", ":2055"},
    {"host: {a: 1}\n", "weir.yml:1", "host: a map cannot stand here", "host: [a, b]"},
    {"tags: [a, [b]]\n", "weir.yml:1", "tags: a list cannot stand here", "list"},
    {"tags: [a, ~]\n", "weir.yml:1", "is an empty item", "list"},
    {"protocols: [v5, netflow]\n", "weir.yml:1", "\"netflow\" is none of its values", "v1, v5, v6, v7, v8, v9, ipfix"},
    {"protocols: [ipfx]\n", "weir.yml:1", "\"ipfx\" is none", "did you mean ipfix?"},
    {"protocols: []\n", "weir.yml:1", "cannot stand here|is empty", "list some of"},
    {"internal_networks: [privat]\n", "weir.yml:1", "neither a network nor the name of one", "private"},
    {"internal_networks: [10.0.0.0/33]\n", "weir.yml:1", "neither a network", "192.0.2.0/24"},
    {"input.allow: [example.org]\n", "weir.yml:1", "neither an address nor a network", "CIDR"},
    {"input.cpus: [two]\n", "weir.yml:1", "\"two\" is no number of a processor", "0 to 1023"},
    {"input.interface: [averyverylonginterface]\n", "weir.yml:1", "cannot be the name of a network interface",
     "ip link"},
    {"custom_definitions: [/nonexistent/a.yml]\n", "weir.yml:1", "\"/nonexistent/a.yml\" is not there", "exists"},
    {"custom_definitions: /\n", "weir.yml:1", "\"/\" is no file", "YAML file"},
    /* together */
    {"workers: 2\nshare_templates: true\n", "weir.yml:2", "2 workers cannot share templates", "workers: 1"},
    {"\ninput.backend: xdp\n", "weir.yml:2", "needs the network interface", "input.interface: [eth0]"},
    {"network: udp6\nhost: '1.2.3.4:1'\n", "weir.yml:2", "not of the family", "network: udp"},
    {"network: udp4\nhost: '[::1]:1'\n", "weir.yml:2", "not of the family", "network: udp"},
    {"output: {compression: lz4, compression_level: 13}\n", "weir.yml:1", "more than the 12 levels of lz4", "lower"},
    {"fields_under_root: true\nfields: {event: 1}\n", "weir.yml:2", "\"event\" at the top of a document",
     "another name"},
    /* fields */
    {"fields: [a]\n", "weir.yml:1", "a map must stand here", "fields: {"},
    {"fields: {a: 1,\n a: 2}\n", "weir.yml:2", "\"a\" is set twice", "keep one"},
    {"fields: {a: 1}\nfields.a.b: 2\n", "weir.yml:2", "\"a\" is a value and a map", "keep one"},
    {"fields: {a.b: 1}\nfields.a: 2\n", "weir.yml:2", "\"a\" is a value and a map", "keep one"},
    {"fields: {a..b: 1}\n", "weir.yml:1", "an empty part", "site.name"},
    {"fields: {a.: 1}\n", "weir.yml:1", "ends in a dot or is empty", "site.name"},
    {"fields: {'': 1}\n", "weir.yml:1", "ends in a dot or is empty", "site.name"},
    {"fields: {[a]: 1}\n", "weir.yml:1", "a name is no text", "site.name"},
    {"fields: {a: [{b: 1, b: 2}]}\n", "weir.yml:1", "\"b\" is set twice", "keep one"},
    {"fields: {a: [{[b]: 1}]}\n", "weir.yml:1", "a name is no text", "site.name"},
    /* YAML itself */
    {"output:\n\tprofile: weir\n", "weir.yml:2", "not YAML", "not with tabs"},
    {"workers: 1\n  log: 2\n", "weir.yml:2", "not YAML: mapping values are not allowed", "indentation"},
    {"tags: [a, b\nworkers: 1\n", "weir.yml:2", "not YAML", "]"},
    {"output.path: \"x\n", "weir.yml:2", "not YAML: found unexpected end of stream", "close the quotes"},
    {"output.path: \"\\q\"\n", "weir.yml:1", "not YAML: found unknown escape character", "single quotes"},
    {"workers: @1\n", "weir.yml:1", "not YAML", "quotes"},
    {"workers: 1\ntags: [\xff]\n", "weir.yml:2", "not YAML", "UTF-8"},
    {"workers: *none\n", "weir.yml:1", "the alias *none has no anchor", "&name"},
    {"tags: &t [a, *t]\n", "weir.yml:1", "*t stands inside its own anchor", "another value"},
    {"workers: !worker 1\n", "weir.yml:1", "the tag !worker has no meaning", "leave the tag out"},
    {"workers: 1\n---\nworkers: 1\n", "weir.yml:2", "a second document", "---"},
};

/* True where text holds one of the parts, which are separated by "|". */
static bool holds(const char *text, const char *parts)
{
    size_t length = strcspn(parts, "|");
    char part[256];
    snprintf(part, sizeof part, "%.*s", (int)length, parts);
    return strstr(text, part) || (parts[length] && holds(text, parts + length + 1));
}

static void bad_files(void **state)
{
    for (unsigned i = 0; i < COUNT_OF(bad_cases); i++) {
        const struct bad_case *bad = &bad_cases[i];
        bool found = false;
        int result = load_text(bad->text);
        for (uint32_t k = 0; k < problems.count; k++) {
            const struct config_problem *problem = &problems.items[k];
            found |= strcmp(problem->where, bad->where) == 0 && holds(problem->what, bad->what) &&
                     holds(problem->remedy, bad->remedy) && !problem->warning;
        }
        if (!found)
            problems_show();
        if (result != -EINVAL || !found)
            fail_msg("%s: %s: %s, %s (%d)", bad->text, bad->where, bad->what, bad->remedy, result);
    }
}

static void bad_values_leave_the_default(void **state)
{
    assert_int_equal(load_text("workers: x\nhost: [y]\nprotocols: [v5, z]\noutput.path: ''\n"), -EINVAL);
    assert_int_equal(problems.count, 4);
    assert_list(&config.host, ":2055,:4739,:6343");
    assert_int_equal(config.protocols, 255);
    assert_string_equal(config.output.path, "weir-%Y%m%d-%H%M%S-%i.ndjson");
}

static void all_problems_are_reported(void **state)
{
    assert_int_equal(load_text("workers: x\nlimits:\n  memory: 1\n  exporter: 5\nlog.level: loud\ntags: [a\n"),
                     -EINVAL);
    assert_int_equal(problems.count, 5);
    assert_string_equal(problems.items[0].where, "weir.yml:7");
    assert_string_equal(problems.items[1].where, "weir.yml:1");
    assert_string_equal(problems.items[2].where, "weir.yml:3");
    assert_string_equal(problems.items[3].where, "weir.yml:4");
    assert_string_equal(problems.items[4].where, "weir.yml:5");
}

static void ignored_options_are_warnings(void **state)
{
    assert_int_equal(load_text("timeout: 5m\nqueue_size: 8192\n"), 0);
    assert_int_equal(problems.count, 2);
    assert_true(problems.items[0].warning);
    assert_string_equal(problems.items[1].where, "weir.yml:2");
    assert_string_equal(problems.items[1].what, "queue_size has no effect");
}

/* Texts that try to make the reader work or grow without bounds. */
static void bombs_are_bounded(void **state)
{
    static char text[2 << 20];
    size_t length = 0;
    length += (size_t)sprintf(text, "fields:\n  a0: &a0 [xxxxxxxxxx, xxxxxxxxxx]\n");
    for (int i = 1; i < 40; i++)
        length +=
            (size_t)sprintf(text + length, "  a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1);
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "too large, with its aliases"));

    memset(text, '[', 100000);
    strcpy(text + 100000, "\n");
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "nested more than 32 deep"));

    strcpy(text, "fields.a");
    for (length = 8; length < 200; length += 2)
        strcpy(text + length, ".a");
    strcpy(text + length, ": 1\n");
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "too many parts"));

    for (length = 0; length < 1000000;)
        length += (size_t)sprintf(text + length, "key%zu: 1\n", length);
    assert_int_equal(load_text(text), -EINVAL);
    assert_int_equal(problems.count, 101);
    assert_non_null(strstr(problems.items[100].what, "more problems"));

    length = (size_t)sprintf(text, "fields:\n");
    for (int i = 0; i < 1100; i++)
        length += (size_t)sprintf(text + length, "  k%d: 1\n", i);
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "more than 1,024"));

    length = (size_t)sprintf(text, "fields:\n  a: \"");
    memset(text + length, 'x', 17000);
    strcpy(text + length + 17000, "\"\n");
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "16 KiB"));

    memset(text, '#', (1 << 20) + 1);
    text[(1 << 20) + 1] = '\0';
    assert_int_equal(load_text(text), -EINVAL);
    assert_non_null(strstr(problems.items[0].what, "too large"));
    text[1 << 20] = '\0';
    load_good(text);
}

static void envelope_leaves_its_names_free(void **state)
{
    load_good("fields_under_root: true\noutput.envelope: false\nfields: {data_stream.dataset: x, site: y}\n");
    assert_string_equal(config.fields_json, "\"data_stream\":{\"dataset\":\"x\"},\"site\":\"y\"");
    assert_int_equal(load_text("fields_under_root: true\nfields: {data_stream.dataset: x, site: y}\n"), -EINVAL);
    assert_int_equal(problems.count, 1);
}

static void fields_are_typed_json(void **state)
{
    load_good("fields:\n"
              "  text: north\n"
              "  quoted: '1'\n"
              "  escaped: \"a\\\"b\\\\c\\n\\x01\\u20ac\"\n"
              "  truth: [true, False, yes]\n"
              "  nothing: [~, null, '']\n"
              "  whole: [0, -7, +8, 007, 0x1F, 0o17, 123456789012345678901234567890]\n"
              "  real: [1.5, -.5, 2., 1e3, 1.E-2, +0.10, .inf, 1e999]\n"
              "  texts: [1.2.3, 1e, 0x, '-', ., !!str 5, !!int '5']\n"
              "  nested: {a: {b: [{c: 1}, []], d: {}}}\n"
              "  dotted.name.x: 1\n"
              "  dotted.name.y: 2\n"
              "fields.dotted.z: 3\n");
    assert_string_equal(config.fields_json, "\"text\":\"north\",\"quoted\":\"1\","
                                            "\"escaped\":\"a\\\"b\\\\c\\u000a\\u0001\xe2\x82\xac\","
                                            "\"truth\":[true,false,\"yes\"],\"nothing\":[null,null,\"\"],"
                                            "\"whole\":[0,-7,8,7,31,15,123456789012345678901234567890],"
                                            "\"real\":[1.5,-0.5,2.0,1e3,1.0E-2,0.10,\".inf\",\"1e999\"],"
                                            "\"texts\":[\"1.2.3\",\"1e\",\"0x\",\"-\",\".\",\"5\",5],"
                                            "\"nested\":{\"a\":{\"b\":[{\"c\":1},[]],\"d\":{}}},"
                                            "\"dotted\":{\"name\":{\"x\":1,\"y\":2},\"z\":3}");
    load_good("fields: {}\n");
    assert_string_equal(config.fields_json, "");
}

static void sources_in_their_order(void **state)
{
    char path[64];
    assert_non_null(mkdtemp(folder));
    file_write("weir.yml", "workers: 2\ntags: [file]\noutput.profile: elastic\nfields: {a: 1, b: 1, c: 1}\n", path);
    const char *presets[] = {"output.type=stdout", "workers=9", "log.level=debug"};
    const char *settings[] = {"workers=4", "fields.c=3", "internal_networks= public , 10.0.0.0/8,", "host=:1"};
    struct config_sources sources = {.file = path,
                                     .settings = settings,
                                     .setting_count = COUNT_OF(settings),
                                     .presets = presets,
                                     .preset_count = COUNT_OF(presets)};
    setenv("WEIR_WORKERS", "3", 1);
    setenv("WEIR_TAGS", "env,too", 1);
    setenv("WEIR_FIELDS", "{b: 2}", 1);
    setenv("WEIR_OUTPUT_NAMESPACE", "", 1);
    setenv("WEIR_CAPTURES", "/captures", 1);
    fini(NULL);
    int result = config_load(&config, &sources, &problems);
    problems_show();
    assert_int_equal(result, 0);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.workers, 4);
    assert_list(&config.tags, "env,too");
    assert_int_equal(config.output.profile, PROFILE_ELASTIC);
    assert_int_equal(config.output.kind, OUTPUT_STDOUT);
    assert_int_equal(config.log.level, LOG_LEVEL_DEBUG);
    assert_string_equal(config.output.namespace, "default");
    assert_list(&config.internal_networks, "public,10.0.0.0/8");
    assert_list(&config.host, ":1");
    assert_string_equal(config.fields_json, "\"a\":1,\"b\":2,\"c\":3");
    unsetenv("WEIR_WORKERS");
    unsetenv("WEIR_TAGS");
    unsetenv("WEIR_FIELDS");
    unsetenv("WEIR_OUTPUT_NAMESPACE");
    unsetenv("WEIR_CAPTURES");
    unlink(path);
    rmdir(folder);
}

static void bad_settings(void **state)
{
    assert_int_equal(
        load_settings(NULL, SETTINGS("workers=x", "foo", "output=3", "outptu.profile=weir", "tags=[a", "fields=3",
                                     "fields.a={b: 1", "input.cpus=0,one", "output.namespace=\xff", "protocols=")),
        -EINVAL);
    assert_problem("-o workers=x", "\"x\" is no whole number", "from 0 to 256", false);
    assert_problem("-o foo", "no key and value", "key=value", false);
    assert_problem("-o output=3", "output is a group of options", "", false);
    assert_problem("-o outptu.profile=weir", "outptu.profile is no option", "output.profile", false);
    assert_problem("-o tags=[a", "not YAML", "]", false);
    assert_problem("-o fields=3", "a map must stand here", "fields: {", false);
    assert_problem("-o fields.a={b: 1", "not YAML", "}", false);
    assert_problem("-o input.cpus=0,one", "\"one\" is no number", "0 to 1023", false);
    assert_problem("-o output.namespace=\xff", "not UTF-8", "", false);
    assert_problem("-o protocols=", "protocols", "list some of", false);
    assert_int_equal(problems.count, 10);
}

static void good_settings(void **state)
{
    assert_int_equal(load_settings(NULL, SETTINGS("tags=", "workers=1", "workers=2", "protocols=[v5, v9]",
                                                  "fields={\"a\": {\"b\": \"x\"}}", "fields.a.c=1,2", "fields.d=true",
                                                  "fields.e=\"7\"", "output.path=/dev/null", "fields.f=[1, x]")),
                     0);
    assert_int_equal(config.tags.count, 0);
    assert_int_equal(config.workers, 2);
    assert_int_equal(config.protocols, PROTOCOL_V5 | PROTOCOL_V9);
    assert_string_equal(config.output.path, "/dev/null");
    assert_string_equal(config.fields_json, "\"a\":{\"b\":\"x\",\"c\":\"1,2\"},\"d\":true,\"e\":\"7\",\"f\":[1,\"x\"]");
}

static void bad_environment(void **state)
{
    setenv("WEIR_WORKER", "1", 1);
    setenv("WEIR_NONSENSE_OF_ANOTHER", "1", 1);
    setenv("WEIR_LOG_LEVEL", "loud", 1);
    int result = load_settings(NULL, SETTINGS(NULL));
    unsetenv("WEIR_WORKER");
    unsetenv("WEIR_NONSENSE_OF_ANOTHER");
    unsetenv("WEIR_LOG_LEVEL");
    assert_int_equal(result, -EINVAL);
    assert_int_equal(problems.count, 3);
    assert_problem("WEIR_WORKER", "did you mean WEIR_WORKERS?", "unset it", true);
    assert_problem("WEIR_NONSENSE_OF_ANOTHER", "no option has this name", "unset it", true);
    assert_problem("WEIR_LOG_LEVEL", "\"loud\" is none of its values", "error, warning, info, debug", false);
}

static void files_that_cannot_be_read(void **state)
{
    assert_int_equal(load_settings("/nonexistent/weir.yml", SETTINGS(NULL)), -EINVAL);
    assert_problem("/nonexistent/weir.yml", "No such file", "give the path", false);
    assert_int_equal(load_settings("/tmp", SETTINGS(NULL)), -EINVAL);
    assert_problem("/tmp", "directory", "give the path", false);
}

static void definitions_are_relative_to_the_file(void **state)
{
    char path[64], definitions[64], expected[160];
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    file_write("elements.yml", "1: [uint8, x]\n", definitions);
    file_write("weir.yml", "custom_definitions: [elements.yml]\n", path);
    int result = load_settings(path, SETTINGS(NULL));
    problems_show();
    assert_int_equal(result, 0);
    assert_list(&config.custom_definitions, definitions);

    file_write("weir.yml", "\ncustom_definitions: [missing.yml]\n", path);
    assert_int_equal(load_settings(path, SETTINGS(NULL)), -EINVAL);
    snprintf(expected, sizeof expected, "%s:2", path);
    assert_problem(expected, "missing.yml\" is not there", "name a file", false);
    assert_int_equal(load_settings(NULL, SETTINGS("custom_definitions=elements.yml")), -EINVAL);
    unlink(path);
    unlink(definitions);
    rmdir(folder);
}

static void effective_configuration_reads_back(void **state)
{
    load_good("workers: 3\n"
              "tags: [\"a \\\"b\\\"\", \"\\\\ \\t: #\", \"\xc3\xbc\"]\n"
              "fields: {a: [1, {b: \"x: \\\"y\\\" \\n\"}], c: ~}\n"
              "protocols: [v9]\n"
              "expiration_timeout: 1h0m0.25s\n"
              "input: {interface: [eth0], backend: xdp, zero_copy: on}\n"
              "output: {path: 'weir %% \"%i\"', compression: gzip, rotate_size: 123456, namespace: a_b}\n");
    char *first = print_config();
    load_good(first);
    char *second = print_config();
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "expiration_timeout: 1h250ms\n"));
    assert_non_null(strstr(first, "  interface: [\"eth0\"]\n"));
    assert_non_null(strstr(first, "protocols: [v9]\n"));
    free(first);
    free(second);
}

static void sample_with_all_options_is_the_default(void **state)
{
    char *sample = NULL;
    size_t size;
    FILE *stream = open_memstream(&sample, &size);
    config_sample_print(stream);
    fclose(stream);
    load_good("");
    char *expected = print_config();
    load_good(sample);
    char *commented = print_config();
    assert_string_equal(commented, expected);

    for (char *at = strchr(sample, '#'); at; at = strchr(at + 1, '#')) {
        if (at[1] >= 'a' && at[1] <= 'z')
            memmove(at, at + 1, strlen(at));
    }
    assert_non_null(strstr(sample, "\n  profile: weir\n"));
    load_good(sample);
    char *effective = print_config();
    assert_string_equal(effective, expected);
    free(sample);
    free(expected);
    free(commented);
    free(effective);
}

static void documentation_names_every_option(void **state)
{
    for (int markdown = 0; markdown < 2; markdown++) {
        char *text = NULL;
        size_t size;
        FILE *stream = open_memstream(&text, &size);
        options_print(stream, markdown);
        fclose(stream);
        for (uint32_t i = 0; i < option_count(); i++) {
            char expected[128];
            snprintf(expected, sizeof expected, markdown ? "\n| `%s`" : "%s", option_at(i)->key);
            assert_non_null(strstr(text, expected));
        }
        assert_non_null(strstr(text, markdown ? "| `output.profile` | name | weir, elastic | `weir` |"
                                              : "output.profile  (name: weir, elastic)\n"));
        free(text);
    }
}

static void balancers_have_to_be_named(void **state)
{
    load_good("input: {unpack: [ipip, proxy], balancers: [192.0.2.0/28]}");
    assert_int_equal(config.input.unpack, UNPACK_IPIP | UNPACK_PROXY);
    assert_list(&config.input.balancers, "192.0.2.0/28");
    load_good("input: {unpack: [], gue_port: 2055}");
    assert_int_equal(config.input.unpack, 0);
    assert_int_equal(load_text("input: {unpack: [gre]}"), -EINVAL);
    assert_problem("weir.yml:1", "nothing says which load balancers are believed", "input.balancers", false);
    assert_int_equal(load_text("input: {unpack: [gue], gue_port: 4739, balancers: [192.0.2.1]}"), -EINVAL);
    assert_problem("weir.yml:1", "4739 is a port of host, too", "another port", false);
    assert_int_equal(load_text("input: {balancers: [192.0.2.1]}"), 0);
    assert_problem("weir.yml:1", "it has no effect without input.unpack", "input.unpack", true);
    assert_int_equal(load_text("input: {unpack: [vxlan], balancers: [192.0.2.1]}"), -EINVAL);
}

static void other_parts_add_problems(void **state)
{
    struct config_problems own = {.count = 0};
    assert_int_equal(config_problem_add(&own, "elements.yml:3", "write less", "%d is too many", 7), 0);
    assert_int_equal(config_problem_add(&own, "elements.yml:4", NULL, "odd"), 0);
    assert_int_equal(own.count, 2);
    assert_string_equal(own.items[0].what, "7 is too many");
    assert_null(own.items[1].remedy);
    assert_false(own.items[0].warning);
    config_problems_fini(&own);
    assert_int_equal(own.count, 0);
}

int main(void)
{
    environment_clear();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_sizes),
        cmocka_unit_test(values_of_durations),
        cmocka_unit_test(values_are_printed_exactly),
        cmocka_unit_test(values_of_booleans_and_text),
        cmocka_unit_test(options_are_sound),
        cmocka_unit_test(options_nearest),
        cmocka_unit_test_teardown(defaults, fini),
        cmocka_unit_test_teardown(yaml_nested_and_dotted, fini),
        cmocka_unit_test_teardown(localhost_is_completed, fini),
        cmocka_unit_test_teardown(share_templates_is_one_worker, fini),
        cmocka_unit_test_teardown(bad_files, fini),
        cmocka_unit_test_teardown(bad_values_leave_the_default, fini),
        cmocka_unit_test_teardown(all_problems_are_reported, fini),
        cmocka_unit_test_teardown(ignored_options_are_warnings, fini),
        cmocka_unit_test_teardown(bombs_are_bounded, fini),
        cmocka_unit_test_teardown(envelope_leaves_its_names_free, fini),
        cmocka_unit_test_teardown(fields_are_typed_json, fini),
        cmocka_unit_test_teardown(sources_in_their_order, fini),
        cmocka_unit_test_teardown(bad_settings, fini),
        cmocka_unit_test_teardown(good_settings, fini),
        cmocka_unit_test_teardown(bad_environment, fini),
        cmocka_unit_test_teardown(files_that_cannot_be_read, fini),
        cmocka_unit_test_teardown(definitions_are_relative_to_the_file, fini),
        cmocka_unit_test_teardown(effective_configuration_reads_back, fini),
        cmocka_unit_test_teardown(sample_with_all_options_is_the_default, fini),
        cmocka_unit_test_teardown(documentation_names_every_option, fini),
        cmocka_unit_test_teardown(balancers_have_to_be_named, fini),
        cmocka_unit_test(other_parts_add_problems),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
