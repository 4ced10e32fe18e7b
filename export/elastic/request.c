/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/elastic/http.h"

#define URL_MOST   4096
#define SEND_BYTES 262144L /* handed to the socket at once: fewer calls than libcurl's 64 KiB */

/* ---- body and answer, as libcurl asks for them ---- */

static size_t give_body(char *out, size_t one, size_t count, void *context)
{
    struct elastic_request *request = context;
    if (!request->elastic->packer)
        return bulk_reader_read(&request->reader, out, count);
    size_t left = request->packed_bytes - request->packed_at;
    size_t part = left < count ? left : count;
    memcpy(out, request->packed + request->packed_at, part);
    request->packed_at += part;
    return part;
}

static void reader_begin(struct elastic_request *request)
{
    const struct elastic_job *job = request->job;
    bulk_reader_begin(&request->reader, job->runs, job->run_count, request->elastic->output->elastic.ids);
}

/* libcurl begins again where a connection that was kept open turns out to be closed. */
static int rewind_body(void *context, curl_off_t offset, int origin)
{
    struct elastic_request *request = context;
    if (origin != SEEK_SET || offset)
        return CURL_SEEKFUNC_CANTSEEK;
    request->packed_at = 0;
    reader_begin(request);
    return CURL_SEEKFUNC_OK;
}

static size_t take_answer(char *bytes, size_t one, size_t count, void *context)
{
    struct elastic_request *request = context;
    long status = 0;
    curl_easy_getinfo(request->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return bulk_answer_take(&request->answer, bytes, count) ? count : 0;
    bulk_answer_take_error(&request->answer, bytes, count);
    return count;
}

/* ---- the request ---- */

int elastic_request_init(struct elastic_request *request, struct elastic_sink *elastic)
{
    const struct output_config *output = elastic->output;
    CURL *handle = http_handle_new(output);
    if (!handle)
        return -ENOMEM;
    request->elastic = elastic;
    request->handle = handle;
    curl_easy_setopt(handle, CURLOPT_PRIVATE, request);
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, elastic->headers);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(handle, CURLOPT_READDATA, request);
    curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(handle, CURLOPT_SEEKDATA, request);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BYTES);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)(output->elastic.timeout / NS_PER_MS));
    return 0;
}

void elastic_request_fini(struct elastic_request *request)
{
    if (request->handle)
        http_handle_free(request->handle);
    request->handle = NULL;
    free(request->packed);
    bulk_answer_fini(&request->answer);
}

/* HOST/TARGET/_bulk?...: names have only characters that a URL may have, but who knows what servers allow one day. */
static bool set_url(struct elastic_request *request)
{
    char url[URL_MOST];
    const struct elastic_host *host = request->host;
    char *name = curl_easy_escape(request->handle, request->job->target->name, 0);
    if (!name)
        return false;
    int length = snprintf(url, sizeof url, "%.*s/%s%s", host->url_bytes, host->url, name, request->elastic->query);
    curl_free(name);
    return length < (int)sizeof url && curl_easy_setopt(request->handle, CURLOPT_URL, url) == CURLE_OK;
}

static bool set_body(struct elastic_request *request)
{
    struct elastic_sink *elastic = request->elastic;
    uint64_t size = request->job->bytes;
    reader_begin(request);
    if (elastic->packer) {
        size = bulk_pack(elastic->packer, &request->reader, size, &request->packed, &request->packed_room);
        request->packed_bytes = size;
        request->packed_at = 0;
    }
    return size && curl_easy_setopt(request->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size) == CURLE_OK;
}

bool elastic_request_start(struct elastic_request *request, struct elastic_job *job, struct elastic_host *host)
{
    struct elastic_sink *elastic = request->elastic;
    request->job = job;
    request->host = host;
    request->error[0] = '\0';
    bulk_answer_begin(&request->answer, job->documents);
    request->started_ns = clock_steady_ns();
    if (!set_url(request) || !set_body(request) || !elastic_loop_add(&elastic->loop, request->handle)) {
        request->job = NULL;
        return false;
    }
    host->in_flight++;
    if (job->attempts)
        counter_add(elastic->sink->counters, COUNTER_output_retries, job->documents);
    return true;
}

struct elastic_job *elastic_request_over(struct elastic_request *request)
{
    struct elastic_job *job = request->job;
    curl_off_t sent = 0;
    curl_easy_getinfo(request->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
    counter_add(request->elastic->sink->counters, COUNTER_output_sent_bytes, (uint64_t)sent);
    request->host->in_flight--;
    request->job = NULL;
    return job;
}
