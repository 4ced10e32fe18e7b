/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "blast/layout.h"

/* What was sent, of one exporter or of all. A collector that loses nothing has the same sums. */
struct blast_sums {
    uint64_t datagrams;
    uint64_t templates;     /* of these, datagrams with templates */
    uint64_t records;       /* flow records; sFlow: flow samples */
    uint64_t options;       /* options records; sFlow: counter samples */
    uint64_t octets;        /* what the records say; both directions; sFlow: lengths of the frames sampled */
    uint64_t packets;       /* what the records say; sFlow: packets sampled */
    uint64_t payload_bytes;
};

/* Who seems to send. */
struct blast_exporter {
    uint32_t sequence;      /* of the next datagram */
    uint32_t samples;       /* sFlow: sent so far */
    uint32_t data_left;     /* datagrams of data until the next templates */
    uint32_t templates_due; /* seconds, UTC: when templates are due whatever was sent; 0: at once */
    const struct format *format; /* NULL: of a capture */
    uint16_t layout;        /* v8: its only one */
    struct endpoint endpoint; /* as the datagrams have it; senders by sockets fill it in */
    struct blast_sums sums;
};

/* A datagram on its way. The sender lends the payload's memory, the supply writes it and the rest. */
struct blast_datagram {
    uint8_t *payload;       /* BLAST_PAYLOAD_MOST bytes, with as many before it as headers take */
    uint32_t size_bytes;
    uint32_t exporter;      /* number */
    uint16_t records;
    uint16_t options;
    bool templates;
    uint64_t octets;
    uint64_t packets;
    int64_t utc_ns;         /* when it leaves, by the clock that runs */
};

#define BLAST_PAYLOAD_MOST 9216 /* jumbo frames */
#define BLAST_BURST        64

/* The two clocks at one moment. They may be made up: files are written faster than time goes by. */
struct blast_clock {
    int64_t steady_ns; /* since the begin */
    int64_t utc_ns;
};

struct blast_supply;

struct blast_supply_ops {
    /*
     * Writes the datagrams that are due, `most` at most, and returns their number. 0: none is due before
     * supply->due_ns (steady), or supply->ended.
     */
    uint32_t (*fill)(struct blast_supply *supply, struct blast_datagram *datagrams, uint32_t most,
                     const struct blast_clock *now);
    void (*free)(struct blast_supply *supply);
};

/* Where datagrams come from: a generator or a capture. One thread. */
struct blast_supply {
    const struct blast_supply_ops *ops;
    struct blast_exporter *exporters;
    uint32_t exporter_count;
    uint32_t run; /* datagrams of one exporter in a row, which senders by sockets like to have together */
    int64_t due_ns;
    bool ended;
    struct blast_sums sums;
};

/* Adds what a sender took to the sums. */
static inline void supply_settle(struct blast_supply *supply, const struct blast_datagram *datagram)
{
    struct blast_sums *sums[2] = {&supply->sums, &supply->exporters[datagram->exporter].sums};
    for (int i = 0; i < 2; i++) {
        sums[i]->datagrams++;
        sums[i]->templates += datagram->templates;
        sums[i]->records += datagram->records;
        sums[i]->options += datagram->options;
        sums[i]->octets += datagram->octets;
        sums[i]->packets += datagram->packets;
        sums[i]->payload_bytes += datagram->size_bytes;
    }
}

/* Exporter number n has address n of the list of prefixes, taken in turn. */
#define SOURCES_MOST 16
struct blast_sources {
    struct prefix prefixes[SOURCES_MOST];
    uint32_t count; /* 0: not given */
    uint16_t port;
};

/* Can there be so many exporters? */
bool sources_suffice(const struct blast_sources *sources, uint32_t exporters);
struct endpoint sources_endpoint(const struct blast_sources *sources, uint32_t number);
