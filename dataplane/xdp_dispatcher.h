/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bpf_object;

/*
 * libxdp's dispatcher: a program that calls others in the order of their priorities, each with what those before it
 * have passed. It and what is in it are pinned in a file system of the kind bpf, so they stay when their processes end.
 * One thread.
 */

/* Where it is pinned: LIBXDP_BPFFS in the environment, as libxdp has it, or /sys/fs/bpf. */
const char *xdp_dispatcher_folder(void);

#define XDP_REASON_BYTES 512

/* Can there be one here? If not, why, and what to do about it. */
bool xdp_dispatcher_possible(char reason[XDP_REASON_BYTES]);

struct xdp_seat {
    const char *program; /* its name in the object */
    int interface_index;
    uint32_t priority; /* lower ones are called earlier; libxdp's default is 50 */
    bool native;       /* may be tried, first */
    bool generic;      /* may be tried */
};

struct xdp_seated {
    uint32_t id; /* the program's */
    bool native;
};

/*
 * Loads the object, which is open, and has the dispatcher call its program: the one that is there, whose mode has to be
 * the seat's, else a new one. Returns 0 or -errno.
 */
int xdp_dispatcher_join(struct bpf_object *object, const struct xdp_seat *seat, struct xdp_seated *seated);

/* Takes a program off; the others stay. Returns 0, also where it was gone already, or -errno. */
int xdp_dispatcher_leave(int interface_index, uint32_t id);
