/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka sink's bookkeeping, and what it does without a broker. tests/unit/test_kafka_server.c has the rest. */
#include <errno.h>
#include <unistd.h>

#include "export/kafka/errors.h"
#include "tests/unit/kafka_fixture.h"
#include "tests/unit/random.h"

static void test_runs(void **state)
{
    static const struct kafka_run runs[] = {
        {0, 0, 1}, {63, KAFKA_RUN_MOST, KAFKA_RUN_MOST}, {5, 17, 4242}, {63, 0, 1}, {0, KAFKA_RUN_MOST, 1}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_non_null(kafka_run_pack(runs[i]));
        struct kafka_run run = kafka_run_unpack(kafka_run_pack(runs[i]));
        assert_memory_equal(&run, &runs[i], sizeof run);
    }
}

static void test_book_order(void **state)
{
    struct kafka_fixture *fixture = *state;
    static struct kafka_book book;
    struct batch *one = batch_fill(fixture, 10), *other = batch_fill(fixture, 3);
    assert_int_equal(kafka_book_add(&book, one), 0);
    assert_int_equal(kafka_book_add(&book, other), 1);
    struct kafka_run run = kafka_book_due(&book, 0, 0, 10);
    assert_int_equal(run.count, 10);
    assert_int_equal(kafka_book_bytes(&book, run), one->size_bytes);
    kafka_book_sent(&book, (struct kafka_run){0, 2, 3});
    run = kafka_book_due(&book, 0, 0, 10);
    assert_true(run.first == 0 && run.count == 2);
    run = kafka_book_due(&book, 0, 2, 7);
    assert_true(run.first == 5 && run.count == 2);
    kafka_book_sent(&book, (struct kafka_run){0, 0, 2});
    kafka_book_sent(&book, (struct kafka_run){0, 5, 5});
    assert_int_equal(kafka_book_due(&book, 0, 0, 10).count, 0);
    assert_int_equal(book.out, 3);
    assert_int_equal(book.out_bytes, one->size_bytes);
    kafka_book_settle(&book, (struct kafka_run){0, 2, 3}, KAFKA_AGAIN);
    kafka_book_settle(&book, (struct kafka_run){0, 0, 2}, KAFKA_DELIVERED);
    kafka_book_settle(&book, (struct kafka_run){0, 5, 5}, KAFKA_REFUSED);
    assert_int_equal(book.done.count, 0);
    run = kafka_book_due(&book, 0, 0, 10);
    assert_true(run.first == 2 && run.count == 3);
    kafka_book_sent(&book, run);
    kafka_book_settle(&book, run, KAFKA_DELIVERED);
    assert_ptr_equal(batch_list_pop(&book.done), one);
    assert_int_equal(one->refused, 5);
    assert_int_equal(book.out_bytes, 0);
    kafka_book_sent(&book, (struct kafka_run){1, 1, 1});
    kafka_book_abandon(&book);
    assert_ptr_equal(batch_list_pop(&book.done), other);
    assert_int_equal(other->failed, 3);
    assert_int_equal(book.out, 0);
    kafka_book_fini(&book);
}

static void test_book_caps(void **state)
{
    struct kafka_fixture *fixture = *state;
    static struct kafka_book book;
    struct batch *batches[SINK_BATCHES_MOST];
    for (uint32_t i = 0; i < SINK_BATCHES_MOST; i++)
        assert_int_equal(kafka_book_add(&book, batches[i] = batch_fill(fixture, 2)), i);
    struct batch *more = batch_fill(fixture, 1);
    assert_int_equal(kafka_book_add(&book, more), -EAGAIN);
    kafka_book_judge(&book, (struct kafka_run){7, 0, 2}, VERDICT_REFUSED);
    assert_int_equal(kafka_book_add(&book, more), -EAGAIN); /* the list of those that are done has no more room */
    assert_ptr_equal(batch_list_pop(&book.done), batches[7]);
    assert_int_equal(kafka_book_add(&book, more), 7);
    assert_int_equal(book.order[SINK_BATCHES_MOST - 1], 7);
    assert_int_equal(book.order[7], 8);
    kafka_book_abandon(&book);
    assert_int_equal(book.done.count, SINK_BATCHES_MOST);
    kafka_book_fini(&book);
}

