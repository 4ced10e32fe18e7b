/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The program with hints for any device: none says the NIC's time. */
#define NIC_TIME(context) 0
#include "bpf/xdp.bpf.c"
