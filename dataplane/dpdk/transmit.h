/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "config/config.h"

/*
 * Frames out by a device of DPDK's, for the traffic generator; a part of the module (dataplane/dpdk/module.h). One
 * device, one thread, and no backend beside it.
 */
struct dpdk_transmit;

#define DPDK_LENT_MOST 64

/* Where a frame lies in the memory that was lent for it. */
struct dpdk_frame {
    uint32_t offset;
    uint32_t size_bytes;
};

struct dpdk_transmit_ops {
    /* Opens the only one of input.dpdk.devices, for frames in so many bytes. mac: the device's. Returns 0 or -errno,
       having logged what to do about it. */
    int (*open)(struct dpdk_transmit **transmit, const struct config *config, uint32_t frame_bytes, uint8_t mac[6]);
    /* Lends memory for `most` frames at most; returns for how many. It stays lent until it is sent. */
    uint32_t (*room)(struct dpdk_transmit *transmit, uint8_t **frames, uint32_t most);
    /* Sends the first `count` of those. Returns how many the device took; the others are gone. */
    uint32_t (*send)(struct dpdk_transmit *transmit, const struct dpdk_frame *frames, uint32_t count);
    /* Returns 0, or -errno when not all that was taken got out. */
    int (*close)(struct dpdk_transmit *transmit);
};

extern const struct dpdk_transmit_ops dpdk_transmit_ops; /* in the module */
