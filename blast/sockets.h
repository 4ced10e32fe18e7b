/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/sender.h"

/* One socket an exporter, connected to the target: its address and port are the exporter's own. All zeroes at first. */
struct exporter_sockets {
    int *items;
    uint32_t count;
};

/* type: SOCK_DGRAM or SOCK_STREAM. Returns 0 or -errno, logged; exporter_sockets_close() is in order either way. */
int exporter_sockets_open(struct sender *sender, int type, struct exporter_sockets *sockets);
void exporter_sockets_close(struct exporter_sockets *sockets);
