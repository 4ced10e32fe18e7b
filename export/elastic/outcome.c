/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/sink.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/elastic/fate.h"

#define AGAIN_FIRST_NS  (200 * NS_PER_MS) /* for documents that a busy server put off */
#define AGAIN_MOST_NS   (10 * NS_PER_S)
#define MEND_FIRST_NS   (1 * NS_PER_S)    /* for what somebody must put right */
#define MEND_MOST_NS    (15 * NS_PER_S)
#define FAILURES_MOST   3                 /* of a request without an answer, while others go through: it is split */
#define SPLITS_BLIND    4                 /* halvings for a status 400 while no request goes through */
#define BULK_LEAST_BYTES 65536            /* requests are not made smaller than that for servers that want less */
#define TROUBLE_LEAST_NS (10 * NS_PER_S)  /* a target that is well and not by turns is logged so often at most */

void elastic_settle(struct elastic_sink *elastic, struct batch *batch, uint32_t documents)
{
    struct elastic_hold *hold = batch->output_data;
    assert(documents <= hold->pending);
    hold->pending -= documents;
    if (hold->pending)
        return;
    hold->batch = NULL;
    batch->output_data = NULL;
    batch_list_push(&elastic->done, batch);
}

void elastic_run_judge(struct elastic_sink *elastic, const struct bulk_run *run, enum verdict verdict)
{
    uint32_t begin = run->first ? run->batch->ends[run->first - 1] : 0;
    uint32_t end = run->batch->ends[run->first + run->count - 1];
    if (verdict == VERDICT_DELIVERED)
        counter_add(elastic->sink->counters, COUNTER_output_bytes, end - begin);
    for (uint32_t i = 0; verdict != VERDICT_DELIVERED && i < run->count; i++)
        batch_judge(run->batch, run->first + i, verdict);
    elastic_settle(elastic, run->batch, run->count);
}

void elastic_job_judge(struct elastic_sink *elastic, struct elastic_job *job, enum verdict verdict)
{
    for (uint32_t i = 0; i < job->run_count; i++)
        elastic_run_judge(elastic, &job->runs[i], verdict);
    elastic_job_free(job);
}

/* Out of memory: what cannot be sent again is given up, so that the spool may have it. */
static void give_up(struct elastic_sink *elastic, struct elastic_job *job)
{
    log_limited(&elastic->memory_cause, LOG_LEVEL_ERROR, "output %s: no memory to send %u documents again",
                elastic->output->name, job->documents);
    elastic_job_judge(elastic, job, VERDICT_FAILED);
}

static void send_again(struct elastic_sink *elastic, struct elastic_job *job, int64_t delay_ns)
{
    struct elastic_job **link;
    job->attempts++;
    job->due_ns = delay_ns ? clock_steady_ns() + delay_ns : 0;
    job->next = NULL;
    for (link = &elastic->again; *link; link = &(*link)->next)
        ;
    *link = job;
}

/* ---- single documents ---- */

static void refuse(struct elastic_sink *elastic, const struct elastic_job *job, const struct elastic_walk *at,
                   const struct bulk_item *item)
{
    uint32_t size_bytes;
    const uint8_t *bytes = batch_document(at->batch, at->document, &size_bytes);
    elastic_reasons_add(&elastic->reasons, item->type, item->reason);
    dead_letter_add(&elastic->letter, &(struct dead_letter_document){.target = job->target->name,
                                                                     .status = item->status,
                                                                     .type = item->type,
                                                                     .reason = item->reason,
                                                                     .bytes = bytes,
                                                                     .size_bytes = size_bytes});
    batch_judge(at->batch, at->document, VERDICT_REFUSED);
}

/* What the server says of a job's documents, one after the other. */
struct reading {
    struct elastic_sink *elastic;
    const struct elastic_job *job;
    struct elastic_walk walk;
    uint8_t *fates;
    uint32_t counts[ELASTIC_FATES];
    struct bulk_error error; /* of the last document that is to be sent again */
    long status;
    const char *remedy;
};

