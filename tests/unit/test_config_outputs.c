/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config_fixture.h"

#include "base/clock.h"
#include "config/option.h"

/* Options of outputs, several outputs, secrets. */

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static const struct output_config *output_named(const char *name)
{
    for (uint32_t i = 0; i < config.output_count; i++) {
        if (strcmp(config.outputs[i].name, name) == 0)
            return &config.outputs[i];
    }
    problems_show();
    fail_msg("there is no output %s", name);
    return NULL;
}

static const char *property(const struct output_config *output, const char *name)
{
    for (uint32_t i = 0; i < output->kafka.properties.count; i++) {
        if (strcmp(output->kafka.properties.names[i], name) == 0)
            return output->kafka.properties.values[i];
    }
    return "absent";
}

/* A new folder for files, which the test removes. */
static void folder_make(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
}

/* Nothing that weir says or shows may hold this text. */
static void assert_not_shown(const char *secret)
{
    for (uint32_t i = 0; i < problems.count; i++) {
        assert_null(strstr(problems.items[i].where, secret));
        assert_null(strstr(problems.items[i].what, secret));
        assert_null(strstr(problems.items[i].remedy, secret));
    }
    if (!config.output_count)
        return;
    char *text = print_config();
    assert_null(strstr(text, secret));
    free(text);
}

static void defaults_of_outputs(void **state)
{
    load_good("");
    const struct output_config *output = &config.output;
    assert_int_equal(output->kinds, 1 << DOCUMENT_FLOW | 1 << DOCUMENT_OPTIONS | 1 << DOCUMENT_COUNTERS);
    assert_int_equal(output->threads, 1);
    assert_int_equal(output->compression, COMPRESSION_NONE);
    assert_string_equal(output->username, "");
    assert_string_equal(output->password, "");
    assert_false(output->tls.enabled);
    assert_string_equal(output->tls.ca, "");
    assert_int_equal(output->tls.verify, TLS_VERIFY_FULL);
    assert_list(&output->kafka.brokers, "localhost:9092");
    assert_string_equal(output->kafka.topic, "netflow");
    assert_string_equal(output->kafka.key, "exporter");
    assert_int_equal(output->kafka.message, KAFKA_MESSAGE_DOCUMENT);
    assert_true(output->kafka.message_size == 512 * KIB);
    assert_int_equal(output->kafka.acks, KAFKA_ACKS_ALL);
    assert_true(output->kafka.idempotence);
    assert_true(output->kafka.linger == 50 * NS_PER_MS);
    assert_true(output->kafka.batch_size == MIB);
    assert_false(output->kafka.headers);
    assert_int_equal(output->kafka.sasl, KAFKA_SASL_NONE);
    assert_int_equal(output->kafka.properties.count, 0);
    assert_list(&output->elastic.hosts, "http://localhost:9200");
    assert_string_equal(output->elastic.index, "logs-netflow.log-%{namespace}");
    assert_int_equal(output->elastic.connections, 4);
    assert_true(output->elastic.bulk_size == 5 * MIB);
    assert_true(output->elastic.timeout == 60 * NS_PER_S);
    assert_false(output->elastic.ids);
    assert_string_equal(output->elastic.dead_letter, "");
    assert_string_equal(output->spool.path, "");
    assert_true(output->spool.size == 10 * GIB);
    assert_true(output->spool.age == 0);
    assert_true(output->spool.segment_size == 64 * MIB);
    assert_true(output->spool.after == NS_PER_S);
    assert_int_equal(output->spool.when_full, SPOOL_DROP_OLDEST);
    assert_int_equal(output->spool.compression, COMPRESSION_LZ4);
    assert_true(output->spool.replay_rate == 50 * MIB);
}

/* True where both have the same values and no memory in common. */
static void assert_copy(const struct output_config *one, const struct output_config *other)
{
    assert_ptr_not_equal(one->path, other->path);
    assert_string_equal(one->path, other->path);
    assert_string_equal(one->name, other->name);
    assert_int_equal(one->kind, other->kind);
    assert_true(one->batch_size == other->batch_size);
    assert_ptr_not_equal(one->kafka.brokers.items, other->kafka.brokers.items);
    assert_string_equal(one->kafka.brokers.items[0], other->kafka.brokers.items[0]);
    assert_int_equal(one->kafka.properties.count, other->kafka.properties.count);
    for (uint32_t i = 0; i < one->kafka.properties.count; i++) {
        assert_ptr_not_equal(one->kafka.properties.names[i], other->kafka.properties.names[i]);
        assert_string_equal(one->kafka.properties.values[i], other->kafka.properties.values[i]);
    }
}

static void without_outputs_there_is_one(void **state)
{
    load_good("output: {type: kafka, kafka: {brokers: [a.example.org, b:1], properties: {linger.ms: 7}}}\n");
    assert_int_equal(config.output_count, 1);
    assert_string_equal(config.outputs[0].name, "default");
    assert_copy(&config.outputs[0], &config.output);
    assert_list(&config.outputs[0].kafka.brokers, "a.example.org,b:1");
    load_good("outputs: {}\n");
    assert_int_equal(config.output_count, 1);
    load_good("outputs:\noutput.type: stdout\n");
    assert_int_equal(config.outputs[0].kind, OUTPUT_STDOUT);
}

