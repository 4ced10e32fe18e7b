/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/arguments.h"
#include "app/collector.h"
#include "app/command.h"
#include "app/http/server.h"
#include "app/reload.h"
#include "app/rights.h"
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/dpdk/module.h"

#define REFRESH_NS (2 * NS_PER_S) /* a new address of this machine is listened on after at most that */
#define STEP_MS    200            /* how soon a broken output is noticed */

static const char help[] =
    "usage: weir run [-c FILE] [-o KEY=VALUE]...\n\n"
    "Receives NetFlow v1, v5, v6, v7, v8, v9, IPFIX and sFlow, by default on UDP ports 2055, 4739 and 6343, and "
    "writes\none ECS document for each record. With input.interface, frames are taken from the driver by AF_XDP.\n"
    "IPFIX comes by TCP, TLS, SCTP and DTLS, too, where input.tcp.listen and so on say so.\n"
    "\n" ARGUMENTS_HELP "\n"
    "http://127.0.0.1:9478/ has metrics for Prometheus, health and an API (http.listen).\n"
    "SIGTERM and SIGINT end it: what was received is delivered, and the ledger printed. SIGHUP begins new output\n"
    "files, and reads the rules anew: which exporters may send (input.allow).\n";

/* --- backends --- */

static uint32_t cores_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : (uint32_t)CPU_COUNT(&set);
}

/* AF_XDP where it is asked for, or where an interface is named and it can be had. Returns 0 or -errno. */
static int xdp_open(struct collector *collector)
{
    const struct config *config = collector->config;
    if (config->input.backend == BACKEND_SOCKET || config->input.backend == BACKEND_DPDK ||
        (config->input.backend == BACKEND_AUTO && !config->input.interface.count))
        return 0;
    if (!config->input.interface.count) {
        log_error("input.backend=xdp needs input.interface; ip link shows the interfaces that there are");
        return -EINVAL;
    }
    int result = collector_add_backend(collector, &backend_xdp, NULL, 0);
    if (!result || config->input.backend == BACKEND_XDP)
        return result;
    log_warning("no AF_XDP: receiving by sockets alone, which costs more for each datagram");
    return 0;
}

/* DPDK where it is asked for. Returns 0 or -errno. */
static int dpdk_open(struct collector *collector)
{
    const struct config *config = collector->config;
    if (config->input.backend != BACKEND_DPDK)
        return 0;
    const struct backend_ops *ops = dpdk_module_load();
    uint32_t queues = config->workers ? config->workers : cores_count();
    return ops ? collector_add_backend(collector, ops, NULL, queues) : -ENOSYS;
}

/* IPFIX over transports with sessions, where it is asked for. Returns 0 or -errno. */
static int streams_open(struct collector *collector, uint32_t workers)
{
    const struct config *config = collector->config;
    uint32_t listens = config->input.tcp.listen.count + config->input.tls.listen.count +
                       config->input.dtls.listen.count + config->input.sctp.listen.count;
    if (!listens)
        return 0;
    return collector_add_backend(collector, &backend_stream, NULL, workers);
}

/*
 * The sockets are there in every case: what the XDP program or the DPDK backend passes on (fragments, frames of other
 * interfaces) reaches weir through them; unless that backend says that it would come twice. Returns the number of
 * workers, or -errno.
 */
static int backends_open(struct collector *collector)
{
    int result = xdp_open(collector);
    if (!result)
        result = dpdk_open(collector);
    if (result)
        return result;
    if (!collector->backend_count && collector->config->input.unpack & (UNPACK_IPIP | UNPACK_GRE))
        log_warning("input.unpack: ipip and gre do not come to sockets; set input.interface, or have the kernel unpack "
                    "them by a tunnel interface");
    uint32_t workers = collector->config->workers;
    if (!workers)
        workers = collector->backend_count ? collector->backends[0].queue_count : cores_count();
    bool alone = collector->backend_count && collector->backends[0].alone;
    if (!alone)
        result = collector_add_backend(collector, &backend_socket, NULL, workers);
    if (!result)
        result = streams_open(collector, workers);
    if (!result && !alone)
        collector->nics = nics_new(collector->config);
    return result ? result : alone || collector->nics ? (int)workers : -ENOMEM;
}

static void backends_refresh(struct collector *collector)
{
    for (uint32_t i = 0; i < collector->backend_count; i++)
        if (collector->backends[i].ops->refresh)
            collector->backends[i].ops->refresh(&collector->backends[i]);
    if (collector->nics)
        nics_read(collector->nics);
}

/* --- the control thread's loop --- */

