/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "config/check.h"
#include "config/loader.h"
#include "config/member.h"

#define TOKEN_LEAST 16 /* bytes: fewer can be guessed over a network */

static bool is_off(const char *text)
{
    return strcasecmp(text, "off") == 0;
}

static bool is_named_localhost(const char *text)
{
    return strncasecmp(text, "localhost:", 10) == 0;
}

bool check_listen(const char *text, struct complaint *complaint)
{
    struct endpoint endpoint;
    if (is_off(text) || endpoint_parse(is_named_localhost(text) ? strchr(text, ':') : text, &endpoint))
        return true;
    return complain(complaint, "is no address and port",
                    "write ADDRESS:PORT (127.0.0.1:9478), [IPV6]:PORT ([::1]:9478), localhost:PORT, :PORT for every "
                    "address, or off");
}

/* What a header can carry: the characters of RFC 6750 2.1, and a few that people use besides. */
bool check_token(const char *text, struct complaint *complaint)
{
    for (const char *at = text; *at; at++) {
        if (*at <= ' ' || *at > '~') {
            complaint->secret = true;
            return complain(complaint, "has a blank or a character that is not ASCII",
                            "use letters and digits, as \"openssl rand -hex 32\" prints them");
        }
    }
    return true;
}

static bool is_loopback(const struct address *address)
{
    static const struct address one = {.bytes = {[15] = 1}};
    return address_is_ipv4(address) ? address->bytes[12] == 127 : address_equal(address, &one);
}

/* The first address that others than this machine can reach, or NULL. */
static const char *listen_beyond(const struct text_list *listen)
{
    for (uint32_t i = 0; i < listen->count; i++) {
        struct endpoint endpoint;
        if (endpoint_parse(listen->items[i], &endpoint) && !is_loopback(&endpoint.address))
            return listen->items[i];
    }
    return NULL;
}

static void listen_complete(struct loader *loader, struct text_list *listen)
{
    uint32_t off = 0;
    for (uint32_t i = 0; i < listen->count; i++) {
        off += is_off(listen->items[i]);
        if (is_named_localhost(listen->items[i]))
            loader_text_replace(loader, &listen->items[i], "127.0.0.1%s", strchr(listen->items[i], ':'));
    }
    if (off && off < listen->count)
        loader_option_problem(loader, "http.listen", "write http.listen: off, or addresses alone",
                              "off stands beside addresses");
    if (off)
        text_list_fini(listen);
}

static void tls_pair_check(struct loader *loader)
{
    const struct config *config = loader->config;
    if (*config->http.tls.certificate && !*config->http.tls.key)
        loader_option_problem(loader, "http.tls.certificate", "add http.tls.key",
                              "there is no key for the certificate");
    if (*config->http.tls.key && !*config->http.tls.certificate)
        loader_option_problem(loader, "http.tls.key", "add http.tls.certificate",
                              "there is no certificate for the key");
}

static void beyond_check(struct loader *loader, const char *beyond)
{
    const struct config *config = loader->config;
    size_t token_bytes = strlen(config->http.token);
    if (!token_bytes)
        loader_option_problem(loader, "http.listen",
                              "add http.token, as http.token: file:/etc/weir/http-token, or write 127.0.0.1:9478",
                              "\"%s\" is not the loopback: without a token everybody could read there", beyond);
    else if (token_bytes < TOKEN_LEAST)
        loader_option_problem(loader, "http.token",
                              "write at least 16 characters, as \"openssl rand -hex 32\" prints them",
                              "it is short enough to be guessed");
    if (!*config->http.tls.certificate && !*config->http.tls.key)
        loader_option_problem(loader, "http.listen",
                              "add http.tls.certificate and http.tls.key, or write 127.0.0.1:9478",
                              "\"%s\" is not the loopback: without TLS everybody on the way could read the token",
                              beyond);
}

void http_check(struct loader *loader)
{
    struct config *config = loader->config;
    if (loader->no_memory)
        return; /* a text may be missing */
    config->http.chosen = loader_origin(loader, option_find("http.listen"))->strength > STRENGTH_PRESET;
    listen_complete(loader, &config->http.listen);
    tls_pair_check(loader);
    const char *beyond = listen_beyond(&config->http.listen);
    if (beyond)
        beyond_check(loader, beyond);
}
