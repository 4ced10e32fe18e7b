/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/encode/ecs.h"
#include "export/kafka/json_path.h"
#include "export/kafka/token.h"
#include "export/kafka/sink.h"

#define MESSAGE_OVERHEAD                                                                                               \
    2048 /* more than librdkafka reckons for a message besides its payload: key, headers, lengths */
#define DRAIN_TICK_NS (200 * NS_PER_MS)
#define PURGE_WAIT_NS (5 * NS_PER_S) /* for a client to give everything back when time is up */

/* --- opening --- */

static int check_key(struct kafka_sink *kafka)
{
    const struct output_config *output = kafka->output;
    const char *key = output->kafka.key;
    kafka->key = strcmp(key, "none") == 0       ? KAFKA_KEY_NONE
                 : strcmp(key, "exporter") == 0 ? KAFKA_KEY_EXPORTER
                                                : KAFKA_KEY_PATH;
    if (kafka->key != KAFKA_KEY_PATH)
        return 0;
    if (!json_path_valid(key)) {
        log_error("output %s: kafka.key \"%s\" is neither none, exporter, nor a field as flow.id", output->name, key);
        return -EINVAL;
    }
    if (output->kafka.message == KAFKA_MESSAGE_LINES) {
        log_error(
            "output %s: a message of lines has many documents and one key: with kafka.message lines, set kafka.key "
            "to none or exporter",
            output->name);
        return -EINVAL;
    }
    return 0;
}

static int open_target(struct kafka_sink *kafka)
{
    char why[TARGET_WHY_MOST];
    const struct output_config *output = kafka->output;
    if (target_name_init(&kafka->target, output->kafka.topic, output->namespace, TARGET_TOPIC, why) < 0) {
        log_error("output %s: kafka.topic: %s", output->name, why);
        return -EINVAL;
    }
    bool documents = output->kafka.message == KAFKA_MESSAGE_DOCUMENT;
    kafka->by_share = kafka->key == KAFKA_KEY_EXPORTER || kafka->target.by_exporter ||
                      (documents && output->kafka.headers);
    return kafka_topics_init(&kafka->topics, kafka->target.by_time);
}

/* The version in the documents' ecs.version, JSON with its quotes. */
static const char *ecs_version(void)
{
    uint32_t row = 0;
    while (strcmp(ecs_rows[row].path, "ecs.version") != 0)
        row++;
    return ecs_rows[row].text;
}

/* "weir-PROFILE-ECS": the names and types of the documents' fields follow from the two. */
static int open_headers(struct kafka_sink *kafka)
{
    static const char *const profiles[] = {[PROFILE_WEIR] = "weir", [PROFILE_ELASTIC] = "elastic"};
    if (!kafka->output->kafka.headers)
        return 0;
    const char *version = ecs_version();
    snprintf(kafka->schema, sizeof kafka->schema, "weir-%s-%.*s", profiles[kafka->output->profile],
             (int)strlen(version) - 2, version + 1);
    kafka->headers = rd_kafka_headers_new(2);
    if (!kafka->headers)
        return -ENOMEM;
    rd_kafka_header_add(kafka->headers, "schema", -1, kafka->schema, -1);
    return 0;
}

static void on_token_wanted(rd_kafka_t *client, const char *config, void *opaque)
{
    (void)config;
    struct kafka_sink *kafka = opaque;
    kafka_token_want(kafka->token, client);
}

static int open_callbacks(struct kafka_sink *kafka)
{
    rd_kafka_conf_set_opaque(kafka->conf, kafka);
    rd_kafka_conf_set_dr_msg_cb(kafka->conf, kafka_on_report);
    rd_kafka_conf_set_error_cb(kafka->conf, kafka_on_error);
    rd_kafka_conf_set_stats_cb(kafka->conf, kafka_on_statistics);
    rd_kafka_conf_set_log_cb(kafka->conf, kafka_on_log);
    if (kafka->output->kafka.sasl != KAFKA_SASL_OAUTHBEARER || kafka_conf_has_oidc())
        return 0;
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(kafka->conf, on_token_wanted);
    kafka->token = kafka_token_new(kafka->output, kafka->event_fd);
    return kafka->token ? 0 : -ENOMEM;
}

static int open_limits(struct kafka_sink *kafka)
{
    const struct kafka_limits *limits = &kafka->limits;
    if (limits->queue_most < limits->message_most) {
        log_error("output %s: kafka.properties: a message of message.max.bytes (%u) does not fit in "
                  "queue.buffering.max.kbytes; set that to more, or leave it out",
                  kafka->output->name, limits->message_most);
        return -EINVAL;
    }
    uint32_t most = limits->message_most > 2 * MESSAGE_OVERHEAD ? limits->message_most - MESSAGE_OVERHEAD
                                                                : limits->message_most / 2;
    kafka->lines_most = kafka->output->kafka.message_size < most ? (uint32_t)kafka->output->kafka.message_size : most;
    if (limits->message_most < limits->set_most)
        kafka->limits.set_most = limits->message_most;
    /* A set is a message of lines, or as many small ones: librdkafka counts messages under way, not sets. */
    if (kafka->output->kafka.message == KAFKA_MESSAGE_LINES && kafka->lines_most < limits->set_most)
        kafka->limits.set_most = kafka->lines_most;
    return 0;
}

static void free_state(struct kafka_sink *kafka)
{
    kafka_client_stop(kafka);
    kafka_token_free(kafka->token);
    kafka_topics_fini(&kafka->topics);
    kafka_book_fini(&kafka->book);
    if (kafka->headers)
        rd_kafka_headers_destroy(kafka->headers);
    if (kafka->conf)
        rd_kafka_conf_destroy(kafka->conf);
    if (kafka->event_fd >= 0)
        close(kafka->event_fd);
    free(kafka);
}

