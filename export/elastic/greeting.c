/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/sink.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/elastic/http.h"

#define ANSWER_DOCUMENTS 1 /* the bound on an answer about one document is plenty */

static size_t take_answer(char *bytes, size_t one, size_t count, void *context)
{
    struct elastic_greeting *greeting = context;
    bulk_answer_take_error(&greeting->answer, bytes, count);
    return count;
}

static size_t take_header(char *bytes, size_t one, size_t count, void *context)
{
    static const char name[] = "X-elastic-product:";
    struct elastic_greeting *greeting = context;
    if (count >= sizeof name - 1 && strncasecmp(bytes, name, sizeof name - 1) == 0)
        greeting->product_header = true;
    return count;
}

int elastic_greeting_init(struct elastic_greeting *greeting, const struct elastic_sink *elastic)
{
    CURL *handle = http_handle_new(elastic->output);
    *greeting = (struct elastic_greeting){.handle = handle, .headers = http_headers(elastic->output, false)};
    greeting->done = elastic->sink->thread != 0; /* one of several says it */
    if (!handle || !greeting->headers)
        return -ENOMEM;
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, greeting->headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, greeting);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, greeting);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, greeting->error);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)(elastic->output->elastic.timeout / NS_PER_MS));
    return 0;
}

void elastic_greeting_fini(struct elastic_greeting *greeting)
{
    if (greeting->handle)
        http_handle_free(greeting->handle);
    curl_slist_free_all(greeting->headers);
    bulk_answer_fini(&greeting->answer);
    *greeting = (struct elastic_greeting){.done = true};
}

void elastic_greeting_start(struct elastic_sink *elastic, int64_t now_ns)
{
    char url[1024];
    struct elastic_greeting *greeting = &elastic->greeting;
    if (greeting->done || greeting->host)
        return;
    struct elastic_host *host = elastic_hosts_pick(&elastic->hosts, now_ns);
    if (!host)
        return;
    int length = snprintf(url, sizeof url, "%.*s/", host->url_bytes, host->url);
    bulk_answer_begin(&greeting->answer, ANSWER_DOCUMENTS);
    greeting->error[0] = '\0';
    greeting->product_header = false;
    greeting->started_ns = now_ns;
    greeting->done = length >= (int)sizeof url ||
                     curl_easy_setopt(greeting->handle, CURLOPT_URL, url) != CURLE_OK ||
                     !elastic_loop_add(&elastic->loop, greeting->handle);
    if (greeting->done)
        return;
    greeting->host = host;
    host->in_flight++;
}

static void say_server(const struct elastic_sink *elastic, const struct elastic_host *host, const json_t *root)
{
    const char *cluster = "?", *number = NULL, *distribution = "Elasticsearch";
    const char *name = elastic->output->name;
    const json_t *version = json_object_get(root, "version");
    number = json_string_value(json_object_get(version, "number"));
    if (json_string_value(json_object_get(root, "cluster_name")))
        cluster = json_string_value(json_object_get(root, "cluster_name"));
    if (json_string_value(json_object_get(version, "distribution")))
        distribution = json_string_value(json_object_get(version, "distribution"));
    bool is_opensearch = strcasecmp(distribution, "opensearch") == 0;
    distribution = is_opensearch ? "OpenSearch" : distribution;
    if (!number) {
        log_warning("output %s: %s answers, but not as Elasticsearch or OpenSearch does", name, host->label);
        return;
    }
    log_info("output %s: %s is %.40s %.40s, cluster %.100s", name, host->label, distribution, number, cluster);
    if (is_opensearch != (elastic->output->kind == OUTPUT_OPENSEARCH))
        log_warning("output %s: output.type says the server was %s; documents go there all the same, but templates are "
                    "others",
                    name, is_opensearch ? "Elasticsearch" : "OpenSearch");
}

/* 403 is no failure: who writes documents need not be allowed to ask for the version. */
static void read_answer(struct elastic_sink *elastic, struct elastic_host *host, long status)
{
    const struct elastic_greeting *greeting = &elastic->greeting;
    if (status == 403) {
        log_info("output %s: %s answers%s; its version is not told to this user", elastic->output->name, host->label,
                 greeting->product_header ? " as Elasticsearch" : "");
        return;
    }
    json_t *root = greeting->answer.size_bytes
                       ? json_loadb(greeting->answer.body, greeting->answer.size_bytes, 0, NULL)
                       : NULL;
    say_server(elastic, host, root);
    json_decref(root);
}

void elastic_greeting_over(struct elastic_sink *elastic, CURLcode code)
{
    struct elastic_greeting *greeting = &elastic->greeting;
    struct elastic_host *host = greeting->host;
    struct bulk_error error;
    long status = 0;
    curl_easy_getinfo(greeting->handle, CURLINFO_RESPONSE_CODE, &status);
    greeting->host = NULL;
    host->in_flight--;
    struct elastic_failure failure = {0};
    if (code != CURLE_OK) {
        failure = elastic_unanswered(code, greeting->error);
    } else if (status == 401 || status == 429 || status >= 500) {
        bulk_answer_error(&greeting->answer, &error);
        failure.code = (int)status;
        failure.reason = *error.reason ? error.reason : "an answer without a reason";
        failure.remedy = elastic_remedy(status);
        failure.busy = status == 429;
    } else {
        greeting->done = true;
        elastic_host_answered(&elastic->hosts, host);
        read_answer(elastic, host, status);
        return;
    }
    failure.started_ns = greeting->started_ns;
    elastic_host_failed(&elastic->hosts, host, &failure);
}
