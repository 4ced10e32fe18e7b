/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/conf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define ERROR_TEXT_MOST 512
#define SCRAM_MENDED    0x02060100 /* 2.6.1: before it, SCRAM has the nonce of RFC 5802 5.1 wrong, and Kafka 4 looks */

/* Properties of librdkafka that are not the user's: what the sink itself rests on. */
static const struct {
    const char *name;
    const char *why;
} refused[] = {
    {"dr_cb", "delivery reports are the sink's"},
    {"dr_msg_cb", "delivery reports are the sink's"},
    {"delivery.report.only.error", "without the report of a delivery nothing counts as delivered"},
    {"enabled_events", "delivery reports are the sink's"},
    {"event_cb", "events are the sink's"},
    {"background_event_cb", "events are the sink's"},
    {"error_cb", "errors are the sink's"},
    {"stats_cb", "statistics are the sink's"},
    {"throttle_cb", "it is a function"},
    {"log_cb", "log lines are the sink's"},
    {"log.queue", "nobody would read that queue"},
    {"opaque", "it is a pointer"},
    {"default_topic_conf", "it is a pointer; topic properties are set like all others"},
    {"interceptors", "it is a pointer"},
    {"partitioner_cb", "it is a function; set partitioner"},
    {"transactional.id", "the sink makes no transactions"},
};

static const char *refusal_of(const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].why;
    }
    return strncmp(name, "enable.background", 17) == 0 ? "events are the sink's" : NULL;
}

/* The topic of templates is no output, and has its whole name. */
static const char *prefix_of(const struct output_config *output)
{
    return output->kind == OUTPUT_KAFKA ? "output " : "";
}

int kafka_conf_set(const struct output_config *output, rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[ERROR_TEXT_MOST];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return 0;
    log_error("%s%s: librdkafka %s does not take %s: %s", prefix_of(output), output->name,
              rd_kafka_version_str(), name, text);
    return -EINVAL;
}

/* A list of settings in which the first error sticks. */
struct setter {
    const struct output_config *output;
    rd_kafka_conf_t *conf;
    int error;
};

static void set(struct setter *setter, const char *name, const char *value)
{
    if (!setter->error)
        setter->error = kafka_conf_set(setter->output, setter->conf, name, value);
}

static void set_if(struct setter *setter, const char *name, const char *value)
{
    if (*value)
        set(setter, name, value);
}

static void set_number(struct setter *setter, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    set(setter, name, text);
}

static bool has_feature(const char *name)
{
    char features[512] = ",";
    size_t room = sizeof features - 2;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_get(conf, "builtin.features", features + 1, &room);
    rd_kafka_conf_destroy(conf);
    strcat(features, ",");
    char wanted[64];
    snprintf(wanted, sizeof wanted, ",%s,", name);
    return strstr(features, wanted) != NULL;
}

bool kafka_conf_has_oidc(void)
{
    return has_feature("oidc");
}

static void need_feature(struct setter *setter, const char *feature, const char *what)
{
    if (setter->error || has_feature(feature))
        return;
    log_error("%s%s: this build of librdkafka (%s) has no %s; install one that was built with it",
              prefix_of(setter->output), setter->output->name, rd_kafka_version_str(), what);
    setter->error = -ENOTSUP;
}

/* --- brokers, batches and guarantees --- */

static void set_brokers(struct setter *setter)
{
    const struct text_list *brokers = &setter->output->kafka.brokers;
    size_t room = 1;
    for (uint32_t i = 0; i < brokers->count; i++)
        room += strlen(brokers->items[i]) + 1;
    char *list = calloc(1, room), *end = list;
    if (!list) {
        setter->error = -ENOMEM;
        return;
    }
    for (uint32_t i = 0; i < brokers->count; i++)
        end = stpcpy(stpcpy(end, i ? "," : ""), brokers->items[i]);
    set(setter, "bootstrap.servers", list);
    free(list);
}

static void set_compression(struct setter *setter)
{
    static const char *const codecs[] = {
        [COMPRESSION_NONE] = "none", [COMPRESSION_ZSTD] = "zstd",     [COMPRESSION_GZIP] = "gzip",
        [COMPRESSION_LZ4] = "lz4",   [COMPRESSION_SNAPPY] = "snappy",
    };
    uint32_t method = setter->output->compression;
    const char *codec = method < sizeof codecs / sizeof *codecs ? codecs[method] : "lz4"; /* COMPRESSION_AUTO */
    if (method != COMPRESSION_NONE)
        need_feature(setter, codec, codec);
    set(setter, "compression.codec", codec);
    if (setter->output->compression_level)
        set_number(setter, "compression.level", setter->output->compression_level);
}

