/* SPDX-License-Identifier: Apache-2.0 */
#include "app/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/elastic/http.h"

#define TIMEOUT_MS   10000L
#define ANSWER_MOST  (64U << 20) /* ten thousand exporters are a tenth of it */
#define TOKEN_MOST   4096
#define STEP_MS      250         /* of client_get(), which nobody interrupts */

void client_setup_take(struct client_setup *setup, int letter, const char *value)
{
    if (letter == 'u')
        setup->url = value;
    else if (letter == 't')
        setup->token_file = value;
    else if (letter == 'a')
        setup->ca = value;
}

/* ---- opening ---- */

/* The first line of a file; the caller frees it. NULL with the reason printed. */
static char *token_read(const char *path, const char *command)
{
    char *token = calloc(1, TOKEN_MOST);
    FILE *file = token ? fopen(path, "re") : NULL;
    bool read = file && fgets(token, TOKEN_MOST, file);
    int error = errno;
    if (file)
        fclose(file);
    if (read)
        token[strcspn(token, "\r\n")] = '\0';
    if (read && *token)
        return token;
    fprintf(stderr, "weir %s: --token-file %s: %s\n", command, path,
            file ? "it is empty; its first line is to be the collector's http.token" : strerror(error));
    free(token);
    return NULL;
}

/* "127.0.0.1:9478" means http. */
static char *url_make(const char *text)
{
    char *url = NULL;
    size_t length = strlen(text);
    while (length && text[length - 1] == '/')
        length--;
    const char *scheme = strstr(text, "://") ? "" : "http://";
    return asprintf(&url, "%s%.*s", scheme, (int)length, text) < 0 ? NULL : url;
}

static bool connection_make(struct client *client, const struct client_setup *setup, const char *command)
{
    static char nothing[] = "";
    struct output_config *connection = &client->connection;
    connection->tls.ca = (char *)(setup->ca ? setup->ca : nothing);
    connection->tls.ca_fingerprint = connection->tls.certificate = connection->tls.key = nothing;
    connection->tls.key_password = connection->username = connection->password = nothing;
    connection->tls.verify = TLS_VERIFY_FULL;
    connection->elastic.api_key = connection->elastic.token = nothing;
    if (!setup->token_file)
        return true;
    char *token = token_read(setup->token_file, command);
    connection->elastic.token = token ? token : nothing;
    return token != NULL;
}

static size_t bytes_take(char *bytes, size_t one, size_t count, void *context)
{
    struct question *question = context;
    if (count > ANSWER_MOST - question->body_bytes)
        return 0;
    char *body = realloc(question->body, question->body_bytes + count + 1);
    if (!body)
        return 0;
    question->body = body;
    memcpy(body + question->body_bytes, bytes, count);
    question->body_bytes += count;
    body[question->body_bytes] = '\0';
    return count;
}

