/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/dpdk/module.h"

/* Beside the program, where it lies after a build, or where it is installed. False where there is none. */
static bool module_find(char path[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash) {
        snprintf(path, PATH_MAX, "%.*s/" DPDK_MODULE_FILE, (int)(slash - program), program);
        if (access(path, F_OK) == 0)
            return true;
    }
    snprintf(path, PATH_MAX, "%s/" DPDK_MODULE_FILE, WEIR_MODULE_FOLDER);
    return access(path, F_OK) == 0;
}

enum dpdk_module_state dpdk_module_look(struct dpdk_module_seen *seen)
{
    *seen = (struct dpdk_module_seen){.reason = ""};
    if (!module_find(seen->path))
        return DPDK_MODULE_MISSING;
    void *library = dlopen(seen->path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(seen->reason, sizeof seen->reason, "%s", dlerror());
        return DPDK_MODULE_LIBRARIES;
    }
    seen->module = dlsym(library, DPDK_MODULE_SYMBOL);
    if (!seen->module || seen->module->interface != DPDK_MODULE_INTERFACE ||
        seen->module->layout != DPDK_MODULE_LAYOUT || strcmp(seen->module->version, WEIR_VERSION) != 0)
        return DPDK_MODULE_STRANGE;
    return DPDK_MODULE_GOOD;
}

/* NULL, having said what is missing. */
static const struct dpdk_module *module_load(void)
{
    struct dpdk_module_seen seen;
    switch (dpdk_module_look(&seen)) {
    case DPDK_MODULE_MISSING:
        log_error("DPDK: there is no " DPDK_MODULE_FILE " beside the program or in " WEIR_MODULE_FOLDER
                  "; it is built where libdpdk-dev is installed (meson setup -Ddpdk=enabled says what is missing), and "
                  "comes in a package of its own");
        return NULL;
    case DPDK_MODULE_LIBRARIES:
        log_error("DPDK: %s; DPDK's libraries are missing, or of another version than %s was built with: "
                  "apt-get install librte-ethdev23 and the driver, as librte-net-mlx5-23 (docs/dpdk.md), or build weir "
                  "with what is installed",
                  seen.reason, seen.path);
        return NULL;
    case DPDK_MODULE_STRANGE:
        log_error("%s is of another build than this program; install both from one build", seen.path);
        return NULL;
    default:
        return seen.module;
    }
}

const struct backend_ops *dpdk_module_load(void)
{
    const struct dpdk_module *module = module_load();
    return module ? module->ops : NULL;
}

const struct dpdk_transmit_ops *dpdk_module_transmit(void)
{
    const struct dpdk_module *module = module_load();
    return module ? module->transmit : NULL;
}
