/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

/*
 * Trust by fingerprint: a server is trusted when its chain really leads to the certificate with this SHA-256, be it the
 * server's own, one in between or the authority's. That the certificate merely stands among those that the server
 * sends proves nothing, for everybody can send it.
 */
#define ELASTIC_PIN_BYTES 32

/* From 64 hexadecimal digits, of either case, with or without colons between the bytes. False when it is not that. */
bool elastic_pin_parse(const char *text, uint8_t pin[ELASTIC_PIN_BYTES]);

/*
 * Makes the context trust by the fingerprint `text`, which outlives the context. A certificate of the server's chain
 * that has it is the anchor of trust; where none has, the chain must be valid by the context's own authorities and
 * contain it. A text that is no fingerprint makes every handshake fail.
 */
void elastic_pin_install(SSL_CTX *context, const char *text);
