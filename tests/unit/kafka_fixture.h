/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of the Kafka sink share: a sink, batches of documents that can be recognised, and a ledger of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "export/sink.h"
#include "export/kafka/sink.h"

#define BATCHES         96
#define BATCH_BYTES     (256U << 10)
#define BATCH_DOCUMENTS 1024
#define BATCH_SHARES    256
#define PROPERTIES_MOST 16

struct kafka_fixture {
    struct config config;
    struct output_config *output;
    struct counters counters;
    struct sink sink;
    char broker[64];
    char *brokers[1];
    char topic[64];
    char *names[PROPERTIES_MOST], *values[PROPERTIES_MOST];
    struct batch batches[BATCHES];
    struct batch *free[BATCHES];
    uint32_t free_count;
    struct endpoint endpoints[4];
    uint32_t made;       /* documents; the number of the next one */
    uint32_t run;        /* documents of an exporter in a row */
    uint32_t size_bytes; /* of a document, about */
    uint64_t delivered, refused, failed;
};

static inline void batch_make(struct batch *batch)
{
    batch->bytes = aligned_alloc(BATCH_ALIGN_BYTES, BATCH_BYTES + BATCH_ALIGN_BYTES);
    batch->capacity_bytes = BATCH_BYTES;
    batch->ends = calloc(BATCH_DOCUMENTS, sizeof *batch->ends);
    batch->most = BATCH_DOCUMENTS;
    batch->verdicts = calloc(BATCH_DOCUMENTS, 1);
    batch->shares = calloc(BATCH_SHARES, sizeof *batch->shares);
    batch->share_most = BATCH_SHARES;
}

static inline void batch_unmake(struct batch *batch)
{
    free(batch->bytes);
    free(batch->ends);
    free(batch->verdicts);
    free(batch->shares);
}

static inline void property_add(struct kafka_fixture *fixture, const char *name, const char *value)
{
    struct property_list *properties = &fixture->output->kafka.properties;
    assert_true(properties->count < PROPERTIES_MOST);
    properties->names[properties->count] = (char *)(uintptr_t)name;
    properties->values[properties->count++] = (char *)(uintptr_t)value;
}

static inline void output_make(struct kafka_fixture *fixture)
{
    struct output_config *output = fixture->output = &fixture->config.output;
    static char empty[] = "", name[] = "default", key[] = "exporter";
    output->name = output->namespace = name;
    output->kind = OUTPUT_KAFKA;
    output->threads = 1;
    output->username = output->password = empty;
    output->tls.ca = output->tls.certificate = output->tls.key = output->tls.key_password = empty;
    output->tls.ca_fingerprint = empty;
    fixture->brokers[0] = fixture->broker;
    output->kafka.brokers = (struct text_list){.items = fixture->brokers, .count = 1};
    output->kafka.topic = fixture->topic;
    output->kafka.key = key;
    output->kafka.message_size = 65536;
    output->kafka.idempotence = true;
    output->kafka.linger = 5 * NS_PER_MS;
    output->kafka.batch_size = 1 << 20;
    output->kafka.oauth_url = output->kafka.oauth_scope = empty;
    output->kafka.properties = (struct property_list){.names = fixture->names, .values = fixture->values};
}

static inline int kafka_fixture_open(void **state)
{
    struct kafka_fixture *fixture = calloc(1, sizeof *fixture);
    for (uint32_t i = 0; i < BATCHES; i++) {
        batch_make(&fixture->batches[i]);
        fixture->free[fixture->free_count++] = &fixture->batches[i];
    }
    for (uint32_t i = 0; i < 4; i++)
        fixture->endpoints[i] = (struct endpoint){.address = address_from_ipv4((uint8_t[]){192, 0, 2, (uint8_t)i}),
                                                  .port = (uint16_t)(2055 + i)};
    output_make(fixture);
    fixture->run = 7;
    fixture->size_bytes = 700;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(fixture->topic, sizeof fixture->topic, "weir-test-%ld-%09ld", now.tv_sec, now.tv_nsec);
    snprintf(fixture->broker, sizeof fixture->broker, "127.0.0.1:1"); /* where nobody listens */
    *state = fixture;
    return 0;
}

