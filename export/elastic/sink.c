/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Documents to Elasticsearch and OpenSearch by their bulk API. Documents wait at their target (elastic_target.c), a
 * request takes as many as fit (elastic_request.c), the answer settles each one (elastic_outcome.c); what is to be sent
 * again is a job of its own. A batch is done when all its documents have their verdict.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/elastic/pin.h"
#include "export/elastic/sink.h"
#include "export/elastic/http.h"

/* Status and error of each document, and nothing else: the answer to 5,000 documents that all went well is 130 KB that
   compress to one. "errors" alone would do for these, but then one does not know which ones failed. */
#define BULK_QUERY "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"

#define MEMORY_WAIT_NS (100 * NS_PER_MS) /* until the next try where there was no memory for a job */

/* ---- sending ---- */

static struct elastic_request *idle_request(struct elastic_sink *elastic)
{
    for (uint32_t i = 0; i < elastic->output->elastic.connections; i++)
        if (!elastic->requests[i].job)
            return &elastic->requests[i];
    return NULL;
}

static struct elastic_job *next_again(struct elastic_sink *elastic, int64_t now_ns)
{
    for (struct elastic_job **link = &elastic->again; *link; link = &(*link)->next) {
        struct elastic_job *job = *link;
        if (job->due_ns > now_ns)
            continue;
        *link = job->next;
        return job;
    }
    return NULL;
}

static struct elastic_job *next_job(struct elastic_sink *elastic, int64_t now_ns)
{
    struct elastic_job *job = next_again(elastic, now_ns);
    return job ? job : elastic_targets_take(&elastic->targets, elastic->bulk_bytes);
}

/* Is there something to send at once? */
static bool work_waits(const struct elastic_sink *elastic, int64_t now_ns)
{
    for (const struct elastic_job *job = elastic->again; job; job = job->next)
        if (job->due_ns <= now_ns)
            return true;
    return elastic_targets_waiting(&elastic->targets);
}

static void start_requests(struct elastic_sink *elastic, int64_t now_ns)
{
    struct elastic_request *request;
    while ((request = idle_request(elastic)) && work_waits(elastic, now_ns)) {
        struct elastic_host *host = elastic_hosts_pick(&elastic->hosts, now_ns);
        struct elastic_job *job = host ? next_job(elastic, now_ns) : NULL;
        if (!job)
            return;
        if (elastic_request_start(request, job, host))
            continue;
        log_limited(&elastic->memory_cause, LOG_LEVEL_ERROR, "output %s: no memory for a request of %llu bytes",
                    elastic->output->name, (unsigned long long)job->bytes);
        elastic_job_judge(elastic, job, VERDICT_FAILED);
    }
}

static void finished(void *context, CURL *handle, CURLcode code)
{
    struct elastic_sink *elastic = context;
    char *request = NULL;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &request);
    if (request)
        elastic_outcome((struct elastic_request *)request, code);
    else
        elastic_greeting_over(elastic, code);
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* When something happens by itself. */
static int64_t due_ns(struct elastic_sink *elastic, int64_t now_ns)
{
    int64_t due = earlier(elastic->loop.due_ns, earlier(elastic->letter.due_ns, elastic->reasons.due_ns));
    bool waits = false;
    if (idle_request(elastic)) {
        for (const struct elastic_job *job = elastic->again; job; job = job->next)
            if (job->due_ns > now_ns)
                due = earlier(due, job->due_ns);
        waits = work_waits(elastic, now_ns);
    }
    bool greets = !elastic->greeting.done && !elastic->greeting.host;
    if (waits && elastic_hosts_ready(&elastic->hosts, now_ns))
        due = earlier(due, now_ns + MEMORY_WAIT_NS);
    return waits || greets ? earlier(due, elastic_hosts_due(&elastic->hosts)) : due;
}

/* Everything that can be done without waiting. */
static void advance(struct elastic_sink *elastic)
{
    elastic_loop_run(&elastic->loop, finished, elastic);
    int64_t now_ns = clock_steady_ns();
    elastic_greeting_start(elastic, now_ns);
    start_requests(elastic, now_ns);
    elastic_reasons_poll(&elastic->reasons, now_ns);
    dead_letter_poll(&elastic->letter, now_ns);
    elastic->sink->due_ns = due_ns(elastic, now_ns);
}

