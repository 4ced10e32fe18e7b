/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers that have names: what a firewall did, why a flow ended, DSCP. Which element's number is named where, and by
 * which names, are tables in export/encode/names.c; a plan without those elements pays nothing.
 */

/* A short text that documents choose by a number, with what quotes and brackets belong to it. */
struct word {
    char text[63];
    uint8_t size_bytes;
};

/* Where documents have names of an element's numbers. In the order of enum ecs_value; of those that say what kind of
   event a record is, the first that does counts. */
enum named_place {
    NAMED_FIREWALL_EVENT,
    NAMED_NAT_EVENT,
    NAMED_FORWARDING_REASON,
    NAMED_FORWARDING_STATUS,
    NAMED_FIREWALL_REASON,
    NAMED_NAT_REASON,
    NAMED_END_REASON,
    NAMED_DSCP,
    NAMED_ECN,
    NAMED_PLACES
};

/* Numberings that somebody has registered. */
enum name_table {
    NAMES_FIREWALL_EVENT,
    NAMES_FIREWALL_REASON,
    NAMES_NAT_EVENT,
    NAMES_NAT_QUOTA,
    NAMES_NAT_THRESHOLD,
    NAMES_FORWARDING_STATUS,
    NAMES_FORWARDING_REASON,
    NAMES_END_REASON,
    NAMES_DSCP,
    NAMES_ECN,
    NAMES_ICMP_TYPE, /* 8 bits */
    NAMES_ICMP_CODE, /* by type and code: 16 bits */
    NAMES_ICMP6_TYPE,
    NAMES_ICMP6_CODE,
    NAME_TABLES
};

/* What ECS's event.type and event.outcome say of a record. */
enum event_kind {
    EVENT_CONNECTION, /* a flow as any other */
    EVENT_START,
    EVENT_END,
    EVENT_NOTICE,     /* of a connection */
    EVENT_DENIED,     /* by a rule: what the device was told to do, so ECS calls it a success */
    EVENT_DROPPED,    /* nobody says why */
    EVENT_FAILED,     /* the device could not forward it */
    EVENT_TAKEN,      /* of a pool: no connection yet */
    EVENT_RETURNED,
    EVENT_EXHAUSTED,  /* a pool, or what somebody may have of it */
    EVENT_THRESHOLD,
    EVENT_KINDS
};

/* A field whose number has names at a place of the documents: (number >> shift) & mask is looked up. */
struct name_use {
    uint16_t field;
    uint8_t place;  /* enum named_place */
    uint8_t table;  /* enum name_table */
    uint8_t shift;
    uint32_t mask;
};

#define NAME_MOST (sizeof((struct word){0}.text) - 1) /* bytes of a name, quotes included */
#define NAMES_MOST 254 /* rows of the table of names */

/* The names as documents have them, in quotes. Made once, then constant. */
struct names {
    struct word words[NAMES_MOST + 1];     /* by row; 0 is no name */
    uint8_t kinds[NAMES_MOST + 1];         /* enum event_kind, of the same */
    uint16_t numbers[NAMES_MOST + 1];
    uint8_t first[NAME_TABLES], last[NAME_TABLES]; /* rows of a table; last: behind them */
    uint8_t below_256[NAME_TABLES][256];   /* row of a number; 0: it has no name */
};

void names_init(struct names *names);

/* The row of a number above 255; 0: it has no name. */
uint8_t names_find_large(const struct names *names, enum name_table table, uint64_t number);

/* The row of the number's name; 0: it has none. */
static inline uint8_t names_find(const struct names *names, enum name_table table, uint64_t number)
{
    return number < 256 ? names->below_256[table][number] : names_find_large(names, table, number);
}

struct plan;
struct elements;

/* The uses of a plan of flows, one a place at most; returns how many. packet_names: DSCP and ECN, too. */
uint32_t name_uses_find(const struct plan *plan, const struct elements *elements, bool packet_names,
                        struct name_use uses[NAMED_PLACES]);

/* Do the names at that place say what kind of event a record is? */
bool named_place_tells_event(enum named_place place);
