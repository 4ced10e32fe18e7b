/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>

#include "base/address.h"
#include "config/config.h"
#include "dataplane/stream/sctp.h"
#include "decode/transport.h"

#define STREAM_LISTENERS_MOST 64

/* Where sessions are accepted. */
struct stream_listener {
    int fd;
    enum transport transport;
    int read_buffer; /* DTLS: bytes that the kernel may keep for a socket; 0: its default */
    bool sctp_here; /* SCTP in user space: */
    struct socket *sctp; /* instead of fd, which is -1 */
    SSL *ssl; /* DTLS: what answers the next hello; NULL: none yet */
};

/*
 * Opens what the configuration names. wake_fd as of sctp_here_start(). Returns 0, or -errno logged; the caller closes
 * the *count that are open either way.
 */
int stream_listeners_open(const struct config *config, struct stream_listener *listeners, int *count, int wake_fd);
void stream_listener_close(struct stream_listener *listener);

/* A connection that waits, or -errno. */
int stream_accept(const struct stream_listener *listener, struct endpoint *source);

/* DTLS: a socket at the listener's address that hears of nobody but the peer; or -errno. */
int stream_socket_beside(const struct stream_listener *listener, const struct endpoint *peer);

/* Has the kernel notice a peer that is gone without a word. */
void stream_keep_alive(int fd);

/* Raises the limit of open files to what so many sessions need, where the hard limit lets it; says so where not. */
void stream_files_allow(uint32_t sessions);