/* Messages of any cut, reported in any order: each document ends once, and as it was last said. */
static void test_book_random(void **state)
{
    struct kafka_fixture *fixture = *state;
    static struct kafka_book book;
    static struct kafka_run out[4096];
    uint64_t random = 7;
    uint32_t out_count = 0, done = 0, refused = 0, expected_refused = 0, batches = 0;
    while (done < 300) {
        struct batch *batch = batches < 300 ? batch_fill(fixture, 1 + random_below(&random, 60)) : NULL;
        if (batch && kafka_book_add(&book, batch) < 0)
            fixture->free[fixture->free_count++] = batch;
        else
            batches += batch != NULL;
        for (uint32_t i = 0; i < book.count && out_count < 4000; i++) {
            uint32_t slot = book.order[i], count = book.held[slot].batch->count;
            struct kafka_run run = kafka_book_due(&book, slot, random_below(&random, count), count);
            if (!run.count)
                run = kafka_book_due(&book, slot, 0, count);
            if (!run.count)
                continue;
            run.count = 1 + random_below(&random, run.count);
            kafka_book_sent(&book, run);
            out[out_count++] = run;
        }
        for (uint32_t reports = random_below(&random, 40); reports && out_count; reports--) {
            uint32_t at = random_below(&random, out_count), fate = random_below(&random, 4);
            struct kafka_run run = out[at];
            out[at] = out[--out_count];
            expected_refused += fate == KAFKA_REFUSED ? run.count : 0;
            kafka_book_settle(&book, run, fate == 3 ? KAFKA_DELIVERED : (enum kafka_outcome)fate);
        }
        while ((batch = batch_list_pop(&book.done))) {
            done++;
            refused += batch->refused;
            assert_int_equal(batch->failed, 0);
            fixture->free[fixture->free_count++] = batch;
        }
    }
    assert_int_equal(refused, expected_refused);
    assert_int_equal(book.out + book.out_bytes + book.count, 0);
    kafka_book_fini(&book);
}

static void test_topics(void **state)
{
    struct kafka_topics topics;
    char name[16];
    assert_int_equal(kafka_topics_init(&topics, true), 0);
    for (int i = 0; i < KAFKA_TOPICS_MOST; i++) {
        uint32_t length = (uint32_t)sprintf(name, "topic-%d", i);
        struct kafka_topic *topic = kafka_topics_find(&topics, name, length, i == 5 ? 1 : 2);
        assert_string_equal(topic->name, name);
        assert_ptr_equal(kafka_topics_find(&topics, name, length, i == 5 ? 1 : 2), topic);
    }
    assert_null(kafka_topics_find(&topics, "more", 4, 3600 * NS_PER_S));
    struct kafka_topic *fifth = kafka_topics_find(&topics, "more", 4, 3602 * NS_PER_S);
    assert_ptr_equal(fifth, &topics.items[5]); /* was not used for an hour */
    assert_string_equal(fifth->name, "more");
    for (int i = 0; i < KAFKA_TOPICS_MOST; i++) {
        uint32_t length = (uint32_t)sprintf(name, "topic-%d", i);
        if (i != 5)
            assert_ptr_equal(kafka_topics_find(&topics, name, length, 3602 * NS_PER_S), &topics.items[i]);
    }
    assert_null(kafka_topics_find(&topics, "topic-5", 7, 3700 * NS_PER_S));
    kafka_topics_fini(&topics);
    assert_int_equal(kafka_topics_init(&topics, false), 0);
    for (int i = 0; i < KAFKA_TOPICS_MOST; i++)
        assert_non_null(kafka_topics_find(&topics, name, (uint32_t)sprintf(name, "topic-%d", i), 0));
    assert_null(kafka_topics_find(&topics, "more", 4, 9999 * NS_PER_S));
    kafka_topics_fini(&topics);
}

