/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The Kafka sink with a real broker (scripts/servers/kafka). Each of these is skipped where its variable is not set:
 *
 *     WEIR_KAFKA           HOST:PORT, plain
 *     WEIR_KAFKA_STRICT    HOST:PORT, plain, started with auto.create.topics.enable=false: another one
 *     WEIR_KAFKA_KILL      a command that kills the broker of WEIR_KAFKA, by SIGKILL, and starts it again
 *     WEIR_KAFKA_TLS       HOST:PORT, and WEIR_KAFKA_CERTS the folder of ca.pem, client.pem and client.key
 *     WEIR_KAFKA_SASL      HOST:PORT for weir / weir-secret
 *     WEIR_KAFKA_OAUTH     URL that gives tokens for weir / weir-secret which the broker of WEIR_KAFKA_SASL takes
 *     WEIR_KAFKA_SCRAM     set where the broker takes this librdkafka's SCRAM
 */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/kafka_reader.h"

/* A broker to write to, by a variable; the topic is made and read back at the plain one. */
static void use_broker(struct kafka_fixture *fixture, const char *variable)
{
    const char *broker = getenv(variable);
    if (!broker || !getenv("WEIR_KAFKA"))
        skip();
    snprintf(fixture->broker, sizeof fixture->broker, "%s", getenv("WEIR_KAFKA"));
}

static void open_at(struct kafka_fixture *fixture, const char *variable)
{
    snprintf(fixture->broker, sizeof fixture->broker, "%s", getenv(variable));
    assert_int_equal(sink_try_open(fixture), 0);
    snprintf(fixture->broker, sizeof fixture->broker, "%s", getenv("WEIR_KAFKA"));
}

static void put_many(struct kafka_fixture *fixture, uint32_t batches, uint32_t documents)
{
    for (uint32_t i = 0; i < batches; i++) {
        struct batch *batch;
        while (!(batch = batch_fill(fixture, documents)))
            sink_fetch(fixture, 100);
        sink_put(fixture, batch);
        sink_fetch(fixture, 0);
    }
}

static void close_delivered(struct kafka_fixture *fixture)
{
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 60000), 0);
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->delivered, fixture->made);
    fixture->sink.ops->close(&fixture->sink);
}

static void deliver_and_read(struct kafka_fixture *fixture, const char *variable)
{
    use_broker(fixture, variable);
    topic_create(fixture, 3, NULL, NULL);
    open_at(fixture, variable);
    put_many(fixture, 40, 100);
    close_delivered(fixture);
    assert_all_read(fixture);
}

static void test_documents(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 3, NULL, NULL);
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 100, 100);
    close_delivered(fixture);
    assert_int_equal(counted(fixture, COUNTER_output_requests), fixture->made);
    struct kafka_readback readback = assert_all_read(fixture);
    assert_int_equal(readback.messages, fixture->made);
    assert_memory_equal(readback.key, "192.0.2.", 8);
    assert_string_equal(readback.schema, "");
}

static void test_lines(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, NULL, NULL);
    fixture->output->kafka.message = KAFKA_MESSAGE_LINES;
    fixture->output->kafka.key = "none";
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 100, 200);
    close_delivered(fixture);
    struct kafka_readback readback = assert_all_read(fixture);
    assert_int_equal(readback.messages, counted(fixture, COUNTER_output_requests));
    assert_in_range(readback.messages, 100, 500); /* 145 KB a batch, 64 KiB a message */
    assert_string_equal(readback.key, "");
}

static void test_headers(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, NULL, NULL);
    fixture->output->kafka.message = KAFKA_MESSAGE_LINES;
    fixture->output->kafka.headers = true;
    fixture->output->profile = PROFILE_ELASTIC;
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 10, 14);
    close_delivered(fixture);
    struct kafka_readback readback = assert_all_read(fixture);
    assert_int_equal(readback.messages, 20); /* runs of 7 */
    assert_string_equal(readback.key, readback.exporter);
    assert_memory_equal(readback.exporter, "192.0.2.", 8);
    assert_memory_equal(readback.schema, "weir-elastic-8.", 15);
}

