/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/doctor/checks.h"
#include "app/rights.h"
#include "bpf/shared.h"
#include "dataplane/interface.h"
#include "dataplane/listen.h"
#include "dataplane/sandbox.h"

#define DESCRIPTORS_LEAST 4096 /* sockets of all workers, connections, files */
#define PORTS_RESERVED    1024

static const struct capability_row {
    int number;
    const char *name;
    bool xdp; /* AF_XDP does not start without */
    const char *what;
} capability_rows[] = {
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", true, "attaches the XDP program"},
    {CAP_NET_RAW, "CAP_NET_RAW", true, "opens AF_XDP sockets"},
    {CAP_BPF, "CAP_BPF", true, "loads BPF programs and fills their maps"},
    {CAP_PERFMON, "CAP_PERFMON", true, "lets the verifier take a program that follows packets"},
    {CAP_BPF, "CAP_BPF", false, "lets sockets choose the worker by the exporter's address; workers hand over without"},
};

/* Is it missing, and of use? */
static bool capability_missing(const struct machine *machine, const struct capability_row *row, uint64_t effective)
{
    return !(effective >> row->number & 1) && row->xdp == machine->xdp && (row->xdp || machine->workers > 1);
}

void check_capabilities(const struct machine *machine, struct report *report, const char *interface)
{
    uint64_t effective;
    uint32_t before = report->count;
    if (!look_capabilities(machine, &effective)) {
        report_add(report, FINDING_UNKNOWN, "/proc/self/status cannot be read here");
        return;
    }
    for (unsigned i = 0; i < sizeof capability_rows / sizeof capability_rows[0]; i++) {
        const struct capability_row *row = &capability_rows[i];
        if (!capability_missing(machine, row, effective))
            continue;
        report_add(report, row->xdp && machine->xdp_must ? FINDING_STOP : FINDING_CHANGE, "%s is missing%s, which %s",
                   row->name, look_confined(machine) ? " on the host" : "", row->what);
        if (look_confined(machine))
            report_remedy(report, "input.backend: socket    # or run weir outside of this user namespace, as in a "
                                  "container that root started");
        else
            report_remedy(report, "AmbientCapabilities=%s    # in the unit, as weir.service has it; or run as root",
                          row->name);
    }
    if (report->count == before)
        report_add(report, FINDING_OK, "all that %s need%s, as the user who asks", machine->xdp ? "AF_XDP" : "sockets",
                   machine->xdp ? "s" : "");
}

/* --- who weir is --- */

void check_user(const struct machine *machine, struct report *report, const char *interface)
{
    const struct config *config = machine->config;
    struct rights_user user;
    if (*config->user && !rights_find(config, &user)) {
        report_add(report, FINDING_STOP, "user %s or its group is not there", config->user);
        report_remedy(report, "useradd --system --shell /usr/sbin/nologin %s", config->user);
    } else if (*config->user && geteuid() != 0 && geteuid() != user.uid) {
        report_add(report, FINDING_UNKNOWN, "weir becomes %s when it is started as root; this is neither",
                   config->user);
    } else if (*config->user) {
        report_add(report, FINDING_OK, "weir becomes %s, and drops every capability", config->user);
    } else if (geteuid() == 0) {
        report_add(report, FINDING_CHANGE, "weir stays root when root starts it");
        report_remedy(report, "user: weir    # in the configuration; weir.service has a user of its own");
    } else {
        report_add(report, FINDING_OK, "weir stays uid %u, and drops every capability", geteuid());
    }
    if (!sandbox_built()) {
        report_add(report, FINDING_CHANGE, "this build has no seccomp for its workers");
        report_remedy(report, "apt-get install libseccomp-dev    # and build it again");
    }
}

/* --- limits --- */

static uint64_t frames_bytes(const struct config *config)
{
    uint64_t queues = 0;
    for (uint32_t i = 0; i < config->input.interface.count; i++)
        queues += interface_queues(config->input.interface.items[i], STEER_QUEUES_MOST);
    return queues * config->input.frames * STEER_FRAME_BYTES;
}

static void memlock_look(const struct machine *machine, struct report *report)
{
    struct rlimit limit;
    uint64_t effective = 0, wanted = frames_bytes(machine->config);
    bool known = look_capabilities(machine, &effective);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted ||
        effective >> CAP_IPC_LOCK & 1)
        return;
    report_add(report,
               !known              ? FINDING_UNKNOWN
               : machine->xdp_must ? FINDING_STOP
                                   : FINDING_CHANGE,
               "%llu KiB of memory may be locked, and the frames of AF_XDP take %llu KiB",
               (unsigned long long)limit.rlim_cur / 1024, (unsigned long long)wanted / 1024);
    report_remedy(report, "LimitMEMLOCK=infinity    # in the unit; or CAP_IPC_LOCK, or ulimit -l unlimited");
}

void check_limits(const struct machine *machine, struct report *report, const char *interface)
{
    struct rlimit limit;
    uint32_t before = report->count;
    if (machine->xdp)
        memlock_look(machine, report);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_LEAST) {
        report_add(report, FINDING_CHANGE, "%llu files may be open at a time", (unsigned long long)limit.rlim_cur);
        report_remedy(report, "LimitNOFILE=65536    # in the unit; or ulimit -n 65536");
    }
    if (report->count == before)
        report_add(report, FINDING_OK, "locked memory and open files suffice");
}

/* --- ports --- */

/* As the first socket of weir run: it shares the address with nobody. Returns 0 or -errno. */
static int bind_try(const struct listen *listen)
{
    struct sockaddr_in six_less = {.sin_family = AF_INET, .sin_port = htons(listen->endpoint.port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(listen->endpoint.port)};
    int only = !listen->ipv4, fd = socket(listen->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;
    if (fd < 0)
        return -errno;
    if (listen->ipv6) {
        memcpy(&six.sin6_addr, listen->endpoint.address.bytes, sizeof six.sin6_addr);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
        result = bind(fd, (const struct sockaddr *)&six, sizeof six) < 0 ? -errno : 0;
    } else {
        if (!listen->any)
            memcpy(&six_less.sin_addr, listen->endpoint.address.bytes + 12, sizeof six_less.sin_addr);
        result = bind(fd, (const struct sockaddr *)&six_less, sizeof six_less) < 0 ? -errno : 0;
    }
    close(fd);
    return result;
}

void check_ports(const struct machine *machine, struct report *report, const char *interface)
{
    struct listen listens[LISTENS_MOST];
    char text[ENDPOINT_TEXT_MOST];
    int count = listens_read(machine->config, listens);
    uint32_t before = report->count;
    for (int i = 0; i < count; i++) {
        int result = bind_try(&listens[i]);
        endpoint_format(&listens[i].endpoint, text);
        if (!result || result == -EAFNOSUPPORT)
            continue;
        report_add(report, FINDING_STOP, "%s: %s", text, strerror(-result));
        if (result == -EADDRINUSE)
            report_remedy(report, "ss -lunp 'sport = :%u'    # who listens there: maybe a weir that runs",
                          listens[i].endpoint.port);
        else if (result == -EACCES)
            report_remedy(report, "AmbientCapabilities=CAP_NET_BIND_SERVICE    # in the unit; or a port from %d on",
                          PORTS_RESERVED);
        else
            report_remedy(report, "ip address    # shows the addresses that host can name");
    }
    if (count < 0)
        report_add(report, FINDING_STOP, "host cannot be read; the log says why");
    else if (report->count == before)
        report_add(report, FINDING_OK, "%d to listen on, none of them taken", count);
}
