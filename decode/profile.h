/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/*
 * What a profile asks of decoder and encoder where the two differ: one bit a difference, so that docs/differences.md
 * has a line for each. Never consulted for a record: decoders read it once a datagram, compilers once a template.
 */
struct profile {
    const char *name;

    /* decoding */
    bool v9_count_is_sets;         /* v9: the header's count ends the walk as a number of sets */
    bool sessions_by_port;         /* v9, IPFIX: templates belong to address and port; else to the address (clash.c) */
    bool bad_set_drops_datagram;   /* a bad set or template costs the documents of its whole datagram */
    bool one_message_a_datagram;   /* IPFIX: what follows the first message is ignored */
    bool gap_discards_templates;   /* with detect_sequence_reset: a gap of 1000 throws the session's templates away */
    bool v8_prefix_lengths;        /* v8 schemes 3, 4 and 5: prefix lengths are read */
    bool misfits_disprove;         /* after a reset or a restart, data that does not fit its template discards that */
    bool data_waits;               /* v9, IPFIX: data that comes before its template is parked until that comes */
    bool reads_sflow;              /* sFlow is decoded: Elastic's input does not know it */
    bool reads_sections;           /* v9, IPFIX: headers in sections of packets are read */
    bool facts_kept;               /* what options records say is kept, and explains flow records */
    bool corrects_clocks;          /* clock.correct has an effect */
    bool records_per_set_capped;   /* a data set with fields of variable length ends after 32,767 records */

    /* elements */
    bool elastic_elements_only;    /* no elements newer than Elastic's table; its types where IANA's differ */
    bool v9_scopes_as_elements;    /* v9 scope types 1..5 get the names of the elements with that number */
    bool long_numbers;             /* numbers longer than their element's type are read, where the type can have them */
    bool keep_unknown;             /* unknown elements stay, as netflow.unknown_<enterprise>_<id> */

    /* documents */
    bool arrays;                   /* lists (RFC 6313) and what a template has more than once are arrays */
    bool extra_fields;             /* the rows of the ECS table that Elastic's documents do not have */
    bool related_unspecified;      /* 0.0.0.0 and :: are listed in related.ip */
    bool mapped_sorts_as_ipv6;     /* community id: an IPv4-mapped address is ordered by 16 bytes and hashed by 4 */
    bool zero_ipv4_hides_ipv6;     /* sourceIPv4Address 0.0.0.0 wins over a sourceIPv6Address */
    bool biflow_needs_direction;   /* client and server only with biflowDirection */
    bool icmp_ports_fixed;         /* community id: ICMP type and code are not hashed */
    bool times_from_uptime_only;   /* event.start and event.end from the uptime of the header, without wrap */
    bool sampling_mode_in_interval; /* v5, v6: the mode stays in the top two bits of sampling_interval */
    bool unmappable_values;        /* numbers above 2^63-1 and dates after 9999 are written */
    bool ntp_era_zero_only;        /* microsecond and nanosecond dates after February 2036 fall into 1900 */
};

/* The profile's constant row. */
const struct profile *profile_of(enum profile_kind kind);
