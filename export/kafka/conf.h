/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "config/config.h"

/*
 * The options of a Kafka output as librdkafka's properties. kafka.properties stand above what weir sets, but for those
 * that would take the delivery reports away from the sink: they are refused by name.
 */

/* What librdkafka goes by, whoever set it; read back from its configuration. */
struct kafka_limits {
    uint32_t message_most; /* message.max.bytes: of a message, and of a set of messages before compression */
    uint32_t set_most;     /* batch.size */
    uint64_t queue_most;   /* bytes, queue.buffering.max.kbytes */
};

/*
 * Makes the configuration; thread is of output->threads. Returns 0, or -EINVAL or -ENOTSUP, having logged what is wrong
 * with it and what to do. The caller ends it with rd_kafka_conf_destroy().
 */
int kafka_conf_make(const struct output_config *output, uint32_t thread, rd_kafka_conf_t **conf,
                    struct kafka_limits *limits);

/* The same for a consumer, without what only producers have. */
int kafka_conf_make_reader(const struct output_config *output, rd_kafka_conf_t **conf);

/* Sets a property; logs and returns -EINVAL when librdkafka does not want it. */
int kafka_conf_set(const struct output_config *output, rd_kafka_conf_t *conf, const char *name, const char *value);

/* Whether librdkafka fetches OAUTHBEARER tokens itself; else the sink does. */
bool kafka_conf_has_oidc(void);