static void members_by_every_way_to_write_them(void **state)
{
    load_good("output:\n"
              "  type: Kafka\n"
              "  kinds: flows\n"
              "  kafka:\n"
              "    hosts: ['kafka.example.org:9093', '[2001:db8::1]:9093']\n"
              "    acks: -1\n"
              "    sasl: SCRAM-SHA-512\n"
              "  kafka.topic: netflow-%{kind}-%Y%m%d\n"
              "  tls: {enabled: yes, verify: certificate}\n"
              "output.username: weir\n"
              "output: {password: pass, spool.path: /var/spool/weir, spool: {when_full: newest, compression: zstd}}\n");
    const struct output_config *output = &config.outputs[0];
    assert_int_equal(output->kind, OUTPUT_KAFKA);
    assert_int_equal(output->kinds, 1 << DOCUMENT_FLOW);
    assert_int_equal(output->kafka.acks, KAFKA_ACKS_ALL);
    assert_int_equal(output->kafka.sasl, KAFKA_SASL_SCRAM_SHA_512);
    assert_string_equal(output->kafka.topic, "netflow-%{kind}-%Y%m%d");
    assert_true(output->tls.enabled);
    assert_int_equal(output->tls.verify, TLS_VERIFY_CERTIFICATE);
    assert_string_equal(output->password, "pass");
    assert_int_equal(output->spool.when_full, SPOOL_DROP_NEWEST);
    assert_int_equal(output->spool.compression, COMPRESSION_ZSTD);
    assert_int_equal(output->compression, COMPRESSION_LZ4);
}

static void acks_and_idempotence(void **state)
{
    static const struct {
        const char *text;
        uint32_t acks;
    } rows[] = {{"all", KAFKA_ACKS_ALL},  {"-1", KAFKA_ACKS_ALL},    {"leader", KAFKA_ACKS_LEADER},
                {"1", KAFKA_ACKS_LEADER}, {"none", KAFKA_ACKS_NONE}, {"0", KAFKA_ACKS_NONE}};
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "output: {type: kafka, kafka.acks: %s}\n", rows[i].text);
        load_good(text);
        assert_int_equal(config.outputs[0].kafka.acks, rows[i].acks);
        assert_int_equal(config.outputs[0].kafka.idempotence, rows[i].acks == KAFKA_ACKS_ALL);
    }
    load_good("output: {type: kafka, kafka: {acks: leader, idempotence: false}}\n");
}

static void compression_that_suits(void **state)
{
    static const struct {
        const char *type;
        uint32_t compression;
    } rows[] = {{"file", COMPRESSION_NONE},
                {"stdout", COMPRESSION_NONE},
                {"kafka", COMPRESSION_LZ4},
                {"elasticsearch", COMPRESSION_GZIP},
                {"opensearch", COMPRESSION_GZIP}};
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        char text[64];
        snprintf(text, sizeof text, "output: {type: %s, compression: auto}\n", rows[i].type);
        load_good(text);
        assert_int_equal(config.outputs[0].compression, rows[i].compression);
        snprintf(text, sizeof text, "outputs: {a: {type: %s}, b.compression: zstd}\n", rows[i].type);
        load_good(strcmp(rows[i].type, "file") == 0 ? "outputs: {a.type: file, b: {path: x}}\n" : text);
        assert_int_equal(config.outputs[0].compression, rows[i].compression);
        assert_int_not_equal(config.output.compression, COMPRESSION_AUTO);
    }
}

static void outputs_begin_with_what_output_says(void **state)
{
    load_good("outputs:\n" /* the order in the file does not matter */
              "  flows:\n"
              "    type: kafka\n"
              "    kinds: [flows]\n"
              "    kafka: {topic: flows, properties: {linger.ms: 9, debug: all}}\n"
              "    threads: 3\n"
              "  search-1: {type: opensearch, elasticsearch.hosts: ['https://a.example.org/x']}\n"
              "  rest:\n"
              "outputs.rest.kinds: options\n"
              "output:\n"
              "  profile: elastic\n"
              "  threads: 2\n"
              "  batches: 100\n"
              "  flush_timeout: 3s\n"
              "  kafka: {brokers: [b:1], properties: {linger.ms: 5, socket.nagle.disable: true}}\n"
              "  path: rest.ndjson\n");
    assert_int_equal(config.output_count, 3);
    const struct output_config *flows = output_named("flows"), *search = output_named("search-1"),
                               *rest = output_named("rest");
    assert_ptr_equal(flows, &config.outputs[0]);
    assert_ptr_equal(rest, &config.outputs[2]);
    assert_int_equal(flows->kind, OUTPUT_KAFKA);
    assert_int_equal(flows->profile, PROFILE_ELASTIC);
    assert_int_equal(flows->batches, 100);
    assert_int_equal(flows->threads, 3);
    assert_list(&flows->kafka.brokers, "b:1");
    assert_string_equal(property(flows, "linger.ms"), "9");
    assert_string_equal(property(flows, "debug"), "all");
    assert_string_equal(property(flows, "socket.nagle.disable"), "true");
    assert_string_equal(property(&config.output, "linger.ms"), "5");
    assert_string_equal(property(search, "linger.ms"), "5");
    assert_int_equal(search->threads, 2);
    assert_list(&search->elastic.hosts, "https://a.example.org/x");
    assert_int_equal(rest->kind, OUTPUT_FILE);
    assert_int_equal(rest->threads, 1); /* a file has no more */
    assert_int_equal(rest->kinds, 1 << DOCUMENT_OPTIONS);
    assert_string_equal(rest->path, "rest.ndjson");
    assert_true(rest->flush_timeout == 3 * NS_PER_S);
}

