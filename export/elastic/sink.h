/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "export/elastic/bulk_answer.h"
#include "export/elastic/bulk_body.h"
#include "export/elastic/dead_letter.h"
#include "export/elastic/hosts.h"
#include "export/elastic/job.h"
#include "export/elastic/loop.h"
#include "export/elastic/reasons.h"
#include "export/sink.h"

/* What the parts of the sink for Elasticsearch and OpenSearch have in common. One thread. */
struct elastic_sink;

/* A batch that the sink has, and how many of its documents still want a verdict. */
struct elastic_hold {
    struct batch *batch; /* NULL = free */
    uint32_t pending;
};

/* One connection's worth of work: a job under way, or none. */
struct elastic_request {
    struct elastic_sink *elastic;
    CURL *handle;
    struct elastic_job *job;     /* NULL = idle */
    struct elastic_host *host;
    int64_t started_ns;          /* steady clock */
    struct bulk_reader reader;   /* where the body is not compressed */
    uint8_t *packed;             /* where it is */
    size_t packed_bytes, packed_room, packed_at;
    struct bulk_answer answer;
    char error[CURL_ERROR_SIZE];
};

/* GET /: who is there? Asked until it was answered once. */
struct elastic_greeting {
    CURL *handle;
    struct elastic_host *host;   /* under way to it; NULL = not under way */
    bool done;
    bool product_header;         /* X-elastic-product was among the headers */
    int64_t started_ns;
    struct curl_slist *headers;
    struct bulk_answer answer;
    char error[CURL_ERROR_SIZE];
};

struct elastic_sink {
    struct sink *sink;
    const struct output_config *output;
    struct elastic_loop loop;
    struct elastic_hosts hosts;
    struct elastic_targets targets;   /* documents that no request had yet */
    struct elastic_job *again;        /* jobs to be sent again */
    struct elastic_request *requests; /* output->elastic.connections */
    struct elastic_greeting greeting;
    struct bulk_packer *packer;       /* NULL = bodies are not compressed */
    struct curl_slist *headers;
    char *query;                      /* behind the target's name in the URL */
    struct elastic_hold holds[SINK_BATCHES_MOST];
    uint32_t held;
    struct batch_list done;
    uint64_t accepted;                /* requests that the servers took */
    uint64_t bulk_bytes;              /* of a body: elastic.bulk_size, or less where servers want less */
    struct elastic_reasons reasons;
    struct dead_letter letter;
    struct log_cause memory_cause;
};

/* ---- elastic_request.c ---- */

int elastic_request_init(struct elastic_request *request, struct elastic_sink *elastic);
void elastic_request_fini(struct elastic_request *request);

/* Sends the job to the host; the request has it until elastic_request_over(). False when there is no memory. */
bool elastic_request_start(struct elastic_request *request, struct elastic_job *job, struct elastic_host *host);

/* The request is idle again; returns its job. */
struct elastic_job *elastic_request_over(struct elastic_request *request);

/* ---- elastic_outcome.c ---- */

/* The request has come to its end: verdicts on its documents, and jobs for those that are to be sent again. */
void elastic_outcome(struct elastic_request *request, CURLcode code);

/* All documents of the job get the verdict; the job is over. */
void elastic_job_judge(struct elastic_sink *elastic, struct elastic_job *job, enum verdict verdict);

void elastic_run_judge(struct elastic_sink *elastic, const struct bulk_run *run, enum verdict verdict);

/* So many documents of the batch have their verdict for good. */
void elastic_settle(struct elastic_sink *elastic, struct batch *batch, uint32_t documents);

/* What to do about an HTTP status that is no success; "" where there is no advice. */
const char *elastic_remedy(long status);

/* A failure without an answer. error: what libcurl wrote, or "". */
struct elastic_failure elastic_unanswered(CURLcode code, const char *error);

/* ---- elastic_greeting.c ---- */

int elastic_greeting_init(struct elastic_greeting *greeting, const struct elastic_sink *elastic);
void elastic_greeting_fini(struct elastic_greeting *greeting);

/* Asks, if that is still to be done and a host may be asked. */
void elastic_greeting_start(struct elastic_sink *elastic, int64_t now_ns);
void elastic_greeting_over(struct elastic_sink *elastic, CURLcode code);
