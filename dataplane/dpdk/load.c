/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/dpdk/module.h"

#define MODULE_FILE "weir-dpdk.so"

/* Beside the program, where it lies after a build, or where it is installed. False where there is none. */
static bool module_find(char path[PATH_MAX])
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash) {
        snprintf(path, PATH_MAX, "%.*s/" MODULE_FILE, (int)(slash - program), program);
        if (access(path, F_OK) == 0)
            return true;
    }
    snprintf(path, PATH_MAX, "%s/" MODULE_FILE, WEIR_MODULE_FOLDER);
    return access(path, F_OK) == 0;
}

static const struct dpdk_module *module_open(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log_error("input.backend=dpdk: %s; DPDK's libraries are missing, or of another version than %s was built with: "
                  "apt-get install librte-ethdev23 and the driver, as librte-net-mlx5-23 (docs/dpdk.md), or build weir "
                  "with what is installed",
                  dlerror(), path);
        return NULL;
    }
    return dlsym(library, DPDK_MODULE_SYMBOL);
}

const struct backend_ops *dpdk_module_load(void)
{
    char path[PATH_MAX];
    if (!module_find(path)) {
        log_error("input.backend=dpdk: there is no %s beside the program or in %s; it is built where libdpdk-dev is "
                  "installed (meson setup -Ddpdk=enabled says what is missing), and comes in a package of its own",
                  MODULE_FILE, WEIR_MODULE_FOLDER);
        return NULL;
    }
    const struct dpdk_module *module = module_open(path);
    if (!module)
        return NULL;
    if (module->interface != DPDK_MODULE_INTERFACE || module->layout != DPDK_MODULE_LAYOUT ||
        strcmp(module->version, WEIR_VERSION) != 0) {
        log_error("%s is of another build than this program (interface %u, wanted %u); install both from one build",
                  path, module->interface, DPDK_MODULE_INTERFACE);
        return NULL;
    }
    return module->ops;
}
