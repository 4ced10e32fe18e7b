/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/decoder.h"
#include "decode/element_names.h"
#include "decode/element_rows.h"
#include "export/encode/list_plan.h"
#include "export/encode/times.h"
#include "export/encode/values.h"
#include "export/encode/writer.h"

#define SEMANTIC_UNDEFINED 255
#define VALUE_MOST         64 /* bytes of a value that is no string and no octets, with quotes and comma */

/* A list being written, and the record of it that is. */
struct level {
    uint8_t type; /* enum value_type */
    uint8_t semantic;
    bool any;     /* the array has something: a comma goes before what follows */
    bool inlined; /* its items go into the array of the list or member around it, which has the brackets */
    const char *closer;
    const uint8_t *at, *end;
    /* basicList */
    struct field element;
    char name[ECS_PATH_MOST];
    struct list_field value;
    uint16_t length;
    /* lists of records */
    const uint8_t *block_end; /* as far as the records of the template go */
    const struct plan *plan;
    const struct list_plan *layout;
    /* the record at hand */
    bool in_record, any_member, in_array;
    uint32_t member, field;
    struct record record;
    struct span spans[LIST_FIELDS_MOST];
};

struct list_maker {
    const struct compiler *compiler;
    struct counters *counters;
    struct list_plan **plans; /* by index */
    uint32_t plans_most;
    const struct known *known; /* of the record's exporter */
    struct exporter *exporter;
    char *scratch, *out, *end;
    bool full;
    uint32_t depth;
    struct level levels[LIST_DEPTH_MOST];
    struct text_day day;
    struct list_text texts[UINT8_MAX + 1];
};

struct list_maker *list_maker_new(const struct compiler *compiler, struct counters *counters, uint32_t plans_most)
{
    struct list_maker *maker = calloc(1, sizeof *maker);
    if (!maker)
        return NULL;
    maker->compiler = compiler;
    maker->counters = counters;
    maker->plans_most = plans_most;
    maker->plans = calloc(plans_most, sizeof(*maker->plans));
    maker->scratch = malloc(LISTS_BYTES + TEXT_OVERRUN);
    if (maker->plans && maker->scratch)
        return maker;
    list_maker_free(maker);
    return NULL;
}

void list_maker_free(struct list_maker *maker)
{
    if (!maker)
        return;
    for (uint32_t i = 0; maker->plans && i < maker->plans_most; i++)
        if (maker->plans[i])
            heap_give(maker->compiler->heap, maker->plans[i], maker->plans[i]->size_bytes);
    free(maker->plans);
    free(maker->scratch);
    free(maker);
}

const struct list_text *list_maker_text(const struct list_maker *maker, uint32_t group)
{
    return &maker->texts[group];
}

static void count(struct list_maker *maker, enum counter counter)
{
    counter_add(maker->counters, counter, 1);
    counter_bump(&maker->exporter->counters.value[counter], 1);
}

/* --- text --- */

static void put(struct list_maker *maker, const char *text, size_t size_bytes)
{
    if ((size_t)(maker->end - maker->out) < size_bytes) {
        maker->full = true;
        return;
    }
    memcpy(maker->out, text, size_bytes);
    maker->out += size_bytes;
}

static void put_text(struct list_maker *maker, const char *text)
{
    put(maker, text, strlen(text));
}

static void value_put(struct list_maker *maker, const struct list_field *field, const uint8_t *bytes, uint32_t length)
{
    if ((size_t)(maker->end - maker->out) < VALUE_MOST + 6 * (size_t)length) {
        maker->full = true;
        return;
    }
    if (field->quoted)
        *maker->out++ = '"';
    maker->out = writer_value(maker->out, field->format, bytes, length, &maker->day);
    if (field->quoted)
        *maker->out++ = '"';
}

/* The brace of an item, and what the list means. Returns whether a comma goes before what follows. */
static bool item_begin(struct list_maker *maker, struct level *level)
{
    const char *semantic = list_semantic_text(level->semantic);
    put_text(maker, level->any ? ",{" : "{");
    level->any = true;
    if (semantic)
        put_text(maker, semantic);
    return semantic;
}