static void outputs_in_order_of_sources(void **state)
{
    char path[64];
    folder_make();
    file_write("weir.yml",
               "outputs:\n  my-kafka: {type: kafka, batches: 3, kafka: {topic: file, key: none, linger: 1ms}}\n"
               "  a-tls-key: {type: kafka, kafka.sasl: plain, username: u, tls.enabled: true}\n"
               "  b: {type: kafka}\n"
               "output: {batches: 7}\n",
               path);
    setenv("WEIR_OUTPUTS_MY_KAFKA_KAFKA_TOPIC", "environment", 1);
    setenv("WEIR_OUTPUTS_MY_KAFKA_KAFKA_KEY", "flow.id", 1);
    setenv("WEIR_OUTPUTS_A_TLS_KEY_PASSWORD", "of a-tls-key", 1);
    setenv("WEIR_OUTPUTS_NEW_KAFKA_HOSTS", "n:1,n:2", 1);
    setenv("WEIR_OUTPUTS_B_SPOOL_PATH", "/of/b", 1);
    setenv("WEIR_OUTPUTS_NEW_TYPE", "kafka", 1);
    setenv("WEIR_OUTPUTS", "{third: {type: stdout}}", 1);
    setenv("WEIR_OUTPUT_BATCHES", "8", 1);
    setenv("WEIR_OUTPUTS_NEW_BATCHES", "", 1);
    int result = load_settings(path, SETTINGS("outputs.my-kafka.kafka.topic=command", "output.flush_timeout=1s",
                                              "outputs.new.kafka.properties.socket.nagle.disable=true",
                                              "outputs={last: {path: last.ndjson}}", "outputs.last.kinds=options"));
    unsetenv("WEIR_OUTPUTS_MY_KAFKA_KAFKA_TOPIC");
    unsetenv("WEIR_OUTPUTS_MY_KAFKA_KAFKA_KEY");
    unsetenv("WEIR_OUTPUTS_A_TLS_KEY_PASSWORD");
    unsetenv("WEIR_OUTPUTS_NEW_KAFKA_HOSTS");
    unsetenv("WEIR_OUTPUTS_B_SPOOL_PATH");
    unsetenv("WEIR_OUTPUTS_NEW_TYPE");
    unsetenv("WEIR_OUTPUTS");
    unsetenv("WEIR_OUTPUT_BATCHES");
    unsetenv("WEIR_OUTPUTS_NEW_BATCHES");
    unlink(path);
    rmdir(folder);
    problems_show();
    assert_int_equal(result, 0);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.output_count, 6);
    assert_string_equal(output_named("b")->spool.path, "/of/b");
    assert_string_equal(output_named("my-kafka")->kafka.topic, "command");
    assert_string_equal(output_named("my-kafka")->kafka.key, "flow.id");
    assert_true(output_named("my-kafka")->kafka.linger == NS_PER_MS);
    assert_int_equal(output_named("my-kafka")->batches, 3);
    assert_string_equal(output_named("a-tls-key")->password, "of a-tls-key");
    assert_list(&output_named("new")->kafka.brokers, "n:1,n:2");
    assert_int_equal(output_named("new")->batches, 8);
    assert_string_equal(property(output_named("new"), "socket.nagle.disable"), "true");
    assert_int_equal(output_named("third")->kind, OUTPUT_STDOUT);
    assert_string_equal(output_named("last")->path, "last.ndjson");
    assert_true(output_named("last")->flush_timeout == NS_PER_S);
}

static void variables_that_name_nothing(void **state)
{
    setenv("WEIR_OUTPUTS_A_KAFKA_TOPIK", "x", 1);
    setenv("WEIR_OUTPUTS_A_NONSENSE_ALL_OVER", "x", 1);
    setenv("WEIR_OUTPUTS_", "x", 1);
    int result = load_settings(NULL, SETTINGS(NULL));
    unsetenv("WEIR_OUTPUTS_A_KAFKA_TOPIK");
    unsetenv("WEIR_OUTPUTS_A_NONSENSE_ALL_OVER");
    unsetenv("WEIR_OUTPUTS_");
    assert_int_equal(result, 0);
    assert_int_equal(problems.count, 3);
    assert_problem("WEIR_OUTPUTS_A_KAFKA_TOPIK", "did you mean WEIR_OUTPUTS_A_KAFKA_TOPIC?", "unset it", true);
    assert_problem("WEIR_OUTPUTS_A_NONSENSE_ALL_OVER", "no option has this name", "unset it", true);
    assert_problem("WEIR_OUTPUTS_", "no option has this name", "unset it", true);
}

struct bad_case {
    const char *text, *where, *what, *remedy;
};

