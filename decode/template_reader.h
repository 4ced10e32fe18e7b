/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads the templates of a set, in either dialect. Bytes come from the network or from disk: nothing is trusted. */

/* What v9 and IPFIX differ in. */
struct dialect {
    uint8_t header_bytes;
    uint8_t template_set;    /* set ids: RFC 3954 5.2 and 6.1, RFC 7011 3.3.2 */
    uint8_t options_set;
    bool enterprises;        /* the top bit of a field's id announces an enterprise number (RFC 7011 3.2) */
    bool withdrawals;        /* a template without fields is a withdrawal (RFC 7011 8.1) */
    bool scope_in_bytes;     /* options templates give bytes of scopes and options, not their numbers */
};

extern const struct dialect dialect_v9;
extern const struct dialect dialect_ipfix;

#define TEMPLATE_ID_LEAST 256

/* A template as it stands in its set. */
struct template_view {
    const uint8_t *fields;
    const uint8_t *fields_end;
    uint16_t id;
    uint16_t field_count; /* scopes included */
    uint16_t scope_count;
    bool options;
};

enum template_verdict {
    TEMPLATE_WHOLE,
    TEMPLATE_WITHDRAWN,
    TEMPLATE_NOTHING, /* no fields: ignored */
    TEMPLATE_END,     /* the rest of the set is padding */
    TEMPLATE_CUT,     /* the set ends inside it: it is lost, those before it are not */
    TEMPLATE_BAD,
};

/* Reads the template at *at, and moves *at behind it. strict: as Elastic does. */
struct template_reader {
    const struct dialect *dialect;
    const uint8_t *at;
    const uint8_t *end;
    uint16_t set_id;
    bool strict;
};

enum template_verdict template_read(struct template_reader *reader, struct template_view *view);
/* Have the records of this template no bytes at all? */
bool template_is_empty(const struct dialect *dialect, const struct template_view *view);
