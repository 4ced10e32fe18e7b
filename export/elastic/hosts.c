/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"

#define BACKOFF_FIRST_NS (1 * NS_PER_S)
#define BACKOFF_MOST_NS  (15 * NS_PER_S) /* one request in so long harms nobody, and a server that is back is found */
#define BUSY_FIRST_NS    (200 * NS_PER_MS)
#define BUSY_MOST_NS     (10 * NS_PER_S)
#define SAID_LEAST_NS    (10 * NS_PER_S) /* one that takes documents and fails by turns is logged so often at most */

static void host_label(struct elastic_host *host)
{
    const char *scheme = strstr(host->url, "://");
    const char *authority = scheme ? scheme + 3 : host->url;
    size_t length = strcspn(authority, "/");
    const char *at = memrchr(authority, '@', length);
    const char *shown = at ? at + 1 : authority;
    snprintf(host->label, sizeof host->label, "%.*s%.*s", (int)(authority - host->url), host->url,
             (int)(host->url + host->url_bytes - shown), shown);
}

static void host_init(struct elastic_host *host, const char *url, uint32_t allowed)
{
    size_t length = strlen(url);
    while (length && url[length - 1] == '/')
        length--;
    host->url = url;
    host->url_bytes = (int)length;
    host->allowed = allowed;
    host_label(host);
}

int elastic_hosts_init(struct elastic_hosts *hosts, const struct output_config *output)
{
    *hosts = (struct elastic_hosts){.output = output->name, .count = output->elastic.hosts.count};
    hosts->allowed_most = output->elastic.connections;
    hosts->items = calloc(hosts->count, sizeof *hosts->items);
    if (!hosts->items)
        return -ENOMEM;
    for (uint32_t i = 0; i < hosts->count; i++)
        host_init(&hosts->items[i], output->elastic.hosts.items[i], hosts->allowed_most);
    if (getrandom(&hosts->random, sizeof hosts->random, GRND_NONBLOCK) < 0)
        hosts->random = (uint64_t)clock_steady_ns();
    hosts->turn = (uint32_t)(hosts->random % hosts->count); /* several collectors begin at different ones */
    return 0;
}

void elastic_hosts_fini(struct elastic_hosts *hosts)
{
    free(hosts->items);
    hosts->items = NULL;
    hosts->count = 0;
}

static bool host_ready(const struct elastic_host *host, int64_t now_ns)
{
    return host->failures ? host->due_ns <= now_ns && !host->in_flight : host->in_flight < host->allowed;
}

bool elastic_hosts_ready(const struct elastic_hosts *hosts, int64_t now_ns)
{
    for (uint32_t i = 0; i < hosts->count; i++)
        if (host_ready(&hosts->items[i], now_ns))
            return true;
    return false;
}

struct elastic_host *elastic_hosts_pick(struct elastic_hosts *hosts, int64_t now_ns)
{
    struct elastic_host *best = NULL;
    uint32_t best_index = 0;
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint32_t index = (hosts->turn + i) % hosts->count;
        struct elastic_host *host = &hosts->items[index];
        if (!host_ready(host, now_ns) || (best && best->in_flight <= host->in_flight))
            continue;
        best = host;
        best_index = index;
    }
    if (best)
        hosts->turn = (best_index + 1) % hosts->count;
    return best;
}

int64_t elastic_hosts_due(const struct elastic_hosts *hosts)
{
    int64_t due_ns = INT64_MAX;
    for (uint32_t i = 0; i < hosts->count; i++) {
        const struct elastic_host *host = &hosts->items[i];
        if (host->failures && !host->in_flight && host->due_ns < due_ns)
            due_ns = host->due_ns;
    }
    return due_ns;
}

/* splitmix64 */
static uint64_t random_next(struct elastic_hosts *hosts)
{
    uint64_t value = hosts->random += 0x9e3779b97f4a7c15ull;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ value >> 27) * 0x94d049bb133111ebull;
    return value ^ value >> 31;
}

int64_t elastic_backoff(struct elastic_hosts *hosts, uint32_t attempts, int64_t first_ns, int64_t most_ns)
{
    uint32_t doublings = attempts > 1 ? attempts - 1 : 0;
    int64_t delay = doublings < 20 && first_ns << doublings < most_ns ? first_ns << doublings : most_ns;
    return delay / 2 + (int64_t)(random_next(hosts) % (uint64_t)(delay / 2 + 1));
}

void elastic_host_press(struct elastic_host *host, int64_t started_ns)
{
    if (started_ns < host->pressed_ns)
        return;
    host->pressed_ns = clock_steady_ns();
    host->allowed = host->allowed > 1 ? host->allowed / 2 : 1;
    host->well = 0;
}

void elastic_host_failed(struct elastic_hosts *hosts, struct elastic_host *host, const struct elastic_failure *failure)
{
    /* Requests that were under way together fail together: that is one failure. */
    if (failure->started_ns >= host->failed_ns || !host->failures) {
        host->failures++;
        host->failed_ns = clock_steady_ns();
        int64_t wait_ns = elastic_backoff(hosts, host->failures, failure->busy ? BUSY_FIRST_NS : BACKOFF_FIRST_NS,
                                          failure->busy ? BUSY_MOST_NS : BACKOFF_MOST_NS);
        int64_t least_ns = failure->least_ns < BACKOFF_MOST_NS ? failure->least_ns : BACKOFF_MOST_NS;
        host->due_ns = host->failed_ns + (wait_ns > least_ns ? wait_ns : least_ns);
    }
    if (failure->busy)
        elastic_host_press(host, failure->started_ns);
    if (host->said == failure->code)
        return;
    host->said = failure->code;
    host->said_ns = host->failed_ns;
    host->said_busy = failure->busy;
    log_error("output %s: %s: %s%s%s; documents are kept and it is tried again", hosts->output, host->label,
              failure->reason, *failure->remedy ? ": " : "", failure->remedy);
}

void elastic_host_answered(struct elastic_hosts *hosts, struct elastic_host *host)
{
    host->failures = 0;
    if (++host->well >= host->allowed && host->allowed < hosts->allowed_most) {
        host->allowed++;
        host->well = 0;
    }
    /* A busy one is well again when it has refused nothing for a while. */
    if (!host->said || clock_steady_ns() - (host->said_busy ? host->failed_ns : host->said_ns) < SAID_LEAST_NS)
        return;
    host->said = 0;
    log_info("output %s: %s takes documents again", hosts->output, host->label);
}

void elastic_hosts_wake(struct elastic_hosts *hosts)
{
    for (uint32_t i = 0; i < hosts->count; i++) {
        hosts->items[i].due_ns = 0;
        hosts->items[i].failures = hosts->items[i].failures ? 1 : 0;
    }
}
