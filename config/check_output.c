/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/loader.h"
#include "config/option_rows.h"

/* Checks of one output's options together, and values that follow from others. */

#define SEGMENT_BATCHES                                                                                                \
    4 /* batches that a segment must have room for: with fewer, reading back is all opening and closing */
#define SPOOL_SEGMENTS 4 /* of a small spool: dropping one must not be dropping all */

static bool is_of(const struct output_config *output, uint32_t types)
{
    return types & TYPE(output->kind);
}

static const struct origin *own_origin(const struct loader *loader, const char *key)
{
    return &loader->scope->origins[option_index(option_find(key))];
}

static bool set_knowingly(const struct loader *loader, const char *key)
{
    return option_set_knowingly(loader, option_find(key));
}

/* True where somebody set the option for this output, or for all. */
static bool set_anywhere(const struct loader *loader, const char *key)
{
    return own_origin(loader, key)->strength > STRENGTH_PRESET ||
           loader->whole.origins[option_index(option_find(key))].strength > STRENGTH_PRESET;
}

bool option_set_knowingly(const struct loader *loader, const struct option_row *option)
{
    const struct origin *origin = &loader->scope->origins[option_index(option)];
    return origin->strength > STRENGTH_PRESET && origin->strength >= own_origin(loader, "output.type")->strength;
}

/* 64 lower-case digits, however they were written. */
static void fingerprint_normalize(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != ':')
            *to++ = (char)tolower((unsigned char)*from);
    }
    *to = '\0';
}

void output_normalize(struct output_config *output)
{
    fingerprint_normalize(output->tls.ca_fingerprint);
    if (output->compression != COMPRESSION_AUTO)
        return;
    output->compression = is_of(output, TYPES_KAFKA)     ? COMPRESSION_LZ4
                          : is_of(output, TYPES_ELASTIC) ? COMPRESSION_GZIP
                                                         : COMPRESSION_NONE;
}

static void compression_check(struct loader *loader, struct output_config *output)
{
    static const struct {
        const char *name;
        uint32_t types; /* of outputs that can do it */
        uint32_t level;
    } methods[] = {
        [COMPRESSION_NONE] = {"none", UINT32_MAX, 22}, /* the level is without effect */
        [COMPRESSION_ZSTD] = {"zstd", TYPE(OUTPUT_FILE) | TYPES_KAFKA, 22},
        [COMPRESSION_GZIP] = {"gzip", TYPE(OUTPUT_FILE) | TYPES_SERVERS, 9},
        [COMPRESSION_LZ4] = {"lz4", TYPE(OUTPUT_FILE) | TYPES_KAFKA, 12},
        [COMPRESSION_SNAPPY] = {"snappy", TYPES_KAFKA, 22}, /* it has no levels */
    };
    if (output->kind == OUTPUT_STDOUT) {
        if (output->compression != COMPRESSION_NONE && set_knowingly(loader, "output.compression"))
            loader_option_warning(loader, "output.compression", "leave it out, or pipe the output through a compressor",
                                  "standard output is never compressed");
        output->compression = COMPRESSION_NONE;
        return;
    }
    uint32_t method = output->compression;
    if (!is_of(output, methods[method].types))
        loader_option_problem(loader, "output.compression",
                              is_of(output, TYPES_ELASTIC) ? "write gzip or none" : "write zstd, gzip, lz4 or none",
                              "%s is not for outputs of this type", methods[method].name);
    if (output->compression_level > methods[method].level)
        loader_option_problem(loader, "output.compression_level", "write a lower level, or 0 for the default",
                              "%u is more than the %u levels of %s", output->compression_level, methods[method].level,
                              methods[method].name);
}

/* Files are written by one thread; a common number of threads is not meant for them. */
static void threads_check(struct loader *loader, struct output_config *output)
{
    if (is_of(output, TYPES_SERVERS) || output->threads == 1)
        return;
    if (set_knowingly(loader, "output.threads"))
        loader_option_problem(loader, "output.threads", "write threads: 1, or make it several outputs",
                              "only outputs to servers have more than one");
    output->threads = 1;
}