static const struct bad_case bad_cases[] = {
    /* names */
    {"outputs: [a]\n", "weir.yml:1", "outputs: a map must stand here", "outputs: {"},
    {"outputs:\n  Search: {type: opensearch}\n", "weir.yml:2", "outputs.Search: this cannot be the name", "lower-case"},
    {"outputs:\n  '': {type: file}\n", "weir.yml:2", "this cannot be the name", "lower-case"},
    {"outputs:\n  a_b: {type: file}\n", "weir.yml:2", "this cannot be the name", "lower-case"},
    {"outputs:\n  abcdefghijklmnopqrstuvwxyz-1234567: {type: file}\n", "weir.yml:2", "this cannot be the name", "32"},
    {"outputs:\n  type: kafka\n", "weir.yml:2", "outputs.type: the options of an output",
     "output.type, or outputs.NAME"},
    {"outputs:\n  a: kafka\n", "weir.yml:2", "outputs.a: the options of an output", "{type: opensearch}"},
    {"outputs: {a: , b: , c: , d: , e: , f: , g: , h: , i: , j: , k: , l: , m: , n: , o: , p: ,\n q: {type: stdout}}\n",
     "weir.yml:2", "more than 16 outputs", "leave some out"},
    /* keys */
    {"outputs:\n  a:\n    kafka:\n      topik: x\n", "weir.yml:4", "outputs.a.kafka.topik is no option",
     "did you mean outputs.a.kafka.topic?"},
    {"outputs: {a: {kafak: {topic: x}}}\n", "weir.yml:1", "outputs.a.kafak is no option",
     "did you mean outputs.a.kafka?"},
    {"outputs:\n  a: {output.type: kafka}\n", "weir.yml:2", "outputs.a.output.type is no option", "outputs.a.type?"},
    {"outputs: {a: {tags: x}}\n", "weir.yml:1", "outputs.a.tags is no option", "weir docs options"},
    {"outputs: {a: {kafka: x}}\n", "weir.yml:1", "outputs.a.kafka is a group of options", "below it"},
    {"outputs: {a: {batches: 3}}\noutputs.a.batches: 3\n", "weir.yml:2",
     "outputs.a.batches is set twice, for the first time on line 1", "keep one"},
    {"outputs: {a: {profile: weir}}\n", "weir.yml:1", "outputs.a.profile is the same for all outputs",
     "output.profile"},
    {"outputs: {a: {envelope: no}}\n", "weir.yml:1", "outputs.a.envelope is the same", "output.envelope"},
    {"outputs: {a: {namespace: x}}\n", "weir.yml:1", "outputs.a.namespace is the same", "output.namespace"},
    {"outputs: {a: {batch_size: 1MiB}}\n", "weir.yml:1", "outputs.a.batch_size is the same", "output.batch_size"},
    {"outputs: {a: {batch_age: 1s}}\n", "weir.yml:1", "outputs.a.batch_age is the same", "output.batch_age"},
    {"kafka: {topic: x}\n", "weir.yml:1", "kafka is no option", "output.kafka"},
    {"output.kafka.enabled: true\n", "weir.yml:1", "output.kafka.enabled is no option", "write output.type: kafka"},
    {"outputs.a.elasticsearch.enabled: 1\n", "weir.yml:1", "enabled is no option", "outputs.a.type: elasticsearch"},
    {"output.host: x\n", "weir.yml:1", "output.host is no option", "did you mean host?"},
    {"output.hosts: [x]\n", "weir.yml:1", "output.hosts is no option", "output.elasticsearch.hosts"},
    {"output.kafka.required_acks: 1\n", "weir.yml:1", "is no option", "write output.kafka.acks"},
    {"output.kafka.username: 1\n", "weir.yml:1", "is no option", "did you mean output.username?"},
    {"output.elasticsearch.ssl.key: x\n", "weir.yml:1", "is no option", "write output.tls.key"},
    {"output: {opensearch: {hosts: [x]}}\n", "weir.yml:1", "is no option", "type: opensearch"},
    {"output.compresion: gzip\n", "weir.yml:1", "is no option", "did you mean output.compression?"},
    {"output.spool.compresion: gzip\n", "weir.yml:1", "is no option", "did you mean output.spool.compression?"},
    {"index: x\n", "weir.yml:1", "index is not supported", "output.elasticsearch.index"},
    {"pipeline: x\n", "weir.yml:1", "pipeline is not supported", "output.elasticsearch.pipeline"},
    /* values */
    {"outputs: {a: {type: kafca}}\n", "weir.yml:1", "outputs.a.type: \"kafca\" is none", "did you mean kafka?"},
    {"outputs: {a: {threads: 65}}\n", "weir.yml:1", "outputs.a.threads: \"65\" is too large", "from 1 to 64"},
    {"output.kinds: []\n", "weir.yml:1", "output.kinds: a list is empty", "flows, options"},
    {"output.spool.compression: gzip\n", "weir.yml:1", "\"gzip\" is none of its values", "none, zstd, lz4"},
    {"output.spool.segment_size: 1000000001\n", "weir.yml:1", "is no multiple of 4KiB", "multiple of 4KiB"},
    {"output.kafka.brokers: ['a b:1']\n", "weir.yml:1", "is no host and port", "HOST:PORT"},
    {"output.kafka.brokers: ['a:0']\n", "weir.yml:1", "is no host and port", "HOST:PORT"},
    {"output.kafka.brokers: ['a:65536']\n", "weir.yml:1", "is no host and port", "HOST:PORT"},
    {"output.kafka.brokers: ['[::1']\n", "weir.yml:1", "is no host and port", "HOST:PORT"},
    {"output.kafka.brokers: [':9092']\n", "weir.yml:1", "is no host and port", "HOST:PORT"},
    {"output.kafka.brokers: ['SSL://a:1']\n", "weir.yml:1", "is an URL", "tls.enabled"},
    {"output.kafka.topic: ''\n", "weir.yml:1", "is empty", "netflow"},
    {"output.kafka.topic: a/b\n", "weir.yml:1", "a character that such a name cannot have", "letters"},
    {"output.kafka.topic: 'a-%{exporte}'\n", "weir.yml:1", "a % before something without meaning", "%{exporter}"},
    {"output.kafka.topic: 'a-%{kind'\n", "weir.yml:1", "a % before something without meaning", "%{kind}"},
    {"output.kafka.topic: 'a-%T'\n", "weir.yml:1", "a % before something without meaning", "strftime"},
    {"output.elasticsearch.index: 'a-%b'\n", "weir.yml:1", "a % before something without meaning", "strftime"},
    {"output.kafka.topic: 'a-%'\n", "weir.yml:1", "a % before something without meaning", "strftime"},
    {"output.kafka.topic: '..'\n", "weir.yml:1", "is no name", "letters"},
    {"output.elasticsearch.index: Logs\n", "weir.yml:1", "a character that such a name cannot have", "lower-case"},
    {"output.elasticsearch.index: _all\n", "weir.yml:1", "begins with _", "lower-case"},
    {"output.elasticsearch.index: a*\n", "weir.yml:1", "a character that such a name cannot have", "lower-case"},
    {"output.kafka.key: flow..id\n", "weir.yml:1", "is no field of a document", "flow.id"},
    {"output.kafka.key: flow.\n", "weir.yml:1", "is no field of a document", "flow.id"},
    {"output.kafka.key: ''\n", "weir.yml:1", "is empty", "flow.id"},
    {"output.elasticsearch.hosts: ['a:9200']\n", "weir.yml:1", "is no URL of HTTP", "https://HOST:PORT"},
    {"output.elasticsearch.hosts: ['ftp://a']\n", "weir.yml:1", "is no URL of HTTP", "https://HOST:PORT"},
    {"output.elasticsearch.hosts: ['http://']\n", "weir.yml:1", "is no URL of HTTP", "https://HOST:PORT"},
    {"output.elasticsearch.hosts: ['http://a/?b']\n", "weir.yml:1", "is no URL of HTTP", "https://HOST:PORT"},
    {"output.tls.ca_fingerprint: abc\n", "weir.yml:1", "is no SHA-256 fingerprint", "64 hexadecimal"},
    {"output.tls.ca: /nonexistent/ca.pem\n", "weir.yml:1", "is not there", "exists"},
    {"output.spool.path: /\n", "weir.yml:1", "cannot be the folder", "/var/spool/weir"},
    /* together */
    {"output: {type: kafka,\n kafka.brokers: []}\n", "weir.yml:2", "output.kafka.brokers: there is no broker", "9092"},
    {"output: {type: opensearch,\n elasticsearch.hosts: []}\n", "weir.yml:2", "there is no host to send to",
     "https://"},
    {"output.type: kafka\noutput.kafka: {message: lines,\n key: flow.id}\n", "weir.yml:3",
     "output.kafka.key: a message of many lines", "kafka.message: document"},
    {"output.compression: snappy\n", "weir.yml:1", "output.compression: snappy is not for", "zstd, gzip, lz4"},
    {"output: {type: elasticsearch, compression: zstd}\n", "weir.yml:1", "zstd is not for outputs of this",
     "gzip or none"},
    {"output.compression: zstd\noutputs: {a.type: kafka,\n b.type: opensearch}\n", "weir.yml:1",
     "outputs.b.compression: zstd is not for outputs of this", "gzip or none"},
    {"output: {type: kafka, compression_level: 13}\n", "weir.yml:1", "13 is more than the 12 levels of lz4", "lower"},
    {"output: {type: kafka, kafka: {acks: 1,\n idempotence: true}}\n", "weir.yml:2",
     "output.kafka.idempotence: it needs the acknowledgement", "kafka.acks: all"},
    {"output: {type: kafka,\n kafka.sasl: scram-sha-256}\n", "weir.yml:2", "there is no user name", "add username"},
    {"output: {type: kafka, username: x,\n kafka.sasl: plain}\n", "weir.yml:2", "there is no password", "file:PATH"},
    {"output: {type: kafka, username: x, password: y,\n kafka.sasl: oauthbearer}\n", "weir.yml:2", "needs a URL",
     "kafka.oauth_url"},
    {"output.type: kafka\noutput.tls: {enabled: true, certificate: /proc/version}\n", "weir.yml:2",
     "output.tls.certificate: there is no key", "add tls.key"},
    {"output.type: kafka\noutput.tls: {enabled: true, key: /proc/version}\n", "weir.yml:2",
     "output.tls.key: there is no certificate", "add tls.certificate"},
    {"output.type: opensearch\noutput.tls.enabled: true\n", "default", "is without TLS", "https://"},
    {"output: {type: opensearch, username: x}\n", "weir.yml:1", "output.username: there is no password", "password"},
    {"output: {type: opensearch, elasticsearch: {api_key: x,\n token: y}}\n", "weir.yml:1",
     "more than one way to log in", "keep one"},
    {"output.spool: {path: /x, size: 1MiB}\n", "weir.yml:1", "output.spool.size: the spool must have room",
     "batch_size"},
    {"output.spool: {path: /x, size: 8MiB,\n segment_size: 9MiB}\n", "weir.yml:2", "a segment is larger", "spool.size"},
    {"output.spool: {path: /x,\n segment_size: 3MiB}\n", "weir.yml:2", "room for four batches", "output.batch_size"},
    {"output.type: stdout\noutput.spool.path: /x\n", "weir.yml:2", "standard output has no spool", "leave it out"},
    {"output.threads: 2\n", "weir.yml:1", "output.threads: only outputs to servers", "threads: 1"},
    {"outputs:\n  a: {path: x}\n  b:\n    path: x\n", "weir.yml:4", "outputs.b.path: outputs.a writes the same files",
     "files of its own"},
    {"outputs:\n  a: {}\n  b: {kinds: flows}\n", "weir.yml:3", "outputs.b.path: outputs.a writes the same files", ""},
    {"outputs:\n  a.type: stdout\n  b.type: stdout\n", "weir.yml:3", "outputs.a writes to standard output, too",
     "file"},
    /* properties */
    {"output.kafka.properties: [a]\n", "weir.yml:1", "output.kafka.properties: a map must stand here", "{name: value}"},
    {"output.kafka.properties: {a: 1,\n a: 2}\n", "weir.yml:2", "output.kafka.properties: a is set twice", "keep one"},
    {"output.kafka.properties: {a: 1}\noutput.kafka.properties.a: 2\n", "weir.yml:2", "a is set twice", "keep one"},
    {"output.kafka.properties: {a: {b: 1}}\n", "weir.yml:1", "a has more than one value", "whole name"},
    {"output.kafka.properties: {a: }\n", "weir.yml:1", "a has no value", "name: value"},
    {"output.kafka.properties: {a b: 1}\n", "weir.yml:1", "\"a b\" cannot be the name of a property",
     "CONFIGURATION.md"},
    {"output.kafka.properties: {[a]: 1}\n", "weir.yml:1", "a name is no text", "CONFIGURATION.md"},
};

