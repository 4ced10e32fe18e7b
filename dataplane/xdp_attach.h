/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/xdp_keeper.h"

struct xdp_bpf;

/*
 * How weir's program is on an interface. Alone it is held by a bpf_link, so that it leaves with the process, kill -9
 * included; kernels before 5.9 attach by netlink, and the next start takes off what was left. Beside others it is in
 * libxdp's dispatcher, and has a keeper. One thread.
 */
struct xdp_attachment {
    const char *interface; /* the caller's */
    int interface_index;
    uint32_t flags; /* XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE: modes to try, then the one that it is in */
    int link;       /* of bpf_link; -1: none */
    bool attached;  /* by netlink */
    bool beside;    /* in libxdp's dispatcher, or to be */
    struct xdp_keeper keeper;
};

#define XDP_ATTACHMENT_NONE ((struct xdp_attachment){.link = -1, .keeper = XDP_KEEPER_NONE})

/*
 * Looks who is on the interface, takes off what an earlier weir left, and decides on the way by input.xdp_dispatcher
 * and input.xdp_mode. Returns 0 or -errno, having logged what to do about it.
 */
int xdp_attachment_choose(struct xdp_attachment *attachment, const struct config *config);

/*
 * Loads the program, which is open; in the dispatcher it is called from then on. Returns 0 or -errno, which is logged.
 */
int xdp_attachment_load(struct xdp_attachment *attachment, const struct config *config, struct xdp_bpf *skeleton);

/* Attaches it, where it is not in the dispatcher. Returns 0 or -errno, which is logged. */
int xdp_attachment_make(struct xdp_attachment *attachment, const struct config *config, struct xdp_bpf *skeleton);

void xdp_attachment_end(struct xdp_attachment *attachment);
