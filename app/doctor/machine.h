/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* The machine as weir doctor sees it, and the configuration that it is looked at for. */
struct machine {
    const struct config *config;
    const char *root; /* goes before /proc and /sys; "" but in tests */
    bool xdp;         /* weir run would try AF_XDP */
    bool xdp_must;    /* and does not start without */
    bool dpdk;        /* or DPDK */
    uint32_t workers; /* that weir run would start */
};

#define LOOK_PATH_MOST 512

/*
 * The beginning of a file below the root, without white space at its end, as a text. The path is a printf format. False
 * where it cannot be read: then text is "".
 */
bool look_text(const struct machine *machine, char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A file with a number. */
bool look_number(const struct machine *machine, long long *value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The path itself; returns path. */
const char *look_path(const struct machine *machine, char path[LOOK_PATH_MOST], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A whole file, which may be compressed with gzip (as /proc/config.gz is); the caller frees. NULL: cannot be read. */
char *look_config(const struct machine *machine);

/* Is this a user namespace, as a rootless container is? What is a right there is none on the machine. */
bool look_confined(const struct machine *machine);

/* The effective capabilities, a bit each (linux/capability.h), that count. False where /proc does not show them. */
bool look_capabilities(const struct machine *machine, uint64_t *effective);

/* Lists of processors as the kernel writes them: "0-3,8". Numbers beyond what a cpu_set_t holds are left out. */
void processors_parse(const char *text, cpu_set_t *set);
const char *processors_format(const cpu_set_t *set, char *text, size_t size);

/* Those of input.cpus. */
void processors_configured(const struct config *config, cpu_set_t *set);

/* Those that this process may run on: at least one. */
void processors_allowed(cpu_set_t *set);
