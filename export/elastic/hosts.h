/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* The servers, and which of them takes the next request. One thread. */
struct elastic_host {
    const char *url;          /* the configuration's */
    int url_bytes;            /* without slashes at its end */
    char label[256];          /* for people: without user name and password */
    uint32_t in_flight;       /* requests */
    uint32_t allowed;         /* requests at a time: one more after so many that went well, half when it is busy */
    uint32_t well;            /* that went well since `allowed` changed */
    int64_t pressed_ns;       /* steady clock, when it was halved */
    uint32_t failures;        /* one after the other */
    int64_t due_ns;           /* steady clock: left alone until then */
    int64_t failed_ns;        /* when it failed last */
    int said;                 /* what was logged of it: 0 = nothing, an HTTP status, or less for libcurl's errors */
    int64_t said_ns;          /* when */
    bool said_busy;
};

struct elastic_hosts {
    const char *output;       /* its name */
    struct elastic_host *items;
    uint32_t count;
    uint32_t turn;
    uint32_t allowed_most;    /* elastic.connections */
    uint64_t random;          /* state of the generator of jitter */
};

/* Returns 0 or -ENOMEM. */
int elastic_hosts_init(struct elastic_hosts *hosts, const struct output_config *output);
void elastic_hosts_fini(struct elastic_hosts *hosts);

/* The host for the next request: the one with the fewest under way, by turns; one that failed gets a single request to
   try. NULL when all are left alone. */
struct elastic_host *elastic_hosts_pick(struct elastic_hosts *hosts, int64_t now_ns);

/* Whether it would give one. */
bool elastic_hosts_ready(const struct elastic_hosts *hosts, int64_t now_ns);

/* When the next host may be tried again; INT64_MAX when that does not depend on time. */
int64_t elastic_hosts_due(const struct elastic_hosts *hosts);

/* What is known of a failure. */
struct elastic_failure {
    int code;                 /* HTTP's status, or -CURLcode */
    const char *reason;
    const char *remedy;       /* what to do, or "" */
    bool busy;                /* it works, but has too much to do */
    int64_t started_ns;       /* of the request */
    int64_t least_ns;         /* that the host wants to be left alone for; 0 = it did not say */
};

/* The host is left alone for 1 s, doubled with each failure up to 60 s, with jitter; when it is only busy, for 0.2 to
   10 s. Logs when the state changes. */
void elastic_host_failed(struct elastic_hosts *hosts, struct elastic_host *host, const struct elastic_failure *failure);
void elastic_host_answered(struct elastic_hosts *hosts, struct elastic_host *host);

/* The host put documents off: it gets fewer requests at a time. started_ns: of the request. */
void elastic_host_press(struct elastic_host *host, int64_t started_ns);

/* All hosts may be tried at once, and are left alone for short again where they fail. */
void elastic_hosts_wake(struct elastic_hosts *hosts);

/* first_ns doubled with each attempt after the first, up to most_ns, and of that a random part between half and all. */
int64_t elastic_backoff(struct elastic_hosts *hosts, uint32_t attempts, int64_t first_ns, int64_t most_ns);
