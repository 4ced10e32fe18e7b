/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/token.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/kafka/json_path.h"

#define ANSWER_MOST    65536
#define TIMEOUT_MS     15000L
#define LIFE_DEFAULT_S 300 /* expires_in is only recommended (RFC 6749 5.1) */
#define LIFE_MOST_S    (10 * 365 * 86400LL)

struct kafka_token {
    const struct output_config *output;
    int event_fd;
    rd_kafka_t *client; /* that wants one; NULL = none */
    pthread_t thread;
    bool running;          /* the thread is to be joined */
    _Atomic bool answered; /* the thread sets it last (release), the output's thread looks (acquire) */

    /* the thread's until it has answered */
    char answer[ANSWER_MOST];
    size_t answer_bytes;
    long status; /* HTTP's */
    char error[CURL_ERROR_SIZE];
};

struct kafka_token *kafka_token_new(const struct output_config *output, int event_fd)
{
    struct kafka_token *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    token->output = output;
    token->event_fd = event_fd;
    return token;
}

void kafka_token_free(struct kafka_token *token)
{
    if (!token)
        return;
    if (token->running)
        pthread_join(token->thread, NULL);
    explicit_bzero(token->answer, sizeof token->answer);
    free(token);
}

void kafka_token_forget(struct kafka_token *token)
{
    if (token)
        token->client = NULL;
}

/* --- the thread --- */

static size_t keep_answer(char *bytes, size_t one, size_t count, void *opaque)
{
    (void)one; /* always 1 */
    struct kafka_token *token = opaque;
    if (count > sizeof token->answer - token->answer_bytes)
        return 0;
    memcpy(token->answer + token->answer_bytes, bytes, count);
    token->answer_bytes += count;
    return count;
}

static CURLcode ask(struct kafka_token *token, CURL *curl, const char *form)
{
    const struct output_config *output = token->output;
    token->answer_bytes = 0;
    curl_easy_setopt(curl, CURLOPT_URL, output->kafka.oauth_url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, output->username);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, output->password);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, token->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, token);
    CURLcode code = curl_easy_perform(curl);
    /* The token's server may have a certificate of the system's authorities, or of the brokers' own. */
    if (code == CURLE_PEER_FAILED_VERIFICATION && *output->tls.ca) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, output->tls.ca);
        code = curl_easy_perform(curl);
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &token->status);
    return code;
}

static void fetch(struct kafka_token *token)
{
    CURL *curl = curl_easy_init();
    char *scope = curl ? curl_easy_escape(curl, token->output->kafka.oauth_scope, 0) : NULL, *form = NULL;
    token->status = 0;
    if (!scope || asprintf(&form, "grant_type=client_credentials%s%s", *scope ? "&scope=" : "", scope) < 0) {
        form = NULL;
        snprintf(token->error, sizeof token->error, "out of memory");
    } else {
        CURLcode code = ask(token, curl, form);
        if (code != CURLE_OK && !*token->error)
            snprintf(token->error, sizeof token->error, "%s", curl_easy_strerror(code));
        if (code != CURLE_OK)
            token->status = 0;
    }
    free(form);
    curl_free(scope);
    curl_easy_cleanup(curl);
}

static void *token_run(void *opaque)
{
    struct kafka_token *token = opaque;
    pthread_setname_np(pthread_self(), "weir-token");
    *token->error = '\0';
    fetch(token);
    atomic_store_explicit(&token->answered, true, memory_order_release); /* with kafka_token_advance() */
    uint64_t one = 1;
    while (write(token->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    return NULL;
}

/* --- the output's thread --- */

void kafka_token_want(struct kafka_token *token, rd_kafka_t *client)
{
    token->client = client;
    if (token->running)
        return; /* the answer that comes will do */
    int error = pthread_create(&token->thread, NULL, token_run, token);
    token->running = !error;
    if (error)
        rd_kafka_oauthbearer_set_token_failure(client, strerror(error));
}

static int64_t expiry_ms(const struct kafka_token *token)
{
    struct json_value life = json_path_find((const uint8_t *)token->answer, token->answer_bytes, "expires_in");
    int64_t seconds = 0;
    for (size_t i = 0; i < life.size_bytes && life.text[i] >= '0' && life.text[i] <= '9' && seconds < LIFE_MOST_S; i++)
        seconds = seconds * 10 + (life.text[i] - '0');
    if (!seconds)
        seconds = LIFE_DEFAULT_S;
    return clock_utc_ns() / NS_PER_MS + (seconds < LIFE_MOST_S ? seconds : LIFE_MOST_S) * 1000;
}

static void hand_over(struct kafka_token *token)
{
    char why[512] = "";
    struct json_value value = json_path_find((const uint8_t *)token->answer, token->answer_bytes, "access_token");
    if (!token->status)
        snprintf(why, sizeof why, "kafka.oauth_url does not answer: %s", token->error);
    else if (token->status != 200 || !value.text)
        snprintf(why, sizeof why,
                 "kafka.oauth_url answers with HTTP status %ld and no token; is kafka.oauth_scope right?",
                 token->status);
    if (!*why) {
        char *text = strndup((const char *)value.text, value.size_bytes);
        if (!text || rd_kafka_oauthbearer_set_token(token->client, text, expiry_ms(token), token->output->username,
                                                    NULL, 0, why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR)
            *why = '\0';
        free(text);
    }
    if (*why)
        rd_kafka_oauthbearer_set_token_failure(token->client, why);
}

void kafka_token_advance(struct kafka_token *token)
{
    /* pairs with the release in token_run() */
    if (!token || !token->running || !atomic_load_explicit(&token->answered, memory_order_acquire))
        return;
    pthread_join(token->thread, NULL);
    token->running = false;
    atomic_store_explicit(&token->answered, false, memory_order_relaxed);
    if (token->client)
        hand_over(token);
}
