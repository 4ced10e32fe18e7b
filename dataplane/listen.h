/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

/* Where weir listens: one entry a socket to be opened for each worker. */
struct listen {
    struct endpoint endpoint; /* :: or ::ffff:0.0.0.0 stand for every address of this machine */
    bool any;
    bool ipv4; /* takes IPv4 datagrams; with ipv6 as well, one socket does both */
    bool ipv6;
};

#define LISTENS_MOST 64

/*
 * Reads host under network; names are resolved. Returns how many entries (at most LISTENS_MOST), or -EINVAL having
 * logged which one is wrong and why. Duplicates are left out.
 */
int listens_read(const struct config *config, struct listen *listens);