static void test_field_as_key(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, NULL, NULL);
    fixture->output->kafka.key = "flow.id";
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 2, 50);
    close_delivered(fixture);
    assert_string_equal(assert_all_read(fixture).key, "i99");
}

static void test_topics_by_exporter(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    char pattern[128];
    snprintf(pattern, sizeof pattern, "%s-%%{kind}-%%{exporter}", fixture->topic);
    fixture->output->kafka.topic = pattern;
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 10, 56);
    close_delivered(fixture);
    uint64_t seen = 0;
    char base[64];
    strcpy(base, fixture->topic);
    for (int i = 0; i < 4; i++) {
        snprintf(fixture->topic, sizeof fixture->topic, "%.40s-flows-192.0.2.%d", base, i);
        struct kafka_readback readback = topic_read(fixture);
        assert_true(readback.seen > 100);
        seen += readback.seen;
        free(readback.times);
    }
    assert_int_equal(seen, fixture->made);
}

static void test_codecs(void **state)
{
    static const enum compression codecs[] = {COMPRESSION_ZSTD, COMPRESSION_GZIP, COMPRESSION_LZ4, COMPRESSION_SNAPPY};
    use_broker(*state, "WEIR_KAFKA");
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        void *other;
        kafka_fixture_open(&other);
        ((struct kafka_fixture *)other)->output->compression = codecs[i];
        deliver_and_read(other, "WEIR_KAFKA");
        kafka_fixture_close(&other);
    }
}

/* Without idempotence, what is tried again (the topic is new, its leader not there yet) may come behind what was not.
 */
static void test_acks_leader(void **state)
{
    struct kafka_fixture *fixture = *state;
    fixture->output->kafka.acks = KAFKA_ACKS_LEADER;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 3, NULL, NULL);
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 40, 100);
    close_delivered(fixture);
    struct kafka_readback readback = topic_read(fixture);
    free(readback.times);
    assert_int_equal(readback.seen, fixture->made);
}

/* Nobody promises anything: delivered means sent, and what meets a topic without leader is lost. */
static void test_acks_none(void **state)
{
    struct kafka_fixture *fixture = *state;
    fixture->output->kafka.acks = KAFKA_ACKS_NONE;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 3, NULL, NULL);
    sleep(2);
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 40, 100);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 60000), 0);
    sleep(2);
    close_delivered(fixture);
    assert_all_read(fixture);
}

/* The topic takes less than a set of messages: all come but those that are too large alone. */
static void test_too_large(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, "max.message.bytes", "20000");
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 2, 100);
    struct batch *batch = batch_fill(fixture, 5);
    document_add(fixture, batch, 30000);
    document_add(fixture, batch, 800);
    sink_put(fixture, batch);
    put_many(fixture, 2, 100);
    assert_true(sink_settle(fixture, fixture->made, 60));
    assert_int_equal(fixture->refused, 1);
    assert_int_equal(batch->refused, 1);
    assert_int_equal(batch_verdict(batch, 5), VERDICT_REFUSED);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 1000), 0);
    sink_fetch_rest(fixture);
    fixture->sink.ops->close(&fixture->sink);
    struct kafka_readback readback = topic_read(fixture);
    assert_int_equal(readback.seen, fixture->made - 1);
    assert_int_equal(readback.twice, 0);
    assert_int_equal(readback.times[205], 0);
    free(readback.times);
}

/* The same with lines: a message is cut into smaller ones. */
static void test_too_large_lines(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, "max.message.bytes", "20000");
    fixture->output->kafka.message = KAFKA_MESSAGE_LINES;
    fixture->output->kafka.key = "none";
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 5, 100);
    close_delivered(fixture);
    struct kafka_readback readback =
        topic_read(fixture); /* what was under way behind the large ones came before them */
    free(readback.times);
    assert_int_equal(readback.seen, fixture->made);
    assert_int_equal(readback.twice, 0);
    assert_true(counted(fixture, COUNTER_output_retries) > 0);
}

