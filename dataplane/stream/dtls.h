/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>

#include "base/address.h"
#include "dataplane/stream/sockets.h"

/*
 * The way in by DTLS (RFC 6347): nothing is kept of a peer until it has shown that it receives what is sent to its
 * address (4.2.1). Then it has a socket of its own, connected to it, and a handshake begins.
 */

/* What contexts for DTLS have besides: cookies. Returns 0, or -EIO for want of random numbers. */
int dtls_context_prepare(SSL_CTX *context);

/*
 * Answers one datagram at the listener. Returns the socket of a peer that has brought its cookie, with *ssl to go on
 * with, which are the caller's; or -errno: -EAGAIN when no datagram waits, -EINPROGRESS when there may be more.
 */
int dtls_accept(struct stream_listener *listener, SSL_CTX *context, struct endpoint *source, SSL **ssl);

/* Sends again what is due in a handshake. */
void dtls_timeout(SSL *ssl);
