/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config/config.h"

struct xdp_bpf;

/*
 * The rules of a loaded XDP program (bpf/xdp.bpf.c). There are two sets: the program reads the one in use, the other is
 * written, then the two change places at once. So no frame is judged by half a change. One thread.
 */

/* Writes the set that is not in use. Returns 0 or -errno, having logged; the program has noticed nothing either way. */
int xdp_rules_prepare(struct xdp_bpf *skeleton, const struct config *config);

/* From now on the program goes by what was prepared last. */
void xdp_rules_use(struct xdp_bpf *skeleton);
