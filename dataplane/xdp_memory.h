/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory for the frames of a queue: in huge pages where some are free, which saves the processor entries of its address
 * cache and the kernel pages to pin, and on the NUMA node that the NIC is at.
 */
struct xdp_memory {
    uint8_t *bytes; /* NULL: none; aligned to a page */
    size_t mapped_bytes;
    bool huge;
    int node; /* -1: the NIC is at none, or the kernel did not take it */
};

/* At least size_bytes. Returns 0 or -errno. */
int xdp_memory_take(struct xdp_memory *memory, const char *interface, size_t size_bytes, bool huge);
void xdp_memory_give(struct xdp_memory *memory);
