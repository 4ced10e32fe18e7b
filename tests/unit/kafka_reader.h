/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Makes topics, and reads back what came to them. */

#include "tests/unit/kafka_fixture.h"

#define DOCUMENTS_MOST 400000

struct kafka_readback {
    uint64_t messages, documents, twice;
    uint32_t seen;                          /* different documents */
    uint64_t out_of_order;                  /* documents whose number is below one before, of one partition */
    char key[64], schema[64], exporter[64]; /* of the last message */
    uint8_t *times;                         /* that each document came */
};

static inline rd_kafka_t *reader_client(const struct kafka_fixture *fixture, rd_kafka_type_t type)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture->broker, text, sizeof text);
    if (type == RD_KAFKA_CONSUMER)
        rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    assert_non_null(client);
    return client;
}

/* config: of the topic, name and value; may be NULL. */
static inline void topic_create(struct kafka_fixture *fixture, int partitions, const char *config, const char *value)
{
    char text[256];
    rd_kafka_t *client = reader_client(fixture, RD_KAFKA_PRODUCER);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(fixture->topic, partitions, 1, text, sizeof text);
    if (config)
        rd_kafka_NewTopic_set_config(topic, config, value);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    assert_int_equal(rd_kafka_topic_result_error(results[0]), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(client);
}

static inline void header_read(const rd_kafka_message_t *message, const char *name, char text[64])
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    *text = '\0';
    if (rd_kafka_message_headers(message, &headers) == 0 && rd_kafka_header_get_last(headers, name, &value, &size) == 0)
        snprintf(text, 64, "%.*s", (int)size, (const char *)value);
}

/* Each line is one of document_add()'s. */
static inline void message_read(struct kafka_readback *readback, const rd_kafka_message_t *message, uint32_t *last)
{
    const char *at = message->payload, *end = at + message->len;
    readback->messages++;
    while (at < end) {
        unsigned number, id;
        assert_int_equal(sscanf(at, "{\"n\":%u,\"flow\":{\"id\":\"i%u\"},", &number, &id), 2);
        assert_true(number == id && number < DOCUMENTS_MOST);
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *behind = newline ? newline : end;
        assert_memory_equal(behind - 2, "\"}", 2);
        readback->documents++;
        readback->seen += !readback->times[number];
        readback->twice += readback->times[number] > 0;
        readback->times[number] = 1;
        readback->out_of_order += number < *last;
        *last = number;
        at = newline ? newline + 1 : end;
    }
    snprintf(readback->key, sizeof readback->key, "%.*s", (int)message->key_len, (const char *)message->key);
    header_read(message, "schema", readback->schema);
    header_read(message, "exporter", readback->exporter);
}

static inline void partition_read(struct kafka_readback *readback, rd_kafka_topic_t *topic, int partition)
{
    uint32_t last = 0;
    assert_int_equal(rd_kafka_consume_start(topic, partition, RD_KAFKA_OFFSET_BEGINNING), 0);
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consume(topic, partition, 30000);
        assert_non_null(message);
        rd_kafka_resp_err_t error = message->err;
        if (!error)
            message_read(readback, message, &last);
        rd_kafka_message_destroy(message);
        if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            break;
        assert_int_equal(error, 0);
    }
    rd_kafka_consume_stop(topic, partition);
}

/* Reads the topic of the fixture from its beginning to its end. The caller frees times. */
static inline struct kafka_readback topic_read(struct kafka_fixture *fixture)
{
    struct kafka_readback readback = {.times = calloc(DOCUMENTS_MOST, 1)};
    const struct rd_kafka_metadata *metadata;
    rd_kafka_t *client = reader_client(fixture, RD_KAFKA_CONSUMER);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, fixture->topic, NULL);
    assert_int_equal(rd_kafka_metadata(client, 0, topic, &metadata, 20000), 0);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        partition_read(&readback, topic, i);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
    return readback;
}

/* Everything that was made came, once, and in order. */
static inline struct kafka_readback assert_all_read(struct kafka_fixture *fixture)
{
    struct kafka_readback readback = topic_read(fixture);
    free(readback.times);
    assert_int_equal(readback.seen, fixture->made);
    assert_int_equal(readback.twice, 0);
    assert_int_equal(readback.out_of_order, 0);
    return readback;
}
