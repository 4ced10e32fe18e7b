/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "export/kafka/json_path.h"
#include "export/kafka/errors.h"
#include "export/kafka/sink.h"

static void say_lost(struct kafka_sink *kafka, rd_kafka_resp_err_t error, const char *reason)
{
    bool less = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN; /* says less than what is known already */
    if (kafka->lost && (kafka->lost_by == error || less))
        return;
    kafka->lost = true;
    kafka->lost_by = error;
    log_warning("output %s: Kafka takes no documents: %s; they wait until it does; %s", kafka->output->name, reason,
                kafka_fault_of(error)->remedy);
}

/* A message was delivered while something was amiss: what is it that works again? */
static void say_works(struct kafka_sink *kafka, const rd_kafka_message_t *message)
{
    if (kafka->lost)
        log_info("output %s: Kafka takes documents again", kafka->output->name);
    kafka->lost = false;
    kafka->renew_wait_ms = 0;
    struct kafka_topic *topic = message->rkt ? rd_kafka_topic_opaque(message->rkt) : NULL;
    if (topic && kafka_topic_works(&kafka->topics, topic))
        log_limited(&kafka->topic_cause, LOG_LEVEL_INFO, "output %s: topic %s takes documents again",
                    kafka->output->name, topic->name);
}

void kafka_say_refused(struct kafka_sink *kafka, const char *topic, uint32_t documents, rd_kafka_resp_err_t error)
{
    log_limited(&kafka->refused_cause, LOG_LEVEL_ERROR, "output %s: Kafka refused %u documents for topic %s: %s; %s",
                kafka->output->name, documents, topic, rd_kafka_err2str(error), kafka_fault_of(error)->remedy);
}

void kafka_topic_failed(struct kafka_sink *kafka, struct kafka_topic *topic, rd_kafka_resp_err_t error)
{
    if (kafka_topic_hold(&kafka->topics, topic, clock_steady_ns()))
        log_limited(&kafka->topic_cause, LOG_LEVEL_WARNING,
                    "output %s: topic %s takes no documents: %s; they wait and are tried again; %s",
                    kafka->output->name, topic->name, rd_kafka_err2str(error), kafka_fault_of(error)->remedy);
}

/*
 * The broker's limit is one of sets of messages, and all of a set fail when it is too large. So sets get smaller, until
 * a document that is too large is alone in one (librdkafka puts no message beside one that fills a set).
 */
static enum kafka_outcome too_large(struct kafka_sink *kafka, struct kafka_run run, size_t size_bytes)
{
    if (run.count == 1 && size_bytes >= kafka->limits.set_most)
        return KAFKA_REFUSED;
    if (kafka->phase != KAFKA_PRODUCES)
        return KAFKA_AGAIN; /* of the same set */
    kafka->limits.set_most /= 2;
    if (kafka->lines_most > kafka->limits.set_most)
        kafka->lines_most = kafka->limits.set_most;
    log_warning(
        "output %s: the broker takes no message sets as large as kafka.batch_size; weir sends at most %u bytes from "
        "now on; set kafka.batch_size to less, or the topic's max.message.bytes to more",
        kafka->output->name, kafka->limits.set_most);
    kafka_client_renew(kafka, 0);
    return KAFKA_AGAIN;
}

/* What becomes of the documents. Those that a client gives back because it ends are no failure. */
static enum kafka_outcome outcome_of(struct kafka_sink *kafka, struct kafka_run run, const rd_kafka_message_t *message)
{
    rd_kafka_resp_err_t error = message->err;
    if (error == RD_KAFKA_RESP_ERR__PURGE_QUEUE || error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        rd_kafka_fatal_error(kafka->client, NULL, 0))
        return KAFKA_AGAIN;
    counter_add(kafka->sink->counters, COUNTER_output_write_errors, 1);
    if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return too_large(kafka, run, message->len);
    enum kafka_outcome outcome = kafka_fault_of(error)->outcome;
    if (outcome == KAFKA_AGAIN)
        kafka_topic_failed(kafka, rd_kafka_topic_opaque(message->rkt), error);
    return outcome;
}

static void report_failure(struct kafka_sink *kafka, struct kafka_run run, const rd_kafka_message_t *message)
{
    enum kafka_outcome outcome = outcome_of(kafka, run, message);
    if (outcome == KAFKA_REFUSED)
        kafka_say_refused(kafka, rd_kafka_topic_name(message->rkt), run.count, message->err);
    else
        counter_add(kafka->sink->counters, COUNTER_output_retries, run.count);
    kafka_book_settle(&kafka->book, run, outcome);
}

void kafka_on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_sink *kafka = opaque;
    struct kafka_run run = kafka_run_unpack(message->_private);
    if (message->err) {
        report_failure(kafka, run, message);
        return;
    }
    counter_add(kafka->sink->counters, COUNTER_output_requests, 1);
    counter_add(kafka->sink->counters, COUNTER_output_bytes, kafka_book_bytes(&kafka->book, run));
    kafka->partitions |= 1ULL << (message->partition & 63);
    if (kafka->lost || kafka->topics.waiting || kafka->renew_wait_ms)
        say_works(kafka, message);
    kafka_book_settle(&kafka->book, run, KAFKA_DELIVERED);
}

void kafka_on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct kafka_sink *kafka = opaque;
    rd_kafka_resp_err_t error = (rd_kafka_resp_err_t)code;
    char text[512];
    counter_add(kafka->sink->counters, COUNTER_output_write_errors, 1);
    switch (error) {
    case RD_KAFKA_RESP_ERR__FATAL:
        error = rd_kafka_fatal_error(client, text, sizeof text);
        log_limited(&kafka->broker_cause, LOG_LEVEL_WARNING,
                    "output %s: librdkafka's producer cannot go on: %s; weir starts another one; %s",
                    kafka->output->name, text, kafka_fault_of(error)->remedy);
        kafka->renew_wait_ms = kafka_backoff_ms(kafka->renew_wait_ms);
        kafka_client_renew(kafka, kafka->renew_wait_ms);
        return;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
        say_lost(kafka, error, reason);
        return;
    default:
        log_limited(&kafka->broker_cause, LOG_LEVEL_WARNING, "output %s: %s (%s); it is tried again; %s",
                    kafka->output->name, reason, rd_kafka_err2name(error), kafka_fault_of(error)->remedy);
    }
}

int kafka_on_statistics(rd_kafka_t *client, char *json, size_t size_bytes, void *opaque)
{
    (void)client;
    struct kafka_sink *kafka = opaque;
    struct json_value value = json_path_find((const uint8_t *)json, size_bytes, "tx_bytes");
    uint64_t sent = 0;
    for (size_t i = 0; i < value.size_bytes && value.text[i] >= '0' && value.text[i] <= '9'; i++)
        sent = sent * 10 + (value.text[i] - '0');
    if (sent > kafka->sent_bytes)
        counter_add(kafka->sink->counters, COUNTER_output_sent_bytes, sent - kafka->sent_bytes);
    kafka->sent_bytes = sent;
    return 0; /* librdkafka frees the text */
}

/* Of any of librdkafka's threads. Failed connections come as errors, too: kafka_on_error(). */
void kafka_on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    struct kafka_sink *kafka = rd_kafka_opaque(client);
    bool told = strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0 || strcmp(facility, "FATAL") == 0;
    if (told || level >= LOG_DEBUG)
        log_debug("output %s: librdkafka: %s: %s", kafka->output->name, facility, text);
    else
        log_limited(&kafka->log_cause, level <= LOG_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                    "output %s: librdkafka: %s: %s", kafka->output->name, facility, text);
}
