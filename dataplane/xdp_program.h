/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/shared.h"
#include "config/config.h"
#include "dataplane/listen.h"

/*
 * The steering program of one interface (bpf/xdp.bpf.c): alone there, or beside others (dataplane/xdp_attach.h).
 */
struct xdp_program;

struct xdp_program_setup {
    const struct config *config; /* input.xdp_mode, input.xdp_dispatcher, input.allow */
    const struct listen *listens;
    int listen_count;
    const char *interface;
    int interface_index;
};

/*
 * Loads the program, fills its maps and attaches it; without sockets it passes everything. Returns 0 or -errno, having
 * logged what to do about it.
 */
int xdp_program_open(struct xdp_program **program, const struct xdp_program_setup *setup);
void xdp_program_close(struct xdp_program *program);

bool xdp_program_native(const struct xdp_program *program);

/* Does it give its sockets frames that are longer than one of theirs, in pieces? Where the MTU allows such frames and
   the kernel can; else they go to the kernel's stack. */
bool xdp_program_takes_pieces(const struct xdp_program *program);

/* From now on, datagrams of that queue go to the AF_XDP socket. Returns 0 or -errno. */
int xdp_program_add_socket(struct xdp_program *program, uint32_t queue, int socket);

/* How many frames came to each verdict since open; valid until the next call. One thread. No memory is taken. */
const struct steer_counts *xdp_program_counts(struct xdp_program *program);

/* See dataplane/xdp_rules.h. The thread that opened it. */
int xdp_program_prepare_rules(struct xdp_program *program, const struct config *config);
void xdp_program_use_rules(struct xdp_program *program);

/* The program's descriptor, to have the kernel run it on frames that nobody sent. */
int xdp_program_fd(const struct xdp_program *program);

/* Follows the addresses of this machine. One thread. */
void xdp_program_refresh(struct xdp_program *program);