/* The topic comes when the documents wait for it already. */
static void test_topic_comes_later(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA_STRICT");
    property_add(fixture, "topic.metadata.propagation.max.ms", "1000"); /* 30 s, else */
    open_at(fixture, "WEIR_KAFKA_STRICT");
    snprintf(fixture->broker, sizeof fixture->broker, "%s", getenv("WEIR_KAFKA_STRICT"));
    put_many(fixture, 10, 100);
    assert_false(sink_settle(fixture, 1, 4));
    assert_true(counted(fixture, COUNTER_output_write_errors) > 0);
    topic_create(fixture, 1, NULL, NULL);
    put_many(fixture, 10, 100);
    assert_true(sink_settle(fixture, fixture->made, 40));
    close_delivered(fixture);
    assert_all_read(fixture);
}

static void test_fatal_under_load(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA");
    topic_create(fixture, 1, NULL, NULL);
    open_at(fixture, "WEIR_KAFKA");
    put_many(fixture, 100, 100);
    struct kafka_sink *kafka = fixture->sink.state;
    rd_kafka_test_fatal_error(kafka->client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
    put_many(fixture, 100, 100);
    close_delivered(fixture);
    assert_all_read(fixture); /* what was under way was waited for: nothing is double */
}

/* Killed and started again, twice, while documents come all the time. */
static void test_killed(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA_KILL");
    topic_create(fixture, 2, NULL, NULL);
    open_at(fixture, "WEIR_KAFKA");
    for (int round = 0; round < 2; round++) {
        put_many(fixture, 50, 100);
        FILE *pipe = popen(getenv("WEIR_KAFKA_KILL"), "r"); /* ends when the broker is back */
        int64_t until_ns = clock_steady_ns() + 12 * NS_PER_S;
        for (int i = 0; clock_steady_ns() < until_ns && i < 500; i++) {
            struct batch *batch = batch_fill(fixture, 100);
            if (batch && fixture->sink.ops->submit(&fixture->sink, batch) < 0) {
                fixture->made -= 100;
                fixture->free[fixture->free_count++] = batch;
            }
            sink_fetch(fixture, 20);
        }
        while (fgetc(pipe) != EOF)
            sink_fetch(fixture, 0);
        assert_int_equal(pclose(pipe), 0);
        assert_true(sink_settle(fixture, fixture->made, 60));
    }
    assert_true(counted(fixture, COUNTER_output_write_errors) > 0);
    close_delivered(fixture);
    assert_all_read(fixture);
}

static void use_tls(struct kafka_fixture *fixture, bool mutual)
{
    static char ca[512], certificate[512], key[512];
    const char *folder = getenv("WEIR_KAFKA_CERTS");
    if (!folder)
        skip();
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(certificate, sizeof certificate, "%s/client.pem", folder);
    snprintf(key, sizeof key, "%s/client.key", folder);
    fixture->output->tls.enabled = true;
    fixture->output->tls.ca = ca;
    if (mutual) {
        fixture->output->tls.certificate = certificate;
        fixture->output->tls.key = key;
    }
}

static void test_tls(void **state)
{
    use_tls(*state, false);
    deliver_and_read(*state, "WEIR_KAFKA_TLS");
}

static void test_mutual_tls(void **state)
{
    use_tls(*state, true);
    deliver_and_read(*state, "WEIR_KAFKA_TLS");
}

/* The system's authorities do not know the broker's: nothing is sent, unless nobody looks. */
static void test_tls_unknown_ca(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_tls(fixture, false);
    fixture->output->tls.ca = (char[]){""};
    use_broker(fixture, "WEIR_KAFKA_TLS");
    topic_create(fixture, 3, NULL, NULL);
    open_at(fixture, "WEIR_KAFKA_TLS");
    put_many(fixture, 2, 10);
    assert_false(sink_settle(fixture, 1, 2));
    assert_int_equal(((struct kafka_sink *)fixture->sink.state)->lost_by, RD_KAFKA_RESP_ERR__SSL);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 100), -ETIMEDOUT);
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->failed, 20);
    fixture->sink.ops->close(&fixture->sink);
    fixture->output->tls.verify = TLS_VERIFY_NONE;
    open_at(fixture, "WEIR_KAFKA_TLS");
    put_many(fixture, 2, 10);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 10000), 0);
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->delivered, 20);
    fixture->sink.ops->close(&fixture->sink);
}

