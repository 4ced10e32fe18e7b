/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "export/kafka/json_path.h"
#include "export/kafka/sink.h"

/* Message sets a partition: of lines, one less than librdkafka has under way; of documents, one under way and one made.
 */
#define WINDOW_SETS_LINES     4
#define WINDOW_SETS_DOCUMENTS 2
#define WINDOW_PARTITIONS     4 /* until it is known to how many messages go */

/* Documents of one batch that go to one topic with one key and the same headers. */
struct span {
    uint32_t slot;
    uint32_t first;
    uint32_t end;
    const char *key; /* NULL = none, or each document's own */
    size_t key_bytes;
    struct kafka_topic *topic;
};

/* As many of the run's documents as make one message. */
static void cut_run(const struct kafka_sink *kafka, const struct batch *batch, struct kafka_run *run)
{
    if (kafka->output->kafka.message == KAFKA_MESSAGE_DOCUMENT) {
        run->count = 1;
        return;
    }
    uint32_t begin = run->first ? batch->ends[run->first - 1] : 0, count = 1;
    while (count < run->count && batch->ends[run->first + count] - begin <= kafka->lines_most)
        count++;
    run->count = count;
}

/* The message's payload lies in the batch, which stays until librdkafka has reported on it. */
static void fill_message(const struct kafka_sink *kafka, const struct span *span, struct kafka_run run,
                         rd_kafka_message_t *message)
{
    const struct batch *batch = kafka->book.held[run.slot].batch;
    *message = (rd_kafka_message_t){
        ._private = kafka_run_pack(run), .key = (void *)(uintptr_t)span->key, .key_len = span->key_bytes};
    if (kafka->output->kafka.message == KAFKA_MESSAGE_LINES) {
        message->payload = batch->bytes + (run.first ? batch->ends[run.first - 1] : 0);
        message->len = kafka_book_bytes(&kafka->book, run);
        return;
    }
    uint32_t size_bytes;
    const uint8_t *document = batch_document(batch, run.first, &size_bytes);
    message->payload = (void *)(uintptr_t)document;
    message->len = size_bytes;
    if (kafka->key != KAFKA_KEY_PATH)
        return;
    struct json_value value = json_path_find(document, size_bytes, kafka->output->kafka.key);
    message->key = (void *)(uintptr_t)value.text;
    message->key_len = value.size_bytes;
}

/* Makes messages of what is due in the span and fits in the window; it goes on behind them. */
static void gather(struct kafka_sink *kafka, struct span *span)
{
    uint64_t bytes = kafka->book.out_bytes;
    kafka->message_count = 0;
    while (kafka->message_count < KAFKA_MESSAGES_MOST && bytes < kafka->window_bytes) {
        struct kafka_run run = kafka_book_due(&kafka->book, span->slot, span->first, span->end);
        if (!run.count) {
            span->first = span->end;
            return;
        }
        cut_run(kafka, kafka->book.held[span->slot].batch, &run);
        fill_message(kafka, span, run, &kafka->messages[kafka->message_count]);
        bytes += kafka->messages[kafka->message_count++].len;
        span->first = run.first + run.count;
    }
}

/* rd_kafka_produce_batch() knows no headers, and a message's are its own. */
static void produce_with_headers(struct kafka_sink *kafka, rd_kafka_topic_t *handle)
{
    for (uint32_t i = 0; i < kafka->message_count; i++) {
        rd_kafka_message_t *message = &kafka->messages[i];
        rd_kafka_headers_t *headers = rd_kafka_headers_copy(kafka->headers);
        message->err =
            rd_kafka_producev(kafka->client, RD_KAFKA_V_RKT(handle), RD_KAFKA_V_VALUE(message->payload, message->len),
                              RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_HEADERS(headers),
                              RD_KAFKA_V_OPAQUE(message->_private), RD_KAFKA_V_END);
        if (message->err)
            rd_kafka_headers_destroy(headers);
    }
}

/* librdkafka did not take a message. False when no other is to be tried now. */
static bool not_taken(struct kafka_sink *kafka, const struct span *span, const rd_kafka_message_t *message)
{
    struct kafka_run run = kafka_run_unpack(message->_private);
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        if (run.count > 1) {
            kafka->lines_most /= 2; /* less room than was reckoned with; poll() comes back to these */
            kafka->full = true;
            return false;
        }
        kafka_say_refused(kafka, span->topic->name, 1, message->err);
        kafka_book_judge(&kafka->book, run, VERDICT_REFUSED);
        return true;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        kafka->full = true;
        return false;
    case RD_KAFKA_RESP_ERR__FATAL:
        kafka->renew_wait_ms = kafka_backoff_ms(kafka->renew_wait_ms);
        kafka_client_renew(kafka, kafka->renew_wait_ms);
        return false;
    default:
        kafka_topic_failed(kafka, span->topic, message->err);
        return false;
    }
}

/* Hands the messages over. False when no others are to be tried now. */
static bool send_messages(struct kafka_sink *kafka, const struct span *span)
{
    bool go_on = true;
    if (kafka->headers)
        produce_with_headers(kafka, span->topic->handle);
    else
        rd_kafka_produce_batch(span->topic->handle, RD_KAFKA_PARTITION_UA, 0, kafka->messages,
                               (int)kafka->message_count);
    for (uint32_t i = 0; i < kafka->message_count; i++) {
        if (!kafka->messages[i].err)
            kafka_book_sent(&kafka->book, kafka_run_unpack(kafka->messages[i]._private));
    }
    for (uint32_t i = 0; i < kafka->message_count && go_on; i++)
        go_on = !kafka->messages[i].err || not_taken(kafka, span, &kafka->messages[i]);
    return go_on;
}

