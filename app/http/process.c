/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app/http/metrics.h"
#include "base/clock.h"

/* What proc(5) says of this process. */
struct process {
    uint64_t resident_pages;
    uint64_t virtual_bytes;
    uint64_t started_ticks; /* since the machine's start */
    uint64_t threads;
};

/* The fields of /proc/self/stat behind the name, which ends at the last parenthesis. */
static bool stat_read(struct process *process)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    return at && sscanf(at + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %" SCNu64
                        " %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                        &process->threads, &process->started_ticks, &process->virtual_bytes,
                        &process->resident_pages) == 4;
}

static uint32_t files_count(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 3; /* "." and "..", and the folder itself */
}

static double clock_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

static void value_print(FILE *stream, const char *name, const char *type, const char *help, double value)
{
    fprintf(stream, "# HELP process_%s %s.\n# TYPE process_%s %s\nprocess_%s %.15g\n", name, help, name, type, name,
            value);
}

static double started_seconds(const struct process *process)
{
    double up = (double)process->started_ticks / (double)sysconf(_SC_CLK_TCK);
    return clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) + up;
}

void metrics_process(FILE *stream)
{
    struct process process = {0};
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    value_print(stream, "cpu_seconds_total", "counter", "CPU time of all threads",
                clock_seconds(CLOCK_PROCESS_CPUTIME_ID));
    value_print(stream, "open_fds", "gauge", "Open file descriptors", files_count());
    value_print(stream, "max_fds", "gauge", "Most file descriptors", (double)files.rlim_cur);
    if (!stat_read(&process))
        return;
    value_print(stream, "resident_memory_bytes", "gauge", "Memory in RAM",
                (double)process.resident_pages * (double)sysconf(_SC_PAGESIZE));
    value_print(stream, "virtual_memory_bytes", "gauge", "Address space in use", (double)process.virtual_bytes);
    value_print(stream, "start_time_seconds", "gauge", "When the process was started, since 1970 (UTC)",
                started_seconds(&process));
    value_print(stream, "threads", "gauge", "Threads", (double)process.threads);
}
