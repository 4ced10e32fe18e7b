/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>
#include <stdint.h>

#include "config/config.h"

/*
 * The way between a port that DPDK has taken and the kernel: a TAP interface with the port's hardware address. What is
 * not flow export goes there, by a ring from the workers to a thread, and what the kernel sends goes out by the port's
 * first transmit queue. So ARP, ping, ssh and fragments are the kernel's, as ever.
 */
struct kernel_path;
struct dpdk_port;

#define KERNEL_FRAMES 512 /* of a burst of frames, how many may wait; further ones are dropped and counted */

/*
 * Makes the interface, named after input.dpdk.tap and the port's number, and sets port->kernel. 0, or -errno having
 * logged. Before the port is started; kernel_path_start() afterwards.
 */
int kernel_path_open(struct dpdk_port *port, const struct config *config);
int kernel_path_start(struct kernel_path *path);
/* Ends the thread and removes the interface. NULL is allowed. */
void kernel_path_close(struct kernel_path *path);

/* Takes the frames over; returns how many found no room and were freed. Any worker. */
uint32_t kernel_path_push(struct kernel_path *path, struct rte_mbuf **frames, uint32_t count);

/* Frames that the kernel refused. Any thread. */
uint64_t kernel_path_refused(const struct kernel_path *path);
/* Frames of the kernel's that the device refused. Any thread. */
uint64_t kernel_path_unsent(const struct kernel_path *path);

const char *kernel_path_name(const struct kernel_path *path);
