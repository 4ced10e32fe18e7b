/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/journal/event.h"
#include "decode/template_reader.h"

/*
 * The journal's file: a header, then records, each an event. Records begin at multiples of RECORD_ALIGN_BYTES. Numbers
 * are little-endian, as all machines are that weir runs on; the template's own bytes are as they were on the wire.
 */
struct journal_head {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved; /* zero */
};

#define JOURNAL_MAGIC   0x6c706d7472696577 /* "weirtmpl" */
#define JOURNAL_VERSION 1

struct journal_record {
    uint32_t magic;
    uint32_t size_bytes;    /* of all, a multiple of RECORD_ALIGN_BYTES */
    uint64_t checksum;      /* XXH3-64 of what follows in the header */
    uint64_t body_checksum; /* XXH3-64 of the template record */
    int64_t time_ns;        /* UTC */
    struct session_key key;
    struct template_stamp stamp;
    uint32_t reserved;      /* zero */
    uint16_t id;
    uint16_t source_port;
    uint16_t record_bytes;
    uint8_t change;         /* enum template_change */
    uint8_t options;        /* 0 or 1 */
};

#define RECORD_MAGIC       0x1a525457 /* "WTR", and what no text has */
#define RECORD_ALIGN_BYTES 8u
#define RECORD_MOST        (sizeof(struct journal_record) + TEMPLATE_RECORD_MOST + 1)

/* Bytes of the record of such an event. */
static inline uint32_t journal_record_bytes(uint32_t record_bytes)
{
    return (uint32_t)(sizeof(struct journal_record) + record_bytes + RECORD_ALIGN_BYTES - 1) &
           ~(RECORD_ALIGN_BYTES - 1);
}

/* Can an event have this id: a template's, or that of a page of facts? */
bool journal_id_is_possible(uint16_t id);

/* Writes the record of the event; `to` has RECORD_MOST bytes. Returns its length. */
uint32_t journal_record_write(uint8_t *to, const struct template_event *event);

/* The event's template, which view points into. True: one of the event's id, and nothing behind it. */
bool template_event_read(const struct template_event *event, struct template_view *view);

enum journal_verdict {
    JOURNAL_WHOLE,
    JOURNAL_SHORT,   /* it goes on behind the bytes that there are */
    JOURNAL_DAMAGED, /* a record begins here, but its template is not what was written, or is none */
    JOURNAL_NOTHING, /* no record begins here */
};

/*
 * Reads the record at `bytes`, of which there are `size_bytes`, and checks everything: an event that comes out of a
 * whole one has a key and a template that template_read() takes. *skip: how far the next one may be (0: not known
 * before there is more). The event's record points into `bytes`.
 */
enum journal_verdict journal_record_read(const uint8_t *bytes, size_t size_bytes, struct template_event *event,
                                         uint32_t *skip);