static void bad_outputs(void **state)
{
    for (unsigned i = 0; i < COUNT_OF(bad_cases); i++) {
        const struct bad_case *bad = &bad_cases[i];
        int result = load_text(bad->text);
        if (result != -EINVAL)
            fail_msg("taken: %s", bad->text);
        assert_problem(bad->where, bad->what, bad->remedy, false);
    }
}

static const struct bad_case warnings[] = {
    {"output.kafka.topic: x\n", "weir.yml:1", "output.kafka.topic: it has no effect with type: file", "another type"},
    {"output: {type: kafka, path: x}\n", "weir.yml:1", "output.path: it has no effect with type: kafka",
     "another type"},
    {"outputs: {a: {kafka.topic: x}}\n", "weir.yml:1", "outputs.a.kafka.topic: it has no effect with type: file", ""},
    {"output.kafka.topic: x\noutputs: {a: {type: opensearch}}\n", "weir.yml:1",
     "output.kafka.topic: it has no effect on any of the outputs", "for an output"},
    {"output.spool.size: 20GiB\n", "weir.yml:1", "it has no effect without spool.path", "add spool.path"},
    {"output: {type: kafka, tls.verify: none}\n", "weir.yml:1", "it has no effect without TLS", "tls.enabled: true"},
    {"output: {type: kafka, username: x}\n", "weir.yml:1", "it has no effect without kafka.sasl", "add kafka.sasl"},
    {"output: {type: kafka, kafka.message_size: 1MiB}\n", "weir.yml:1", "without kafka.message: lines", ""},
    {"output: {type: kafka, kafka.oauth_scope: x}\n", "weir.yml:1", "without kafka.sasl: oauthbearer", ""},
    {"output: {type: kafka, kafka: {message: lines, message_size: 2MiB}}\n", "weir.yml:1", "larger than a batch", ""},
    {"output: {type: stdout, compression: zstd}\n", "weir.yml:1", "standard output is never compressed", "pipe"},
    {"output: {type: kafka, username: x, password: y, kafka: {sasl: plain, brokers: [kafka.example.org]}}\n",
     "weir.yml:1", "everybody on the way can read", "tls.enabled"},
    {"output: {type: opensearch, elasticsearch: {hosts: ['http://a.example.org'], api_key: x}}\n", "weir.yml:1",
     "everybody on the way can read", "https://"},
    {"output.password: (hidden)\noutput: {type: opensearch, username: x}\n", "weir.yml:1",
     "output.password: (hidden) is what weir shows", "file:"},
};

