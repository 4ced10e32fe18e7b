/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "export/kafka/conf.h"
#include "export/kafka/errors.h"
#include "export/kafka/exchange_state.h"

#define FLYING_MOST 1000 /* messages with librdkafka: what is newer by then replaces what waits */
#define TAKEN_MOST  1000 /* messages in one turn */
#define RETRY_NS    NS_PER_S

/* --- callbacks --- */

void exchange_note_answer(struct exchange *exchange)
{
    if (exchange->lost)
        log_info("templates.kafka: brokers answer again");
    exchange->lost = false;
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    struct exchange *exchange = opaque;
    rd_kafka_resp_err_t error = (rd_kafka_resp_err_t)code;
    bool lost = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                error == RD_KAFKA_RESP_ERR__SSL;
    if (lost && exchange->lost)
        return;
    exchange->lost |= lost;
    log_limited(&exchange->error_cause, LOG_LEVEL_WARNING, "templates.kafka: %s (%s); it is tried again; %s", reason,
                rd_kafka_err2name(error), kafka_fault_of(error)->remedy);
}

/* Of any of librdkafka's threads. Failed connections come as errors, too. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct exchange *exchange = rd_kafka_opaque(client);
    if (level >= LOG_NOTICE || strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0)
        log_debug("templates.kafka: librdkafka: %s: %s", facility, text);
    else
        log_limited(&exchange->log_cause, LOG_LEVEL_WARNING, "templates.kafka: librdkafka: %s: %s", facility, text);
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct exchange *exchange = opaque;
    template_share_sent(&exchange->share, message->_private, !message->err);
    if (!message->err) {
        counter_add(&exchange->counters, COUNTER_template_topic_published, 1);
        exchange_note_answer(exchange);
        return;
    }
    counter_add(&exchange->counters, COUNTER_template_topic_errors, 1);
    exchange->retry_ns = clock_steady_ns() + RETRY_NS;
    log_limited(&exchange->error_cause, LOG_LEVEL_WARNING,
                "templates.kafka: cannot write to the topic %s: %s; it is tried again; %s",
                exchange->output.kafka.topic, rd_kafka_err2str(message->err), kafka_fault_of(message->err)->remedy);
}

/* --- opening --- */

static int conf_set_all(const struct exchange *exchange, rd_kafka_conf_t *conf, const char *const pairs[][2],
                        uint32_t count)
{
    int result = 0;
    for (uint32_t i = 0; i < count && !result; i++)
        result = kafka_conf_set(&exchange->output, conf, pairs[i][0], pairs[i][1]);
    return result;
}

static rd_kafka_t *client_new(struct exchange *exchange, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[512];
    rd_kafka_conf_set_opaque(conf, exchange);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    if (client)
        return client;
    rd_kafka_conf_destroy(conf);
    log_error("templates.kafka: librdkafka %s cannot work with this configuration: %s", rd_kafka_version_str(), text);
    return NULL;
}