/* --- lists --- */

static void list_bad(struct list_maker *maker, struct level *level)
{
    count(maker, COUNTER_lists_bad);
    level->at = level->end; /* nobody knows where the next record begins */
}

/* What is read in a list of values, and under which name. */
static void basic_resolve(struct list_maker *maker, struct level *level)
{
    const struct elements *elements = maker->compiler->elements;
    const struct facts *facts = maker->known->own;
    struct field *field = &level->element;
    const struct element *element = elements_find(elements, field->enterprise, field->id);
    field->element = element ? elements_index(elements, element) : 0;
    field->type = element ? element->type : TYPE_UNKNOWN_OCTETS;
    if (element && field->length != LENGTH_VARIABLE && !element_takes_exactly(element, field->length))
        field->type = TYPE_NONE;
    if (element || !facts || !element_name_find(facts, elements, field, &field->type, level->name))
        list_key_write(elements, field, level->name);
}

/* RFC 6313 4.5.1: semantic, element, length of each, its enterprise. */
static bool basic_begin(struct list_maker *maker, struct level *level)
{
    if (level->end - level->at < 5)
        return false;
    uint16_t id = read_be16(level->at + 1);
    level->element = (struct field){.id = id & 0x7fff, .length = read_be16(level->at + 3)};
    level->semantic = level->at[0];
    level->at += 5;
    if (id & 0x8000) {
        if (level->end - level->at < 4)
            return false;
        level->element.enterprise = read_be32(level->at);
        level->at += 4;
    }
    if (level->element.length == 0)
        return level->at == level->end; /* values of no bytes would never end */
    basic_resolve(maker, level);
    const struct plan alone = {.field_count = 1, .fields = &level->element, .version = 10};
    list_field_make(maker->compiler, &alone, 0, &level->value);
    return level->element.type != TYPE_NONE;
}

static struct list_plan *layout_of(struct list_maker *maker, const struct plan *plan)
{
    struct list_plan **layout = &maker->plans[plan->index];
    if (*layout && (*layout)->serial == plan->serial)
        return *layout;
    if (*layout)
        heap_give(maker->compiler->heap, *layout, (*layout)->size_bytes);
    *layout = list_plan_compile(maker->compiler, plan);
    return *layout;
}

/* The template of the records from here on. False: its records cannot be read. */
static bool template_choose(struct list_maker *maker, struct level *level, uint16_t id)
{
    level->plan = maker->known->decoder ? decoder_list_plan(maker->known->decoder, id) : NULL;
    level->layout = NULL;
    if (!level->plan) {
        count(maker, COUNTER_lists_without_template);
        return false;
    }
    if (level->plan->record_bytes > 0)
        level->layout = layout_of(maker, level->plan);
    if (!level->layout)
        count(maker, COUNTER_lists_bad);
    return level->layout;
}

/* RFC 6313 4.5.2: semantic, template. */
static void records_begin(struct list_maker *maker, struct level *level)
{
    if (level->end - level->at < 3) {
        list_bad(maker, level);
        return;
    }
    level->semantic = level->at[0];
    uint16_t id = read_be16(level->at + 1);
    level->at += 3;
    level->block_end = level->end;
    if (level->at < level->end && !template_choose(maker, level, id))
        level->at = level->end;
}

/* Goes into the list of that field. */
static struct level *level_open(struct list_maker *maker, uint8_t type, const uint8_t *bytes, uint32_t length)
{
    if (maker->depth == LIST_DEPTH_MOST) {
        count(maker, COUNTER_lists_too_deep);
        return NULL;
    }
    struct level *level = &maker->levels[maker->depth++];
    level->type = type;
    level->semantic = SEMANTIC_UNDEFINED;
    level->any = level->inlined = level->in_record = false;
    level->closer = "";
    level->at = bytes;
    level->end = level->block_end = bytes + length;
    level->layout = NULL;
    if (length == 0)
        return level; /* it was not there to be filled */
    if (type == TYPE_BASIC_LIST) {
        if (!basic_begin(maker, level))
            list_bad(maker, level);
    } else if (type == TYPE_SUB_TEMPLATE_LIST) {
        records_begin(maker, level);
    } else {
        level->semantic = *level->at++;
        level->block_end = level->at;
    }
    return level;
}

