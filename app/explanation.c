/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explanation.h"

#include <stdlib.h>
#include <string.h>

#include "app/http/json.h"
#include "decode/plans.h"
#include "decode/profile.h"
#include "decode/sections.h"
#include "export/encode/explain.h"

#define HEAP_BYTES (64U << 20) /* most of a plan and a program; only what is touched is taken */

/* What the compiler told. */
struct telling {
    FILE *stream;
    const struct plan *plan;
    uint32_t field_count; /* of the template: the plan may have computed ones behind them */
    uint8_t *marks;    /* scratch: one a field */
    uint8_t *left_out; /* one a field: 1 + enum left_out; 0: it has its own member */
    bool any;
    bool explained;    /* only what stands there where something is known of the exporter is left to tell */
};

/* ---- members ---- */

/* What is computed is made of the sections of packets and what is said of them. True where anything was. */
static bool sections_mark(const struct telling *telling)
{
    const struct section_layout *sections = telling->plan->sections;
    bool any = false;
    for (uint32_t i = telling->field_count; i < telling->plan->field_count; i++)
        any = any || telling->marks[i];
    if (!any)
        return false;
    const uint16_t said[] = {sections->frame_type, sections->frame_bytes, sections->section_bytes, sections->ip_bytes,
                             sections->protocol};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (said[i] != SECTION_NO_FIELD)
            telling->marks[said[i]] = 1;
    for (uint32_t i = 0; i < sections->use_count; i++) {
        const struct section_use *use = &sections->uses[i];
        telling->marks[use->field] = 1;
        if (use->offset_field != SECTION_NO_FIELD)
            telling->marks[use->offset_field] = 1;
        if (use->size_field != SECTION_NO_FIELD)
            telling->marks[use->size_field] = 1;
    }
    return true;
}

static void sources_print(const struct telling *telling)
{
    bool any = false;
    fputs(",\"from\":[", telling->stream);
    for (uint32_t i = 0; i < telling->field_count; i++) {
        if (!telling->marks[i])
            continue;
        fprintf(telling->stream, "%s%u", any ? "," : "", i + 1);
        any = true;
    }
    fputc(']', telling->stream);
}

static void member_print(void *context, const struct compile_member *member)
{
    static const char *const ways[] = {
        [EXPLAIN_CONSTANT] = "constant", [EXPLAIN_FIELD] = "field", [EXPLAIN_DERIVED] = "derived"};
    struct telling *telling = context;
    FILE *stream = telling->stream;
    if (telling->explained && !(member->row->when & ECS_EXPLAINED))
        return;
    const char *when = explain_when(member);
    memset(telling->marks, 0, telling->plan->field_count);
    enum explain_way way = explain_sources(member, telling->marks);
    if (way == EXPLAIN_NEVER)
        return;
    if (sections_mark(telling) && way == EXPLAIN_FIELD)
        way = EXPLAIN_DERIVED;
    fprintf(stream, "%s{\"path\":", telling->any ? "," : "");
    telling->any = true;
    char path[2 * ECS_PATH_MOST];
    snprintf(path, sizeof path, "%s%s%s", member->row->path, member->key ? "." : "", member->key ? member->key : "");
    json_text(stream, path);
    fprintf(stream, ",\"value\":\"%s\"", ways[way]);
    if (way == EXPLAIN_CONSTANT)
        fprintf(stream, ",\"constant\":%s", member->answer->constant);
    sources_print(telling);
    fputs(",\"when\":", stream);
    if (when)
        json_text(stream, when);
    else
        fputs("null", stream);
    fputs(",\"help\":", stream);
    json_text(stream, explain_help(member));
    fputc('}', stream);
}

static void left_out_note(void *context, const struct compilation *compilation, uint16_t field, enum left_out why)
{
    struct telling *telling = context;
    telling->left_out[field] = (uint8_t)(1 + why);
}

/* ---- fields ---- */