static void read_item(void *context, const struct bulk_item *item)
{
    struct reading *reading = context;
    const char *remedy = "";
    enum elastic_fate fate = elastic_fate_of(item, reading->elastic->output->elastic.ids, &remedy);
    elastic_walk_next(&reading->walk, reading->job);
    reading->fates[item->document] = (uint8_t)fate;
    reading->counts[fate]++;
    if (fate == ELASTIC_REFUSED)
        refuse(reading->elastic, reading->job, &reading->walk, item);
    /* What somebody must put right is worth more words than what passes. */
    if (fate == ELASTIC_MEND || (fate == ELASTIC_AGAIN && !reading->counts[ELASTIC_MEND])) {
        snprintf(reading->error.type, sizeof reading->error.type, "%s", item->type);
        snprintf(reading->error.reason, sizeof reading->error.reason, "%s", item->reason);
        reading->status = item->status;
        reading->remedy = remedy;
    }
}

static void trouble_say(struct elastic_sink *elastic, struct elastic_target *target, const struct reading *reading)
{
    const char *type = *reading->error.type ? reading->error.type : "unknown";
    bool known = strncmp(target->trouble, type, sizeof target->trouble - 1) == 0;
    target->trouble_ns = clock_steady_ns();
    if (known)
        return;
    snprintf(target->trouble, sizeof target->trouble, "%s", type);
    log_line(reading->counts[ELASTIC_MEND] ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
             "output %s: %s takes %u of %u documents only: %ld %s: %.300s%s%s; the others are kept and sent again",
             elastic->output->name, target->name,
             reading->job->documents - reading->counts[ELASTIC_AGAIN] - reading->counts[ELASTIC_MEND],
             reading->job->documents, reading->status, type, reading->error.reason, *reading->remedy ? "; " : "",
             reading->remedy);
}

static void trouble_over(struct elastic_sink *elastic, struct elastic_target *target)
{
    if (!*target->trouble || clock_steady_ns() - target->trouble_ns < TROUBLE_LEAST_NS)
        return;
    log_info("output %s: %s takes all documents again", elastic->output->name, target->name);
    target->trouble[0] = '\0';
}

/* Documents of one fate become a job of their own, or get their verdict. */
static void part_again(struct elastic_sink *elastic, const struct reading *reading, enum elastic_fate fate)
{
    const struct elastic_job *job = reading->job;
    if (!reading->counts[fate])
        return;
    struct elastic_job *part = elastic_job_part(job, reading->fates, fate, elastic->output->elastic.ids);
    if (part) {
        bool mend = fate == ELASTIC_MEND;
        part->failures = part->splits = 0;
        send_again(elastic, part, elastic_backoff(&elastic->hosts, job->attempts + 1,
                                                  mend ? MEND_FIRST_NS : AGAIN_FIRST_NS,
                                                  mend ? MEND_MOST_NS : AGAIN_MOST_NS));
        return;
    }
    log_limited(&elastic->memory_cause, LOG_LEVEL_ERROR, "output %s: no memory to send %u documents again",
                elastic->output->name, reading->counts[fate]);
    struct elastic_walk walk = {0};
    for (uint32_t i = 0; elastic_walk_next(&walk, job); i++) {
        if (reading->fates[i] != fate)
            continue;
        batch_judge(walk.batch, walk.document, VERDICT_FAILED);
        elastic_settle(elastic, walk.batch, 1);
    }
}

static void settle_rest(struct elastic_sink *elastic, const struct reading *reading)
{
    struct elastic_walk walk = {0};
    uint64_t bytes = 0;
    for (uint32_t i = 0; elastic_walk_next(&walk, reading->job); i++) {
        uint8_t fate = reading->fates[i];
        uint32_t begin = walk.document ? walk.batch->ends[walk.document - 1] : 0;
        if (fate == ELASTIC_DELIVERED)
            bytes += walk.batch->ends[walk.document] - begin;
        if (fate == ELASTIC_DELIVERED || fate == ELASTIC_REFUSED)
            elastic_settle(elastic, walk.batch, 1);
    }
    counter_add(elastic->sink->counters, COUNTER_output_bytes, bytes);
}

/* Some documents failed. False when the answer cannot be read: then nothing is changed. */
static bool apply_items(struct elastic_sink *elastic, struct elastic_job *job, struct elastic_request *request)
{
    struct reading reading = {.elastic = elastic, .job = job, .remedy = "", .fates = malloc(job->documents)};
    int error = -1;
    if (reading.fates)
        error = bulk_answer_read(&request->answer, job->documents, read_item, &reading);
    if (!error) {
        if (reading.counts[ELASTIC_AGAIN] || reading.counts[ELASTIC_MEND])
            trouble_say(elastic, job->target, &reading);
        else
            trouble_over(elastic, job->target);
        if (reading.counts[ELASTIC_AGAIN])
            elastic_host_press(request->host, request->started_ns);
        part_again(elastic, &reading, ELASTIC_AGAIN);
        part_again(elastic, &reading, ELASTIC_MEND);
        settle_rest(elastic, &reading);
        elastic_job_free(job);
    }
    free(reading.fates);
    return !error;
}

