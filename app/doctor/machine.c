/* SPDX-License-Identifier: Apache-2.0 */
#include "app/doctor/machine.h"

#include <fcntl.h>
#include <isa-l.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Those that the kernel asks of the machine's own users alone, of what weir needs. */
#define BIT(number)       (1ull << (number))
#define HOST_CAPABILITIES (BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_IPC_LOCK) | BIT(CAP_SYS_ADMIN))

#define CONFIG_BYTES_MOST ((size_t)4 << 20) /* kernels' own configurations have some 300 KB */

static void path_make(const struct machine *machine, char path[LOOK_PATH_MOST], const char *format, va_list arguments)
{
    int length = snprintf(path, LOOK_PATH_MOST, "%s", machine->root);
    if (length >= 0 && length < LOOK_PATH_MOST)
        vsnprintf(path + length, (size_t)(LOOK_PATH_MOST - length), format, arguments);
}

const char *look_path(const struct machine *machine, char path[LOOK_PATH_MOST], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    path_make(machine, path, format, arguments);
    va_end(arguments);
    return path;
}

/* Bytes read, at most size; -1 where it cannot be. */
static ssize_t file_read(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t count = -1;
    if (fd < 0)
        return -1;
    while (length < size && (count = read(fd, bytes + length, size - length)) > 0)
        length += (size_t)count;
    close(fd);
    return count < 0 ? -1 : (ssize_t)length;
}

static bool text_read(const char *path, char *text, size_t size)
{
    ssize_t length = file_read(path, text, size - 1);
    text[length < 0 ? 0 : length] = 0;
    for (size_t at = strlen(text); at && strchr(" \t\n", text[at - 1]); at--)
        text[at - 1] = 0;
    return length >= 0;
}

bool look_text(const struct machine *machine, char *text, size_t size, const char *format, ...)
{
    char path[LOOK_PATH_MOST];
    va_list arguments;
    va_start(arguments, format);
    path_make(machine, path, format, arguments);
    va_end(arguments);
    return text_read(path, text, size);
}

bool look_number(const struct machine *machine, long long *value, const char *format, ...)
{
    char path[LOOK_PATH_MOST], text[64], *end;
    va_list arguments;
    va_start(arguments, format);
    path_make(machine, path, format, arguments);
    va_end(arguments);
    if (!text_read(path, text, sizeof text))
        return false;
    *value = strtoll(text, &end, 10);
    return end != text;
}

bool look_confined(const struct machine *machine)
{
    char text[256];
    unsigned long long within, outside, count;
    return look_text(machine, text, sizeof text, "/proc/self/uid_map") &&
           (sscanf(text, " %llu %llu %llu", &within, &outside, &count) != 3 || count != UINT32_MAX);
}

bool look_capabilities(const struct machine *machine, uint64_t *effective)
{
    char text[4096];
    const char *found = look_text(machine, text, sizeof text, "/proc/self/status") ? strstr(text, "CapEff:") : NULL;
    unsigned long long bits;
    if (!found || sscanf(found, "CapEff: %llx", &bits) != 1)
        return false;
    *effective = look_confined(machine) ? bits & ~HOST_CAPABILITIES : bits;
    return true;
}

/* --- the kernel's configuration --- */

static char *gzip_read(const char *path)
{
    char *packed = malloc(CONFIG_BYTES_MOST), *text = malloc(CONFIG_BYTES_MOST);
    struct inflate_state *state = malloc(sizeof *state); /* 80 KB */
    ssize_t length = packed && text && state ? file_read(path, packed, CONFIG_BYTES_MOST) : -1;
    bool good = length > 0;
    if (good) {
        isal_inflate_init(state);
        state->crc_flag = ISAL_GZIP;
        state->next_in = (uint8_t *)packed;
        state->avail_in = (uint32_t)length;
        state->next_out = (uint8_t *)text;
        state->avail_out = CONFIG_BYTES_MOST - 1;
        good = isal_inflate(state) == ISAL_DECOMP_OK;
        text[state->total_out] = 0;
    }
    free(packed);
    free(state);
    if (good)
        return text;
    free(text);
    return NULL;
}

char *look_config(const struct machine *machine)
{
    char path[LOOK_PATH_MOST];
    struct utsname name;
    char *text = gzip_read(look_path(machine, path, "/proc/config.gz"));
    if (text || uname(&name) < 0 || !(text = malloc(CONFIG_BYTES_MOST)))
        return text;
    if (text_read(look_path(machine, path, "/boot/config-%s", name.release), text, CONFIG_BYTES_MOST) ||
        text_read(look_path(machine, path, "/lib/modules/%s/config", name.release), text, CONFIG_BYTES_MOST))
        return text;
    free(text);
    return NULL;
}

/* --- processors --- */

void processors_parse(const char *text, cpu_set_t *set)
{
    CPU_ZERO(set);
    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
            CPU_SET(cpu, set);
        text = *end == ',' ? end + 1 : "";
    }
}

const char *processors_format(const cpu_set_t *set, char *text, size_t size)
{
    size_t length = 0;
    text[0] = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && length < size; cpu++) {
        int last = cpu;
        if (!CPU_ISSET(cpu, set))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set))
            last++;
        length += (size_t)snprintf(text + length, size - length, last == cpu ? "%s%d" : "%s%d-%d", length ? "," : "",
                                   cpu, last);
        cpu = last;
    }
    return text;
}

void processors_configured(const struct config *config, cpu_set_t *set)
{
    CPU_ZERO(set);
    for (uint32_t i = 0; i < config->input.cpus.count; i++) {
        unsigned long cpu = strtoul(config->input.cpus.items[i], NULL, 10);
        if (cpu < CPU_SETSIZE)
            CPU_SET(cpu, set);
    }
}

void processors_allowed(cpu_set_t *set)
{
    CPU_ZERO(set);
    if (sched_getaffinity(0, sizeof *set, set) < 0 || !CPU_COUNT(set))
        CPU_SET(0, set);
}