/* The span's topic; at the cap its documents are refused, for an exporter's address may be forged. */
static struct kafka_topic *topic_of(struct kafka_sink *kafka, struct span *span, const struct endpoint *endpoint,
                                    int64_t now_ns)
{
    const struct batch *batch = kafka->book.held[span->slot].batch;
    char name[TARGET_NAME_MOST];
    size_t name_bytes = target_name_render(&kafka->target, batch->sealed_ns, batch->kind, endpoint, name);
    struct kafka_topic *topic = kafka_topics_find(&kafka->topics, name, (uint32_t)name_bytes, now_ns);
    if (topic)
        return topic;
    log_limited(&kafka->cap_cause, LOG_LEVEL_ERROR,
                "output %s: there are %u topics already; documents for others, as %s, are refused; set input.allow, or "
                "kafka.topic to a pattern with fewer names",
                kafka->output->name, KAFKA_TOPICS_MOST, name);
    struct kafka_run run;
    while (span->first < span->end && (run = kafka_book_due(&kafka->book, span->slot, span->first, span->end)).count) {
        span->first = run.first + run.count;
        kafka_book_judge(&kafka->book, run, VERDICT_REFUSED);
    }
    return NULL;
}

/* The exporter's address as key and in the headers. */
static void set_exporter(struct kafka_sink *kafka, struct span *span, const struct endpoint *endpoint)
{
    if (!*kafka->exporter || !address_equal(&endpoint->address, &kafka->headers_address)) {
        kafka->headers_address = endpoint->address;
        address_format(&endpoint->address, kafka->exporter);
        if (kafka->headers) {
            rd_kafka_header_remove(kafka->headers, "exporter");
            rd_kafka_header_add(kafka->headers, "exporter", -1, kafka->exporter, -1);
        }
    }
    if (kafka->key == KAFKA_KEY_EXPORTER) {
        span->key = kafka->exporter;
        span->key_bytes = strlen(kafka->exporter);
    }
}

static void produce_span(struct kafka_sink *kafka, struct span *span, const struct endpoint *endpoint, int64_t now_ns)
{
    span->topic = topic_of(kafka, span, endpoint, now_ns);
    if (!span->topic || span->topic->retry_ns > now_ns)
        return;
    if (!kafka_topic_handle(span->topic, kafka->client)) {
        kafka_topic_failed(kafka, span->topic, rd_kafka_last_error());
        return;
    }
    if (kafka->by_share)
        set_exporter(kafka, span, endpoint);
    do {
        gather(kafka, span);
    } while (kafka->message_count && send_messages(kafka, span) && span->first < span->end);
}

static bool may_produce(const struct kafka_sink *kafka)
{
    return kafka->phase == KAFKA_PRODUCES && !kafka->full && kafka->book.out_bytes < kafka->window_bytes;
}

static void produce_slot(struct kafka_sink *kafka, uint32_t slot, int64_t now_ns)
{
    const struct kafka_held *held = &kafka->book.held[slot];
    const struct batch *batch = held->batch;
    uint32_t first = 0;
    for (uint32_t i = 0; held->batch == batch && held->due_count && i < batch->share_count && may_produce(kafka); i++) {
        const struct share *share = &batch->shares[i];
        struct span span = {.slot = slot, .first = first, .end = kafka->by_share ? first + share->count : batch->count};
        if (span.end > held->due_from)
            produce_span(kafka, &span, share->endpoint, now_ns);
        first = span.end;
        if (!kafka->by_share)
            return;
    }
}

void kafka_produce(struct kafka_sink *kafka, int64_t now_ns)
{
    for (uint32_t i = 0; i < kafka->book.count && may_produce(kafka);) {
        uint32_t slot = kafka->book.order[i];
        if (kafka->book.held[slot].due_count)
            produce_slot(kafka, slot, now_ns);
        if (i < kafka->book.count && kafka->book.order[i] == slot && kafka->book.held[slot].batch)
            i++; /* else the batch is done, and the next one took its place */
    }
}

/*
 * librdkafka keeps at most 5 messages (not sets of them) of an idempotent producer under way to a partition. While it
 * has more that waited for longer than linger.ms, the broker's thread polls without sleeping until an answer comes (in
 * 2.0 to 2.16 at least). So it gets little more than what it can send, and the rest waits in the batches,
 * where it costs nothing.
 */
void kafka_window_set(struct kafka_sink *kafka, int64_t now_ns)
{
    if (now_ns < kafka->window_ns)
        return;
    uint32_t partitions = (uint32_t)__builtin_popcountll(kafka->partitions);
    if (!partitions)
        partitions = WINDOW_PARTITIONS;
    kafka->partitions = 0;
    kafka->window_ns = now_ns + NS_PER_S;
    bool lines = kafka->output->kafka.message == KAFKA_MESSAGE_LINES;
    kafka->window_bytes =
        (uint64_t)kafka->limits.set_most * (lines ? WINDOW_SETS_LINES : WINDOW_SETS_DOCUMENTS) * partitions;
}
