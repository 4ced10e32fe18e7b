/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "config/config.h"
#include "dataplane/allow.h"

/* Whose sessions are accepted, and how the collector shows itself to them: what SIGHUP replaces. Constant. */
struct door_rules {
    struct allow *allow;
    SSL_CTX *tls;           /* NULL: TLS is not listened for */
    SSL_CTX *dtls;          /* the same */
    struct text_list names; /* of peers' certificates */
};

/* Which contexts there are is by `listens`, the rest by `config`. False: logged, but for want of memory. */
bool door_rules_init(struct door_rules *rules, const struct config *config, const struct config *listens);
void door_rules_fini(struct door_rules *rules);