static int open_parts(struct kafka_sink *kafka)
{
    kafka->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int error = kafka->event_fd < 0 ? -errno : check_key(kafka);
    if (!error)
        error = open_target(kafka);
    if (!error)
        error = open_headers(kafka);
    if (!error)
        error = kafka_conf_make(kafka->output, kafka->sink->thread, &kafka->conf, &kafka->limits);
    if (!error)
        error = open_limits(kafka);
    if (!error)
        error = open_callbacks(kafka);
    return error ? error : kafka_client_start(kafka);
}

static int kafka_open(struct sink *sink)
{
    struct kafka_sink *kafka = calloc(1, sizeof *kafka);
    if (!kafka)
        return -ENOMEM;
    kafka->sink = sink;
    kafka->output = sink->output;
    int error = open_parts(kafka);
    if (error) {
        if (error == -ENOMEM)
            log_error("output %s: no memory for the Kafka producer", sink->output->name);
        free_state(kafka);
        return error;
    }
    sink->state = kafka;
    sink->wait_fd = kafka->event_fd;
    sink->wait_events = POLLIN;
    kafka_window_set(kafka, clock_steady_ns());
    return 0;
}

/* --- going on --- */

static int kafka_submit(struct sink *sink, struct batch *batch)
{
    struct kafka_sink *kafka = sink->state;
    if (kafka_book_add(&kafka->book, batch) < 0)
        return -EAGAIN;
    kafka_produce(kafka, clock_steady_ns());
    return 0;
}

static void advance(struct kafka_sink *kafka)
{
    int served = kafka_client_serve(kafka);
    int64_t now_ns = clock_steady_ns();
    kafka_token_advance(kafka->token);
    kafka_window_set(kafka, now_ns);
    bool renewed = kafka_client_advance(kafka, now_ns), retried = kafka_topics_retry(&kafka->topics, now_ns);
    bool again = kafka->full && (served || !kafka->book.out);
    if (again)
        kafka->full = false;
    if (served || again || renewed || retried)
        kafka_produce(kafka, now_ns);
}

/* Tells the output's thread when to call again. */
static void set_due(struct kafka_sink *kafka)
{
    int64_t due_ns = kafka_topics_retry_ns(&kafka->topics);
    int64_t phase_ns = kafka->phase == KAFKA_DRAINS   ? clock_steady_ns() + DRAIN_TICK_NS
                       : kafka->phase == KAFKA_PAUSES ? kafka->renew_ns
                                                      : INT64_MAX;
    if (kafka->full && !kafka->book.out)
        phase_ns = 0;
    kafka->sink->due_ns = phase_ns < due_ns ? phase_ns : due_ns;
}

static int kafka_poll(struct sink *sink, struct completion *completions, int most, int timeout_ms)
{
    struct kafka_sink *kafka = sink->state;
    advance(kafka);
    set_due(kafka);
    if (timeout_ms > 0 && kafka->book.count && !kafka->book.done.count) {
        sink_wait(sink, timeout_ms);
        advance(kafka);
        set_due(kafka);
    }
    int count = 0;
    while (count < most && kafka->book.done.count)
        completions[count++].batch = batch_list_pop(&kafka->book.done);
    return count;
}

/* --- the end --- */

/* Works until nothing is left to do, or the time is over. */
static bool drain(struct kafka_sink *kafka, bool (*is_over)(const struct kafka_sink *), int64_t by_ns)
{
    for (;;) {
        advance(kafka);
        set_due(kafka);
        if (is_over(kafka))
            return true;
        int64_t left_ns = by_ns - clock_steady_ns();
        if (left_ns <= 0)
            return false;
        sink_wait(kafka->sink, (int)(left_ns / NS_PER_MS) + 1);
    }
}

static bool is_settled(const struct kafka_sink *kafka)
{
    return !kafka->book.count;
}

static bool is_given_back(const struct kafka_sink *kafka)
{
    return !kafka->book.out;
}

/*
 * Time is up. librdkafka gives back what it has; only then may the batches' memory be used for others. Should it not
 * answer, it is ended, which lasts until all its threads have.
 */
static void give_up(struct kafka_sink *kafka)
{
    if (kafka->client) {
        kafka->phase = KAFKA_ENDS;
        rd_kafka_purge(kafka->client,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        if (!drain(kafka, is_given_back, clock_steady_ns() + PURGE_WAIT_NS))
            kafka_client_stop(kafka);
    }
    kafka_book_abandon(&kafka->book);
}

static int kafka_flush(struct sink *sink, int timeout_ms)
{
    struct kafka_sink *kafka = sink->state;
    kafka->renew_ns = 0; /* what waits for its next try gets one now */
    kafka_topics_retry(&kafka->topics, INT64_MAX);
    kafka_produce(kafka, clock_steady_ns());
    if (drain(kafka, is_settled, clock_steady_ns() + timeout_ms * NS_PER_MS))
        return 0;
    give_up(kafka);
    return -ETIMEDOUT;
}

static void kafka_close(struct sink *sink)
{
    struct kafka_sink *kafka = sink->state;
    free_state(kafka);
    sink->state = NULL;
}

const struct sink_ops sink_kafka = {
    .name = "kafka",
    .open = kafka_open,
    .submit = kafka_submit,
    .poll = kafka_poll,
    .flush = kafka_flush,
    .close = kafka_close,
};