/* ---- whole requests ---- */

static void split(struct elastic_sink *elastic, struct elastic_job *job)
{
    bool ids = elastic->output->elastic.ids;
    uint32_t half = job->documents / 2;
    struct elastic_job *one = elastic_job_slice(job, 0, half, ids);
    struct elastic_job *other = elastic_job_slice(job, half, job->documents - half, ids);
    if (!one || !other) {
        if (one)
            elastic_job_free(one);
        if (other)
            elastic_job_free(other);
        give_up(elastic, job);
        return;
    }
    one->failures = other->failures = 0;
    one->splits = other->splits = job->splits + 1;
    send_again(elastic, one, 0);
    send_again(elastic, other, 0);
    elastic_job_free(job);
}

/* The only document of a job is not wanted. */
static void refuse_job(struct elastic_sink *elastic, struct elastic_job *job, long status,
                       const struct bulk_error *error)
{
    struct elastic_walk walk = {0};
    struct bulk_item item = {.status = status, .type = error->type, .reason = error->reason};
    elastic_walk_next(&walk, job);
    refuse(elastic, job, &walk, &item);
    elastic_settle(elastic, walk.batch, 1);
    elastic_job_free(job);
}

/* The server wants smaller requests. */
static void too_large(struct elastic_sink *elastic, struct elastic_request *request, struct elastic_job *job)
{
    if (job->documents == 1) {
        refuse_job(elastic, job, 413, &(struct bulk_error){.type = "content_too_large",
                                                           .reason = "the document is larger than the server takes"});
        return;
    }
    /* A request from before they were made smaller says nothing new. */
    uint64_t most = job->bytes / 2 > BULK_LEAST_BYTES ? job->bytes / 2 : BULK_LEAST_BYTES;
    if (job->bytes <= elastic->bulk_bytes && most < elastic->bulk_bytes) {
        elastic->bulk_bytes = most;
        log_warning("output %s: %s takes no request of %llu bytes: they are made smaller, %llu bytes from now on; set "
                    "elasticsearch.bulk_size to that, or let the server take more (http.max_content_length)",
                    elastic->output->name, request->host->label, (unsigned long long)job->bytes,
                    (unsigned long long)most);
    }
    split(elastic, job);
}

static void failure_count(struct elastic_sink *elastic, struct elastic_job *job)
{
    counter_add(elastic->sink->counters, COUNTER_output_write_errors, 1);
    if (!job->failures++ && !job->splits)
        job->mark = elastic->accepted;
}

/* The failure of a whole request may be its own fault where others went through since it failed first. */
static bool own_fault(const struct elastic_sink *elastic, const struct elastic_job *job)
{
    return elastic->accepted > job->mark;
}

/*
 * 400: a document may be at fault; it is found by halves. When nothing at all goes through, none is, and requests are
 * not split on. False when the job is to be sent again as it is.
 */
static bool bad_request(struct elastic_sink *elastic, struct elastic_job *job, const struct bulk_error *error)
{
    bool own = own_fault(elastic, job);
    if (job->documents > 1 && (own || job->splits < SPLITS_BLIND))
        split(elastic, job);
    else if (job->documents == 1 && own)
        refuse_job(elastic, job, 400, error);
    else
        return false;
    return true;
}