/* acks other than all and idempotence exclude each other: who asks for fewer acks gets them. */
static void set_guarantees(struct setter *setter)
{
    static const char *const acks[] = {[KAFKA_ACKS_ALL] = "all", [KAFKA_ACKS_LEADER] = "1", [KAFKA_ACKS_NONE] = "0"};
    const struct output_config *output = setter->output;
    set(setter, "acks", acks[output->kafka.acks]);
    set(setter, "enable.idempotence",
        output->kafka.idempotence && output->kafka.acks == KAFKA_ACKS_ALL ? "true" : "false");
    set(setter, "message.timeout.ms", "0"); /* never: what waits too long is the spool's matter */
}

/* The queue holds what the sink does: its own limit is the number of batches. */
static void set_batches(struct setter *setter)
{
    const struct output_config *output = setter->output;
    char linger[40];
    set(setter, "partitioner", "murmur2_random"); /* the same partition for a key as by Java's producers */
    snprintf(linger, sizeof linger, "%.3f", (double)output->kafka.linger / (double)NS_PER_MS);
    set(setter, "linger.ms", linger);
    set_number(setter, "batch.size", output->kafka.batch_size);
    set(setter, "queue.buffering.max.messages", "0");
    set(setter, "queue.buffering.max.kbytes", "2147483647");
    if (output->kafka.message == KAFKA_MESSAGE_LINES)
        set(setter, "message.copy.max.bytes", "0");
}

static void set_connection(struct setter *setter, uint32_t thread)
{
    char client[128];
    snprintf(client, sizeof client, "weir-%.100s-%u", setter->output->name, thread);
    set(setter, "client.id", client);
        /* A connection that nobody answers on any more, and a broker that comes back, are to be noticed in seconds. */
    set(setter, "socket.keepalive.enable", "true");
    set(setter, "socket.timeout.ms", "30000");
    set(setter, "request.timeout.ms", "25000");
    set(setter, "reconnect.backoff.max.ms", "2000");
    set(setter, "log.connection.close", "false");
    /* What was sent is read from there (kafka_log.c); with a topic an exporter the text would be megabytes. */
    if (!strstr(setter->output->kafka.topic, "%{exporter}"))
        set(setter, "statistics.interval.ms", "10000");
}

/* --- TLS and SASL --- */

static void set_protocol(struct setter *setter)
{
    bool tls = setter->output->tls.enabled, sasl = setter->output->kafka.sasl != KAFKA_SASL_NONE;
    if (tls)
        need_feature(setter, "ssl", "TLS");
    if (sasl)
        need_feature(setter, "sasl", "SASL");
    set(setter, "security.protocol", sasl ? (tls ? "sasl_ssl" : "sasl_plaintext") : (tls ? "ssl" : "plaintext"));
}

static void set_tls(struct setter *setter)
{
    const struct output_config *output = setter->output;
    if (!output->tls.enabled)
        return;
    set_if(setter, "ssl.ca.location", output->tls.ca);
    set_if(setter, "ssl.certificate.location", output->tls.certificate);
    /* A PEM file may have both. */
    set_if(setter, "ssl.key.location", *output->tls.key ? output->tls.key : output->tls.certificate);
    set_if(setter, "ssl.key.password", output->tls.key_password);
    set(setter, "ssl.endpoint.identification.algorithm", output->tls.verify == TLS_VERIFY_FULL ? "https" : "none");
    set(setter, "enable.ssl.certificate.verification", output->tls.verify == TLS_VERIFY_NONE ? "false" : "true");
}

