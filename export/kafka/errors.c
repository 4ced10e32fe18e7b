/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/errors.h"

#include <stddef.h>

/*
 * What librdkafka does not settle by itself. It tries again whatever may pass (no leader, too few replicas, a broker
 * that is gone), for as long as it takes, as message.timeout.ms is 0.
 */
static const struct kafka_fault faults[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_REFUSED, "the topic's max.message.bytes says how large one may be"},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, KAFKA_REFUSED, "the topic's max.message.bytes says how large one may be"},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, KAFKA_REFUSED, "the topic's segment.bytes says how large one may be"},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_REFUSED, "a compacted topic wants keys: set kafka.key"},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, KAFKA_AGAIN, /* a message's time is when it is produced */
     "is this machine's clock right? The topic's message.timestamp settings say how far off a message may be"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, KAFKA_REFUSED, "a policy of the cluster is against it"},
    {RD_KAFKA_RESP_ERR__BAD_MSG, KAFKA_REFUSED, "this is a fault of weir or librdkafka: please report it"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_AGAIN, "allow the user to write to it"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KAFKA_AGAIN,
     "allow the user IdempotentWrite on the cluster, or set kafka.idempotence to false"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KAFKA_AGAIN, "allow the user IdempotentWrite"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KAFKA_AGAIN, "create the topic, or let brokers create it"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KAFKA_AGAIN, "create the topic, or let brokers create it"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, KAFKA_AGAIN, "create the topic, or let brokers create it"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, KAFKA_AGAIN, "the cluster does not want a topic of that name: set kafka.topic"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, KAFKA_AGAIN,
     "the brokers are too old for this output.compression"},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, KAFKA_AGAIN, "set kafka.acks to all"},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, KAFKA_AGAIN, "leave message.timeout.ms out of kafka.properties"},
    /* of connections */
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, KAFKA_AGAIN, "are output.username, output.password and kafka.sasl right?"},
    {RD_KAFKA_RESP_ERR__SSL, KAFKA_AGAIN,
     "are output.tls.ca, the names in the broker's certificate, its dates, and this machine's clock right?"},
    {RD_KAFKA_RESP_ERR__RESOLVE, KAFKA_AGAIN, "does its name resolve here?"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, KAFKA_AGAIN, "are kafka.brokers right, and do they run?"},
};

const struct kafka_fault *kafka_fault_of(rd_kafka_resp_err_t error)
{
    static const struct kafka_fault other = {.outcome = KAFKA_AGAIN, .remedy = "the brokers' logs may say more"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].error == error)
            return &faults[i];
    }
    return &other;
}
