/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/exchange.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "export/kafka/exchange_state.h"

#define FEED_BYTES (1u << 20) /* some ten thousand templates */
#define TURN_MS    10
#define FIND_MS    500        /* how long the thread waits for an answer on the topic */
#define FIND_NS    NS_PER_S
#define TIDY_NS    (100 * NS_PER_MS)
#define FINISH_NS  (3 * NS_PER_S)

/* --- a turn --- */

static void feeds_drain(struct exchange *exchange)
{
    struct template_event event;
    for (uint32_t i = 0; i < exchange->feed_count; i++)
        for (; template_feed_peek(exchange->feeds[i], &event); template_feed_pop(exchange->feeds[i]))
            template_share_say(&exchange->share, &event, clock_utc_ns());
}

/* As far as librdkafka knows where the partitions end. */
static uint64_t lag(const struct exchange *exchange)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < exchange->partition_count; i++) {
        int64_t low, high, next = exchange->partitions[i].next;
        if (rd_kafka_get_watermark_offsets(exchange->consumer, exchange->output.kafka.topic, (int32_t)i, &low, &high) ||
            high < 0)
            continue;
        next = next < low ? low : next;
        sum += high > next ? (uint64_t)(high - next) : 0;
    }
    return sum;
}

static void reading_set(struct exchange *exchange, enum counter counter, uint64_t value)
{
    atomic_store_explicit(&exchange->counters.value[counter], value, memory_order_relaxed);
}

static void tidy(struct exchange *exchange, int64_t now_ns)
{
    if (now_ns < exchange->tidy_ns)
        return;
    exchange->tidy_ns = now_ns + TIDY_NS;
    template_share_sweep(&exchange->share, clock_utc_ns());
    template_board_collect(exchange->board);
    reading_set(exchange, COUNTER_template_topic_lag, lag(exchange));
    reading_set(exchange, COUNTER_template_topic_waiting, template_share_waiting(&exchange->share));
}

static void turn(struct exchange *exchange)
{
    int64_t now_ns = clock_steady_ns();
    feeds_drain(exchange);
    if (!exchange->partition_count && now_ns >= exchange->find_ns) {
        exchange_topic_find(exchange, FIND_MS);
        exchange->find_ns = clock_steady_ns() + FIND_NS;
    }
    exchange_produce(exchange);
    exchange_consume(exchange, TURN_MS);
    tidy(exchange, now_ns);
}

/* --- the thread --- */

static void *thread_run(void *argument)
{
    struct exchange *exchange = argument;
    while (!atomic_load_explicit(&exchange->stopping, memory_order_relaxed))
        turn(exchange);
    return NULL;
}

int exchange_start(struct exchange *exchange)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int error = pthread_create(&exchange->thread, NULL, thread_run, exchange);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("cannot start the thread of templates.kafka: %s; raise the limit of threads (ulimit -u)",
                  strerror(error));
        return -error;
    }
    pthread_setname_np(exchange->thread, "weir-exchange");
    exchange->started = true;
    return 0;
}

void exchange_finish(struct exchange *exchange)
{
    if (exchange->started) {
        atomic_store_explicit(&exchange->stopping, true, memory_order_relaxed);
        pthread_join(exchange->thread, NULL);
        exchange->started = false;
    }
    exchange->retry_ns = 0;
    int64_t until_ns = clock_steady_ns() + FINISH_NS;
    do
        turn(exchange);
    while (template_share_waiting(&exchange->share) && clock_steady_ns() < until_ns);
    exchange->tidy_ns = 0;
    tidy(exchange, clock_steady_ns());
    if (template_share_waiting(&exchange->share))
        log_warning("templates.kafka: %u news of templates did not reach the topic before the end",
                    template_share_waiting(&exchange->share));
}

/* --- opening and closing --- */

static bool is_read(const struct exchange *exchange)
{
    return exchange->partition_count && exchange->ended_count == exchange->partition_count;
}

static int left_ms(int64_t until_ns)
{
    int64_t left_ns = until_ns - clock_steady_ns();
    return left_ns > 0 ? (int)(left_ns / NS_PER_MS) : 0;
}