static void set_oauth(struct setter *setter)
{
    const struct output_config *output = setter->output;
    need_feature(setter, "sasl_oauthbearer", "SASL OAUTHBEARER");
    if (!*output->kafka.oauth_url && !setter->error) {
        log_error("%s%s: kafka.sasl is oauthbearer, but nothing says where tokens come from; set kafka.oauth_url",
                  prefix_of(output), output->name);
        setter->error = -EINVAL;
    }
    if (!kafka_conf_has_oidc())
        return; /* export/kafka/token.h */
    set(setter, "sasl.oauthbearer.method", "oidc");
    set(setter, "sasl.oauthbearer.token.endpoint.url", output->kafka.oauth_url);
    set(setter, "sasl.oauthbearer.client.id", output->username);
    set(setter, "sasl.oauthbearer.client.secret", output->password);
    set_if(setter, "sasl.oauthbearer.scope", output->kafka.oauth_scope);
}

static void warn_of_scram(const struct output_config *output, const char *mechanism)
{
    if (rd_kafka_version() < SCRAM_MENDED)
        log_warning(
            "%s%s: librdkafka %s cannot do %s with Kafka 4.0 and later, which answer that the credentials are "
            "invalid; there, link librdkafka 2.6.1 or later, or set kafka.sasl to plain, with TLS",
            prefix_of(output), output->name, rd_kafka_version_str(), mechanism);
}

static void set_sasl(struct setter *setter)
{
    static const char *const mechanisms[] = {
        [KAFKA_SASL_PLAIN] = "PLAIN",
        [KAFKA_SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
        [KAFKA_SASL_SCRAM_SHA_512] = "SCRAM-SHA-512",
        [KAFKA_SASL_OAUTHBEARER] = "OAUTHBEARER",
    };
    const struct output_config *output = setter->output;
    uint32_t sasl = output->kafka.sasl;
    if (sasl == KAFKA_SASL_NONE)
        return;
    bool scram = sasl == KAFKA_SASL_SCRAM_SHA_256 || sasl == KAFKA_SASL_SCRAM_SHA_512;
    if (scram) {
        need_feature(setter, "sasl_scram", mechanisms[sasl]);
        warn_of_scram(output, mechanisms[sasl]);
    }
    set(setter, "sasl.mechanisms", mechanisms[sasl]);
    if (sasl == KAFKA_SASL_OAUTHBEARER) {
        set_oauth(setter);
        return;
    }
    set(setter, "sasl.username", output->username);
    set(setter, "sasl.password", output->password);
}

/* --- the user's own --- */

static void set_properties(struct setter *setter)
{
    const struct property_list *properties = &setter->output->kafka.properties;
    for (uint32_t i = 0; i < properties->count && !setter->error; i++) {
        const char *why = refusal_of(properties->names[i]);
        if (why) {
            log_error("%s%s: kafka.properties cannot set %s: %s; leave it out", prefix_of(setter->output),
                      setter->output->name, properties->names[i], why);
            setter->error = -EINVAL;
        }
        set(setter, properties->names[i], properties->values[i]);
    }
}

int kafka_conf_make_reader(const struct output_config *output, rd_kafka_conf_t **conf)
{
    struct setter setter = {.output = output, .conf = rd_kafka_conf_new()};
    set_brokers(&setter);
    set_connection(&setter, 0);
    set_protocol(&setter);
    set_tls(&setter);
    set_sasl(&setter);
    set_properties(&setter);
    if (setter.error)
        rd_kafka_conf_destroy(setter.conf);
    else
        *conf = setter.conf;
    return setter.error;
}

static uint32_t read_back(const rd_kafka_conf_t *conf, const char *name)
{
    char text[64];
    size_t room = sizeof text;
    return rd_kafka_conf_get(conf, name, text, &room) == RD_KAFKA_CONF_OK ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

int kafka_conf_make(const struct output_config *output, uint32_t thread, rd_kafka_conf_t **conf,
                    struct kafka_limits *limits)
{
    struct setter setter = {.output = output, .conf = rd_kafka_conf_new()};
    set_brokers(&setter);
    set_connection(&setter, thread);
    set_compression(&setter);
    set_guarantees(&setter);
    set_batches(&setter);
    set_protocol(&setter);
    set_tls(&setter);
    set_sasl(&setter);
    set_properties(&setter);
    if (setter.error) {
        rd_kafka_conf_destroy(setter.conf);
        return setter.error;
    }
    limits->message_most = read_back(setter.conf, "message.max.bytes");
    limits->set_most = read_back(setter.conf, "batch.size");
    limits->queue_most = (uint64_t)read_back(setter.conf, "queue.buffering.max.kbytes") << 10;
    *conf = setter.conf;
    return 0;
}
