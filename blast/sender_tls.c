/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "blast/senders.h"
#include "blast/streams.h"

#define TLS_RECORD_BYTES 16384u /* the longest (RFC 8446 5.1): messages of one exporter go together where they fit */

struct tls_state {
    struct exporter_sockets sockets;
    SSL_CTX *context;
    SSL **sessions; /* one an exporter; NULL behind the first that failed */
    uint8_t record[TLS_RECORD_BYTES];
};

/* What the library says of the first thing that went wrong. */
static const char *library_reason(void)
{
    unsigned long error = ERR_peek_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    return reason ? reason : "the collector ended the session";
}

static int record_write(SSL *session, const uint8_t *bytes, uint32_t size_bytes)
{
    size_t written;
    ERR_clear_error();
    if (size_bytes == 0 || SSL_write_ex(session, bytes, size_bytes, &written) == 1)
        return 0;
    log_error("sending failed: %s", library_reason());
    return -ECONNRESET;
}

static int run_send(struct sender *sender, const struct blast_datagram *datagrams, uint32_t count)
{
    struct tls_state *state = sender->state;
    SSL *session = state->sessions[datagrams->exporter];
    uint32_t used = 0;
    int result = 0;
    for (uint32_t i = 0; i < count && !result; i++) {
        uint32_t size_bytes = datagrams[i].size_bytes;
        if (used + size_bytes > TLS_RECORD_BYTES) {
            result = record_write(session, state->record, used);
            used = 0;
        }
        memcpy(state->record + used, datagrams[i].payload, size_bytes);
        used += size_bytes;
    }
    return result ? result : record_write(session, state->record, used);
}

static int tls_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    return stream_runs_send(sender, datagrams, count, run_send);
}

static int file_refused(const char *option, const char *path)
{
    log_error("%s %s: %s", option, path, library_reason());
    return -EINVAL;
}

/* Whom to believe, and who the exporters are. */
static int identity_use(SSL_CTX *context, const struct sender_setup *setup)
{
    if (setup->ca && SSL_CTX_load_verify_file(context, setup->ca) != 1)
        return file_refused("--ca", setup->ca);
    if (setup->certificate && SSL_CTX_use_certificate_chain_file(context, setup->certificate) != 1)
        return file_refused("--certificate", setup->certificate);
    if (setup->key && SSL_CTX_use_PrivateKey_file(context, setup->key, SSL_FILETYPE_PEM) != 1)
        return file_refused("--key", setup->key);
    SSL_CTX_set_verify(context, setup->ca ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    return 0;
}

static int session_open(struct tls_state *state, uint32_t number)
{
    SSL *session = SSL_new(state->context);
    state->sessions[number] = session;
    if (!session || SSL_set_fd(session, state->sockets.items[number]) != 1)
        return -ENOMEM;
    ERR_clear_error();
    if (SSL_connect(session) == 1)
        return 0;
    long verified = SSL_get_verify_result(session);
    log_error("no session by TLS: %s",
              verified == X509_V_OK ? library_reason() : X509_verify_cert_error_string(verified));
    return -ECONNREFUSED;
}

static int tls_open(struct sender *sender)
{
    if (!stream_formats_suit(sender))
        return -EINVAL;
    signal(SIGPIPE, SIG_IGN); /* the library writes to sockets that the collector may have closed */
    int result = exporter_sockets_open(sender, sizeof(struct tls_state), SOCK_STREAM);
    if (result)
        return result;
    struct tls_state *state = sender->state;
    state->context = SSL_CTX_new(TLS_client_method());
    state->sessions = calloc(state->sockets.count, sizeof(*state->sessions));
    if (!state->context || !state->sessions)
        return -ENOMEM;
    SSL_CTX_set_min_proto_version(state->context, TLS1_2_VERSION);
    result = identity_use(state->context, sender->setup);
    for (uint32_t i = 0; i < state->sockets.count && !result; i++)
        result = session_open(state, i);
    return result;
}

static int tls_close(struct sender *sender)
{
    struct tls_state *state = sender->state;
    if (!state)
        return 0;
    for (uint32_t i = 0; state->sessions && i < state->sockets.count && state->sessions[i]; i++) {
        SSL_shutdown(state->sessions[i]);
        SSL_free(state->sessions[i]);
    }
    free(state->sessions);
    SSL_CTX_free(state->context);
    return exporter_sockets_close(sender);
}

const struct sender_ops sender_tls = {
    .name = "tls",
    .help = "the same over TLS",
    .run = 32,
    .open = tls_open,
    .room = exporter_sockets_room,
    .send = tls_send,
    .close = tls_close,
};
