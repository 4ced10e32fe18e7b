/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/listen.h"

/*
 * The steering program of one interface (bpf/xdp.bpf.c). It is held by a bpf_link, so that it leaves the interface with
 * the process, kill -9 included; kernels before 5.9 attach by netlink, and the next start takes off what was left.
 */
struct xdp_program;

struct xdp_program_setup {
    const struct config *config;   /* input.xdp_mode, input.allow */
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

/* From now on, datagrams of that queue go to the AF_XDP socket. Returns 0 or -errno. */
int xdp_program_add_socket(struct xdp_program *program, uint32_t queue, int socket);

/* Frames dropped because input.allow leaves their sender out, since open. One thread. No memory is taken. */
uint64_t xdp_program_dropped(struct xdp_program *program);

/* Follows the addresses of this machine. One thread. */
void xdp_program_refresh(struct xdp_program *program);
