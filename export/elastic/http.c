/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "export/elastic/pin.h"

#define KEEPALIVE_IDLE_S     30L /* below what firewalls and NAT forget a connection after */
#define KEEPALIVE_INTERVAL_S 10L
#define CONNECT_MOST_MS      10000L
#define BASE64_BYTES(size)   (((size) + 2) / 3 * 4)

static bool curl_ready;

static void curl_start(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static CURLcode pin_context(CURL *handle, void *context, void *fingerprint)
{
    elastic_pin_install(context, fingerprint);
    return CURLE_OK;
}

static CURLcode set_text(CURL *handle, CURLoption option, const char *text)
{
    return text && *text ? curl_easy_setopt(handle, option, text) : CURLE_OK;
}

static CURLcode set_connection(CURL *handle)
{
    CURLcode error = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    error = error ? error : curl_easy_setopt(handle, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    error = error ? error : curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MOST_MS);
    /* A name server that does not answer must not hold the thread when a request is given up. */
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    return error;
}

static CURLcode set_tls(CURL *handle, const struct output_config *output)
{
    bool pinned = *output->tls.ca_fingerprint;
    CURLcode error = set_text(handle, CURLOPT_CAINFO, output->tls.ca);
    error = error ? error : set_text(handle, CURLOPT_SSLCERT, output->tls.certificate);
    error = error ? error : set_text(handle, CURLOPT_SSLKEY, output->tls.key);
    error = error ? error : set_text(handle, CURLOPT_KEYPASSWD, output->tls.key_password);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* Who names a fingerprint wants it compared, whatever else is not verified. */
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, pinned || output->tls.verify != TLS_VERIFY_NONE ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, output->tls.verify == TLS_VERIFY_FULL ? 2L : 0L);
    if (pinned && !error)
        error = curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, pin_context);
    if (pinned && !error)
        error = curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, output->tls.ca_fingerprint);
    return error;
}

static CURLcode set_login(CURL *handle, const struct output_config *output)
{
    if (!*output->username)
        return CURLE_OK;
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    CURLcode error = curl_easy_setopt(handle, CURLOPT_USERNAME, output->username);
    return error ? error : curl_easy_setopt(handle, CURLOPT_PASSWORD, output->password);
}

CURL *http_handle_new(const struct output_config *output)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_start);
    CURL *handle = curl_ready ? curl_easy_init() : NULL;
    if (handle && (set_connection(handle) || set_tls(handle, output) || set_login(handle, output))) {
        curl_easy_cleanup(handle);
        return NULL;
    }
    return handle;
}

void http_handle_free(CURL *handle)
{
    curl_easy_cleanup(handle);
}

/* One more header, or the end of the list and NULL when out of memory. */
static struct curl_slist *append(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = header ? curl_slist_append(list, header) : NULL;
    if (!longer)
        curl_slist_free_all(list);
    return longer;
}

/* "ID:SECRET" as its base64; what has no colon is base64 already. The caller frees it. */
static char *render_api_key(const char *key)
{
    char *header = NULL;
    if (!strchr(key, ':'))
        return asprintf(&header, "Authorization: ApiKey %s", key) < 0 ? NULL : header;
    size_t size = strlen(key);
    unsigned char *encoded = malloc(BASE64_BYTES(size) + 1);
    if (!encoded)
        return NULL;
    EVP_EncodeBlock(encoded, (const unsigned char *)key, (int)size);
    if (asprintf(&header, "Authorization: ApiKey %s", encoded) < 0)
        header = NULL;
    free(encoded);
    return header;
}

static char *render_token(const char *token)
{
    char *header = NULL;
    return asprintf(&header, "Authorization: Bearer %s", token) < 0 ? NULL : header;
}

struct curl_slist *http_headers(const struct output_config *output, bool ndjson)
{
    struct curl_slist *list =
        append(NULL, ndjson ? "Content-Type: application/x-ndjson" : "Content-Type: application/json");
    /* libcurl would wait for "100 Continue" before a large body. */
    list = list ? append(list, "Expect:") : NULL;
    if (list && (*output->elastic.api_key || *output->elastic.token)) {
        char *header = *output->elastic.api_key ? render_api_key(output->elastic.api_key)
                                                : render_token(output->elastic.token);
        list = append(list, header);
        free(header);
    }
    return list;
}

/* ---- one request, waiting ---- */

static size_t take_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct http_answer *answer = context;
    if (count > HTTP_ANSWER_MOST - answer->size_bytes)
        return 0;
    char *body = realloc(answer->body, answer->size_bytes + count + 1);
    if (!body)
        return 0;
    answer->body = body;
    memcpy(body + answer->size_bytes, bytes, count);
    answer->size_bytes += count;
    body[answer->size_bytes] = '\0';
    return count;
}

static char *join_url(const char *host, const char *path)
{
    char *url = NULL;
    size_t length = strlen(host);
    while (length && host[length - 1] == '/')
        length--;
    return asprintf(&url, "%.*s%s", (int)length, host, path) < 0 ? NULL : url;
}

static CURLcode set_request(CURL *handle, const char *url, const char *body)
{
    CURLcode error = curl_easy_setopt(handle, CURLOPT_URL, url);
    if (error || !body)
        return error;
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    error = curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
    return error ? error : curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "PUT");
}

static int perform(CURL *handle, struct http_answer *answer)
{
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, answer->error);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 0L); /* one thread: libcurl may keep SIGPIPE away */
    CURLcode code = curl_easy_perform(handle);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK) {
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer->status);
        return 0;
    }
    if (!*answer->error)
        snprintf(answer->error, sizeof answer->error, "%s", curl_easy_strerror(code));
    return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

int http_request(const struct output_config *output, const char *host, const char *path, const char *body,
                 struct http_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->body = calloc(1, 1);
    char *url = join_url(host, path);
    CURL *handle = http_handle_new(output);
    struct curl_slist *headers = http_headers(output, false);
    int error = -ENOMEM;
    if (answer->body && url && handle && headers && !set_request(handle, url, body)) {
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)(output->elastic.timeout / NS_PER_MS));
        error = perform(handle, answer);
    }
    if (handle)
        http_handle_free(handle);
    curl_slist_free_all(headers);
    free(url);
    if (error) {
        free(answer->body);
        answer->body = NULL;
    }
    return error;
}
