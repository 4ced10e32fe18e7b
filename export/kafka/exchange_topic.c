/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "export/kafka/errors.h"
#include "export/kafka/exchange_state.h"

#define ADMIN_WAIT_MS 5000

/* Of a topic that is made: the active segment is not compacted, so it must not stay the active one for a week. */
static const char *const settings[][2] = {{"cleanup.policy", "compact"}, {"segment.ms", "3600000"}};

static const char *topic_name(const struct exchange *exchange)
{
    return exchange->output.kafka.topic;
}

/* --- admin requests, answered or not within ADMIN_WAIT_MS --- */

static rd_kafka_AdminOptions_t *options_new(struct exchange *exchange, rd_kafka_admin_op_t operation)
{
    char text[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(exchange->producer, operation);
    rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_WAIT_MS, text, sizeof text);
    return options;
}

static rd_kafka_resp_err_t topic_verdict(rd_kafka_event_t *event, char why[256])
{
    size_t count = 0;
    const rd_kafka_CreateTopics_result_t *result = event ? rd_kafka_event_CreateTopics_result(event) : NULL;
    const rd_kafka_topic_result_t **topics = result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *text = NULL;
    if (event && rd_kafka_event_error(event)) {
        error = rd_kafka_event_error(event);
        text = rd_kafka_event_error_string(event);
    } else if (count) {
        error = rd_kafka_topic_result_error(topics[0]);
        text = rd_kafka_topic_result_error_string(topics[0]);
    }
    snprintf(why, 256, "%s", text ? text : rd_kafka_err2str(error));
    return error;
}

static rd_kafka_resp_err_t topic_create(struct exchange *exchange, rd_kafka_NewTopic_t *new, char why[256])
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(exchange->producer);
    rd_kafka_AdminOptions_t *options = options_new(exchange, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(exchange->producer, &new, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_WAIT_MS);
    rd_kafka_resp_err_t error = topic_verdict(event, why);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return error;
}

static void topic_make(struct exchange *exchange)
{
    char why[256];
    rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic_name(exchange), 1, -1, why, sizeof why);
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__INVALID_ARG;
    for (size_t i = 0; new && i < sizeof settings / sizeof *settings; i++)
        rd_kafka_NewTopic_set_config(new, settings[i][0], settings[i][1]);
    if (new) {
        error = topic_create(exchange, new, why);
        rd_kafka_NewTopic_destroy(new);
    }
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        log_info("templates.kafka: made the topic %s, with one partition and cleanup.policy=compact",
                 topic_name(exchange));
    else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) /* another collector was faster */
        log_limited(&exchange->find_cause, LOG_LEVEL_WARNING,
                    "templates.kafka: there is no topic %s, and weir cannot make it: %s; create it with "
                    "cleanup.policy=compact, or allow the user to",
                    topic_name(exchange), why);
}

static void policy_judge(const struct exchange *exchange, const rd_kafka_ConfigResource_t *resource)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        bool policy = strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0;
        if (!policy || !value || strcmp(value, "compact") == 0)
            continue;
        log_warning("templates.kafka: the topic %s has cleanup.policy=%s, so it loses templates with time; set it to "
                    "compact (kafka-configs.sh --alter --add-config)",
                    topic_name(exchange), value);
    }
}

/* Where the rights do not allow to look, nothing is said. */
static void policy_check(struct exchange *exchange)
{
    size_t count = 0;
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic_name(exchange));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(exchange->producer);
    rd_kafka_AdminOptions_t *options = options_new(exchange, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(exchange->producer, &wanted, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_WAIT_MS);
    const rd_kafka_DescribeConfigs_result_t *result = event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    const rd_kafka_ConfigResource_t **found =
        result ? rd_kafka_DescribeConfigs_result_resources(result, &count) : NULL;
    if (count && rd_kafka_ConfigResource_error(found[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        policy_judge(exchange, found[0]);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(wanted);
}

/* --- finding --- */

static bool partitions_assign(struct exchange *exchange, uint32_t count)
{
    if (count > EXCHANGE_PARTITIONS_MOST) {
        log_limited(&exchange->find_cause, LOG_LEVEL_WARNING,
                    "templates.kafka: the topic %s has %u partitions, and weir reads at most %d; one is enough",
                    topic_name(exchange), count, EXCHANGE_PARTITIONS_MOST);
        return false;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic_name(exchange), (int32_t)i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t error = rd_kafka_assign(exchange->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        log_limited(&exchange->find_cause, LOG_LEVEL_WARNING, "templates.kafka: cannot read the topic %s: %s",
                    topic_name(exchange), rd_kafka_err2str(error));
        return false;
    }
    exchange->partition_count = count;
    return true;
}

/* The number of its partitions; 0: it is not there, or nobody answered. */
static uint32_t partitions_ask(struct exchange *exchange, int wait_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(exchange->consumer, 0, exchange->topic_read, &metadata, wait_ms);
    if (error)
        return 0; /* what is wrong is said by exchange_client.c */
    exchange_note_answer(exchange);
    uint32_t count = 0;
    error = metadata->topic_cnt ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        count = (uint32_t)metadata->topics[0].partition_cnt;
    else if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        topic_make(exchange);
    else
        log_limited(&exchange->find_cause, LOG_LEVEL_WARNING, "templates.kafka: the topic %s: %s; %s",
                    topic_name(exchange), rd_kafka_err2str(error), kafka_fault_of(error)->remedy);
    rd_kafka_metadata_destroy(metadata);
    return count;
}

bool exchange_topic_find(struct exchange *exchange, int wait_ms)
{
    uint32_t count = partitions_ask(exchange, wait_ms);
    if (!count || !partitions_assign(exchange, count))
        return false;
    policy_check(exchange);
    return true;
}