static void use_sasl(struct kafka_fixture *fixture, enum kafka_sasl sasl)
{
    static char user[] = "weir", password[] = "weir-secret";
    fixture->output->kafka.sasl = sasl;
    fixture->output->username = user;
    fixture->output->password = password;
}

static void test_sasl_plain(void **state)
{
    use_sasl(*state, KAFKA_SASL_PLAIN);
    deliver_and_read(*state, "WEIR_KAFKA_SASL");
}

static void test_sasl_scram(void **state)
{
    if (!getenv("WEIR_KAFKA_SCRAM"))
        skip();
    use_sasl(*state, KAFKA_SASL_SCRAM_SHA_512);
    deliver_and_read(*state, "WEIR_KAFKA_SASL");
    void *other;
    kafka_fixture_open(&other);
    use_sasl(other, KAFKA_SASL_SCRAM_SHA_256);
    deliver_and_read(other, "WEIR_KAFKA_SASL");
    kafka_fixture_close(&other);
}

/* A token, and one that is asked for with the wrong secret. */
static void test_sasl_oauth(void **state)
{
    struct kafka_fixture *fixture = *state;
    if (!getenv("WEIR_KAFKA_OAUTH"))
        skip();
    use_sasl(fixture, KAFKA_SASL_OAUTHBEARER);
    fixture->output->kafka.oauth_url = getenv("WEIR_KAFKA_OAUTH");
    fixture->output->kafka.oauth_scope = (char[]){"write all"};
    deliver_and_read(fixture, "WEIR_KAFKA_SASL");
    fixture->output->password = (char[]){"wrong"};
    open_at(fixture, "WEIR_KAFKA_SASL");
    put_many(fixture, 1, 10);
    assert_false(sink_settle(fixture, fixture->made, 2));
    assert_int_equal(((struct kafka_sink *)fixture->sink.state)->lost_by, RD_KAFKA_RESP_ERR__AUTHENTICATION);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 100), -ETIMEDOUT);
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->failed, 10);
    fixture->sink.ops->close(&fixture->sink);
}

/* All is given up at the end, nothing before; a sink with the right password delivers it. */
static void test_wrong_password(void **state)
{
    struct kafka_fixture *fixture = *state;
    use_broker(fixture, "WEIR_KAFKA_SASL");
    topic_create(fixture, 1, NULL, NULL);
    use_sasl(fixture, KAFKA_SASL_PLAIN);
    fixture->output->password = (char[]){"wrong"};
    open_at(fixture, "WEIR_KAFKA_SASL");
    put_many(fixture, 5, 10);
    assert_false(sink_settle(fixture, 1, 3));
    assert_int_equal(((struct kafka_sink *)fixture->sink.state)->lost_by, RD_KAFKA_RESP_ERR__AUTHENTICATION);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 100), -ETIMEDOUT);
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->failed, 50);
    fixture->sink.ops->close(&fixture->sink);
    fixture->failed = 0;
    fixture->made = 0;
    use_sasl(fixture, KAFKA_SASL_PLAIN);
    open_at(fixture, "WEIR_KAFKA_SASL");
    put_many(fixture, 5, 10);
    close_delivered(fixture);
    assert_all_read(fixture);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, kafka_fixture_open, kafka_fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_documents),
        TEST(test_lines),
        TEST(test_headers),
        TEST(test_field_as_key),
        TEST(test_topics_by_exporter),
        TEST(test_codecs),
        TEST(test_acks_leader),
        TEST(test_acks_none),
        TEST(test_too_large),
        TEST(test_too_large_lines),
        TEST(test_topic_comes_later),
        TEST(test_fatal_under_load),
        TEST(test_killed),
        TEST(test_tls),
        TEST(test_mutual_tls),
        TEST(test_tls_unknown_ca),
        TEST(test_sasl_plain),
        TEST(test_sasl_scram),
        TEST(test_sasl_oauth),
        TEST(test_wrong_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
