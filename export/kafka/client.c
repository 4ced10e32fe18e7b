/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/kafka/lz4_codec.h"
#include "export/kafka/token.h"
#include "export/kafka/sink.h"

#define PURGE_AGAIN_NS (200 * NS_PER_MS) /* what was under way comes back to the queue when it failed */
#define PURGE_ALL_NS   (10 * NS_PER_S)   /* so long for answers to what is under way; then it may come twice */

static int limit_sets(struct kafka_sink *kafka, rd_kafka_conf_t *conf)
{
    char text[24];
    snprintf(text, sizeof text, "%u", kafka->limits.set_most);
    return kafka_conf_set(kafka->output, conf, "batch.size", text);
}

int kafka_client_start(struct kafka_sink *kafka)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(kafka->conf);
    if (limit_sets(kafka, conf) < 0) {
        rd_kafka_conf_destroy(conf);
        return -EINVAL;
    }
    kafka->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!kafka->client) {
        rd_kafka_conf_destroy(conf);
        log_error("output %s: librdkafka %s cannot work with this configuration: %s", kafka->output->name,
                  rd_kafka_version_str(), text);
        return -EINVAL;
    }
    if (kafka->output->compression == COMPRESSION_LZ4 && !kafka_lz4_codec_visible())
        log_debug("output %s: librdkafka compresses with its own lz4", kafka->output->name);
    static const uint64_t one = 1; /* what an eventfd takes */
    kafka->queue = rd_kafka_queue_get_main(kafka->client);
    rd_kafka_queue_io_event_enable(kafka->queue, kafka->event_fd, &one, sizeof one);
    kafka->phase = KAFKA_PRODUCES;
    kafka->full = false;
    kafka->sent_bytes = 0;
    return 0;
}

static void *bury(void *client)
{
    pthread_setname_np(pthread_self(), "weir-kafka-end");
    rd_kafka_destroy(client);
    return NULL;
}

static void wait_for_undertaker(struct kafka_sink *kafka)
{
    if (kafka->burying)
        pthread_join(kafka->undertaker, NULL);
    kafka->burying = false;
}

/* Nothing refers to the client any more. Its end may take until a name server answers, so another thread waits. */
static void end_client(struct kafka_sink *kafka)
{
    kafka_topics_release(&kafka->topics);
    kafka_token_forget(kafka->token);
    rd_kafka_queue_io_event_enable(kafka->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(kafka->queue);
    wait_for_undertaker(kafka);
    kafka->burying = pthread_create(&kafka->undertaker, NULL, bury, kafka->client) == 0;
    if (!kafka->burying)
        rd_kafka_destroy(kafka->client);
    kafka->client = NULL;
}

void kafka_client_stop(struct kafka_sink *kafka)
{
    if (kafka->client)
        end_client(kafka);
    wait_for_undertaker(kafka);
}

void kafka_client_renew(struct kafka_sink *kafka, int64_t wait_ms)
{
    if (kafka->phase != KAFKA_PRODUCES)
        return;
    kafka->phase = KAFKA_DRAINS;
    kafka->drain_ns = clock_steady_ns();
    kafka->renew_ns = kafka->drain_ns + kafka_jitter_ns(wait_ms);
    kafka->purge_ns = kafka->drain_ns;
}

/* The client gives back what it has not sent; on what it has sent, it reports. */
static void drain(struct kafka_sink *kafka, int64_t now_ns)
{
    if (!kafka->book.out) {
        end_client(kafka);
        kafka->phase = KAFKA_PAUSES;
        return;
    }
    if (now_ns < kafka->purge_ns)
        return;
    int flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING;
    if (now_ns - kafka->drain_ns > PURGE_ALL_NS)
        flags |= RD_KAFKA_PURGE_F_INFLIGHT;
    rd_kafka_purge(kafka->client, flags);
    kafka->purge_ns = now_ns + PURGE_AGAIN_NS;
}

bool kafka_client_advance(struct kafka_sink *kafka, int64_t now_ns)
{
    if (kafka->phase == KAFKA_DRAINS)
        drain(kafka, now_ns);
    if (kafka->phase != KAFKA_PAUSES || now_ns < kafka->renew_ns)
        return false;
    if (kafka_client_start(kafka) == 0)
        return true;
    kafka->renew_wait_ms = kafka_backoff_ms(kafka->renew_wait_ms);
    kafka->renew_ns = now_ns + kafka_jitter_ns(kafka->renew_wait_ms);
    return false;
}

int kafka_client_serve(struct kafka_sink *kafka)
{
    uint64_t times;
    ssize_t got = read(kafka->event_fd, &times, sizeof times); /* before serving: what comes later is told again */
    (void)got;                                                 /* nothing to read is the ordinary case */
    int sum = 0, served;
    while (kafka->client && (served = rd_kafka_poll(kafka->client, 0)) > 0)
        sum += served;
    return sum;
}