/* ---- open and close ---- */

static int check_output(const struct output_config *output)
{
    uint8_t pin[ELASTIC_PIN_BYTES];
    if (!output->elastic.hosts.count) {
        log_error("output %s: elasticsearch.hosts is empty: name at least one URL", output->name);
        return -EINVAL;
    }
    if (*output->tls.ca_fingerprint && !elastic_pin_parse(output->tls.ca_fingerprint, pin)) {
        log_error("output %s: tls.ca_fingerprint is no SHA-256: write its 64 hexadecimal digits", output->name);
        return -EINVAL;
    }
    return 0;
}

static int make_query(struct elastic_sink *elastic)
{
    const char *pipeline = elastic->output->elastic.pipeline;
    char *escaped = curl_easy_escape(NULL, pipeline, 0);
    if (!escaped)
        return -ENOMEM;
    if (asprintf(&elastic->query, "%s%s%s", BULK_QUERY, *pipeline ? "&pipeline=" : "", escaped) < 0)
        elastic->query = NULL;
    curl_free(escaped);
    return elastic->query ? 0 : -ENOMEM;
}

static int make_headers(struct elastic_sink *elastic)
{
    elastic->headers = http_headers(elastic->output, true);
    if (!elastic->headers)
        return -ENOMEM;
    if (elastic->output->compression != COMPRESSION_GZIP)
        return 0;
    elastic->packer = bulk_packer_new(elastic->output->compression_level);
    return elastic->packer && curl_slist_append(elastic->headers, "Content-Encoding: gzip") ? 0 : -ENOMEM;
}

static int make_requests(struct elastic_sink *elastic)
{
    uint32_t count = elastic->output->elastic.connections;
    elastic->requests = calloc(count, sizeof *elastic->requests);
    if (!elastic->requests)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if (elastic_request_init(&elastic->requests[i], elastic) < 0)
            return -ENOMEM;
    return elastic_greeting_init(&elastic->greeting, elastic);
}

static void free_state(struct elastic_sink *elastic)
{
    for (uint32_t i = 0; elastic->requests && i < elastic->output->elastic.connections; i++)
        elastic_request_fini(&elastic->requests[i]);
    elastic_greeting_fini(&elastic->greeting);
    elastic_loop_fini(&elastic->loop);
    elastic_hosts_fini(&elastic->hosts);
    elastic_targets_fini(&elastic->targets);
    bulk_packer_free(elastic->packer);
    curl_slist_free_all(elastic->headers);
    free(elastic->requests);
    free(elastic->query);
    free(elastic);
}

static int make_state(struct elastic_sink *elastic)
{
    const struct output_config *output = elastic->output;
    elastic->bulk_bytes = output->elastic.bulk_size;
    elastic_reasons_init(&elastic->reasons, output);
    dead_letter_init(&elastic->letter, output);
    int error = elastic_loop_init(&elastic->loop, output->elastic.connections * output->elastic.hosts.count + 1);
    error = error ? error : elastic_hosts_init(&elastic->hosts, output);
    error = error ? error : elastic_targets_init(&elastic->targets, output);
    error = error ? error : make_headers(elastic);
    error = error ? error : make_query(elastic);
    return error ? error : make_requests(elastic);
}

static int elastic_open(struct sink *sink)
{
    int error = check_output(sink->output);
    if (error)
        return error;
    struct elastic_sink *elastic = calloc(1, sizeof *elastic);
    if (!elastic)
        return -ENOMEM;
    elastic->sink = sink;
    elastic->output = sink->output;
    elastic->loop.epoll_fd = -1;
    error = make_state(elastic);
    if (error) {
        if (error != -EINVAL) /* that was said */
            log_error("output %s: cannot start: %s", sink->output->name, strerror(-error));
        free_state(elastic);
        return error;
    }
    sink->state = elastic;
    sink->wait_fd = elastic->loop.epoll_fd;
    sink->wait_events = POLLIN;
    sink->due_ns = 0;
    return 0;
}

