/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "decode/transport.h"

/*
 * What a server of TLS needs by input.tls: certificate, key, whom it believes. NULL with the reason logged; the
 * library's SSL_CTX_free() gives it back. config is looked at during the call alone.
 */
SSL_CTX *tls_context_new(const struct config *config, enum transport transport);

enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

#define TLS_WHY_MOST 200

/* Goes on with a handshake. TLS_FAILED: *why says what is wrong. */
enum tls_step tls_handshake(SSL *ssl, char why[TLS_WHY_MOST]);

/* Is one of the names in the peer's certificate? An empty list is: every peer is one of them. */
bool tls_peer_is_named(SSL *ssl, const struct text_list *names);
