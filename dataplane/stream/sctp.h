/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

/*
 * SCTP in user space (libusrsctp), where the kernel has none: packets by raw sockets and by UDP (RFC 6951). The library
 * has threads of its own and sockets that are no descriptors, so each association has a bridge: what is read of it is
 * written into a pair of sockets, at whose other end it is read like any connection. A bridge that is full is not
 * read: the peer waits. All functions but sctp_here_start() and sctp_here_stop() are the doorman's thread's.
 */
struct socket; /* the library's */
struct sctp_bridge;

/*
 * Starts the library, with as few rights as it needs; before rights are dropped. wake_fd is written when there may be
 * something to accept or to read. Returns 0, or -errno logged: -ENOSYS where weir was built without it.
 */
int sctp_here_start(const struct config *config, int wake_fd);
/* After all sockets and bridges were closed. */
void sctp_here_stop(void);

/* The socket, or NULL with errno. */
struct socket *sctp_here_listen(const struct endpoint *endpoint);
void sctp_here_close(struct socket *listener);

/* An association that waits, as the descriptor that its bytes are read from, or -errno. */
int sctp_here_accept(struct socket *listener, struct endpoint *source, struct sctp_bridge **bridge);
/* The descriptor is the caller's. */
void sctp_bridge_free(struct sctp_bridge *bridge);

/* Carries over what there is. False, once, when nothing more comes; *broken: the peer did not say good-bye. */
bool sctp_bridge_carry(struct sctp_bridge *bridge, bool *broken);
/* After that: who reads at the other end finds the end, too. */
void sctp_bridge_end(struct sctp_bridge *bridge);
/* Writable again when there is room in a bridge that was full. */
int sctp_bridge_fd(const struct sctp_bridge *bridge);
