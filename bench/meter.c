/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/meter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static int counter_open(uint64_t event)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_HARDWARE, .size = sizeof attributes, .config = event, .exclude_kernel = 1, .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void meter_open(struct meter *meter)
{
    meter->cycles_fd = counter_open(PERF_COUNT_HW_CPU_CYCLES);
    meter->instructions_fd = counter_open(PERF_COUNT_HW_INSTRUCTIONS);
}

void meter_close(struct meter *meter)
{
    if (meter->cycles_fd >= 0)
        close(meter->cycles_fd);
    if (meter->instructions_fd >= 0)
        close(meter->instructions_fd);
}

static double clock_read(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * NS_PER_S + (double)time.tv_nsec;
}

static double counter_value(int fd)
{
    uint64_t value = 0;
    return fd >= 0 && read(fd, &value, sizeof value) == sizeof value ? (double)value : 0;
}

static void reading_add(const struct meter *meter, struct reading *reading, double sign)
{
    double cpu_ns = clock_read(CLOCK_THREAD_CPUTIME_ID);
    reading->cpu_ns += sign * cpu_ns;
    reading->others_ns += sign * (clock_read(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns);
    reading->cycles += sign * counter_value(meter->cycles_fd);
    reading->instructions += sign * counter_value(meter->instructions_fd);
    reading->counted = meter->cycles_fd >= 0 && meter->instructions_fd >= 0;
}

void meter_begin(const struct meter *meter, struct reading *reading)
{
    reading_add(meter, reading, -1);
}

void meter_end(const struct meter *meter, struct reading *reading)
{
    reading_add(meter, reading, 1);
}