static void test_backoff(void **state)
{
    struct kafka_topics topics;
    assert_int_equal(kafka_topics_init(&topics, false), 0);
    struct kafka_topic *topic = kafka_topics_find(&topics, "a", 1, 0);
    assert_int_equal(kafka_topics_retry_ns(&topics), INT64_MAX);
    int64_t now_ns = NS_PER_S, most_ns = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(kafka_topic_hold(&topics, topic, now_ns) == (i == 0));
        int64_t wait_ns = kafka_topics_retry_ns(&topics) - now_ns;
        assert_false(kafka_topic_hold(&topics, topic, now_ns)); /* others that failed with it: no longer wait */
        assert_int_equal(kafka_topics_retry_ns(&topics) - now_ns, wait_ns);
        assert_in_range(wait_ns, 400 * NS_PER_MS, 36 * NS_PER_S);
        most_ns = wait_ns;
        assert_false(kafka_topics_retry(&topics, now_ns + wait_ns - 1));
        assert_true(kafka_topics_retry(&topics, now_ns + wait_ns));
        assert_int_equal(kafka_topics_retry_ns(&topics), INT64_MAX);
        now_ns += wait_ns;
    }
    assert_true(most_ns > 20 * NS_PER_S);
    assert_int_equal(topics.waiting, 1);
    assert_true(kafka_topic_works(&topics, topic));
    assert_false(kafka_topic_works(&topics, topic));
    assert_int_equal(topics.waiting, 0);
    kafka_topics_fini(&topics);
}

static void test_faults(void **state)
{
    assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_INVALID_RECORD)->outcome, KAFKA_REFUSED);
    assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)->outcome, KAFKA_AGAIN);
    assert_int_equal(kafka_fault_of(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)->outcome, KAFKA_AGAIN);
    assert_int_equal(kafka_fault_of((rd_kafka_resp_err_t)4711)->outcome, KAFKA_AGAIN);
    assert_non_null(kafka_fault_of((rd_kafka_resp_err_t)4711)->remedy);
}

/* --- the start --- */

static void assert_opens(struct kafka_fixture *fixture, int result)
{
    assert_int_equal(sink_try_open(fixture), result);
    if (result == 0) {
        assert_true(fixture->sink.wait_fd >= 0);
        fixture->sink.ops->close(&fixture->sink);
    }
}

