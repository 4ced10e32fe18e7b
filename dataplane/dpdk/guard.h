/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dataplane/listen.h"

/*
 * Sockets that take nothing: where the kernel has the frames, too, it would answer each datagram that no socket waits
 * for with "port unreachable" (RFC 1122 4.1.3.1), at which exporters stop sending.
 */
struct guards {
    int sockets[LISTENS_MOST];
    int count;
};

/* 0, or -errno having logged which address is taken. */
int guards_open(struct guards *guards, const struct listen *listens, int count);
void guards_close(struct guards *guards);
