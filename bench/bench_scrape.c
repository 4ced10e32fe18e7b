/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What it costs to be looked at: a worker with 10,000 exporters of five templates each decodes and encodes as fast as
 * it can on this thread, first by itself, then while a client asks for one page after the other without a pause. Bursts
 * are timed in CPU time: what else this machine does must not count. An argument: how long it does each, in ms.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/collector.h"
#include "app/http/server.h"
#include "base/clock.h"
#include "bench/traffic.h"
#include "dataplane/backend_memory.h"

#define EXPORTERS  10000
#define TEMPLATES  5
#define PHASE_MS   4000 /* unless the first argument says otherwise */
#define TIMES_MOST (1U << 22)
#define LISTEN     "http.listen=127.0.0.1:29478"
#define PORT       29478

struct bench {
    struct config config;
    struct collector collector;
    struct http *http;
    struct worker *worker;
    struct traffic traffic;
    struct memory_datagram *datagrams;
    struct memory_input input;
    uint32_t *times_ns;
    int64_t phase_ns;
};

/* ---- the client ---- */

struct client {
    const char *path;
    const char *headers;
    uint32_t requests;
    uint64_t bytes;   /* of the last answer */
    int64_t spent_ns;
    int64_t cpu_ns;   /* its own */
    _Atomic bool over, done;
};

static uint64_t request(const struct client *client)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static char bytes[1 << 18];
    char text[256];
    uint64_t sum = 0;
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", client->path,
                          client->headers);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && send(fd, text, (size_t)length, 0) == length)
        for (ssize_t got; (got = recv(fd, bytes, sizeof bytes, 0)) > 0;)
            sum += (uint64_t)got;
    close(fd);
    return sum;
}

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void *client_run(void *argument)
{
    struct client *client = argument;
    while (!atomic_load(&client->over)) {
        int64_t begun_ns = clock_steady_ns();
        client->bytes = request(client);
        client->spent_ns += clock_steady_ns() - begun_ns;
        client->requests++;
    }
    client->cpu_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    atomic_store(&client->done, true);
    return NULL;
}

/* ---- the worker ---- */

static int time_compare(const void *one, const void *other)
{
    uint32_t first = *(const uint32_t *)one, second = *(const uint32_t *)other;
    return first < second ? -1 : first > second;
}

static void phase_run(struct bench *bench, const char *name, struct client *client)
{
    pthread_t thread;
    uint32_t count = 0, packets = 0;
    int64_t end_ns = clock_steady_ns() + bench->phase_ns;
    int64_t begun_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID), last_ns = begun_ns;
    int64_t others_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_ns;
    if (client)
        pthread_create(&thread, NULL, client_run, client);
    while (clock_steady_ns() < end_ns && count < TIMES_MOST) {
        packets += worker_burst(bench->worker);
        int64_t now_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        bench->times_ns[count++] = (uint32_t)(now_ns - last_ns);
        last_ns = now_ns;
    }
    if (client) {
        atomic_store(&client->over, true);
        while (!atomic_load(&client->done))
            worker_burst(bench->worker); /* the request under way may wait for it */
        pthread_join(thread, NULL);
        others_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns(CLOCK_THREAD_CPUTIME_ID) - others_ns - client->cpu_ns;
    }
    double mean_us = (double)(last_ns - begun_ns) / count / 1000;
    qsort(bench->times_ns, count, sizeof *bench->times_ns, time_compare);
    printf("| %-52s | %6.0f | %6.0f | %6.0f | %6.0f ", name, mean_us * 64 * count / packets,
           bench->times_ns[count / 2] / 1e3, bench->times_ns[count - 1 - count / 1000] / 1e3,
           bench->times_ns[count - 1] / 1e3);
    if (client && client->requests)
        printf("| %5u | %7.1f | %7.2f | %10llu |\n", client->requests,
               (double)client->spent_ns / client->requests / 1e6, (double)others_ns / client->requests / 1e6,
               (unsigned long long)client->bytes);
    else
        printf("| %5s | %7s | %7s | %10s |\n", "", "", "", "");
    fflush(stdout);
}

