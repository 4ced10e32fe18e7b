/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "decode/journal/share.h"
#include "decode/journal/topic.h"
#include "export/kafka/exchange.h"

/* What the files of the exchange share: exchange.c, exchange_client.c, exchange_topic.c. */

#define EXCHANGE_PARTITIONS_MOST 256

struct exchange_partition {
    int64_t next; /* offset: of the message after the last one that was read */
    bool ended;   /* it was read to its end once */
};

struct exchange {
    const struct config *config;
    struct output_config output; /* templates.kafka, as the Kafka output's functions want it; its texts are config's */
    uint64_t origin;
    struct template_board *board;
    struct template_share share;
    struct template_feed **feeds; /* of the workers, or one from the journal */
    uint32_t feed_count;

    /* Kafka */
    rd_kafka_t *producer, *consumer;
    rd_kafka_topic_t *topic, *topic_read; /* the producer's, the consumer's */
    uint32_t partition_count;             /* 0: the topic was not found yet */
    uint32_t ended_count;
    struct exchange_partition partitions[EXCHANGE_PARTITIONS_MOST];
    int64_t find_ns;  /* steady: when the topic is looked for again */
    int64_t retry_ns; /* steady: nothing is produced before */
    bool lost;        /* no broker answers, and it was said */
    bool made;        /* it was tried to make the topic */
    uint8_t value[TOPIC_VALUE_MOST];

    int64_t tidy_ns;  /* steady: when expiry and readings are due */
    struct counters counters; /* the thread writes, any thread reads */
    struct log_cause log_cause, error_cause, find_cause;

    bool started;
    _Atomic bool stopping;
    pthread_t thread;
};

/* --- exchange_client.c --- */

/* Makes producer and consumer, which connect by themselves. Returns 0 or -errno, logged. */
int exchange_client_open(struct exchange *exchange);
void exchange_client_close(struct exchange *exchange);

/* Produces what is due, and takes the reports on what was. */
void exchange_produce(struct exchange *exchange);
/* Takes the messages that there are; waits for the first one for at most so long. */
void exchange_consume(struct exchange *exchange, int wait_ms);
/* A broker answers. */
void exchange_note_answer(struct exchange *exchange);

/* --- exchange_topic.c --- */

/* Finds the topic, or makes it, and begins to read it; waits for a broker for at most so long. True when it is read. */
bool exchange_topic_find(struct exchange *exchange, int wait_ms);
