/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "base/heap.h"
#include "config/config.h"
#include "decode/plan.h"
#include "decode/profile.h"
#include "export/encode/ecs.h"
#include "export/encode/lists.h"
#include "export/encode/lookups.h"
#include "export/encode/names.h"

/*
 * An encode program: a template's documents as a run of steps, each a copy of JSON that never changes and one value.
 * Compiled once a plan (export/encode/compile.c), constant afterwards, run by export/encode/writer.c with scratch of
 * its own.
 */

/* Where documents have what options records say. In the order of enum ecs_value. */
enum fact_place {
    PLACE_INGRESS_NAME,
    PLACE_INGRESS_ALIAS,
    PLACE_EGRESS_NAME,
    PLACE_EGRESS_ALIAS,
    PLACE_INGRESS_VRF,
    PLACE_EGRESS_VRF,
    PLACE_APPLICATION,
    PLACE_DESCRIPTION,
    PLACE_CATEGORY,
    PLACE_SUB_CATEGORY,
    PLACE_GROUP,
    PLACE_USER,
    PLACE_SOURCE_USER,
    PLACE_DESTINATION_USER,
    FACT_PLACES
};

/* How a step's value is written. */
enum format {
    FORMAT_NONE,          /* the step is its text alone */
    FORMAT_STRIP,         /* value: number of the header strip */
    FORMAT_SLOT8,         /* value: slot; its text is at most 8, 16, 32 or 48 bytes long */
    FORMAT_SLOT16,
    FORMAT_SLOT32,
    FORMAT_SLOT48,
    FORMAT_TIME_OF,       /* value: 0 start, 1 end of the flow */
    FORMAT_SLOT_OF,       /* value: enum derived_slot, which names the slot in this record */
    FORMAT_WORD,          /* value: enum derived_word */
    FORMAT_COMMUNITY_ID,
    FORMAT_FLOW_ID,
    FORMAT_RELATED,       /* the addresses, each in quotes */
    FORMAT_LIST,          /* value: number of the array */
    FORMAT_FACT,          /* value: enum fact_place */
    FORMAT_OPEN,          /* an object that may stay empty begins; value: steps to skip when it is not wanted */
    FORMAT_CLOSE,         /* it ends: a brace, or nothing at all of it */
    FORMAT_SKIP,          /* value: first of SKIP_FIELDS fields; when none is there, as many steps are skipped as
                             most_bytes says */
    FORMAT_SKIP_MANY,     /* the same of SKIP_MANY fields */
    /* values read from the span that `value` names */
    FORMAT_UNSIGNED8,
    FORMAT_UNSIGNED16,
    FORMAT_UNSIGNED32,
    FORMAT_UNSIGNED64,
    FORMAT_UNSIGNED,      /* any length */
    FORMAT_SIGNED,
    FORMAT_FLOAT,
    FORMAT_BOOLEAN,
    FORMAT_MAC,
    FORMAT_OCTETS,
    FORMAT_STRING,
    FORMAT_SECONDS,
    FORMAT_MILLISECONDS,
    FORMAT_NTP,           /* NTP era 0 only */
    FORMAT_NTP_ERAS,
    FORMAT_IPV4,
    FORMAT_IPV6,
    FORMAT_ACL,
    FORMAT_HEX,           /* octets of an unknown element */
    FORMAT_NUMBERS,       /* 32 bits each, an array */
    FORMAT_COMMUNITIES,   /* 32 bits each, an array of texts */
    FORMAT_MACS,          /* an array of texts */
};

/* Conditions: bits of derived.conditions below WHEN_CHECKS; above, checks of the step's own span. */
enum when {
    WHEN_ALWAYS,
    WHEN_SOURCE_IP,
    WHEN_SOURCE_PORT,
    WHEN_SOURCE_MAC,
    WHEN_SOURCE_BYTES,
    WHEN_SOURCE_PACKETS,
    WHEN_DESTINATION_IP,
    WHEN_DESTINATION_PORT,
    WHEN_DESTINATION_MAC,
    WHEN_DESTINATION_BYTES,
    WHEN_DESTINATION_PACKETS,
    WHEN_NETWORK_BYTES,
    WHEN_NETWORK_PACKETS,
    WHEN_PROTOCOL,
    WHEN_NETWORK_TYPE,
    WHEN_TCP_FLAGS,
    WHEN_START,
    WHEN_END,
    WHEN_DURATION,
    WHEN_BIFLOW,
    WHEN_RATE,
    WHEN_OUTCOME,
    WHEN_ICMP,
    WHEN_ICMP_TYPE_NAME,
    WHEN_ICMP_CODE_NAME,
    WHEN_NAMED_FIRST, /* of each enum named_place one */
    WHEN_NAMED_LAST = WHEN_NAMED_FIRST + NAMED_PLACES - 1,
    WHEN_FACT_FIRST, /* of each enum fact_place one */
    WHEN_FACT_LAST = WHEN_FACT_FIRST + FACT_PLACES - 1,
    WHEN_CHECKS,
    WHEN_COMMA = WHEN_CHECKS, /* always: for the sake of WHEN_FIRST */
    WHEN_PRESENT,  /* the span is not SPAN_ABSENT */
    WHEN_BOOLEAN,  /* ... and is 1 or 2 */
    WHEN_LONG,     /* ... and fits a signed 64-bit integer */
    WHEN_DATE,     /* ... and is a date before the year 10000 */
    WHEN_NONZERO,  /* ... and is neither empty nor all zeroes */
};

