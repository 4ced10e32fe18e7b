/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/log.h"

/* What the library says of the first thing that went wrong. */
static const char *library_reason(void)
{
    unsigned long error = ERR_peek_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    return reason ? reason : "no reason given";
}

static bool file_refused(const char *key, const char *path, const char *remedy)
{
    log_error("%s: %s: %s; %s", key, path, library_reason(), remedy);
    return false;
}

static bool certificate_use(SSL_CTX *context, const struct config *config)
{
    const char *certificate = config->input.tls.certificate, *key = config->input.tls.key;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return file_refused("input.tls.certificate", certificate, "name a PEM file with it that weir may read");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return file_refused("input.tls.key", key, "name the PEM file of the certificate's key that weir may read");
    return true;
}

static bool peers_verify(SSL_CTX *context, const char *ca)
{
    if (!*ca)
        return true;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
    if (!names || SSL_CTX_load_verify_file(context, ca) != 1)
        return file_refused("input.tls.ca", ca, "name a PEM file with the CAs of exporters that weir may read");
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

/*
 * No session outlives its connection: there are no tickets to keep, and nothing is said after the handshake. Exporters
 * end without TLS's good-bye; that a message was cut is told by its length.
 */
static void context_limit(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
}

SSL_CTX *tls_context_new(const struct config *config, enum transport transport)
{
    SSL_CTX *context = SSL_CTX_new(transport == TRANSPORT_DTLS ? DTLS_server_method() : TLS_server_method());
    if (!context)
        return NULL;
    ERR_clear_error();
    context_limit(context);
    SSL_CTX_set_min_proto_version(context, transport == TRANSPORT_DTLS ? DTLS1_2_VERSION : TLS1_2_VERSION);
    if (certificate_use(context, config) && peers_verify(context, config->input.tls.ca))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static enum tls_step handshake_failed(SSL *ssl, char why[TLS_WHY_MOST])
{
    long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK)
        snprintf(why, TLS_WHY_MOST, "certificate: %s", X509_verify_cert_error_string(verified));
    else if (ERR_peek_error())
        snprintf(why, TLS_WHY_MOST, "%s", library_reason());
    else
        snprintf(why, TLS_WHY_MOST, "the peer went away");
    return TLS_FAILED;
}

enum tls_step tls_handshake(SSL *ssl, char why[TLS_WHY_MOST])
{
    ERR_clear_error();
    int result = SSL_accept(ssl);
    if (result == 1)
        return TLS_DONE;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    default:
        return handshake_failed(ssl, why);
    }
}

bool tls_peer_is_named(SSL *ssl, const struct text_list *names)
{
    bool named = names->count == 0;
    X509 *certificate = named ? NULL : SSL_get1_peer_certificate(ssl);
    for (uint32_t i = 0; certificate && i < names->count && !named; i++) {
        const char *name = names->items[i] + (*names->items[i] == '*'); /* the library's way to write "*.": "." */
        named = X509_check_host(certificate, name, 0, X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS, NULL) == 1;
    }
    X509_free(certificate);
    return named;
}
