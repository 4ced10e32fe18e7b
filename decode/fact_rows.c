/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/fact_rows.h"

#include <stddef.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "decode/element.h"
#include "decode/properties.h"
#include "decode/record.h"

#define V9_SCOPE(type) {ENTERPRISE_V9_SCOPE, type}
#define IANA(id)       {0, id}
#define CISCO(id)      {9, id}
#define CISCO_V9(id)   {0, 0x8000 | (id)} /* v9 has no enterprises: the bit that announces them is left in the number */

#define ELEMENTS_MOST 5

struct number {
    uint32_t enterprise;
    uint16_t id; /* 0: there are no more */
};

/* Any of these: exporters write them as scopes, or as options beside a scope that says nothing. */
#define INTERFACES   {V9_SCOPE(2), IANA(10), IANA(14), IANA(252), IANA(253)}
#define APPLICATIONS {IANA(95)}
#define VRFS         {IANA(234), IANA(235)}
#define TEMPLATES    {V9_SCOPE(5), IANA(145)}

/* A text or a time that is said of what the key names. */
static const struct fact_row {
    uint8_t kind;
    struct number keys[ELEMENTS_MOST]; /* none: of the session */
    struct number values[ELEMENTS_MOST];
} fact_rows[] = {
    {FACT_INTERFACE_NAME, INTERFACES, {IANA(82)}},
    {FACT_INTERFACE_ALIAS, INTERFACES, {IANA(83)}},
    {FACT_APPLICATION_NAME, APPLICATIONS, {IANA(96)}},
    {FACT_APPLICATION_DESCRIPTION, APPLICATIONS, {IANA(94)}},
    {FACT_APPLICATION_CATEGORY, APPLICATIONS, {IANA(372), CISCO(12232), CISCO_V9(12232)}},
    {FACT_APPLICATION_SUB_CATEGORY, APPLICATIONS, {IANA(373), CISCO(12233), CISCO_V9(12233)}},
    {FACT_APPLICATION_GROUP, APPLICATIONS, {IANA(374), CISCO(12234), CISCO_V9(12234)}},
    {FACT_VRF_NAME, VRFS, {IANA(236)}},
    {FACT_USER_OF_MAC, {IANA(365)}, {IANA(371)}},
    {FACT_USER_OF_IPV4, {IANA(366), IANA(8)}, {IANA(371)}},
    {FACT_USER_OF_IPV6, {IANA(27)}, {IANA(371)}},
    {FACT_INIT_TIME, {{0}}, {IANA(160)}},
};

/* Whose rate it is: of several rows the first whose key the record has. */
static const struct rate_row {
    uint8_t kind;
    struct number keys[ELEMENTS_MOST];
} rate_rows[] = {
    {FACT_SAMPLER_RATE, {IANA(48)}},
    {FACT_SELECTOR_RATE, {IANA(302)}},
    {FACT_INTERFACE_RATE, INTERFACES},
    {FACT_TEMPLATE_RATE, TEMPLATES},
};

/* Said of a part of the exporter that flow records do not name, so nothing follows for them: line cards. */
static const struct number rate_of_parts[] = {V9_SCOPE(3), IANA(141)};

/* Statistics of the exporting process: RFC 7270, IANA 40 to 42 and 163 to 168. */
static const struct report_row {
    uint16_t id;
    enum counter counter;
} report_rows[] = {
    {40, COUNTER_reported_bytes},
    {41, COUNTER_reported_messages},
    {42, COUNTER_reported_records},
    {163, COUNTER_reported_flows_observed},
    {164, COUNTER_reported_packets_ignored},
    {165, COUNTER_reported_bytes_ignored},
    {166, COUNTER_reported_records_not_sent},
    {167, COUNTER_reported_packets_not_sent},
    {168, COUNTER_reported_bytes_not_sent},
};

/* The options template at hand. */
struct draft {
    const struct field *fields;
    uint32_t count;
    struct fact_use *uses;
    uint32_t use_count;
};

static uint16_t field_of(const struct draft *draft, const struct number *number)
{
    for (uint32_t i = 0; i < draft->count; i++) {
        const struct field *field = &draft->fields[i];
        if (field->enterprise == number->enterprise && field->id == number->id && field->type != TYPE_NONE)
            return (uint16_t)i;
    }
    return FACT_NO_FIELD;
}

static uint16_t field_of_any(const struct draft *draft, const struct number *numbers)
{
    uint16_t field = FACT_NO_FIELD;
    for (uint32_t i = 0; i < ELEMENTS_MOST && numbers[i].id && field == FACT_NO_FIELD; i++)
        field = field_of(draft, &numbers[i]);
    return field;
}

