/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/backend.h"
#include "dataplane/dpdk/transmit.h"

/*
 * What weir-dpdk.so exports and the program looks for: who has no DPDK installs no module, and the program is linked
 * with none of DPDK's libraries. The module calls a few functions of the program (dataplane/meson.build lists them), so
 * both are of one build; what would go wrong otherwise is refused when the module is loaded.
 */
struct dpdk_module {
    uint32_t interface; /* DPDK_MODULE_INTERFACE; first, whatever else changes */
    uint32_t layout;    /* DPDK_MODULE_LAYOUT */
    const char *version;
    const struct backend_ops *ops;
    const struct dpdk_transmit_ops *transmit;
};

#define DPDK_MODULE_FILE      "weir-dpdk.so"
#define DPDK_MODULE_INTERFACE 2
#define DPDK_MODULE_SYMBOL    "weir_dpdk_module"

/* Changes with the structs that both sides read. */
#define DPDK_MODULE_LAYOUT                                                                                             \
    ((uint32_t)(sizeof(struct config) * 31 + sizeof(struct backend_ops) * 17 + sizeof(struct backend_queue) * 13 +     \
                sizeof(struct packet) * 7 + sizeof(struct losses)))

enum dpdk_module_state {
    DPDK_MODULE_GOOD,
    DPDK_MODULE_MISSING,   /* neither beside the program nor where it would be installed */
    DPDK_MODULE_LIBRARIES, /* it cannot be loaded: libraries of DPDK's, or their version */
    DPDK_MODULE_STRANGE,   /* of another build than the program */
};

struct dpdk_module_seen {
    char path[PATH_MAX];
    char reason[512]; /* why it cannot be loaded */
    const struct dpdk_module *module;
};

/* Loads it, if it can be. Logs nothing. Control thread. */
enum dpdk_module_state dpdk_module_look(struct dpdk_module_seen *seen);

/*
 * The module's operations; it is loaded once and stays. NULL, having logged what is missing and what to install.
 * Control thread.
 */
const struct backend_ops *dpdk_module_load(void);

/* The same, of the way out. */
const struct dpdk_transmit_ops *dpdk_module_transmit(void);