static_assert(WHEN_CHECKS <= 64, "conditions are one word");

/* Flag beside enum when: the step may be the first member of its object, which goes without the comma. */
#define WHEN_FIRST 0x80

/* Of plans in which most fields are absent: so many are looked at together. */
#define SKIP_FIELDS 8
#define SKIP_MANY   64

struct step {
    const char *text;    /* JSON up to the value; copies may read TEXT_OVERRUN bytes more */
    uint16_t text_bytes;
    uint8_t format;      /* enum format */
    uint8_t when;        /* enum when, with WHEN_FIRST */
    uint16_t value;
    uint16_t most_bytes; /* longest text of the value; strings and octets: 0, they count by the record's size */
};

static_assert(sizeof(struct step) == 16, "four steps a cache line");

/* Texts that are used more than once in a document are rendered once, into slots. */
#define SLOTS_MOST 255
#define SLOT_BYTES 48 /* an IPv6 address, rounded up to what a copy moves; what a copy takes too much is overwritten */
#define SLOT_NONE 0xff

struct slot {
    char text[40];
    uint64_t key[2];     /* of an address with related.ip in view: its first 16 characters, comparable as numbers */
    uint64_t size_bytes;
};

static_assert(sizeof(struct slot) == 64, "a slot a cache line");

/* A slot that a field of the record is rendered into before the steps run. */
struct render {
    uint16_t field;
    uint8_t slot;
    uint8_t format; /* enum format of the field's own text */
    bool related;   /* an address that related.ip lists */
};

#define FIELD_NONE 0xffff
#define COUNTER_FIELDS 3

/* The fields from which values are derived; FIELD_NONE where the plan has none. By role, the last of a name. */
struct inputs {
    uint16_t source_ipv4, source_ipv6, destination_ipv4, destination_ipv6;
    uint16_t source_port, destination_port, source_mac, destination_mac;
    uint16_t protocol, flow_direction, biflow_direction, tcp_control_bits;
    uint16_t sta_mac, sta_ipv4, wtp_mac;
    uint16_t start_uptime, end_uptime, init_time, duration;
    uint16_t start_time, end_time; /* profile weir: the best times that need no uptime */
    uint16_t duration_us;          /* profile weir */
    uint16_t icmp_type_code, icmp_type, icmp_code; /* profile weir: IPv4 */
    uint16_t icmp6_type_code, icmp6_type, icmp6_code;
    uint16_t firewall_event, flow_number; /* profile weir */
    uint16_t octets[COUNTER_FIELDS], packets[COUNTER_FIELDS];
    uint16_t reverse_octets[COUNTER_FIELDS], reverse_packets[COUNTER_FIELDS];
};

enum program_flag {
    PROGRAM_FLOW = 1 << 0,
    PROGRAM_DYNAMIC = 1 << 1,     /* which field is the source and so on may differ from record to record */
    PROGRAM_WLAN = 1 << 2,
    PROGRAM_SWAP = 1 << 3,        /* biflowDirection: 2 makes the sides change places */
    PROGRAM_BIFLOW = 1 << 4,
    PROGRAM_TIMES = 1 << 5,       /* something gives start, end or duration */
    PROGRAM_SUM_BYTES = 1 << 6,   /* network.bytes differs from source.bytes */
    PROGRAM_SUM_PACKETS = 1 << 7,
    PROGRAM_ICMP = 1 << 8,        /* profile weir: ICMP type and code are there for the community id */
    PROGRAM_CERTAIN_BIFLOW = 1 << 9, /* every record is one */
    PROGRAM_ICMP_NAMES = 1 << 14,    /* ICMP's type and code are in the document */
    PROGRAM_EVENTS = 1 << 12,        /* names say what kind of event a record is */
    PROGRAM_CONNECTIONS = 1 << 13,   /* a firewall's counters, which its events may say twice */
    PROGRAM_LISTS = 1 << 11,         /* there are arrays to be rendered before */
    PROGRAM_EXPLAINED = 1 << 10,     /* facts are looked up, and counters scaled: export/encode/lookups.h */
};

