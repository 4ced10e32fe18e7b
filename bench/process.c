/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define READY_MOST_MS  5000
#define SETTLE_MOST_MS 20000
#define STEP_MS        50
#define QUIET_NS       (2 * NS_PER_MS) /* CPU time in a step: nothing but housekeeping */

void process_wait(uint32_t milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * NS_PER_MS};
    nanosleep(&time, NULL);
}

bool process_start(struct process *process, const char *const *arguments, const char *log_path)
{
    snprintf(process->log_path, sizeof process->log_path, "%s", log_path);
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    fflush(NULL);
    process->id = log < 0 ? -1 : fork();
    if (process->id == 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    if (process->id < 0)
        fprintf(stderr, "weir-bench: %s cannot be started: %s\n", arguments[0], strerror(errno));
    if (log >= 0)
        close(log);
    return process->id > 0;
}

bool process_stop(struct process *process, double *cpu_ns)
{
    struct rusage used;
    int status = -1;
    kill(process->id, SIGTERM);
    if (wait4(process->id, &status, 0, &used) != process->id)
        return false;
    *cpu_ns = ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
              ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
    return status == 0;
}

/* First line of a file below /proc/PID/task/TID. */
static bool task_read(pid_t process, const char *task, const char *file, char line[256])
{
    char path[128];
    snprintf(path, sizeof path, "/proc/%d/task/%.16s/%s", process, task, file);
    FILE *stream = fopen(path, "r");
    bool good = stream && fgets(line, 256, stream);
    if (stream)
        fclose(stream);
    return good;
}

void process_cpu(const struct process *process, struct process_cpu *cpu)
{
    char path[64], name[256], line[256];
    const struct dirent *entry;
    struct timespec all = {0};
    clockid_t clock;
    snprintf(path, sizeof path, "/proc/%d/task", process->id);
    if (clock_getcpuclockid(process->id, &clock) == 0)
        clock_gettime(clock, &all);
    *cpu = (struct process_cpu){.all = (double)all.tv_sec * 1e9 + (double)all.tv_nsec};
    DIR *tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        /* ".." has these files, too: the main thread's */
        if (entry->d_name[0] == '.' || !task_read(process->id, entry->d_name, "comm", name) ||
            !task_read(process->id, entry->d_name, "schedstat", line))
            continue;
        double ns = strtod(line, NULL);
        if (strncmp(name, "weir-worker", 11) == 0)
            cpu->worker += ns;
        else if (strncmp(name, "weir-out", 8) == 0 || strncmp(name, "iou-", 4) == 0)
            cpu->output += ns;
        else if (strncmp(name, "rdk:", 4) == 0)
            cpu->kafka += ns;
    }
    if (tasks)
        closedir(tasks);
}

char *process_log(const struct process *process)
{
    char *text = NULL;
    FILE *file = fopen(process->log_path, "r");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)size + 1);
    if (text && fread(text, 1, (size_t)size, file) != (size_t)size)
        text[0] = '\0';
    fclose(file);
    return text;
}

static bool log_contains(const struct process *process, const char *text)
{
    char *log = process_log(process);
    bool found = log && strstr(log, text);
    free(log);
    return found;
}

bool process_ready(const struct process *process, const char *text, uint16_t port)
{
    uint64_t waiting, drops;
    for (int waited = 0; waited < READY_MOST_MS; waited += STEP_MS) {
        process_wait(STEP_MS);
        if (*text ? log_contains(process, text) : socket_state(port, &waiting, &drops))
            return true;
        if (waitpid(process->id, NULL, WNOHANG) != 0)
            break;
    }
    char *log = process_log(process);
    fprintf(stderr, "weir-bench: the collector does not start:\n%s", log ? log : "");
    free(log);
    return false;
}

/* sl local remote st tx:rx timer retransmissions uid timeout inode references pointer drops; numbers in hex */
static bool line_read(const char *line, uint16_t port, uint64_t *waiting_bytes, uint64_t *drops)
{
    unsigned local;
    uint64_t waiting, dropped;
    if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %*x %*x:%" SCNx64 " %*x:%*x %*x %*u %*d %*u %*d %*s %" SCNu64,
               &local, &waiting, &dropped) != 3 ||
        local != port)
        return false;
    *waiting_bytes += waiting;
    *drops += dropped;
    return true;
}

bool socket_state(uint16_t port, uint64_t *waiting_bytes, uint64_t *drops)
{
    static const char *const paths[] = {"/proc/net/udp", "/proc/net/udp6"};
    char line[512];
    bool found = false;
    *waiting_bytes = *drops = 0;
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(paths[i], "r");
        while (file && fgets(line, sizeof line, file))
            found = line_read(line, port, waiting_bytes, drops) || found;
        if (file)
            fclose(file);
    }
    return found;
}

void process_settle(const struct process *process, uint16_t port, uint32_t quiet_ms)
{
    struct process_cpu before, now;
    uint64_t waiting, drops;
    uint32_t quiet_so_far = 0;
    process_cpu(process, &before);
    for (int waited = 0; waited < SETTLE_MOST_MS; waited += STEP_MS) {
        process_wait(STEP_MS);
        process_cpu(process, &now);
        bool quiet = now.all - before.all < QUIET_NS;
        before = now;
        quiet = quiet && (!socket_state(port, &waiting, &drops) || !waiting);
        quiet_so_far = quiet ? quiet_so_far + STEP_MS : 0;
        if (quiet && quiet_so_far >= quiet_ms)
            return;
    }
}