static void options_without_effect(void **state)
{
    for (unsigned i = 0; i < COUNT_OF(warnings); i++) {
        if (load_text(warnings[i].text) != 0 || problems.count != 1)
            problems_show();
        assert_int_equal(problems.count, 1);
        assert_problem(warnings[i].where, warnings[i].what, warnings[i].remedy, true);
    }
    /* what is common may be for some of the outputs, and defaults are no mistake */
    load_good("output.kafka.topic: x\noutputs: {a.type: kafka, b.type: stdout}\n");
    load_good("output: {kafka.topic: netflow, spool.size: 10GiB}\n");
}

/* Who looks at a configuration by "-o output.type=stdout" knows that the rest of it waits. */
static void type_overruled_by_a_stronger_source(void **state)
{
    char path[64];
    folder_make();
    file_write(
        "weir.yml",
        "output: {type: kafka, threads: 4, spool: {path: /x, size: 1GiB}, kafka: {topic: x}, compression: zstd}\n",
        path);
    int result = load_settings(path, SETTINGS("output.type=stdout"));
    problems_show();
    assert_int_equal(result, 0);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.outputs[0].threads, 1);
    assert_string_equal(config.outputs[0].spool.path, "");
    assert_int_equal(config.outputs[0].compression, COMPRESSION_NONE);
    assert_int_equal(load_settings(path, SETTINGS("output.type=stdout", "output.threads=3")), -EINVAL);
    assert_problem("-o output.threads=3", "only outputs to servers", "", false);
    unlink(path);
    rmdir(folder);
}

static void segments_fit_the_spool(void **state)
{
    load_good("output.spool: {path: /x, size: 20MiB}\n");
    assert_true(config.outputs[0].spool.segment_size == 5 * MIB);
    load_good("output.spool: {path: /x, size: 10MiB}\n");
    assert_true(config.outputs[0].spool.segment_size == 4 * MIB);
    load_good("output: {batch_size: 32MiB, spool.path: /x}\n");
    assert_true(config.outputs[0].spool.segment_size == 128 * MIB);
    char *printed = print_config();
    load_good(printed);
    free(printed);
}