struct program {
    uint64_t serial;            /* the plan's */
    uint32_t size_bytes;        /* of this allocation */
    uint32_t most_bytes;        /* longest document, but for strings, octets and strips */
    uint32_t most_per_byte;     /* times the record's bytes: what strings and octets may need on top */
    uint32_t flags;             /* enum program_flag, or-ed */
    uint16_t step_count;
    uint8_t render_count;
    uint8_t slot_count;
    uint8_t start_type, end_type; /* enum value_type of inputs.start_time and .end_time */
    bool init_is_number;          /* inputs.init_time is an unsigned integer, not a date */
    struct inputs inputs;
    const uint8_t *slot_of;     /* slot of each field, SLOT_NONE */
    const struct render *renders;
    const struct step *steps;
    const struct fact_lookup *lookups; /* with PROGRAM_EXPLAINED */
    uint32_t lookup_count;
    struct rate_fields rates;
    struct name_use names[NAMED_PLACES];
    uint32_t name_count;
    const struct list_group *lists; /* with PROGRAM_LISTS */
    const struct list_field *list_fields;
    uint32_t list_count;
};

/* Slots that derived values are rendered into, behind those of the fields. */
enum fixed_slot {
    SLOT_SUM_BYTES,
    SLOT_SUM_PACKETS,
    SLOT_DURATION,
    SLOT_RATE,
    SLOT_SCALED_BYTES,
    SLOT_SCALED_PACKETS,
    SLOT_SCALED_REVERSE_BYTES,
    SLOT_SCALED_REVERSE_PACKETS,
    SLOT_ICMP_TYPE,
    SLOT_ICMP_CODE,
    FIXED_SLOTS
};

/* Which slot holds a value in this record: indexes of derived.slot_of. */
enum derived_slot {
    DERIVED_SOURCE_IP,
    DERIVED_SOURCE_PORT,
    DERIVED_SOURCE_MAC,
    DERIVED_SOURCE_BYTES,
    DERIVED_SOURCE_PACKETS,
    DERIVED_DESTINATION_IP,
    DERIVED_DESTINATION_PORT,
    DERIVED_DESTINATION_MAC,
    DERIVED_DESTINATION_BYTES,
    DERIVED_DESTINATION_PACKETS,
    DERIVED_NETWORK_BYTES,
    DERIVED_NETWORK_PACKETS,
    DERIVED_SLOTS
};

/* Short texts out of a constant table: indexes of derived.words. */
enum derived_word {
    WORD_SOURCE_LOCALITY,
    WORD_DESTINATION_LOCALITY,
    WORD_FLOW_LOCALITY,
    WORD_DIRECTION,
    WORD_TRANSPORT,
    WORD_IANA_NUMBER,
    WORD_NETWORK_TYPE,
    WORD_TCP_FLAGS,
    WORD_CATEGORY,
    WORD_RATE_SOURCE,
    WORD_EVENT_TYPE,
    WORD_EVENT_OUTCOME,
    WORD_ICMP_TYPE,
    WORD_ICMP_CODE,
    WORD_NAMED_FIRST, /* by enum named_place */
    WORD_NAMED_LAST = WORD_NAMED_FIRST + NAMED_PLACES - 1,
    DERIVED_WORDS
};

struct compile_watch;

/* What the compiler needs beside the plan. */
struct compiler {
    const struct profile *profile;
    const struct elements *elements;
    bool envelope, packet_names;
    struct heap *heap;           /* programs come from it */
    struct builder *builder;     /* scratch */
    uint64_t *keys;              /* scratch: a hash set of keys_most */
    uint32_t keys_most;          /* a power of two, at least twice fields_most */
    uint8_t *slot_of, *dropped;  /* scratch: one a field each */
    uint64_t *key_hashes;        /* scratch: one a field */
    struct list_field *list_fields; /* the same */
    uint32_t fields_most;        /* fields that the scratch was made for */
    const struct compile_watch *watch; /* told what becomes of the plan (export/encode/explain.h); NULL: nobody */
};

/* Scratch for templates of as many fields as the configuration allows. False for want of memory; compiler_fini() is in
   order either way. */
bool compiler_init(struct compiler *compiler, const struct config *config, const struct profile *profile,
                   const struct elements *elements, struct heap *heap);
void compiler_fini(struct compiler *compiler);

/*
 * NULL when there is no memory, or the plan has more fields than the scratch was made for. explained: with what options
 * records and the configuration say of the exporter; for plans of flows.
 */
struct program *program_compile(const struct compiler *compiler, const struct plan *plan, bool explained);
void program_free(struct program *program, struct heap *heap);
