/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/doctor/checks.h"

#define KERNEL_LEAST(major, minor) ((major)*1000 + (minor))

static int kernel_version(const char *release)
{
    unsigned major = 0, minor = 0;
    return sscanf(release, "%u.%u", &major, &minor) == 2 ? (int)KERNEL_LEAST(major, minor) : 0;
}

void check_kernel(const struct machine *machine, struct report *report, const char *interface)
{
    struct utsname name;
    int version = uname(&name) < 0 ? 0 : kernel_version(name.release);
    if (!version)
        report_add(report, FINDING_UNKNOWN, "the kernel does not give its version");
    else if (machine->xdp && version < KERNEL_LEAST(5, 10))
        report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE, "Linux %s: AF_XDP needs 5.10 or newer",
                   name.release);
    else
        report_add(report, FINDING_OK, "Linux %s, %s", name.release, name.machine);
}

/* --- options --- */

static const struct option_wanted {
    const char *name;
    bool xdp; /* AF_XDP does not run without; else worth having */
    const char *what;
} options_wanted[] = {
    {"CONFIG_XDP_SOCKETS", true, "AF_XDP sockets"},
    {"CONFIG_BPF_SYSCALL", true, "BPF programs"},
    {"CONFIG_BPF_JIT", false, "BPF programs as machine code"},
    {"CONFIG_NET_RX_BUSY_POLL", false, "input.busy_poll"},
    {"CONFIG_IO_URING", false, "files without a system call a write"},
    {"CONFIG_SECCOMP_FILTER", false, "workers that can call what they need alone"},
    {"CONFIG_TRANSPARENT_HUGEPAGE", false, "huge pages without reserving them"},
};

static bool option_is_set(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || at[-1] == '\n') && at[length] == '=' && (at[length + 1] == 'y' || at[length + 1] == 'm'))
            return true;
    return false;
}

/* What the kernel says when it is asked for such a socket, whether or not its configuration can be read. */
static void socket_probe(const struct machine *machine, struct report *report)
{
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    else if (errno == EAFNOSUPPORT)
        report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE,
                   "the kernel knows no AF_XDP sockets (CONFIG_XDP_SOCKETS)");
}

void check_kernel_options(const struct machine *machine, struct report *report, const char *interface)
{
    char path[LOOK_PATH_MOST];
    uint32_t before = report->count;
    char *text = look_config(machine);
    if (!text && machine->xdp)
        socket_probe(machine, report);
    for (unsigned i = 0; text && i < sizeof options_wanted / sizeof options_wanted[0]; i++) {
        const struct option_wanted *row = &options_wanted[i];
        if (option_is_set(text, row->name) || (row->xdp && !machine->xdp))
            continue;
        report_add(report, row->xdp && machine->xdp_must ? FINDING_STOP : FINDING_CHANGE, "%s is not set: no %s",
                   row->name, row->what);
    }
    bool types = access(look_path(machine, path, "/sys/kernel/btf/vmlinux"), R_OK) == 0;
    const char *btf = types ? "" : "; no BTF, which only tools that look into weir's programs miss";
    if (report->count > before)
        ;
    else if (text)
        report_add(report, FINDING_OK, "all that weir uses%s", btf);
    else
        report_add(report, FINDING_UNKNOWN, "neither /proc/config.gz nor /boot/config can be read here%s", btf);
    free(text);
}

/* --- sysctls --- */

static void sysctl_least(const struct machine *machine, struct report *report, const char *name, long long least)
{
    char path[128];
    long long value;
    snprintf(path, sizeof path, "/proc/sys/%s", name);
    for (char *at = path; (at = strchr(at, '.'));)
        *at = '/';
    if (!look_number(machine, &value, "%s", path) || value >= least)
        return;
    report_add(report, FINDING_CHANGE, "%s is %lld", name, value);
    report_remedy(report, "sysctl -w %s=%lld    # and into /etc/sysctl.d/ to stay", name, least);
}

/* Strict reverse path filtering drops what comes by another way than the answer would go, and counts it nowhere near.
 */
static void filter_look(const struct machine *machine, struct report *report)
{
    long long value;
    if (!look_number(machine, &value, "/proc/sys/net/ipv4/conf/all/rp_filter") || value != 1)
        return;
    report_add(
        report, FINDING_CHANGE,
        "net.ipv4.conf.all.rp_filter is 1: of exporters that are reached by another interface than they send to, "
        "the kernel drops everything");
    report_remedy(report, "sysctl -w net.ipv4.conf.all.rp_filter=2");
}

void check_sysctls(const struct machine *machine, struct report *report, const char *interface)
{
    const struct config *config = machine->config;
    uint32_t before = report->count;
    long long value;
    uint64_t effective = 0;
    bool seen = look_number(machine, &value, "/proc/sys/net/core/rmem_max");
    look_capabilities(machine, &effective);
    if (!(effective >> CAP_NET_ADMIN & 1)) /* with it, a socket gets what read_buffer says */
        sysctl_least(machine, report, "net.core.rmem_max", (long long)config->read_buffer);
    sysctl_least(machine, report, "net.core.bpf_jit_enable", 1);
    if (!machine->xdp || config->input.xdp_mode == XDP_MODE_GENERIC)
        sysctl_least(machine, report, "net.core.netdev_max_backlog", 2000);
    if (look_number(machine, &value, "/proc/sys/kernel/io_uring_disabled") && value == 2) {
        report_add(report, FINDING_CHANGE, "kernel.io_uring_disabled is 2: each write of a file is a system call");
        report_remedy(report, "sysctl -w kernel.io_uring_disabled=0");
    }
    filter_look(machine, report);
    if (report->count == before)
        report_add(report, seen ? FINDING_OK : FINDING_UNKNOWN, "%s",
                   seen ? "receive buffers, BPF's compiler, io_uring and path filters are as they should be"
                        : "/proc/sys has no net.core.rmem_max here, as in a network namespace: look outside of it");
}

/* --- clock --- */

void check_clock(const struct machine *machine, struct report *report, const char *interface)
{
    struct timex state = {0};
    int result = adjtimex(&state);
    if (result < 0) {
        report_add(report, FINDING_UNKNOWN, "the kernel does not say: %s", strerror(errno));
    } else if (result == TIME_ERROR || state.status & STA_UNSYNC) {
        report_add(report, FINDING_CHANGE,
                   "nothing keeps the clock right, as far as the kernel knows: event.created and delays will be off");
        report_remedy(report, "timedatectl set-ntp true    # or run chrony; of a container, on the host");
    } else {
        report_add(report, FINDING_OK, "synchronised, off by %ld us at most", state.maxerror);
    }
}