static inline int kafka_fixture_close(void **state)
{
    struct kafka_fixture *fixture = *state;
    for (uint32_t i = 0; i < BATCHES; i++)
        batch_unmake(&fixture->batches[i]);
    free(fixture);
    return 0;
}

static inline int sink_try_open(struct kafka_fixture *fixture)
{
    fixture->sink = (struct sink){.ops = &sink_kafka,
                                  .config = &fixture->config,
                                  .output = fixture->output,
                                  .counters = &fixture->counters,
                                  .wait_fd = -1,
                                  .due_ns = INT64_MAX};
    return fixture->sink.ops->open(&fixture->sink);
}

static inline uint64_t counted(const struct kafka_fixture *fixture, enum counter counter)
{
    return counter_read(&fixture->counters.value[counter]);
}

/* {"n":NUMBER,"flow":{"id":"iNUMBER"},"x":"..."} of the exporter whose turn it is. */
static inline void document_add(struct kafka_fixture *fixture, struct batch *batch, uint32_t size_bytes)
{
    const struct endpoint *endpoint = &fixture->endpoints[fixture->made / fixture->run % 4];
    char *begin = (char *)batch->bytes + batch->size_bytes, *at = begin;
    at += sprintf(at, "{\"n\":%u,\"flow\":{\"id\":\"i%u\"},\"x\":\"", fixture->made, fixture->made);
    while (at < begin + size_bytes)
        *at++ = (char)('a' + rand() % 26);
    at += sprintf(at, "\"}\n");
    batch->size_bytes += (uint32_t)(at - begin);
    batch->ends[batch->count++] = batch->size_bytes;
    struct share *share = batch->share_count ? &batch->shares[batch->share_count - 1] : NULL;
    if (share && share->endpoint == endpoint)
        share->count++;
    else
        batch->shares[batch->share_count++] = (struct share){.endpoint = endpoint, .count = 1};
    fixture->made++;
}

/* A batch of so many documents that is not with the sink, NULL when all are. */
static inline struct batch *batch_fill(struct kafka_fixture *fixture, uint32_t count)
{
    if (!fixture->free_count)
        return NULL;
    struct batch *batch = fixture->free[--fixture->free_count];
    batch_clear(batch);
    batch->sealed_ns = clock_utc_ns();
    while (count--)
        document_add(fixture, batch, fixture->size_bytes + fixture->made % 64);
    return batch;
}

/* Takes back what is done; each batch once. */
static inline int sink_fetch(struct kafka_fixture *fixture, int timeout_ms)
{
    struct completion completions[SINK_BATCHES_MOST];
    int count = fixture->sink.ops->poll(&fixture->sink, completions, SINK_BATCHES_MOST, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct batch *batch = completions[i].batch;
        for (uint32_t other = 0; other < fixture->free_count; other++)
            assert_ptr_not_equal(batch, fixture->free[other]);
        uint32_t settled = batch->refused + batch->failed;
        fixture->delivered += batch->count - settled;
        fixture->refused += batch->refused;
        fixture->failed += batch->failed;
        fixture->free[fixture->free_count++] = batch;
    }
    return count;
}

static inline void sink_put(struct kafka_fixture *fixture, struct batch *batch)
{
    while (fixture->sink.ops->submit(&fixture->sink, batch) < 0)
        sink_fetch(fixture, 100);
}

static inline void sink_fetch_rest(struct kafka_fixture *fixture)
{
    while (sink_fetch(fixture, 0) > 0)
        ;
    assert_int_equal(fixture->free_count, BATCHES);
    assert_int_equal(fixture->delivered + fixture->refused + fixture->failed, fixture->made);
}

static inline bool sink_settle(struct kafka_fixture *fixture, uint64_t documents, int64_t seconds)
{
    int64_t by_ns = clock_steady_ns() + seconds * NS_PER_S;
    while (fixture->delivered + fixture->refused + fixture->failed < documents && clock_steady_ns() < by_ns)
        sink_fetch(fixture, 100);
    return fixture->delivered + fixture->refused + fixture->failed >= documents;
}