static void level_close(struct list_maker *maker)
{
    struct level *level = &maker->levels[--maker->depth];
    put_text(maker, level->closer);
    if (level->inlined && maker->depth)
        maker->levels[maker->depth - 1].in_array |= level->any;
}

/* The next value of a basicList; NULL: it is cut. */
static const uint8_t *basic_next(struct level *level, uint32_t *length)
{
    *length = level->element.length;
    if (*length == LENGTH_VARIABLE) {
        *length = *level->at++;
        if (*length == 255) {
            if (level->end - level->at < 2)
                return NULL;
            *length = read_be16(level->at);
            level->at += 2;
        }
    }
    const uint8_t *bytes = level->at;
    if (level->end - bytes < (ptrdiff_t)*length)
        return NULL;
    level->at += *length;
    return bytes;
}

static bool basic_value_fits(const struct list_maker *maker, const struct level *level, const uint8_t *bytes,
                             uint32_t length)
{
    const struct field *field = &level->element;
    if (field->element && !element_takes_exactly(elements_at(maker->compiler->elements, field->element), length))
        return false;
    return list_value_is_wanted(bytes, length, level->value.when);
}

static void basic_step(struct list_maker *maker, struct level *level)
{
    char key[ECS_PATH_MOST + 4];
    uint32_t length;
    const uint8_t *bytes = basic_next(level, &length);
    if (!bytes) {
        list_bad(maker, level);
        return;
    }
    if (!basic_value_fits(maker, level, bytes, length))
        return;
    snprintf(key, sizeof key, "\"%s\":", level->name);
    if (item_begin(maker, level))
        put_text(maker, ",");
    put_text(maker, key);
    if (!type_is_list(level->element.type)) {
        value_put(maker, &level->value, bytes, length);
        put_text(maker, "}");
        return;
    }
    put_text(maker, "[");
    struct level *inner = level_open(maker, level->element.type, bytes, length);
    if (inner)
        inner->closer = "]}";
    else
        put_text(maker, "]}");
}

/* RFC 6313 4.5.3: before the records of each template, its id and their length with these four bytes. */
static void block_begin(struct list_maker *maker, struct level *level)
{
    uint32_t length = level->end - level->at < 4 ? 0 : read_be16(level->at + 2);
    if (length < 4 || (ptrdiff_t)length > level->end - level->at) {
        list_bad(maker, level);
        return;
    }
    level->block_end = level->at + length;
    uint16_t id = read_be16(level->at);
    level->at += 4;
    if (level->at < level->block_end && !template_choose(maker, level, id))
        level->at = level->block_end;
}

static void record_begin(struct list_maker *maker, struct level *level)
{
    const struct plan *plan = level->plan;
    const uint8_t *end = NULL;
    if (level->block_end - level->at >= plan->record_bytes)
        end = plan_resolve(plan, maker->compiler->elements, level->at, level->block_end, level->spans);
    if (!end) {
        count(maker, COUNTER_lists_bad);
        level->at = level->block_end; /* of several templates the next one is still known */
        return;
    }
    level->record = (struct record){.bytes = level->at, .spans = level->spans};
    level->at = end;
    level->any_member = item_begin(maker, level);
    level->in_record = true;
    level->member = level->field = 0;
}

static void list_step(struct list_maker *maker, struct level *level)
{
    if (level->at == level->end)
        level_close(maker);
    else if (level->type == TYPE_BASIC_LIST)
        basic_step(maker, level);
    else if (level->at == level->block_end)
        block_begin(maker, level);
    else
        record_begin(maker, level);
}

/* --- records --- */