/* ---- both ---- */

static bool traffic_load(struct bench *bench)
{
    struct traffic_setup setup = {.kind = TRAFFIC_V9,
                                  .exporters = EXPORTERS,
                                  .datagrams = EXPORTERS,
                                  .records_a_datagram = 24,
                                  .templates_an_exporter = TEMPLATES};
    if (traffic_make(&bench->traffic, &setup))
        return false;
    bench->datagrams = calloc(bench->traffic.count, sizeof *bench->datagrams);
    for (uint32_t i = 0; bench->datagrams && i < bench->traffic.count; i++) {
        const struct traffic_datagram *from = &bench->traffic.datagrams[i];
        bench->datagrams[i] = (struct memory_datagram){from->payload, from->size_bytes, from->source};
    }
    bench->input = (struct memory_input){
        .datagrams = bench->datagrams, .count = bench->traffic.count, .rounds = UINT64_MAX};
    return bench->datagrams;
}

static bool config_make(struct config *config)
{
    static const char *const settings[] = {"output.path=/dev/null", "detect_sequence_reset=false",
                                           LISTEN, "http.metrics_exporters=10000"};
    struct config_problems problems;
    struct config_sources sources = {.settings = settings, .setting_count = 4};
    bool good = config_load(config, &sources, &problems) == 0;
    config_problems_log(&problems);
    config_problems_fini(&problems);
    return good;
}

/* A collector whose worker has no thread of its own. */
static bool collector_make(struct bench *bench)
{
    struct collector *collector = &bench->collector;
    if (!collector_init(collector, &bench->config) ||
        collector_add_backend(collector, &backend_memory, &bench->input, 1))
        return false;
    collector->outputs = outputs_open(&bench->config, 1);
    collector->crew = crew_new(&(struct crew_setup){.config = &bench->config,
                                                    .profile = profile_of(bench->config.output.profile),
                                                    .elements = collector->elements,
                                                    .networks = collector->networks,
                                                    .outputs = collector->outputs,
                                                    .worker_count = 1});
    if (!collector->crew || crew_add_backend(collector->crew, &collector->backends[0]))
        return false;
    bench->worker = crew_worker(collector->crew, 0);
    return true;
}

int main(int count, char **arguments)
{
    static struct bench bench;
    static struct client clients[] = {
        {.path = "/metrics", .headers = ""},
        {.path = "/metrics", .headers = "Accept-Encoding: gzip\r\n"},
        {.path = "/api/exporters?limit=10000", .headers = ""},
        {.path = "/api/exporters?limit=50", .headers = ""},
        {.path = "/api/templates?limit=50", .headers = ""},
        {.path = "/api/ledger", .headers = ""},
    };
    bench.phase_ns = (count > 1 ? atoll(arguments[1]) : PHASE_MS) * (NS_PER_S / 1000);
    bench.times_ns = malloc(TIMES_MOST * sizeof *bench.times_ns);
    if (!bench.times_ns || !traffic_load(&bench) || !config_make(&bench.config) || !collector_make(&bench) ||
        http_open(&bench.http, &bench.collector) || !bench.http || http_start(bench.http))
        return 1;
    http_enter(bench.http, HTTP_RUNNING);
    while (counter_read(&worker_counters(bench.worker)->value[COUNTER_datagrams_received]) < bench.traffic.count)
        worker_burst(bench.worker);
    printf("%d exporters, %d templates each; microseconds of CPU time of a burst of 64 datagrams\n\n"
           "| while a client asks for | mean | median | 99.9%% | longest | requests | ms each | ms of CPU | bytes |\n"
           "|---|---|---|---|---|---|---|---|---|\n",
           EXPORTERS, TEMPLATES);
    phase_run(&bench, "nothing", NULL);
    for (unsigned i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", clients[i].path, *clients[i].headers ? ", gzip" : "");
        phase_run(&bench, name, &clients[i]);
    }
    phase_run(&bench, "nothing", NULL);
    http_close(bench.http);
    return 0; /* the process's end frees the rest */
}
