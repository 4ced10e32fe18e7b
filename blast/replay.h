/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/supply.h"
#include "config/config.h"

/*
 * Traffic from captures (pcap, pcapng): every flow export datagram in them, at its time, or n times as fast. Weir's own
 * decoder tells what the records sum up to, and where they have times; records whose template the capture lacks are in
 * no sum. The captures are read into memory at the start.
 */
struct replay_setup {
    const char *const *files;
    uint32_t file_count;
    const struct config *config;  /* the decoder's limits and definitions */
    struct blast_sources sources; /* addresses in place of the captured ones, in the order in which these come; none:
                                     as they were. Port 0: the captured ones */
    double speed;                 /* times as fast; 0: as fast as it goes */
    uint32_t rounds;              /* at least 1; sequence numbers go on from round to round, but for sFlow's */
    bool keep_times;              /* else what the datagrams say of times is moved to when they are sent */
    uint32_t bytes_most;          /* of a payload: longer ones are left out */
    uint64_t datagrams;           /* ends after so many; 0: no bound */
};

/* NULL when it cannot be read or nothing is in it, having logged why. The caller frees it by its ops. */
struct blast_supply *replay_new(const struct replay_setup *setup);