static void key_put(struct list_maker *maker, struct level *level, const struct list_member *member)
{
    if (level->any_member)
        put_text(maker, ",");
    level->any_member = true;
    put(maker, level->layout->keys + member->key_at, member->key_bytes);
}

/* One value into an array; a list's items go into it one by one. */
static void array_value(struct list_maker *maker, struct level *level, const struct list_field *field,
                        const struct record *record)
{
    const struct span span = record->spans[field->field];
    const uint8_t *bytes = record->bytes + span.offset;
    if (span.length == SPAN_ABSENT || !list_value_is_wanted(bytes, span.length, field->when))
        return;
    if (type_is_list(field->type)) {
        bool any = level && level->in_array;
        struct level *inner = level_open(maker, field->type, bytes, span.length);
        if (inner) {
            inner->inlined = true;
            inner->any = any;
        }
        return;
    }
    if (level->in_array)
        put_text(maker, ",");
    level->in_array = true;
    value_put(maker, field, bytes, span.length);
}

static void single_put(struct list_maker *maker, struct level *level, const struct list_member *member)
{
    const struct list_field *field = &level->layout->fields[member->group.first];
    const struct span span = level->record.spans[field->field];
    const uint8_t *bytes = level->record.bytes + span.offset;
    if (span.length == SPAN_ABSENT || !list_value_is_wanted(bytes, span.length, field->when))
        return;
    key_put(maker, level, member);
    value_put(maker, field, bytes, span.length);
}

static void array_step(struct list_maker *maker, struct level *level, const struct list_member *member)
{
    if (level->field == 0) {
        key_put(maker, level, member);
        put_text(maker, "[");
        level->in_array = false;
    }
    if (level->field < member->group.count) {
        array_value(maker, level, &level->layout->fields[member->group.first + level->field++], &level->record);
        return;
    }
    put_text(maker, "]");
    level->field = 0;
    level->member++;
}

static void record_step(struct list_maker *maker, struct level *level)
{
    if (level->member == level->layout->member_count) {
        put_text(maker, "}");
        level->in_record = false;
        return;
    }
    const struct list_member *member = &level->layout->members[level->member];
    if (member->array) {
        array_step(maker, level, member);
        return;
    }
    single_put(maker, level, member);
    level->member++;
}

/* Until the lists that were opened are closed again. */
static void levels_run(struct list_maker *maker)
{
    while (maker->depth && !maker->full) {
        struct level *level = &maker->levels[maker->depth - 1];
        if (level->in_record)
            record_step(maker, level);
        else
            list_step(maker, level);
    }
    maker->depth = 0;
}

/* An array of the record itself. What is too large is left out whole. */
static void group_render(struct list_maker *maker, const struct program *program, uint32_t number,
                         const struct record *record)
{
    const struct list_group *group = &program->lists[number];
    char *start = maker->out;
    bool any = false;
    maker->full = false;
    put_text(maker, "[");
    for (uint32_t i = 0; i < group->count && !maker->full; i++) {
        const struct list_field *field = &program->list_fields[group->first + i];
        struct level outer = {.in_array = any};
        char *before = maker->out;
        array_value(maker, &outer, field, record);
        levels_run(maker);
        any |= maker->out > before;
    }
    put_text(maker, "]");
    if (maker->full) {
        count(maker, COUNTER_lists_too_large);
        maker->out = start;
        memcpy(maker->out, "[]", 2);
        maker->out += 2;
    }
    maker->texts[number] = (struct list_text){.text = start, .size_bytes = (uint32_t)(maker->out - start)};
}

uint32_t list_maker_render(struct list_maker *maker, const struct program *program, const struct chunk *chunk,
                           const struct record *record)
{
    maker->known = &chunk->known;
    maker->exporter = chunk->message->exporter;
    maker->out = maker->scratch;
    for (uint32_t i = 0; i < program->list_count; i++) {
        /* what is left empty has room in any case */
        maker->end = maker->scratch + LISTS_BYTES - 2 * (size_t)(program->list_count - i);
        group_render(maker, program, i, record);
    }
    return (uint32_t)(maker->out - maker->scratch);
}