static int producer_open(struct exchange *exchange)
{
    static const char *const pairs[][2] = {{"statistics.interval.ms", "0"}};
    rd_kafka_conf_t *conf;
    struct kafka_limits limits;
    int result = kafka_conf_make(&exchange->output, 0, &conf, &limits);
    if (result)
        return result;
    result = conf_set_all(exchange, conf, pairs, sizeof pairs / sizeof *pairs);
    if (result) {
        rd_kafka_conf_destroy(conf);
        return result;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    exchange->producer = client_new(exchange, RD_KAFKA_PRODUCER, conf);
    return exchange->producer ? 0 : -EINVAL;
}

static int consumer_open(struct exchange *exchange)
{
    static const char *const pairs[][2] = {
        {"statistics.interval.ms", "0"},
        {"group.id", "weir-templates"}, /* librdkafka wants one; no offset is ever committed by it */
        {"enable.auto.commit", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "earliest"},
        {"allow.auto.create.topics", "false"}, /* it would not be a compacted one */
        {"queued.max.messages.kbytes", "16384"},
    };
    rd_kafka_conf_t *conf;
    int result = kafka_conf_make_reader(&exchange->output, &conf);
    if (result)
        return result;
    result = conf_set_all(exchange, conf, pairs, sizeof pairs / sizeof *pairs);
    if (result) {
        rd_kafka_conf_destroy(conf);
        return result;
    }
    exchange->consumer = client_new(exchange, RD_KAFKA_CONSUMER, conf);
    if (!exchange->consumer)
        return -EINVAL;
    rd_kafka_poll_set_consumer(exchange->consumer);
    return 0;
}

int exchange_client_open(struct exchange *exchange)
{
    int result = producer_open(exchange);
    if (!result)
        result = consumer_open(exchange);
    if (result)
        return result;
    exchange->topic = rd_kafka_topic_new(exchange->producer, exchange->output.kafka.topic, NULL);
    exchange->topic_read = rd_kafka_topic_new(exchange->consumer, exchange->output.kafka.topic, NULL);
    return exchange->topic && exchange->topic_read ? 0 : -EINVAL;
}

void exchange_client_close(struct exchange *exchange)
{
    if (exchange->topic)
        rd_kafka_topic_destroy(exchange->topic);
    if (exchange->topic_read)
        rd_kafka_topic_destroy(exchange->topic_read);
    if (exchange->producer)
        rd_kafka_destroy(exchange->producer);
    if (exchange->consumer)
        rd_kafka_destroy_flags(exchange->consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/* --- producing --- */

static bool entry_produce(struct exchange *exchange, struct board_entry *entry)
{
    struct template_event event;
    bool removed = !board_entry_event(entry, &event);
    struct topic_key key = topic_key_of(&event.key, event.id);
    uint32_t size_bytes = removed ? 0 : topic_value_write(exchange->value, exchange->origin, &event);
    return rd_kafka_produce(exchange->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            removed ? NULL : exchange->value, size_bytes, &key, sizeof key, entry) == 0;
}

void exchange_produce(struct exchange *exchange)
{
    rd_kafka_poll(exchange->producer, 0);
    if (!exchange->partition_count || clock_steady_ns() < exchange->retry_ns)
        return;
    struct board_entry *entry;
    while (exchange->share.flying_count < FLYING_MOST && (entry = template_share_next(&exchange->share))) {
        if (entry_produce(exchange, entry))
            continue;
        template_share_sent(&exchange->share, entry, false);
        exchange->retry_ns = clock_steady_ns() + RETRY_NS;
        return;
    }
}

/* --- consuming --- */

static void partition_end(struct exchange *exchange, const rd_kafka_message_t *message)
{
    struct exchange_partition *partition = &exchange->partitions[message->partition];
    partition->next = message->offset;
    exchange->ended_count += !partition->ended;
    partition->ended = true;
}

static void message_take(struct exchange *exchange, const rd_kafka_message_t *message)
{
    struct template_event event;
    const struct topic_message read = {
        .key = message->key, .key_bytes = message->key_len, .value = message->payload, .value_bytes = message->len};
    exchange->partitions[message->partition].next = message->offset + 1;
    enum topic_verdict verdict = topic_message_read(&read, exchange->origin, &event);
    if (verdict == TOPIC_OWN)
        return;
    counter_add(&exchange->counters, COUNTER_template_topic_received, 1);
    if (verdict == TOPIC_REFUSED)
        counter_add(&exchange->counters, COUNTER_template_topic_refused, 1);
    else
        template_share_hear(&exchange->share, &event, clock_utc_ns());
}

static void message_serve(struct exchange *exchange, const rd_kafka_message_t *message)
{
    bool ours = message->partition >= 0 && (uint32_t)message->partition < exchange->partition_count;
    if (ours && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        partition_end(exchange, message);
    else if (ours && !message->err)
        message_take(exchange, message);
    else
        log_limited(&exchange->error_cause, LOG_LEVEL_WARNING,
                    "templates.kafka: cannot read the topic %s: %s; it is tried again; %s",
                    exchange->output.kafka.topic, rd_kafka_message_errstr(message),
                    kafka_fault_of(message->err)->remedy);
}

void exchange_consume(struct exchange *exchange, int wait_ms)
{
    for (uint32_t i = 0; i < TAKEN_MOST; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(exchange->consumer, i ? 0 : wait_ms);
        if (!message)
            return;
        message_serve(exchange, message);
        rd_kafka_message_destroy(message);
    }
}