static void reason_print(FILE *stream, const struct field *field, const struct element *element, uint8_t left_out)
{
    char text[160] = "";
    if (left_out == 1 + LEFT_OUT_REPEATED)
        snprintf(text, sizeof text, "a later field has the same key, and the last one wins");
    else if (left_out == 1 + LEFT_OUT_HIDES)
        snprintf(text, sizeof text, "its key would hide netflow.exporter or netflow.type, or is too long");
    else if (!element && !field->length)
        snprintf(text, sizeof text, "no element has this number, and it has no bytes");
    else if (!element)
        snprintf(text, sizeof text, "no element has this number, and profile elastic leaves it out; "
                                    "custom_definitions can name it");
    else if (element->type == TYPE_NONE)
        snprintf(text, sizeof text, "values of type %s are not read", element->data_type);
    else
        snprintf(text, sizeof text, "%u bytes are no length of %s, which has %u to %u", field->length,
                 element->data_type, element->least_bytes, element->most_bytes);
    json_text(stream, text);
}

static void element_print(FILE *stream, const struct element *element)
{
    fputs(",\"name\":", stream);
    json_text(stream, element->name);
    fputs(",\"key\":", stream);
    json_text(stream, element->key);
    fputs(",\"type\":", stream);
    json_text(stream, element->data_type);
    fputs(",\"named_by\":", stream);
    json_text(stream, element->source);
}

/* Where fields of variable length stand before it, its offset differs from record to record. */
static void place_print(FILE *stream, const struct plan *plan, uint32_t number, bool fixed_place)
{
    const struct field *field = &plan->fields[number];
    uint32_t offset = plan->spans[number].offset;
    if (field->flags & FIELD_WIDE)
        offset -= field->length - 8U; /* the span has the last eight bytes */
    if (field->length == LENGTH_VARIABLE)
        fputs(",\"length\":null", stream);
    else
        fprintf(stream, ",\"length\":%u", field->length);
    if (fixed_place)
        fprintf(stream, ",\"offset\":%u", offset);
    else
        fputs(",\"offset\":null", stream);
}

static void field_print(FILE *stream, const struct explanation_subject *subject, const struct telling *telling,
                        uint32_t number, bool fixed_place)
{
    const struct field *field = &telling->plan->fields[number];
    const struct element *element = field->element ? elements_at(subject->elements, field->element) : NULL;
    fprintf(stream, "%s{\"number\":%u", number ? "," : "", number + 1);
    if (field->enterprise == ENTERPRISE_V9_SCOPE)
        fputs(",\"enterprise\":null", stream); /* RFC 3954 6.1: scopes of their own */
    else
        fprintf(stream, ",\"enterprise\":%u", field->enterprise);
    fprintf(stream, ",\"id\":%u,\"scope\":%s", field->id, field->flags & FIELD_SCOPE ? "true" : "false");
    place_print(stream, telling->plan, number, fixed_place);
    if (element)
        element_print(stream, element);
    else if (field->flags & FIELD_NAMED)
        fprintf(stream, ",\"name\":null,\"key\":\"%s\",\"type\":null,\"named_by\":\"exporter\"",
                field_names_find(telling->plan->names, (uint16_t)number));
    else
        fputs(",\"name\":null,\"key\":null,\"type\":null,\"named_by\":null", stream);
    fputs(",\"left_out\":", stream);
    if (telling->left_out[number])
        reason_print(stream, field, element, telling->left_out[number]);
    else
        fputs("null", stream);
    fputc('}', stream);
}

static void fields_print(FILE *stream, const struct explanation_subject *subject, const struct telling *telling)
{
    bool fixed_place = true;
    fputs(",\"field_list\":[", stream);
    for (uint32_t i = 0; i < telling->field_count; i++) {
        field_print(stream, subject, telling, i, fixed_place);
        fixed_place = fixed_place && telling->plan->fields[i].length != LENGTH_VARIABLE;
    }
    fputc(']', stream);
}

/* ---- the template as it is announced: RFC 3954 5.2 and 6.1, RFC 7011 3.4 ---- */

