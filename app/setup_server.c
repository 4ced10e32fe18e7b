/* SPDX-License-Identifier: Apache-2.0 */
#include "app/setup_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/setup_compare.h"
#include "export/elastic/http.h"

#define REASON_MOST 400 /* bytes of a server's explanation that are shown */

const char *product_name(enum output_kind product)
{
    return product == OUTPUT_OPENSEARCH ? "OpenSearch" : "Elasticsearch";
}

/* --- what went wrong --- */

/* The innermost reason that the answer gives; "" when there is none. */
static const char *answer_reason(json_t *answer)
{
    json_t *error = json_object_get(answer, "error");
    if (json_is_string(error))
        return json_string_value(error);
    const char *reason = json_string_value(json_object_get(error, "reason"));
    for (int depth = 0; depth < 8 && (error = json_object_get(error, "caused_by")); depth++) {
        const char *deeper = json_string_value(json_object_get(error, "reason"));
        reason = deeper ? deeper : reason;
    }
    return reason ? reason : "";
}

static const char *status_remedy(const struct server *server, long status)
{
    if (status == 401)
        return "set the output's username and password, its elasticsearch.api_key or its elasticsearch.token";
    if (status == 403 && server->product == OUTPUT_OPENSEARCH)
        return "the user needs the cluster permissions cluster_monitor, indices:admin/index_template/*, "
               "cluster:admin/component_template/* and cluster:admin/opendistro/ism/policy/*";
    if (status == 403)
        return "the user needs the cluster privileges monitor, manage_index_templates and manage_ilm";
    if (status == 409)
        return "somebody else changed it meanwhile: look again";
    return NULL;
}

/* One line: what was asked, what came back, and what to do about it. object: NULL for the server itself. */
static void answer_report(const struct server *server, const char *doing, const struct index_object *object,
                          const struct http_answer *answer)
{
    json_t *json = json_loads(answer->body, 0, NULL);
    const char *reason = json ? answer_reason(json) : answer->body;
    const char *remedy = status_remedy(server, answer->status);
    fprintf(stderr, "weir setup: %s%s%s%s%s at %s: status %ld", doing, object ? " the " : "",
            object ? object->kind : "", object ? " " : "", object ? object->name : "", server->host, answer->status);
    if (*reason) {
        fputs(", ", stderr);
        server_text_print(stderr, reason, REASON_MOST);
    }
    if (remedy)
        fprintf(stderr, "; %s", remedy);
    else if (object)
        fprintf(stderr, "; where the server cannot have it, leave it out: --without %s",
                index_part_names[object->part]);
    fputc('\n', stderr);
    json_decref(json);
}

/* --- who it is --- */

/* From the answer to GET /. False when it is neither. */
static bool server_recognize(struct server *server, json_t *answer)
{
    json_t *version = json_object_get(answer, "version");
    const char *number = json_string_value(json_object_get(version, "number"));
    const char *distribution = json_string_value(json_object_get(version, "distribution"));
    unsigned major = 0, minor = 0;
    if (!number || sscanf(number, "%u.%u", &major, &minor) != 2 || major > 1000 || minor > 999)
        return false;
    bool is_opensearch = distribution && strcmp(distribution, "opensearch") == 0;
    server->product = is_opensearch ? OUTPUT_OPENSEARCH : OUTPUT_ELASTICSEARCH;
    server->version = INDEX_VERSION(major, minor);
    snprintf(server->version_text, sizeof server->version_text, "%s", number);
    return true;
}

/* Asks one host. Returns 0, -EAGAIN when another host may do better, or -EIO. */
static int host_ask(struct server *server)
{
    struct http_answer answer;
    if (http_request(server->output, server->host, "/", NULL, &answer) < 0) {
        fprintf(stderr, "weir setup: %s does not answer: %s\n", server->host, answer.error);
        return -EAGAIN;
    }
    json_t *json = json_loads(answer.body, 0, NULL);
    bool good = answer.status == 200 && server_recognize(server, json);
    if (answer.status != 200)
        answer_report(server, "asking", NULL, &answer);
    else if (!good)
        fprintf(stderr,
                "weir setup: %s is neither Elasticsearch nor OpenSearch; correct elasticsearch.hosts of the output\n",
                server->host);
    json_decref(json);
    free(answer.body);
    return good ? 0 : answer.status >= 500 ? -EAGAIN : -EIO;
}