static void test_properties(void **state)
{
    struct kafka_fixture *fixture = *state;
    struct property_list *properties = &fixture->output->kafka.properties;
    static const char *const pairs[][2] = {{"no.such.property", "1"},
                                           {"linger.ms", "soon"},
                                           {"dr_msg_cb", "x"},
                                           {"delivery.report.only.error", "true"},
                                           {"log.queue", "true"},
                                           {"enable.background.thread", "true"},
                                           {"transactional.id", "x"},
                                           {"acks", "1"} /* not with idempotence */,
                                           {"queue.buffering.max.kbytes", "1"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        properties->count = 0;
        property_add(fixture, pairs[i][0], pairs[i][1]);
        assert_opens(fixture, -EINVAL);
    }
    properties->count = 0;
    property_add(fixture, "socket.send.buffer.bytes", "1000000");
    property_add(fixture, "linger.ms", "7");
    property_add(fixture, "message.max.bytes", "3000000");
    property_add(fixture, "batch.size", "2000000");
    assert_int_equal(sink_try_open(fixture), 0);
    struct kafka_sink *kafka = fixture->sink.state;
    char value[32];
    size_t room = sizeof value;
    assert_int_equal(rd_kafka_conf_get(kafka->conf, "queue.buffering.max.ms", value, &room), RD_KAFKA_CONF_OK);
    assert_string_equal(value, "7");
    assert_int_equal(kafka->limits.message_most, 3000000);
    assert_int_equal(kafka->limits.set_most, 2000000);
    fixture->sink.ops->close(&fixture->sink);
}

static void test_options(void **state)
{
    struct kafka_fixture *fixture = *state;
    struct output_config *output = fixture->output;
    assert_opens(fixture, 0);
    output->kafka.key = "flow.id";
    assert_opens(fixture, 0);
    output->kafka.message = KAFKA_MESSAGE_LINES;
    assert_opens(fixture, -EINVAL);
    output->kafka.key = "none";
    assert_opens(fixture, 0);
    output->kafka.acks = KAFKA_ACKS_LEADER; /* idempotence gives way */
    assert_opens(fixture, 0);
    output->kafka.message = KAFKA_MESSAGE_DOCUMENT;
    output->kafka.key = "flow..id";
    assert_opens(fixture, -EINVAL);
    output->kafka.key = "exporter";
    output->kafka.topic = "two words";
    assert_opens(fixture, -EINVAL);
    output->kafka.topic = fixture->topic;
    output->tls.enabled = true;
    assert_opens(fixture, 0);
    output->tls.ca = "/no/such/file.pem";
    assert_opens(fixture, -EINVAL);
    output->tls.ca = "";
    output->kafka.sasl = KAFKA_SASL_OAUTHBEARER;
    assert_opens(fixture, -EINVAL); /* no oauth_url */
    output->kafka.oauth_url = "http://127.0.0.1:1/token";
    output->username = output->password = "weir";
    assert_opens(fixture, 0);
}

/* Nobody listens: everything waits, more is not taken, and at the end all is given up, once. */
static void test_unreachable(void **state)
{
    struct kafka_fixture *fixture = *state;
    fixture->output->kafka.headers = true;
    assert_int_equal(sink_try_open(fixture), 0);
    for (uint32_t i = 0; i < SINK_BATCHES_MOST; i++)
        assert_int_equal(fixture->sink.ops->submit(&fixture->sink, batch_fill(fixture, 20)), 0);
    struct batch *more = batch_fill(fixture, 20);
    assert_int_equal(fixture->sink.ops->submit(&fixture->sink, more), -EAGAIN);
    assert_int_equal(sink_fetch(fixture, 1500), 0);
    assert_true(counted(fixture, COUNTER_output_write_errors) > 0);
    assert_true(((struct kafka_sink *)fixture->sink.state)->lost);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 200), -ETIMEDOUT);
    batch_judge_from(more, 0, VERDICT_FAILED);
    fixture->failed += more->count;
    fixture->free[fixture->free_count++] = more;
    sink_fetch_rest(fixture);
    assert_int_equal(fixture->failed, fixture->made);
    assert_int_equal(counted(fixture, COUNTER_output_requests), 0);
    fixture->sink.ops->close(&fixture->sink);
}

/* The producer comes to an end of itself: the next one gets what the last one had. */
static void test_fatal(void **state)
{
    struct kafka_fixture *fixture = *state;
    assert_int_equal(sink_try_open(fixture), 0);
    struct kafka_sink *kafka = fixture->sink.state;
    for (uint32_t i = 0; i < 10; i++)
        sink_put(fixture, batch_fill(fixture, 50));
    uint64_t out = kafka->book.out;
    assert_int_equal(out, 500);
    assert_int_equal(rd_kafka_fatal_error(kafka->client, NULL, 0), 0);
    rd_kafka_test_fatal_error(kafka->client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
    for (int i = 0; i < 100 && (!kafka->renew_wait_ms || kafka->phase != KAFKA_PRODUCES); i++)
        sink_fetch(fixture, 50);
    assert_int_equal(kafka->phase, KAFKA_PRODUCES);
    assert_int_equal(rd_kafka_fatal_error(kafka->client, NULL, 0), 0);
    sink_fetch(fixture, 0);
    assert_int_equal(kafka->book.out, out);
    assert_int_equal(fixture->sink.ops->flush(&fixture->sink, 10), -ETIMEDOUT);
    sink_fetch_rest(fixture);
    fixture->sink.ops->close(&fixture->sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test_setup_teardown(test_book_order, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test_setup_teardown(test_book_caps, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test_setup_teardown(test_book_random, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_faults),
        cmocka_unit_test_setup_teardown(test_properties, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test_setup_teardown(test_options, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test_setup_teardown(test_unreachable, kafka_fixture_open, kafka_fixture_close),
        cmocka_unit_test_setup_teardown(test_fatal, kafka_fixture_open, kafka_fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
