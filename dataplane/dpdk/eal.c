/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/eal.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define ARGUMENTS_FIXED 16 /* those that no list of the configuration brings */
#define MIB             (1024 * 1024)

struct arguments {
    char **words; /* EAL moves them about and overwrites some */
    char **kept;  /* the same: drivers have pointers to them, so they stay until the process ends */
    int count;
    int room;
};

static struct {
    bool running;
    FILE *log;
} eal;

/* --- its log lines are weir's --- */

static enum log_level level_of(int level)
{
    if (level <= (int)RTE_LOG_ERR)
        return LOG_LEVEL_ERROR;
    if (level <= (int)RTE_LOG_WARNING)
        return LOG_LEVEL_WARNING;
    return level <= (int)RTE_LOG_NOTICE ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

static ssize_t line_write(void *cookie, const char *text, size_t size_bytes)
{
    (void)cookie;
    size_t length = size_bytes;
    while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    if (length)
        log_line(level_of(rte_log_cur_msg_loglevel()), "DPDK: %.*s", (int)length, text);
    return (ssize_t)size_bytes;
}

static void log_take(void)
{
    eal.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = line_write});
    if (!eal.log)
        return;
    setvbuf(eal.log, NULL, _IOLBF, 0);
    rte_openlog_stream(eal.log);
}

/* --- arguments --- */

static void word_add(struct arguments *arguments, const char *text)
{
    if (arguments->count < arguments->room)
        arguments->kept[arguments->count++] = strdup(text);
}

/* An address on a bus has a colon in its first word, the name of a virtual device has none. */
static bool device_on_bus(const char *device)
{
    return memchr(device, ':', strcspn(device, ",")) != NULL;
}

/* EAL pins the calling thread to this one for the time of rte_eal_init(). */
static int cpu_first(const cpu_set_t *allowed)
{
    int cpu = 0;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET((unsigned)cpu, allowed))
        cpu++;
    return cpu;
}

/* In memory: no files, no second process, and huge pages without a file system to be mounted. */
static void memory_words(struct arguments *arguments, const struct config *config)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)(config->input.dpdk.memory / MIB));
    if (config->input.dpdk.hugepages) {
        word_add(arguments, "--in-memory");
    } else { /* which is so in any case, and EAL does not want to hear it */
        word_add(arguments, "--no-huge");
        word_add(arguments, "--no-shconf");
    }
    word_add(arguments, "-m");
    word_add(arguments, text);
}

static void device_words(struct arguments *arguments, const struct text_list *devices)
{
    bool bus = false;
    for (uint32_t i = 0; i < devices->count; i++) {
        bool on_bus = device_on_bus(devices->items[i]);
        word_add(arguments, on_bus ? "-a" : "--vdev");
        word_add(arguments, devices->items[i]);
        bus |= on_bus;
    }
    if (!bus)
        word_add(arguments, "--no-pci");
}

static int arguments_init(struct arguments *arguments, const struct config *config, const cpu_set_t *allowed)
{
    char cpu[16];
    const struct text_list *further = &config->input.dpdk.eal;
    arguments->room = ARGUMENTS_FIXED + (int)(2 * config->input.dpdk.devices.count + further->count);
    arguments->words = calloc((size_t)arguments->room + 1, sizeof(*arguments->words));
    arguments->kept = calloc((size_t)arguments->room + 1, sizeof(*arguments->kept));
    if (!arguments->words || !arguments->kept)
        return -ENOMEM;
    snprintf(cpu, sizeof cpu, "%d", cpu_first(allowed));
    word_add(arguments, "weir");
    word_add(arguments, "--no-telemetry");
    word_add(arguments, "-l");
    word_add(arguments, cpu);
    memory_words(arguments, config);
    device_words(arguments, &config->input.dpdk.devices);
    for (uint32_t i = 0; i < further->count; i++)
        word_add(arguments, further->items[i]);
    for (int i = 0; i < arguments->count; i++) {
        arguments->words[i] = arguments->kept[i];
        if (!arguments->words[i])
            return -ENOMEM;
    }
    return 0;
}

static int environment_init(struct arguments *arguments)
{
    if (rte_eal_init(arguments->count, arguments->words) >= 0)
        return 0;
    int error = rte_errno ? rte_errno : EINVAL;
    const char *help = error == ENOMEM || error == EACCES
                           ? "are there huge pages (sysctl vm.nr_hugepages=256), and enough for input.dpdk.memory? "
                             "Virtual devices can do without: input.dpdk.hugepages: false"
                           : "the lines above say what it did not find; see input.dpdk.devices and input.dpdk.eal";
    log_error("DPDK does not start: %s; %s", rte_strerror(error), help);
    return -error;
}

int eal_open(const struct config *config)
{
    cpu_set_t allowed;
    static struct arguments arguments;
    CPU_ZERO(&allowed);
    pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed);
    int result = arguments_init(&arguments, config, &allowed);
    if (result)
        return result;
    log_take();
    result = environment_init(&arguments);
    eal.running = !result;
    /* The threads that start from here on must not all be on one processor. */
    pthread_setaffinity_np(pthread_self(), sizeof allowed, &allowed);
    return result;
}

void eal_close(void)
{
    if (eal.running)
        rte_eal_cleanup();
    eal.running = false;
}