static void use_add(struct draft *draft, const struct fact_use *use)
{
    if (draft->use_count < FACT_USES_MOST)
        draft->uses[draft->use_count++] = *use;
}

static void texts_find(struct draft *draft)
{
    for (size_t i = 0; i < sizeof fact_rows / sizeof *fact_rows; i++) {
        const struct fact_row *row = &fact_rows[i];
        uint8_t type = row->kind == FACT_INIT_TIME ? TYPE_MILLISECONDS : TYPE_STRING;
        struct fact_use use = {.kind = row->kind,
                               .key_field = field_of_any(draft, row->keys),
                               .value_field = field_of_any(draft, row->values)};
        if (use.value_field != FACT_NO_FIELD && draft->fields[use.value_field].type == type &&
            (use.key_field != FACT_NO_FIELD || !row->keys[0].id))
            use_add(draft, &use);
    }
}

static void rate_find(struct draft *draft)
{
    struct fact_use use = {.kind = FACT_RATE, .key_field = FACT_NO_FIELD, .value_field = FACT_NO_FIELD};
    if (!rate_use_find(draft->fields, draft->count, &use.rate))
        return;
    for (size_t i = 0; i < sizeof rate_of_parts / sizeof *rate_of_parts; i++)
        if (field_of(draft, &rate_of_parts[i]) != FACT_NO_FIELD)
            return;
    for (size_t i = 0; i < sizeof rate_rows / sizeof *rate_rows && use.key_field == FACT_NO_FIELD; i++) {
        use.key_field = field_of_any(draft, rate_rows[i].keys);
        if (use.key_field != FACT_NO_FIELD)
            use.kind = rate_rows[i].kind;
    }
    use_add(draft, &use);
}

static void reports_find(struct draft *draft)
{
    for (size_t i = 0; i < sizeof report_rows / sizeof *report_rows; i++) {
        uint16_t field = field_of(draft, &(struct number)IANA(report_rows[i].id));
        if (field == FACT_NO_FIELD || draft->fields[field].type != TYPE_UNSIGNED)
            continue;
        use_add(draft, &(struct fact_use){.kind = FACT_REPORT,
                                          .counter_row = (uint8_t)i,
                                          .key_field = FACT_NO_FIELD, /* all scopes */
                                          .value_field = field});
    }
}

/* Type information: RFC 5610 3. */
static void element_find(struct draft *draft)
{
    struct fact_use use = {.kind = FACT_ELEMENT,
                           .key_field = field_of(draft, &(struct number)IANA(303)),
                           .value_field = field_of(draft, &(struct number)IANA(341)),
                           .type_field = field_of(draft, &(struct number)IANA(339)),
                           .enterprise_field = field_of(draft, &(struct number)IANA(346))};
    if (use.key_field != FACT_NO_FIELD && use.value_field != FACT_NO_FIELD && use.type_field != FACT_NO_FIELD &&
        draft->fields[use.value_field].type == TYPE_STRING)
        use_add(draft, &use);
}

/* RFC 5473 5.1: the id is the scope, and all else is said of it: of nothing that a number in there may name. */
static bool properties_use_find(struct draft *draft)
{
    for (uint32_t i = 0; i < draft->count; i++) {
        if (!(draft->fields[i].flags & FIELD_SCOPE) || !field_is_properties_id(&draft->fields[i]))
            continue;
        use_add(draft, &(struct fact_use){
                           .kind = FACT_PROPERTIES, .key_field = (uint16_t)i, .value_field = FACT_NO_FIELD});
        return true;
    }
    return false;
}

uint32_t fact_uses_find(const struct field *fields, uint32_t count, struct fact_use uses[FACT_USES_MOST])
{
    struct draft draft = {.fields = fields, .count = count, .uses = uses};
    if (properties_use_find(&draft))
        return draft.use_count;
    texts_find(&draft);
    rate_find(&draft);
    element_find(&draft);
    reports_find(&draft);
    return draft.use_count;
}

enum counter fact_report_counter(const struct fact_use *use)
{
    return report_rows[use->counter_row].counter;
}

bool fact_key_read(const struct record *record, uint16_t field, uint64_t *key)
{
    const struct span span = record->spans[field];
    const uint8_t *bytes = record->bytes + span.offset;
    if (span.length == SPAN_ABSENT || span.length == 0)
        return false;
    *key = span.length <= 8 ? read_be(bytes, span.length) : XXH3_64bits(bytes, span.length);
    return true;
}
