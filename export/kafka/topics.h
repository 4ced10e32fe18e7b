/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "export/target_name.h"

/*
 * The topics of one client, and which of them have to wait because they do not take messages. Exporters can be forged,
 * so there is a cap; where names change with the time, topics that were not used for long make room.
 */
#define KAFKA_TOPICS_MOST    1024
#define KAFKA_TOPICS_BUCKETS 1024

struct kafka_topic {
    char name[TARGET_NAME_MOST];
    uint32_t name_bytes;
    uint32_t next;            /* of the bucket: index + 1, 0 = end */
    rd_kafka_topic_t *handle; /* NULL until it is used with this client */
    int64_t used_ns;          /* steady clock */
    int64_t retry_ns;         /* steady clock: nothing is produced before; 0 = it may be */
    int64_t wait_ms;          /* of the last wait; 0 = all is well */
};

struct kafka_topics {
    struct kafka_topic *items;
    uint32_t count;
    uint32_t buckets[KAFKA_TOPICS_BUCKETS]; /* index + 1, 0 = none */
    uint32_t waiting;                       /* topics with wait_ms */
    bool evicts;                            /* names change with the time */
    int64_t evict_ns;                       /* steady clock: not looked for one to evict before */
    struct kafka_topic *last;               /* found */
};

/* Returns 0 or -ENOMEM. */
int kafka_topics_init(struct kafka_topics *topics, bool evicts);
void kafka_topics_fini(struct kafka_topics *topics);

/* The topic of that name, NULL at the cap. */
struct kafka_topic *kafka_topics_find(struct kafka_topics *topics, const char *name, uint32_t name_bytes,
                                      int64_t now_ns);

/* The topic's handle; it is made at its first use. NULL when librdkafka refuses, its last error says why. */
rd_kafka_topic_t *kafka_topic_handle(struct kafka_topic *topic, rd_kafka_t *client);

/* Lets go of all handles: the client ends. */
void kafka_topics_release(struct kafka_topics *topics);

/* The topic does not take messages: it waits, longer each time, with jitter. True when it did not wait before. */
bool kafka_topic_hold(struct kafka_topics *topics, struct kafka_topic *topic, int64_t now_ns);

/* A message was delivered. True when the topic had waited. */
bool kafka_topic_works(struct kafka_topics *topics, struct kafka_topic *topic);

/* The earliest time at which a topic is to be tried again, INT64_MAX when none is. */
int64_t kafka_topics_retry_ns(const struct kafka_topics *topics);

/* Lets those go that wait at most until by_ns; false when there are none. */
bool kafka_topics_retry(struct kafka_topics *topics, int64_t by_ns);

/* The next wait after one of wait_ms (0 = the first): twice as long, from 0.5 to 30 s; and a little more or less. */
int64_t kafka_backoff_ms(int64_t wait_ms);
int64_t kafka_jitter_ns(int64_t wait_ms);