/* To the end of the topic, or for as long as the configuration allows. */
static void topic_read(struct exchange *exchange)
{
    int64_t began_ns = clock_steady_ns(), until_ns = began_ns + (int64_t)exchange->config->templates.wait;
    while (!is_read(exchange) && clock_steady_ns() < until_ns) {
        int wait_ms = left_ms(until_ns);
        rd_kafka_poll(exchange->producer, 0);
        if (exchange->partition_count)
            exchange_consume(exchange, wait_ms < TURN_MS ? wait_ms : TURN_MS);
        else if (!exchange_topic_find(exchange, wait_ms < FIND_MS ? wait_ms : FIND_MS))
            exchange_consume(exchange, wait_ms < TURN_MS ? wait_ms : TURN_MS);
    }
    uint32_t count = template_board_count(exchange->board);
    long long took_ms = (long long)((clock_steady_ns() - began_ns) / NS_PER_MS);
    if (is_read(exchange))
        log_info("templates.kafka: %u known from the topic %s, read in %lld ms", count, exchange->output.kafka.topic,
                 took_ms);
    else
        log_warning("templates.kafka: %s within templates.kafka.wait (%lld ms); receiving with the %u templates known "
                    "from it, the rest follows",
                    exchange->partition_count ? "the topic was not read to its end" : "the topic was not reached",
                    took_ms, count);
}

/* What only the journal knows is news to the others. */
static void journal_tell(struct exchange *exchange, struct journal *journal)
{
    struct template_event event;
    const struct template_store *known = journal_known(journal);
    int64_t now_ns = clock_utc_ns();
    for (uint32_t slot = 0; slot < template_store_slots(known); slot++)
        if (template_store_at(known, slot, &event))
            template_share_remember(&exchange->share, &event, now_ns);
}

static int feeds_make(struct exchange *exchange, uint32_t count)
{
    exchange->feeds = calloc(count, sizeof(*exchange->feeds));
    if (!exchange->feeds)
        return -ENOMEM;
    for (; exchange->feed_count < count; exchange->feed_count++) {
        exchange->feeds[exchange->feed_count] = template_feed_new(FEED_BYTES);
        if (!exchange->feeds[exchange->feed_count])
            return -ENOMEM;
    }
    return 0;
}

/* What the Kafka output's functions read of an output. Templates are small, and others wait for them. */
static void output_init(struct exchange *exchange)
{
    exchange->output = exchange->config->templates.kafka;
    exchange->output.name = "templates.kafka";
    exchange->output.kafka.message = KAFKA_MESSAGE_DOCUMENT;
    exchange->output.kafka.acks = KAFKA_ACKS_ALL;
    exchange->output.kafka.idempotence = false; /* of a key, one message is under way at a time */
    exchange->output.kafka.linger = 5 * NS_PER_MS;
    exchange->output.kafka.batch_size = 1 << 20;
    exchange->output.compression = COMPRESSION_NONE;
}

static int exchange_init(struct exchange *exchange, uint32_t workers, struct journal *journal)
{
    const struct config *config = exchange->config;
    output_init(exchange);
    exchange->board = template_board_new(config->templates.memory, workers);
    if (!exchange->board || feeds_make(exchange, journal ? 1 : workers) ||
        getrandom(&exchange->origin, sizeof exchange->origin, 0) != sizeof exchange->origin) {
        log_error("templates.kafka: no memory; set templates.kafka.memory lower");
        return -ENOMEM;
    }
    template_share_init(&exchange->share, exchange->board, config->expiration_timeout, &exchange->counters);
    exchange->share.tells_workers = config->input.rss == RSS_SOURCE_PORT;
    return exchange_client_open(exchange);
}

int exchange_open(struct exchange **exchange, const struct config *config, uint32_t workers, struct journal *journal)
{
    *exchange = NULL;
    if (!config->templates.kafka.kafka.brokers.count)
        return 0;
    struct exchange *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->config = config;
    int result = exchange_init(made, workers, journal);
    if (result) {
        exchange_free(made);
        return result;
    }
    topic_read(made);
    if (journal) {
        journal_tell(made, journal);
        journal_tap(journal, made->feeds[0]);
    }
    template_board_open(made->board);
    *exchange = made;
    return 0;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    exchange_client_close(exchange);
    for (uint32_t i = 0; i < exchange->feed_count; i++)
        template_feed_free(exchange->feeds[i]);
    free(exchange->feeds);
    template_board_free(exchange->board);
    free(exchange);
}

struct template_feed *exchange_feed(struct exchange *exchange, uint32_t worker)
{
    return exchange->feeds[worker];
}

struct template_board *exchange_board(struct exchange *exchange)
{
    return exchange->board;
}

const struct counters *exchange_counters(const struct exchange *exchange)
{
    return &exchange->counters;
}