static void fingerprint_is_one_spelling(void **state)
{
    load_good(
        "output: {type: opensearch, elasticsearch.hosts: ['https://a'], tls.ca_fingerprint: 'AB:CD:EF:01:23:45:67:"
        "89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89'}\n");
    assert_string_equal(config.outputs[0].tls.ca_fingerprint,
                        "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
}

static void secrets_from_files(void **state)
{
    char path[64], secret[64], credential[64];
    folder_make();
    file_write("pass", "hunter2\r\nmore\n", secret);
    file_write("cred", "systemd's", credential);
    file_write("weir.yml",
               "outputs:\n"
               "  a: {type: kafka, username: u, password: 'file:pass', kafka: {sasl: scram-sha-512, properties: "
               "{sasl.password: 'file:pass', ssl.key.location: 'file:pass'}}}\n"
               "  b: {type: opensearch, elasticsearch.token: 'file:${CREDENTIALS_DIRECTORY}/cred'}\n",
               path);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    int result = load_settings(path, SETTINGS(NULL));
    unsetenv("CREDENTIALS_DIRECTORY");
    problems_show();
    assert_int_equal(result, 0);
    assert_int_equal(problems.count, 0);
    assert_string_equal(output_named("a")->password, "hunter2");
    assert_string_equal(property(output_named("a"), "sasl.password"), "hunter2");
    assert_string_equal(property(output_named("a"), "ssl.key.location"), "file:pass");
    assert_string_equal(output_named("b")->elastic.token, "systemd's");
    assert_not_shown("hunter2");
    assert_not_shown("systemd's");
    unlink(secret);
    unlink(credential);
    unlink(path);
    rmdir(folder);
}

static void secrets_that_cannot_be_read(void **state)
{
    static char huge[(64 << 10) + 64];
    char path[64], empty[64], long_one[64], text[256];
    folder_make();
    file_write("empty", "\nsecond\n", empty);
    memset(huge, 'x', (64 << 10) + 10);
    file_write("long", huge, long_one);
    snprintf(
        text, sizeof text,
        "output:\n  password: file:absent\noutputs:\n  a:\n    password: file:empty\n    tls.key_password: file:.\n"
        "    elasticsearch.token: file:long\n    elasticsearch.api_key: file:${CREDENTIALS_DIRECTORY}/x\n");
    file_write("weir.yml", text, path);
    assert_int_equal(load_settings(path, SETTINGS(NULL)), -EINVAL);
    snprintf(text, sizeof text, "%s:2", path);
    assert_problem(text, "output.password: the file \"/tmp/weir-config-", "with the secret on its first line", false);
    assert_problem(text, "absent\" cannot be read: No such file", "file:", false);
    snprintf(text, sizeof text, "%s:5", path);
    assert_problem(text, "outputs.a.password: ", "file:", false);
    assert_problem(text, "empty\" has nothing on its first line", "file:", false);
    snprintf(text, sizeof text, "%s:6", path);
    assert_problem(text, "it is no regular file", "file:", false);
    snprintf(text, sizeof text, "%s:7", path);
    assert_problem(text, "more than 64 KiB", "file:", false);
    snprintf(text, sizeof text, "%s:8", path);
    assert_problem(text, "there is no CREDENTIALS_DIRECTORY", "LoadCredential=", false);
    unlink(empty);
    unlink(long_one);
    unlink(path);
    rmdir(folder);
}

static void secrets_are_never_shown(void **state)
{
    static const char *const texts[] = {
        "output: {type: kafka, username: u, password: hunter2, kafka.sasl: plain}\n",
        "output.password: [hunter2]\n",
        "output.password: \"hunter2\\xff\\0\"\n",
        "output.password: *hunter2\n",
        "output.password: !hunter2 x\n",
        "output: {password:hunter2}\n",
        "output.pasword: hunter2\n",
        "output.password: 1\noutput.password: hunter2\n",
        "output.elasticsearch.api_key: {hunter2: hunter2}\n",
        "output.elasticsearch.hosts: ['https://u:hunter2@a']\n",
        "output.kafka.oauth_url: 'https://u:hunter2@a'\n",
        "output.kafka.properties: {sasl.password: [hunter2]}\n",
        "output.kafka.properties: {sasl.password: hunter2, ssl.key.pem: hunter2, client.id: x}\n",
        "output.kafka.properties: {sasl.password=hunter2: }\n",
        "outputs: {a: {password: hunter2}, b: {elasticsearch.token: hunter2, path: x}}\n",
        "output.tls.key_password: hunter2\n",
    };
    static const char *const settings[] = {
        "output.password=hunter2",
        "output.pasword=hunter2",
        "output.password:hunter2",
        "outputs.a.password=[hunter2]",
        "outputs.a={password: hunter2}",
        "outputs.Bad.password=hunter2",
        "output.kafka.properties={sasl.password: [hunter2]}",
        "output.kafka.properties.sasl.password={hunter2: hunter2}",
        "output.elasticsearch.hosts=https://u:hunter2@a",
    };
    for (unsigned i = 0; i < COUNT_OF(texts); i++) {
        load_text(texts[i]);
        assert_not_shown("hunter2");
    }
    for (unsigned i = 0; i < COUNT_OF(settings); i++) {
        load_settings(NULL, SETTINGS(settings[i], "output.type=stdut"));
        assert_not_shown("hunter2");
    }
    load_settings(NULL, SETTINGS("output.password=[a"));
    load_settings(NULL, SETTINGS("outputs.a.tls.key_password=hunter2", "outputs.a.type=kafka"));
    assert_problem("-o outputs.a.tls.key_password=(hidden)", "without TLS", "", true);
    load_settings(NULL, SETTINGS("output.kafka.key=..x")); /* no secret in spite of its name */
    assert_problem("-o output.kafka.key=..x", "\"..x\" is no field", "", false);
}

static void outputs_read_back(void **state)
{
    assert_int_equal(
        load_text(
            "output: {password: a, kafka: {acks: leader, properties: {sasl.password: a, b: '\\ \"'}}, threads: 2}\n"
            "outputs:\n"
            "  a: {type: kafka, username: u, password: b, kafka: {sasl: plain, properties.sasl.password: b}}\n"
            "  '-': {path: \"x\\u2028\\u0085\\x7f\\ufeff\"}\n"
            "  1e3: {type: stdout, password: ''}\n"
            "  same:\n"
            "fields: {a: \"\\u2028\\u0085\\x7f\\ufeff\\uffff\"}\n"),
        0);
    char *first = print_config();
    assert_non_null(strstr(first, "\noutputs:\n  a:\n    type: kafka\n"));
    assert_non_null(strstr(first, "\n  \"-\":\n    threads: 1\n    path: \"x\\u2028"));
    assert_non_null(strstr(first, "\n    password: \"(hidden)\"\n    kafka:\n      idempotence: false\n"));
    assert_int_equal(load_text(first), 0);
    char *second = print_config();
    assert_string_equal(first, second);
    assert_int_equal(config.output_count, 4);
    assert_string_equal(output_named("-")->path, "x\xe2\x80\xa8\xc2\x85\x7f\xef\xbb\xbf");
    assert_string_equal(output_named("1e3")->password, "");
    assert_false(output_named("a")->kafka.idempotence);
    free(first);
    free(second);

    load_good("outputs: {default: {type: stdout}}\n");
    first = print_config();
    assert_non_null(strstr(first, "\noutputs:\n  default:\n    type: stdout\n"));
    free(first);
    load_good("output.type: stdout\n");
    first = print_config();
    assert_null(strstr(first, "outputs:"));
    free(first);
}

/* The example at the end of the sample is one that weir takes. */
static void sample_of_outputs_is_good(void **state)
{
    char *sample = NULL, *text = calloc(1, 1 << 16);
    size_t size;
    FILE *stream = open_memstream(&sample, &size);
    config_sample_print(stream);
    fclose(stream);
    char *at = strstr(sample, "# outputs:\n");
    assert_non_null(at);
    for (char *line = strtok(at, "\n"); line; line = strtok(NULL, "\n")) {
        const char *secret = strstr(line, "file:/etc/");
        snprintf(text + strlen(text), 1024, "%.*s%s\n", secret ? (int)(secret - line) - 2 : 1000, line + 2,
                 secret ? "x" : "");
    }
    load_good(text);
    assert_int_equal(config.output_count, 2);
    free(text);
    free(sample);
}

static void variables_of_options_differ(void **state)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        char one[OPTION_VARIABLE_MOST], other[OPTION_VARIABLE_MOST];
        assert_true(option_variable_name(option_at(i)->key, one));
        assert_int_equal(option_index(option_at(i)), i);
        for (uint32_t k = 0; k < i; k++) {
            assert_true(option_variable_name(option_at(k)->key, other));
            assert_string_not_equal(one, other);
        }
    }
}