static uint64_t larger_of(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

/* The size of segments that nobody chose: the default, but for a spool of few of them, or of large batches. */
static uint64_t segment_suitable(const struct output_config *output, uint64_t least)
{
    uint64_t most = larger_of(output->spool.size / SPOOL_SEGMENTS / 4096 * 4096, MIB);
    uint64_t suitable = output->spool.segment_size < most ? output->spool.segment_size : most;
    return larger_of(suitable, least);
}

static void spool_check(struct loader *loader, struct output_config *output)
{
    if (!*output->spool.path)
        return;
    if (output->kind == OUTPUT_STDOUT) {
        if (set_knowingly(loader, "output.spool.path"))
            loader_option_problem(loader, "output.spool.path", "leave it out",
                                  "standard output has no spool: its reader makes weir wait");
        loader_text_replace(loader, &output->spool.path, "%s", "");
        return;
    }
    uint64_t least = SEGMENT_BATCHES * output->batch_size;
    if (!set_anywhere(loader, "output.spool.segment_size"))
        output->spool.segment_size = segment_suitable(output, least);
    if (output->spool.size < least)
        loader_option_problem(loader, "output.spool.size", "write a larger one, or a smaller output.batch_size",
                              "the spool must have room for four batches");
    else if (output->spool.segment_size > output->spool.size)
        loader_option_problem(loader, "output.spool.segment_size", "write a smaller one, or a larger spool.size",
                              "a segment is larger than the whole spool");
    else if (output->spool.segment_size < least)
        loader_option_problem(loader, "output.spool.segment_size", "write a larger one, or a smaller output.batch_size",
                              "a segment must have room for four batches");
}

/* Of the group of options that `start` begins, "output.". */
static void tls_pair_check(struct loader *loader, const struct output_config *output, const char *start)
{
    char key[PATH_MOST];
    bool certificate = *output->tls.certificate, private = *output->tls.key;
    snprintf(key, sizeof key, "%stls.%s", start, certificate ? "certificate" : "key");
    if (certificate && !private)
        loader_option_problem(loader, key, "add tls.key", "there is no key for the certificate");
    if (private && !certificate)
        loader_option_problem(loader, key, "add tls.certificate", "there is no certificate for the key");
}

static void tls_check(struct loader *loader, const struct output_config *output)
{
    if (is_of(output, TYPES_SERVERS))
        tls_pair_check(loader, output, OPTION_OUTPUT);
}

static bool property_begins(const struct property_list *properties, const char *start)
{
    for (uint32_t i = 0; i < properties->count; i++) {
        if (strncmp(properties->names[i], start, strlen(start)) == 0)
            return true;
    }
    return false;
}

/* True where nothing leaves the machine. */
static bool hosts_local(const struct text_list *hosts)
{
    static const char *const names[] = {"localhost", "127.", "[::1]"};
    uint32_t local = 0;
    for (uint32_t i = 0; i < hosts->count; i++) {
        const char *scheme = strstr(hosts->items[i], "://");
        const char *host = scheme ? scheme + 3 : hosts->items[i];
        for (unsigned k = 0; k < sizeof names / sizeof names[0]; k++)
            local += strncasecmp(host, names[k], strlen(names[k])) == 0;
    }
    return local == hosts->count;
}

/* key: of the option that says how to log in. */
static void sasl_check(struct loader *loader, const struct output_config *output, const char *key)
{
    bool oauth = output->kafka.sasl == KAFKA_SASL_OAUTHBEARER;
    if (output->kafka.sasl == KAFKA_SASL_NONE || property_begins(&output->kafka.properties, "sasl."))
        return; /* what is missing here may stand in the properties */
    if (oauth && !*output->kafka.oauth_url)
        loader_option_problem(loader, key, "add kafka.oauth_url", "oauthbearer needs a URL for tokens");
    if (!*output->username)
        loader_option_problem(loader, key, oauth ? "add username, the client id" : "add username",
                              "there is no user name to log in with");
    if (!*output->password)
        loader_option_problem(loader, key, "add password, as password: file:PATH",
                              "there is no password to log in with");
    if ((oauth || output->kafka.sasl == KAFKA_SASL_PLAIN) && !output->tls.enabled &&
        !hosts_local(&output->kafka.brokers))
        loader_option_warning(loader, key, "write tls.enabled: true, or use scram-sha-512",
                              "without TLS everybody on the way can read the password");
}

void templates_kafka_check(struct loader *loader)
{
    const struct output_config *kafka = &loader->config->templates.kafka;
    if (loader->no_memory || !kafka->kafka.brokers.count)
        return;
    tls_pair_check(loader, kafka, "templates.kafka.");
    sasl_check(loader, kafka, "templates.kafka.sasl");
}

static void kafka_check(struct loader *loader, struct output_config *output)
{
    bool lines = output->kafka.message == KAFKA_MESSAGE_LINES;
    if (!is_of(output, TYPES_KAFKA))
        return;
    if (output->kafka.brokers.count == 0)
        loader_option_problem(loader, "output.kafka.brokers", "write hosts and ports, as [\"kafka.example.org:9092\"]",
                              "there is no broker to send to");
    if (lines && strcmp(output->kafka.key, "exporter") != 0 && strcmp(output->kafka.key, "none") != 0)
        loader_option_problem(loader, "output.kafka.key", "write exporter or none, or kafka.message: document",
                              "a message of many lines cannot have a document's field as its key");
    if (lines && output->kafka.message_size > output->batch_size && set_anywhere(loader, "output.kafka.message_size"))
        loader_option_warning(loader, "output.kafka.message_size", "write a smaller one, or a larger output.batch_size",
                              "no message gets larger than a batch");
    if (output->kafka.idempotence && output->kafka.acks != KAFKA_ACKS_ALL) {
        if (set_anywhere(loader, "output.kafka.idempotence"))
            loader_option_problem(loader, "output.kafka.idempotence", "write kafka.acks: all, or idempotence: false",
                                  "it needs the acknowledgement of all replicas");
        output->kafka.idempotence = false;
    }
    sasl_check(loader, output, "output.kafka.sasl");
}

static bool host_is_tls(const char *host)
{
    return strncasecmp(host, "https://", 8) == 0;
}

static void login_check(struct loader *loader, const struct output_config *output)
{
    uint32_t ways = (*output->username != '\0') + (*output->elastic.api_key != '\0') + (*output->elastic.token != '\0');
    if (ways > 1)
        loader_option_problem(loader,
                              *output->elastic.api_key ? "output.elasticsearch.api_key" : "output.elasticsearch.token",
                              "keep one of username, api_key and token", "there is more than one way to log in");
    if (*output->username && !*output->password)
        loader_option_problem(loader, "output.username", "add password, as password: file:PATH",
                              "there is no password to log in with");
    if (!*output->username && *output->password)
        loader_option_problem(loader, "output.password", "add username", "there is no user name to log in with");
    for (uint32_t i = 0; i < output->elastic.hosts.count && ways; i++) {
        if (host_is_tls(output->elastic.hosts.items[i]) || hosts_local(&output->elastic.hosts))
            continue;
        loader_option_warning(loader, "output.elasticsearch.hosts", "write https://",
                              "without TLS everybody on the way can read the password or the key");
        break;
    }
}

static void elastic_check(struct loader *loader, const struct output_config *output)
{
    if (!is_of(output, TYPES_ELASTIC))
        return;
    if (output->elastic.hosts.count == 0)
        loader_option_problem(loader, "output.elasticsearch.hosts",
                              "write URLs, as [\"https://search.example.org:9200\"]", "there is no host to send to");
    for (uint32_t i = 0; i < output->elastic.hosts.count && output->tls.enabled; i++) {
        if (!host_is_tls(output->elastic.hosts.items[i]))
            loader_option_problem(loader, "output.elasticsearch.hosts", "write https://, or leave tls.enabled out",
                                  "\"%s\" is without TLS, and tls.enabled is true", output->elastic.hosts.items[i]);
    }
    login_check(loader, output);
}

void output_check(struct loader *loader, struct output_config *output)
{
    if (loader->no_memory)
        return; /* a text may be missing */
    output_normalize(output);
    compression_check(loader, output);
    threads_check(loader, output);
    spool_check(loader, output);
    tls_check(loader, output);
    kafka_check(loader, output);
    elastic_check(loader, output);
}
