/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "export/kafka/book.h"
#include "export/kafka/conf.h"
#include "export/kafka/topics.h"
#include "export/sink.h"
#include "export/target_name.h"

/* What the files of the Kafka sink share: export/kafka/sink.c, kafka_client.c, kafka_produce.c, kafka_report.c. */

#define KAFKA_MESSAGES_MOST 256 /* handed to librdkafka with one call */

enum kafka_key { KAFKA_KEY_NONE, KAFKA_KEY_EXPORTER, KAFKA_KEY_PATH };

enum kafka_phase {
    KAFKA_PRODUCES,
    KAFKA_DRAINS, /* the client is to be replaced: nothing is produced until it has reported on all it has */
    KAFKA_PAUSES, /* there is no client until renew_ns */
    KAFKA_ENDS,   /* time is up: nothing is produced any more */
};

struct kafka_token;

struct kafka_sink {
    struct sink *sink;
    const struct output_config *output;
    rd_kafka_conf_t *conf;      /* what clients are made by */
    struct kafka_limits limits; /* set_most becomes less when a broker refuses larger ones */
    struct kafka_book book;

    /* the client and its life */
    rd_kafka_t *client; /* NULL while KAFKA_PAUSES */
    rd_kafka_queue_t *queue;
    int event_fd; /* readable when there is something for rd_kafka_poll() */
    enum kafka_phase phase;
    int64_t drain_ns;      /* steady clock: since when it drains */
    int64_t purge_ns;      /* steady clock: when it is asked again to give back what it has not sent */
    int64_t renew_ns;      /* steady clock */
    int64_t renew_wait_ms; /* of the last one; 0 = the last one delivers */
    pthread_t undertaker;  /* ends the client before: that may have to wait for a name server */
    bool burying;
    struct kafka_token *token; /* NULL where librdkafka does it */

    /* producing */
    struct target_name target;
    struct kafka_topics topics;
    enum kafka_key key;
    bool by_share;         /* a message has documents of one exporter */
    uint32_t lines_most;   /* bytes of a message of lines */
    uint64_t window_bytes; /* what librdkafka gets at most: kafka_window_set() */
    uint64_t partitions;   /* a bit each (modulo 64) that messages were delivered to in this second */
    int64_t window_ns;     /* steady clock: when that is over */
    bool full;             /* librdkafka did not take everything: poll() goes on */
    rd_kafka_message_t messages[KAFKA_MESSAGES_MOST];
    uint32_t message_count;
    char schema[64];             /* header */
    rd_kafka_headers_t *headers; /* of the last exporter; NULL = none */
    struct address headers_address;
    char exporter[ADDRESS_TEXT_MOST];

    /* what was said, and how often */
    bool lost;
    rd_kafka_resp_err_t lost_by;
    uint64_t sent_bytes; /* by the client's last statistics */
    struct log_cause log_cause, broker_cause, topic_cause, refused_cause, cap_cause;
};

/* --- kafka_client.c --- */

/* Returns 0, or -EINVAL, logged. */
int kafka_client_start(struct kafka_sink *kafka);

/* Replaces the client: as soon as it has reported on everything and wait_ms are over. */
void kafka_client_renew(struct kafka_sink *kafka, int64_t wait_ms);

/* Goes on with that. True when there is a new client. */
bool kafka_client_advance(struct kafka_sink *kafka, int64_t now_ns);

/* Serves what the client has to say; returns how much that was. */
int kafka_client_serve(struct kafka_sink *kafka);

/* Waits until it has ended. */
void kafka_client_stop(struct kafka_sink *kafka);

/* --- kafka_produce.c --- */

/* Hands what is due to librdkafka, the oldest batch first, as far as the window goes. */
void kafka_produce(struct kafka_sink *kafka, int64_t now_ns);

/* Reckons the window anew when its time is over. */
void kafka_window_set(struct kafka_sink *kafka, int64_t now_ns);

/* --- kafka_report.c --- */

/* librdkafka's callbacks; all but the log's are called by rd_kafka_poll(), opaque is the struct kafka_sink. */
void kafka_on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);
void kafka_on_error(rd_kafka_t *client, int error, const char *reason, void *opaque);
int kafka_on_statistics(rd_kafka_t *client, char *json, size_t size_bytes, void *opaque);
void kafka_on_log(const rd_kafka_t *client, int level, const char *facility, const char *text);

/* Documents of a topic could not be sent: counts and says it. Refused ones are judged by the caller. */
void kafka_say_refused(struct kafka_sink *kafka, const char *topic, uint32_t documents, rd_kafka_resp_err_t error);
void kafka_topic_failed(struct kafka_sink *kafka, struct kafka_topic *topic, rd_kafka_resp_err_t error);