static uint32_t scope_count(const struct explanation_subject *subject)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < subject->field_count; i++)
        count += subject->fields[i].flags & FIELD_SCOPE ? 1 : 0;
    return count;
}

static void bytes_print(FILE *stream, const struct explanation_subject *subject)
{
    uint32_t scopes = scope_count(subject), count = subject->field_count;
    fprintf(stream, ",\"bytes\":\"%04x", subject->id);
    if (subject->kind != PLAN_OPTIONS)
        fprintf(stream, "%04x", count);
    else if (subject->version == 9)
        fprintf(stream, "%04x%04x", 4 * scopes, 4 * (count - scopes));
    else
        fprintf(stream, "%04x%04x", count, scopes);
    for (uint32_t i = 0; i < count; i++) {
        const struct field *field = &subject->fields[i];
        bool enterprise = field->flags & FIELD_ENTERPRISE;
        fprintf(stream, "%04x%04x", field->id | (enterprise ? 0x8000U : 0), field->length);
        if (enterprise)
            fprintf(stream, "%08x", field->enterprise);
    }
    fputc('"', stream);
}

/* ---- the whole ---- */

static bool plan_explain(FILE *stream, const struct explanation_subject *subject, const struct plan *plan,
                         struct heap *heap)
{
    struct telling telling = {.stream = stream,
                              .plan = plan,
                              .field_count = plan->sections ? plan->sections->field_count : plan->field_count,
                              .marks = calloc(plan->field_count + 1U, 1),
                              .left_out = calloc(plan->field_count + 1U, 1)};
    const struct compile_watch watch = {member_print, left_out_note, &telling};
    struct compiler compiler;
    const struct profile *profile = profile_of(subject->config->output.profile);
    bool good = compiler_init(&compiler, subject->config, profile, subject->elements, heap) && telling.marks &&
                telling.left_out;
    if (good) {
        fprintf(stream, "{\"profile\":\"%s\",\"members\":[", profile->name);
        compiler.watch = &watch;
        struct program *program = program_compile(&compiler, plan, false);
        bool compiled = program;
        program_free(program, heap);
        if (profile->facts_kept && plan->kind == PLAN_FLOW) {
            telling.explained = true;
            program_free(program_compile(&compiler, plan, true), heap);
        }
        fprintf(stream, "],\"compiled\":%s", compiled ? "true" : "false");
        fields_print(stream, subject, &telling);
        if (!subject->plan)
            bytes_print(stream, subject);
        fputc('}', stream);
    }
    compiler_fini(&compiler);
    free(telling.marks);
    free(telling.left_out);
    return good;
}

/* The plan of which encoders make documents of the subject's records; NULL for want of memory. */
static const struct plan *plan_make(const struct explanation_subject *subject, struct plans *plans)
{
    const struct plan_draft draft = {.fields = subject->fields,
                                     .field_count = subject->field_count,
                                     .names = subject->names,
                                     .version = subject->version,
                                     .kind = subject->kind};
    struct plan *plan = plans_intern(plans, &draft);
    if (!plan || !profile_of(subject->config->output.profile)->reads_sections)
        return plan;
    struct section_maker *maker = section_maker_new(subject->elements, subject->field_count, false);
    bool good = maker && section_maker_attach(maker, plans, plan);
    section_maker_free(maker);
    return !good ? NULL : plan->sectioned ? plan->sectioned : plan;
}

bool explanation_print(FILE *stream, const struct explanation_subject *subject)
{
    struct heap *heap = heap_new(HEAP_BYTES);
    struct plans *plans = heap ? plans_new(heap, 0) : NULL; /* as few as it can be */
    const struct plan *plan = subject->plan ? subject->plan : plans ? plan_make(subject, plans) : NULL;
    bool good = heap && plan && plan_explain(stream, subject, plan, heap);
    plans_free(plans);
    if (heap)
        heap_free_all(heap);
    return good;
}