static bool question_open(struct client *client, struct question *question)
{
    question->handle = http_handle_new(&client->connection);
    if (!question->handle)
        return false;
    curl_easy_setopt(question->handle, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(question->handle, CURLOPT_WRITEFUNCTION, bytes_take);
    curl_easy_setopt(question->handle, CURLOPT_WRITEDATA, question);
    curl_easy_setopt(question->handle, CURLOPT_PRIVATE, question);
    curl_easy_setopt(question->handle, CURLOPT_ERRORBUFFER, question->error);
    curl_easy_setopt(question->handle, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(question->handle, CURLOPT_PROXY, ""); /* a collector is a machine of one's own */
    return true;
}

bool client_open(struct client *client, const struct client_setup *setup, const char *command)
{
    *client = (struct client){.url = url_make(setup->url)};
    if (!connection_make(client, setup, command))
        return false;
    client->headers = http_headers(&client->connection, false);
    bool good = client->url && client->headers;
    for (uint32_t i = 0; i < CLIENT_QUESTIONS && good; i++)
        good = question_open(client, &client->questions[i]);
    client->multi = good ? curl_multi_init() : NULL; /* behind the first handle, which starts libcurl */
    if (!client->multi)
        fprintf(stderr, "weir %s: no memory\n", command);
    return client->multi != NULL;
}

/* ---- asking ---- */

static void question_end(struct client *client, struct question *question)
{
    if (question->asked)
        curl_multi_remove_handle(client->multi, question->handle);
    json_decref(question->answer);
    free(question->body);
    question->answer = NULL;
    question->body = NULL;
    question->body_bytes = 0;
    question->asked = question->done = false;
    question->status = 0;
    question->error[0] = '\0';
}

void client_close(struct client *client)
{
    for (uint32_t i = 0; i < CLIENT_QUESTIONS; i++) {
        question_end(client, &client->questions[i]);
        if (client->questions[i].handle)
            http_handle_free(client->questions[i].handle);
    }
    if (client->multi)
        curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    if (client->connection.elastic.token && *client->connection.elastic.token)
        free(client->connection.elastic.token);
    free(client->url);
}

void client_ask(struct client *client, const char *const *paths, uint32_t count)
{
    for (uint32_t i = 0; i < CLIENT_QUESTIONS; i++)
        question_end(client, &client->questions[i]);
    client->count = count;
    client->problem[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        struct question *question = &client->questions[i];
        char *url = NULL;
        question->asked = asprintf(&url, "%s%s", client->url, paths[i]) >= 0 &&
                          curl_easy_setopt(question->handle, CURLOPT_URL, url) == CURLE_OK &&
                          curl_multi_add_handle(client->multi, question->handle) == CURLM_OK;
        free(url);
        if (question->asked)
            continue;
        question->done = true;
        snprintf(question->error, sizeof question->error, "it cannot be asked");
    }
}

static const char *no_answer_remedy(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return "is weir running, and is --url the address of its http.listen?";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "--ca names the file with the CA of its certificate";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
        return "if it speaks TLS, --url begins with https://";
    case CURLE_SSL_CONNECT_ERROR:
        return "if it speaks no TLS, --url begins with http://";
    case CURLE_OPERATION_TIMEDOUT:
        return "is something between here and there that drops packets?";
    default:
        return NULL;
    }
}

static void question_settle(struct client *client, struct question *question, CURLcode code)
{
    question->done = true;
    if (code != CURLE_OK) {
        const char *remedy = no_answer_remedy(code);
        snprintf(client->problem, sizeof client->problem, "%s does not answer: %s%s%s", client->url,
                 *question->error ? question->error : curl_easy_strerror(code), remedy ? "; " : "",
                 remedy ? remedy : "");
        return;
    }
    curl_easy_getinfo(question->handle, CURLINFO_RESPONSE_CODE, &question->status);
    question->answer = json_loadb(question->body ? question->body : "", question->body_bytes, 0, NULL);
    if (question->status == 200 && json_is_object(question->answer))
        return;
    const char *reason = client_text(question->answer, "error");
    if (question->status == 401)
        snprintf(client->problem, sizeof client->problem, "%s: the token is refused; %s", client->url,
                 *client->connection.elastic.token ? "--token-file is to hold the collector's http.token"
                                                   : "name a file with the collector's http.token: --token-file FILE");
    else if (*reason)
        snprintf(client->problem, sizeof client->problem, "%s: %s", client->url, reason);
    else
        snprintf(client->problem, sizeof client->problem,
                 "%s: status %ld, and not what weir would say; is --url the address of its http.listen?", client->url,
                 question->status);
    json_decref(question->answer);
    question->answer = NULL;
}

/* Takes what has ended; true when all have. */
static bool questions_collect(struct client *client)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left));) {
        struct question *question;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&question);
        question_settle(client, question, message->data.result);
    }
    bool all = true;
    for (uint32_t i = 0; i < client->count; i++)
        all = all && client->questions[i].done;
    return all;
}

bool client_wait(struct client *client, int fd, int timeout_ms)
{
    struct curl_waitfd also = {.fd = fd, .events = CURL_WAIT_POLLIN};
    int running;
    curl_multi_perform(client->multi, &running);
    if (questions_collect(client))
        return true;
    curl_multi_poll(client->multi, fd >= 0 ? &also : NULL, fd >= 0, timeout_ms, NULL);
    curl_multi_perform(client->multi, &running);
    return questions_collect(client);
}

json_t *client_get(struct client *client, const char *path)
{
    client_ask(client, &path, 1);
    while (!client_wait(client, -1, STEP_MS))
        ;
    return json_incref(client->questions[0].answer);
}

/* ---- members ---- */

uint64_t client_number(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

double client_real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

const char *client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}