/* Properties, outputs and their texts are bounded. */
static void outputs_are_bounded(void **state)
{
    static char text[1 << 18];
    size_t length = (size_t)sprintf(text, "output.kafka.properties:\n");
    for (int i = 0; i < 129; i++)
        length += (size_t)sprintf(text + length, "  p%d: 1\n", i);
    assert_int_equal(load_text(text), -EINVAL);
    assert_problem("weir.yml:130", "more than 128 properties", "fewer", false);
    length = (size_t)sprintf(text, "outputs:\n");
    for (int i = 0; i < 2000; i++)
        length += (size_t)sprintf(text + length, "  o%d: {type: kafka}\n", i);
    assert_int_equal(load_text(text), -EINVAL);
    assert_int_equal(problems.count, 101);
    assert_int_equal(config.output_count, 16);
}

int main(void)
{
    environment_clear();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults_of_outputs, fini),
        cmocka_unit_test_teardown(without_outputs_there_is_one, fini),
        cmocka_unit_test_teardown(members_by_every_way_to_write_them, fini),
        cmocka_unit_test_teardown(acks_and_idempotence, fini),
        cmocka_unit_test_teardown(compression_that_suits, fini),
        cmocka_unit_test_teardown(outputs_begin_with_what_output_says, fini),
        cmocka_unit_test_teardown(outputs_in_order_of_sources, fini),
        cmocka_unit_test_teardown(variables_that_name_nothing, fini),
        cmocka_unit_test_teardown(bad_outputs, fini),
        cmocka_unit_test_teardown(options_without_effect, fini),
        cmocka_unit_test_teardown(type_overruled_by_a_stronger_source, fini),
        cmocka_unit_test_teardown(segments_fit_the_spool, fini),
        cmocka_unit_test_teardown(fingerprint_is_one_spelling, fini),
        cmocka_unit_test_teardown(secrets_from_files, fini),
        cmocka_unit_test_teardown(secrets_that_cannot_be_read, fini),
        cmocka_unit_test_teardown(secrets_are_never_shown, fini),
        cmocka_unit_test_teardown(outputs_read_back, fini),
        cmocka_unit_test_teardown(sample_of_outputs_is_good, fini),
        cmocka_unit_test(variables_of_options_differ),
        cmocka_unit_test_teardown(outputs_are_bounded, fini),
    };
    return cmocka_run_group_tests_name("config_outputs", tests, NULL, NULL);
}
