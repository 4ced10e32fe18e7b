/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/topics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define WAIT_FIRST_MS 500
#define WAIT_MOST_MS  30000
#define EVICT_IDLE_NS (3600 * NS_PER_S)
#define EVICT_LOOK_NS NS_PER_S /* looking for one is a walk over all */

int kafka_topics_init(struct kafka_topics *topics, bool evicts)
{
    *topics = (struct kafka_topics){.evicts = evicts};
    topics->items = calloc(KAFKA_TOPICS_MOST, sizeof *topics->items);
    return topics->items ? 0 : -ENOMEM;
}

void kafka_topics_fini(struct kafka_topics *topics)
{
    if (topics->items)
        kafka_topics_release(topics);
    free(topics->items);
}

/* FNV-1a. Names come from at most 1,024 topics, so a chain that someone makes long stays short enough. */
static uint32_t bucket_of(const char *name, uint32_t name_bytes)
{
    uint32_t hash = 2166136261U;
    for (uint32_t i = 0; i < name_bytes; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619U;
    return (hash ^ hash >> 16) % KAFKA_TOPICS_BUCKETS;
}

static bool is_named(const struct kafka_topic *topic, const char *name, uint32_t name_bytes)
{
    return topic->name_bytes == name_bytes && memcmp(topic->name, name, name_bytes) == 0;
}

static struct kafka_topic *look_up(struct kafka_topics *topics, const char *name, uint32_t name_bytes)
{
    uint32_t index = topics->buckets[bucket_of(name, name_bytes)];
    while (index && !is_named(&topics->items[index - 1], name, name_bytes))
        index = topics->items[index - 1].next;
    return index ? &topics->items[index - 1] : NULL;
}

static void unlink_topic(struct kafka_topics *topics, struct kafka_topic *topic)
{
    uint32_t *link = &topics->buckets[bucket_of(topic->name, topic->name_bytes)];
    while (&topics->items[*link - 1] != topic)
        link = &topics->items[*link - 1].next;
    *link = topic->next;
}

static void release(struct kafka_topic *topic)
{
    if (topic->handle)
        rd_kafka_topic_destroy(topic->handle);
    topic->handle = NULL;
}

/* The topic that was not used for the longest time, if that is long; it is in no bucket any more. */
static struct kafka_topic *evict(struct kafka_topics *topics, int64_t now_ns)
{
    if (!topics->evicts || now_ns < topics->evict_ns)
        return NULL;
    topics->evict_ns = now_ns + EVICT_LOOK_NS;
    struct kafka_topic *oldest = &topics->items[0];
    for (uint32_t i = 1; i < topics->count; i++) {
        if (topics->items[i].used_ns < oldest->used_ns)
            oldest = &topics->items[i];
    }
    if (now_ns - oldest->used_ns < EVICT_IDLE_NS)
        return NULL;
    kafka_topic_works(topics, oldest);
    unlink_topic(topics, oldest);
    release(oldest);
    return oldest;
}

static struct kafka_topic *add(struct kafka_topics *topics, const char *name, uint32_t name_bytes, int64_t now_ns)
{
    struct kafka_topic *topic =
        topics->count < KAFKA_TOPICS_MOST ? &topics->items[topics->count++] : evict(topics, now_ns);
    if (!topic)
        return NULL;
    uint32_t *bucket = &topics->buckets[bucket_of(name, name_bytes)];
    *topic = (struct kafka_topic){.name_bytes = name_bytes, .next = *bucket};
    memcpy(topic->name, name, name_bytes);
    *bucket = (uint32_t)(topic - topics->items) + 1;
    return topic;
}

struct kafka_topic *kafka_topics_find(struct kafka_topics *topics, const char *name, uint32_t name_bytes,
                                      int64_t now_ns)
{
    struct kafka_topic *topic = topics->last;
    if (!topic || !is_named(topic, name, name_bytes))
        topic = look_up(topics, name, name_bytes);
    if (!topic)
        topic = add(topics, name, name_bytes, now_ns);
    if (!topic)
        return NULL;
    topic->used_ns = now_ns;
    topics->last = topic;
    return topic;
}

rd_kafka_topic_t *kafka_topic_handle(struct kafka_topic *topic, rd_kafka_t *client)
{
    if (topic->handle)
        return topic->handle;
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(client);
    rd_kafka_topic_conf_set_opaque(conf, topic);
    topic->handle = rd_kafka_topic_new(client, topic->name, conf);
    if (!topic->handle)
        rd_kafka_topic_conf_destroy(conf);
    return topic->handle;
}

void kafka_topics_release(struct kafka_topics *topics)
{
    for (uint32_t i = 0; i < topics->count; i++)
        release(&topics->items[i]);
}

int64_t kafka_backoff_ms(int64_t wait_ms)
{
    wait_ms = wait_ms ? 2 * wait_ms : WAIT_FIRST_MS;
    return wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
}

/* Between 80 and 120 percent, so that collectors that were refused together do not come back together. */
int64_t kafka_jitter_ns(int64_t wait_ms)
{
    uint64_t scattered = (uint64_t)clock_steady_ns() * 0x9e3779b97f4a7c15U; /* 2^64 over the golden ratio */
    return wait_ms * NS_PER_MS / 100 * (int64_t)(80 + (scattered >> 32) % 41);
}

bool kafka_topic_hold(struct kafka_topics *topics, struct kafka_topic *topic, int64_t now_ns)
{
    bool first = !topic->wait_ms;
    if (topic->retry_ns > now_ns)
        return false; /* more of the messages that failed together */
    topics->waiting += first;
    topic->wait_ms = kafka_backoff_ms(topic->wait_ms);
    topic->retry_ns = now_ns + kafka_jitter_ns(topic->wait_ms);
    return first;
}

bool kafka_topic_works(struct kafka_topics *topics, struct kafka_topic *topic)
{
    bool waited = topic->wait_ms;
    topics->waiting -= waited;
    topic->wait_ms = 0;
    topic->retry_ns = 0;
    return waited;
}

int64_t kafka_topics_retry_ns(const struct kafka_topics *topics)
{
    int64_t earliest = INT64_MAX;
    for (uint32_t i = 0; topics->waiting && i < topics->count; i++) {
        if (topics->items[i].retry_ns && topics->items[i].retry_ns < earliest)
            earliest = topics->items[i].retry_ns;
    }
    return earliest;
}

bool kafka_topics_retry(struct kafka_topics *topics, int64_t by_ns)
{
    bool any = false;
    for (uint32_t i = 0; topics->waiting && i < topics->count; i++) {
        struct kafka_topic *topic = &topics->items[i];
        if (topic->retry_ns && topic->retry_ns <= by_ns) {
            topic->retry_ns = 0;
            any = true;
        }
    }
    return any;
}
