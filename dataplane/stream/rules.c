/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/rules.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/stream/dtls.h"
#include "dataplane/stream/tls.h"

static bool names_copy(struct text_list *to, const struct text_list *from)
{
    to->items = calloc(from->count ? from->count : 1, sizeof *to->items);
    for (; to->items && to->count < from->count; to->count++)
        if (!(to->items[to->count] = strdup(from->items[to->count])))
            return false;
    return to->items != NULL;
}

static bool contexts_make(struct door_rules *rules, const struct config *config, const struct config *listens)
{
    if (listens->input.tls.listen.count && !(rules->tls = tls_context_new(config, TRANSPORT_TLS)))
        return false;
    if (listens->input.dtls.listen.count && !(rules->dtls = tls_context_new(config, TRANSPORT_DTLS)))
        return false;
    return !rules->dtls || dtls_context_prepare(rules->dtls) == 0;
}

bool door_rules_init(struct door_rules *rules, const struct config *config, const struct config *listens)
{
    *rules = (struct door_rules){.allow = allow_new(&config->input.allow)};
    if (rules->allow && names_copy(&rules->names, &config->input.tls.names) && contexts_make(rules, config, listens))
        return true;
    door_rules_fini(rules);
    return false;
}

void door_rules_fini(struct door_rules *rules)
{
    allow_free(rules->allow);
    SSL_CTX_free(rules->tls);
    SSL_CTX_free(rules->dtls);
    for (uint32_t i = 0; i < rules->names.count; i++)
        free(rules->names.items[i]);
    free(rules->names.items);
    *rules = (struct door_rules){0};
}
