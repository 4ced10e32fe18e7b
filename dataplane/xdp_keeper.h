/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * Whose weir's program in a dispatcher is. It would stay there when weir ends, which by then has no rights to take it
 * off, or was killed. So a process keeps them, does nothing until weir is gone, takes the program off, and ends. Only
 * what kills both leaves a program behind, which the next start finds: a lock tells that nobody owns it. One thread.
 */
struct xdp_keeper {
    int lock;  /* on a folder beside libxdp's, held by both processes; -1: none */
    int order; /* a pipe: closed, it has the keeper take the program off; -1: none */
    pid_t process;
};

#define XDP_KEEPER_NONE ((struct xdp_keeper){.lock = -1, .order = -1})

/* Claims an interface, waiting for what a weir that has just ended leaves. Returns 0, -EBUSY: another weir has it, or
   -errno. */
int xdp_keeper_claim(struct xdp_keeper *keeper, int interface_index);

/* The program is in the dispatcher: from now on it leaves with this process. Returns 0 or -errno. */
int xdp_keeper_start(struct xdp_keeper *keeper, int interface_index, uint32_t program_id);

/* Returns 0 when the program is off, or was never there, -errno when it could not be taken off. */
int xdp_keeper_end(struct xdp_keeper *keeper, int interface_index);

/* 1: a weir has claimed the interface, 0: none, -errno: it cannot be told. Changes nothing. */
int xdp_keeper_is_claimed(int interface_index);