/* Blocks the signals that end or reopen, and makes them readable. Before any thread starts. Returns the fd or -errno.
 */
static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        log_error("signals: %s", strerror(errno));
    return fd < 0 ? -errno : fd;
}

/* Waits for at most STEP_MS. True when a signal asks to end. */
static bool signals_wait(struct collector *collector, const struct reload *reload, int fd)
{
    struct signalfd_siginfo signal;
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    if (poll(&entry, 1, STEP_MS) <= 0)
        return false;
    while (read(fd, &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo != SIGHUP) {
            log_info("%s: stopping", strsignal((int)signal.ssi_signo));
            return true;
        }
        outputs_reopen(collector->outputs);
        reload_rules(collector, reload);
    }
    return false;
}

/* Until a signal or a broken output ends it. Returns the exit status. */
static int control(struct collector *collector, const struct reload *reload, int signals)
{
    int64_t interval_ns = (int64_t)collector->config->stats_interval;
    int64_t refresh_ns = clock_steady_ns() + REFRESH_NS, print_ns = clock_steady_ns() + interval_ns;
    while (!signals_wait(collector, reload, signals)) {
        int64_t now_ns = clock_steady_ns();
        collector_watch(collector);
        if (outputs_broken(collector->outputs)) {
            log_error("nobody reads the output any more: stopping");
            return STATUS_FAILED;
        }
        if (now_ns >= refresh_ns) {
            backends_refresh(collector);
            refresh_ns = now_ns + REFRESH_NS;
        }
        if (interval_ns && now_ns >= print_ns) {
            collector_print_interval(collector);
            print_ns += interval_ns;
            print_ns = print_ns < now_ns ? now_ns + interval_ns : print_ns;
        }
    }
    return STATUS_GOOD;
}

static void ready_say(const struct config *config, int workers)
{
    char hosts[512] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < config->host.count && length < sizeof hosts; i++)
        length += (size_t)snprintf(hosts + length, sizeof hosts - length, "%s%s", i ? ", " : "", config->host.items[i]);
    log_info("ready: receiving on %s with %d worker%s", hosts, workers, workers == 1 ? "" : "s");
}

static int serve(struct collector *collector, const struct reload *reload, struct http *http, int signals)
{
    int workers = backends_open(collector);
    bool xdp = workers > 0 && collector->backends[0].ops == &backend_xdp;
    bool started = workers > 0 && rights_drop(collector->config, xdp) == 0 && http_start(http) == 0 &&
                   collector_open_templates(collector, (uint32_t)workers) &&
                   collector_start(collector, (uint32_t)workers, NULL, 0);
    int status = STATUS_FAILED;
    if (started) {
        http_enter(http, HTTP_RUNNING);
        ready_say(collector->config, workers);
        status = control(collector, reload, signals);
        http_enter(http, HTTP_STOPPING);
    }
    collector_finish(collector);
    if (started)
        collector_print_ledger(collector);
    return status;
}

static int collect(struct collector *collector, const struct config *config, const struct reload *reload)
{
    struct http *http = NULL;
    int status = STATUS_FAILED, signals = signals_open();
    if (signals < 0)
        return status;
    if (collector_init(collector, config) && !http_open(&http, collector))
        status = serve(collector, reload, http, signals);
    http_close(http);
    close(signals);
    return status;
}

static int run(const struct arguments *arguments)
{
    struct config config;
    struct collector collector = {0};
    char journal_setting[JOURNAL_PRESET_MOST];
    const char *presets[] = {journal_setting};
    struct reload reload = {.arguments = arguments,
                            .presets = presets,
                            .preset_count = journal_preset(journal_setting)};
    if (!arguments_load(arguments, presets, reload.preset_count, &config))
        return STATUS_FAILED;
    int status = collect(&collector, &config, &reload);
    collector_close(&collector);
    config_fini(&config);
    return status;
}

int command_run(int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS, {0}};
    struct arguments arguments;
    int letter;
    if (!arguments_init(&arguments, count))
        return STATUS_FAILED;
    words[0] = "weir run";
    while ((letter = getopt_long(count, words, ARGUMENTS_LETTERS, rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?') {
            arguments_fini(&arguments);
            return letter == '?' ? usage_refer("run") : (fputs(help, stdout), STATUS_GOOD);
        }
        arguments_take(&arguments, letter, optarg);
    }
    int status = STATUS_USAGE;
    if (optind < count)
        fprintf(stderr, "weir run: %s is not understood; the file goes behind -c\n", words[optind]);
    else
        status = run(&arguments);
    arguments_fini(&arguments);
    return status;
}