int server_open(struct server *server, const struct output_config *output)
{
    *server = (struct server){.output = output, .product = output->kind};
    int result = -EIO;
    for (uint32_t i = 0; i < output->elastic.hosts.count; i++) {
        server->host = output->elastic.hosts.items[i];
        result = host_ask(server);
        if (result != -EAGAIN)
            break;
    }
    return result ? -EIO : 0;
}

/* --- objects --- */

/* A server without the plugin of a path answers 400 or 405, as to any path that nobody handles. */
static bool is_unknown_path(const struct http_answer *answer)
{
    return (answer->status == 400 || answer->status == 405) &&
           (strstr(answer->body, "no handler found") || strstr(answer->body, "Incorrect HTTP method"));
}

static json_t *first_of(json_t *list, const char *member)
{
    return json_incref(json_object_get(json_array_get(list, 0), member));
}

/* The part of an answer to GET that a PUT would take; NULL when there is none. */
static json_t *answer_body(const struct index_object *wanted, json_t *answer)
{
    if (strncmp(wanted->path, "/_component_template/", 21) == 0)
        return first_of(json_object_get(answer, "component_templates"), "component_template");
    if (wanted->part == INDEX_TEMPLATE)
        return first_of(json_object_get(answer, "index_templates"), "index_template");
    json_t *named = json_object_get(answer, wanted->name); /* ILM; ISM's stands at the top */
    json_t *policy = json_object_get(named ? named : answer, "policy");
    return policy ? json_pack("{s:O}", "policy", policy) : NULL;
}

/* ISM replaces a policy only for who names the version that he has seen. */
static void query_make(json_t *answer, char query[SERVER_QUERY_MOST])
{
    json_t *number = json_object_get(answer, "_seq_no"), *term = json_object_get(answer, "_primary_term");
    if (json_is_integer(number) && json_is_integer(term))
        snprintf(query, SERVER_QUERY_MOST, "?if_seq_no=%lld&if_primary_term=%lld", json_integer_value(number),
                 json_integer_value(term));
}

void server_object_parse(const struct index_object *wanted, json_t *answer, struct server_object *found)
{
    *found = (struct server_object){.body = answer_body(wanted, answer)};
    query_make(answer, found->query);
}

int server_get(const struct server *server, const struct index_object *wanted, struct server_object *found)
{
    struct http_answer answer;
    *found = (struct server_object){0};
    if (http_request(server->output, server->host, wanted->path, NULL, &answer) < 0) {
        fprintf(stderr, "weir setup: %s does not answer: %s\n", server->host, answer.error);
        return -EIO;
    }
    json_t *json = json_loads(answer.body, 0, NULL);
    if (answer.status == 200)
        server_object_parse(wanted, json, found);
    int result = answer.status == 404 || found->body ? 0 : -EIO;
    if (result && is_unknown_path(&answer))
        fprintf(stderr, "weir setup: %s knows no %s (it lacks a plugin or a module); leave it out: --without %s\n",
                server->host, wanted->kind, index_part_names[wanted->part]);
    else if (result)
        answer_report(server, "asking for", wanted, &answer);
    json_decref(json);
    free(answer.body);
    return result;
}

void server_object_fini(struct server_object *found)
{
    json_decref(found->body);
    found->body = NULL;
}

int server_put(const struct server *server, const struct index_object *wanted, const struct server_object *found)
{
    struct http_answer answer;
    char path[sizeof wanted->path + SERVER_QUERY_MOST];
    snprintf(path, sizeof path, "%s%s", wanted->path, found->query);
    char *body = json_dumps(wanted->body, JSON_COMPACT);
    int result = body ? http_request(server->output, server->host, path, body, &answer) : -ENOMEM;
    free(body);
    if (result < 0) {
        fprintf(stderr, "weir setup: no answer to the %s: %s\n", wanted->name,
                result == -ENOMEM ? "no memory" : answer.error);
        return -EIO;
    }
    if (answer.status != 200 && answer.status != 201) {
        answer_report(server, "creating", wanted, &answer);
        result = -EIO;
    }
    free(answer.body);
    return result;
}
