/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config/config.h"

/*
 * DPDK's environment: memory, buses, drivers, made from input.dpdk. Once a process. 0, or -errno having logged what to
 * do about it; eal_close() is in order in each case. The calling thread keeps its processors.
 */
int eal_open(const struct config *config);
void eal_close(void);