static void elastic_close(struct sink *sink)
{
    struct elastic_sink *elastic = sink->state;
    for (uint32_t i = 0; i < elastic->output->elastic.connections; i++)
        if (elastic->requests[i].job)
            elastic_loop_remove(&elastic->loop, elastic->requests[i].handle);
    if (elastic->greeting.host)
        elastic_loop_remove(&elastic->loop, elastic->greeting.handle);
    elastic_reasons_close(&elastic->reasons);
    dead_letter_fini(&elastic->letter);
    free_state(elastic);
    sink->state = NULL;
    sink->wait_fd = -1;
}

/* ---- batches ---- */

static struct elastic_hold *free_hold(struct elastic_sink *elastic)
{
    for (int i = 0; i < SINK_BATCHES_MOST; i++)
        if (!elastic->holds[i].batch)
            return &elastic->holds[i];
    return NULL;
}

static int elastic_submit(struct sink *sink, struct batch *batch)
{
    struct elastic_sink *elastic = sink->state;
    struct elastic_hold *hold = elastic->held < SINK_BATCHES_MOST ? free_hold(elastic) : NULL;
    if (!hold)
        return -EAGAIN;
    if (batch->count && elastic_targets_add(&elastic->targets, batch) < 0)
        return -EAGAIN;
    elastic->held++;
    sink->due_ns = 0;
    if (!batch->count) {
        batch_list_push(&elastic->done, batch);
        return 0;
    }
    *hold = (struct elastic_hold){.batch = batch, .pending = batch->count};
    batch->output_data = hold;
    return 0;
}

static int elastic_poll(struct sink *sink, struct completion *completions, int most, int timeout_ms)
{
    struct elastic_sink *elastic = sink->state;
    advance(elastic);
    if (timeout_ms > 0 && elastic->held && !elastic->done.count) {
        sink_wait(sink, timeout_ms);
        advance(elastic);
    }
    int count = 0;
    while (count < most && elastic->done.count)
        completions[count++].batch = batch_list_pop(&elastic->done);
    elastic->held -= (uint32_t)count;
    return count;
}

/* Works until every document has its verdict or the time is over. */
static bool drain(struct elastic_sink *elastic, int timeout_ms)
{
    int64_t deadline = clock_steady_ns() + timeout_ms * NS_PER_MS;
    for (;;) {
        advance(elastic);
        if (elastic->held == elastic->done.count)
            return true;
        int64_t left_ns = deadline - clock_steady_ns();
        if (left_ns <= 0)
            return false;
        sink_wait(elastic->sink, (int)(left_ns / NS_PER_MS) + 1);
    }
}

/* Time is up: requests are broken off, whatever the server makes of them. */
static void give_up(struct elastic_sink *elastic)
{
    struct elastic_job *job;
    for (uint32_t i = 0; i < elastic->output->elastic.connections; i++) {
        struct elastic_request *request = &elastic->requests[i];
        if (!request->job)
            continue;
        elastic_loop_remove(&elastic->loop, request->handle);
        elastic_job_judge(elastic, elastic_request_over(request), VERDICT_FAILED);
    }
    while ((job = next_again(elastic, INT64_MAX)))
        elastic_job_judge(elastic, job, VERDICT_FAILED);
    struct bulk_run run;
    while (elastic_targets_pop(&elastic->targets, &run))
        elastic_run_judge(elastic, &run, VERDICT_FAILED);
}

static int elastic_flush(struct sink *sink, int timeout_ms)
{
    struct elastic_sink *elastic = sink->state;
    elastic_hosts_wake(&elastic->hosts); /* what waits for its next try gets one now */
    for (struct elastic_job *job = elastic->again; job; job = job->next)
        job->due_ns = 0;
    if (drain(elastic, timeout_ms))
        return 0;
    give_up(elastic);
    advance(elastic);
    return -ETIMEDOUT;
}

const struct sink_ops sink_elastic = {
    .name = "elasticsearch",
    .open = elastic_open,
    .submit = elastic_submit,
    .poll = elastic_poll,
    .flush = elastic_flush,
    .close = elastic_close,
};
