/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "config/check.h"
#include "config/loader.h"
#include "config/option.h"

#define NAME_MOST 253 /* RFC 1035 2.3.4 */

bool check_peer_name(const char *text, struct complaint *complaint)
{
    size_t length = strlen(text);
    const char *rest = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    bool possible = *rest && length <= NAME_MOST;
    for (const char *at = rest; *at; at++)
        possible &= isalnum((unsigned char)*at) || *at == '-' || *at == '_' || *at == '.';
    return possible ||
           complain(complaint, "is no DNS name", "write a name as router1.example.net, or *.example.net");
}

/* localhost becomes its address; a port has to be named. */
static void listen_complete(struct loader *loader, struct text_list *listen)
{
    for (uint32_t i = 0; i < listen->count; i++)
        if (strncasecmp(listen->items[i], "localhost:", 10) == 0)
            loader_text_replace(loader, &listen->items[i], "127.0.0.1%s", strchr(listen->items[i], ':'));
}

static void certificate_check(struct loader *loader, const char *key_of_listen)
{
    const struct config *config = loader->config;
    bool certificate = *config->input.tls.certificate, key = *config->input.tls.key;
    if (!certificate || !key)
        loader_option_problem(loader, key_of_listen, "add input.tls.certificate and input.tls.key",
                              "TLS needs a certificate and its key");
}

void streams_check(struct loader *loader)
{
    struct config *config = loader->config;
    if (loader->no_memory)
        return; /* a text may be missing */
    listen_complete(loader, &config->input.tcp.listen);
    listen_complete(loader, &config->input.tls.listen);
    listen_complete(loader, &config->input.dtls.listen);
    listen_complete(loader, &config->input.sctp.listen);
    if (config->input.tls.listen.count)
        certificate_check(loader, "input.tls.listen");
    else if (config->input.dtls.listen.count)
        certificate_check(loader, "input.dtls.listen");
    if (config->input.tls.names.count && !*config->input.tls.ca)
        loader_option_problem(loader, "input.tls.names", "add input.tls.ca",
                              "without input.tls.ca no exporter is asked for a certificate");
}