const char *elastic_remedy(long status)
{
    static const struct {
        long status;
        const char *remedy;
    } rows[] = {
        {301, "elasticsearch.hosts is to name the place that it redirects to"},
        {302, "elasticsearch.hosts is to name the place that it redirects to"},
        {307, "elasticsearch.hosts is to name the place that it redirects to"},
        {308, "elasticsearch.hosts is to name the place that it redirects to"},
        {401, "check username and password, elasticsearch.api_key or elasticsearch.token"},
        {403, "give the user, or API key, the privileges create_doc and auto_configure on the index or data stream"},
        {404, "check the path in elasticsearch.hosts, and that the index or data stream may be created"},
        {405, "check the path in elasticsearch.hosts"},
        {429, "the server is overloaded"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return rows[i].remedy;
    return "";
}

struct elastic_failure elastic_unanswered(CURLcode code, const char *error)
{
    struct elastic_failure failure = {.code = -(int)code, .remedy = ""};
    failure.reason = *error ? error : curl_easy_strerror(code);
    if (code == CURLE_OPERATION_TIMEDOUT)
        failure.remedy = "see that the server is well, or give it more time by elasticsearch.timeout";
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        failure.remedy = "check tls.ca, tls.ca_fingerprint (of a certificate that the server sends) and tls.verify";
    else if (code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM)
        failure.remedy = "check that tls.ca, tls.certificate and tls.key are PEM files, and tls.key_password";
    return failure;
}

/* The request as a whole failed: the host is left alone for a while, the job is sent again, at once where another host
   is there. */
static void fail(struct elastic_request *request, struct elastic_job *job, struct elastic_failure *failure)
{
    struct elastic_sink *elastic = request->elastic;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(request->handle, CURLINFO_RETRY_AFTER, &retry_after_s);
    failure->least_ns = retry_after_s > 0 && retry_after_s < 3600 ? retry_after_s * NS_PER_S : 0;
    failure->started_ns = request->started_ns;
    failure->busy = failure->code == 429;
    elastic_host_failed(&elastic->hosts, request->host, failure);
    bool breaks = failure->code < 0 && job->failures >= FAILURES_MOST; /* the connection, again and again */
    if (breaks && own_fault(elastic, job) && job->documents > 1)
        split(elastic, job);
    else
        send_again(elastic, job,
                   failure->code < 0 && job->failures > 1
                       ? elastic_backoff(&elastic->hosts, job->failures, MEND_FIRST_NS, MEND_MOST_NS)
                       : 0);
}

/* No answer, or one that cannot be read to its end. */
static void unanswered(struct elastic_request *request, struct elastic_job *job, CURLcode code)
{
    failure_count(request->elastic, job);
    if (request->answer.too_long && job->documents > 1) {
        split(request->elastic, job);
        return;
    }
    struct elastic_failure failure = elastic_unanswered(code, request->error);
    fail(request, job, &failure);
}

static void unreadable(struct elastic_request *request, struct elastic_job *job)
{
    struct elastic_failure failure = {.code = -(int)CURLE_WEIRD_SERVER_REPLY,
                                      .reason = "an answer that is not one of Elasticsearch or OpenSearch",
                                      .remedy = "check elasticsearch.hosts"};
    failure_count(request->elastic, job);
    fail(request, job, &failure);
}

static void failed_status(struct elastic_request *request, struct elastic_job *job, long status)
{
    struct bulk_error error;
    char reason[BULK_REASON_MOST + BULK_TYPE_MOST + 32];
    failure_count(request->elastic, job);
    bulk_answer_error(&request->answer, &error);
    if (status == 413) {
        too_large(request->elastic, request, job);
        return;
    }
    if (status == 400 && bad_request(request->elastic, job, &error))
        return;
    snprintf(reason, sizeof reason, "HTTP status %ld%s%s%s%.300s", status, *error.type ? ", " : "", error.type,
             *error.reason ? ", " : "", error.reason);
    struct elastic_failure failure = {.code = (int)status, .reason = reason, .remedy = elastic_remedy(status)};
    fail(request, job, &failure);
}

/* A host is back: what failed with it need not wait any longer. */
static void failed_wake(struct elastic_sink *elastic)
{
    for (struct elastic_job *job = elastic->again; job; job = job->next)
        if (job->failures)
            job->due_ns = 0;
}

static void accepted(struct elastic_request *request, struct elastic_job *job)
{
    struct elastic_sink *elastic = request->elastic;
    if (bulk_answer_clean(&request->answer)) {
        trouble_over(elastic, job->target);
        elastic_job_judge(elastic, job, VERDICT_DELIVERED);
    } else if (request->answer.errors != BULK_ERRORS_SOME || !apply_items(elastic, job, request)) {
        unreadable(request, job);
        return;
    }
    elastic->accepted++;
    if (request->host->failures)
        failed_wake(elastic);
    elastic_host_answered(&elastic->hosts, request->host);
}

void elastic_outcome(struct elastic_request *request, CURLcode code)
{
    struct elastic_sink *elastic = request->elastic;
    struct elastic_job *job = elastic_request_over(request);
    long status = 0;
    curl_easy_getinfo(request->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status)
        counter_add(elastic->sink->counters, COUNTER_output_requests, 1);
    if (code != CURLE_OK && status != 413)
        unanswered(request, job, code);
    else if (status == 200)
        accepted(request, job);
    else
        failed_status(request, job, status);
}
