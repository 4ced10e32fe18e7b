/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "decode/element_names.h"
#include "export/encode/explain.h"
#include "export/encode/list_plan.h"
#include "export/encode/values.h"

#define ECS_ROWS_MOST 160
#define KEY_MOST ECS_PATH_MOST

static_assert(ELEMENT_KEY_MOST <= KEY_MOST, "keys of names fit");

/* Text of an entry: the key, the path around it and the punctuation. */
#define FIELD_TEXT_MOST  192
#define FIXED_TEXT_MOST  16384
#define FIXED_STEPS_MOST 512
#define FIELDS_LEAST     448 /* the built-in plans */

bool compiler_init(struct compiler *compiler, const struct config *config, const struct profile *profile,
                   const struct elements *elements, struct heap *heap)
{
    uint32_t fields = config->limits.fields_per_template + PLAN_COMPUTED_MOST, keys = 1;
    fields = fields < FIELDS_LEAST ? FIELDS_LEAST : fields;
    while (keys < 2 * fields)
        keys *= 2;
    *compiler = (struct compiler){
        .profile = profile,
        .elements = elements,
        .envelope = config->output.envelope,
        .packet_names = config->output.packet_names,
        .heap = heap,
        .builder = calloc(1, sizeof *compiler->builder),
        .keys = calloc(keys, sizeof *compiler->keys),
        .keys_most = keys,
        .slot_of = calloc(fields, 1),
        .dropped = calloc(fields, 1),
        .key_hashes = calloc(fields, sizeof *compiler->key_hashes),
        .list_fields = calloc(fields, sizeof *compiler->list_fields),
        .fields_most = fields,
    };
    return compiler->builder && compiler->keys && compiler->slot_of && compiler->dropped &&
           compiler->key_hashes && compiler->list_fields &&
           builder_init(compiler->builder, FIXED_TEXT_MOST + fields * FIELD_TEXT_MOST, FIXED_STEPS_MOST + 2 * fields) ==
               0;
}

void compiler_fini(struct compiler *compiler)
{
    if (compiler->builder)
        builder_fini(compiler->builder);
    free(compiler->builder);
    free(compiler->keys);
    free(compiler->slot_of);
    free(compiler->dropped);
    free(compiler->key_hashes);
    free(compiler->list_fields);
}

/* ---- who looks on ---- */

static void tell_member(const struct compilation *compilation, const struct ecs_row *row, const char *key,
                        const struct answer *answer)
{
    const struct compile_watch *watch = compilation->compiler->watch;
    if (watch)
        watch->member(watch->context, &(struct compile_member){compilation, row, key, answer});
}

static void tell_left_out(const struct compilation *compilation, uint16_t field, enum left_out why)
{
    const struct compile_watch *watch = compilation->compiler->watch;
    if (watch)
        watch->left_out(watch->context, compilation, field, why);
}

/* ---- the program ---- */

/* Whether a row applies to documents of this plan at all. */
static bool row_applies(const struct compilation *compilation, const struct ecs_row *row)
{
    static const uint32_t kinds[] = {
        [PLAN_FLOW] = ECS_FLOWS, [PLAN_OPTIONS] = ECS_OPTIONS, [PLAN_COUNTERS] = ECS_COUNTERS};
    if (!(row->when & kinds[compilation->plan->kind]) || !ecs_row_is_of(row, compilation->plan->version))
        return false;
    if (row->value == VALUE_SECTION && !compilation->plan->sections)
        return false;
    if (row->when & ECS_ENVELOPE && !compilation->compiler->envelope)
        return false;
    if (row->when & (compilation->explained ? ECS_PLAIN : ECS_EXPLAINED))
        return false;
    if (row->when & ECS_WEIR && !compilation->compiler->profile->extra_fields)
        return false;
    if (row->when & ECS_PACKET && !compilation->compiler->packet_names)
        return false;
    return !(row->when & ECS_BIFLOW) || compilation->flags & PROGRAM_BIFLOW;
}

static bool lists_elements(const struct ecs_row *row)
{
    return row->value == VALUE_ELEMENTS || row->value == VALUE_SCOPES || row->value == VALUE_OPTIONS ||
           row->value == VALUE_SFLOW || row->value == VALUE_SECTION;
}

/* Whether the object at prefix has a member in every record. */
static bool certain_below(const struct answer *answers, const char *prefix)
{
    size_t length = strlen(prefix);
    for (uint32_t i = 0; i < ecs_row_count; i++)
        if (answers[i].presence == CERTAIN && strncmp(ecs_rows[i].path, prefix, length) == 0 &&
            ecs_rows[i].path[length] == '.')
            return true;
    return false;
}

/* The condition that all members of the object at prefix have at the least; 0: they have none in common. */
static uint8_t object_condition(const char *prefix)
{
    static const struct {
        const char *path;
        uint8_t when;
    } rows[] = {{"flow.icmp", WHEN_ICMP}, {"flow.sampling", WHEN_RATE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].path, prefix) == 0)
            return rows[i].when;
    return 0;
}

/* Opens the objects of a path that are not open, one by one, each as certain as what the table puts below it. */
static void path_enter(struct compilation *compilation, const struct answer *answers, const char *parent,
                       const struct ecs_row *row)
{
    bool unsure_biflow = row->when & ECS_BIFLOW && !(compilation->flags & PROGRAM_CERTAIN_BIFLOW);
    char prefix[KEY_MOST];
    size_t at = 0;
    do {
        at += strcspn(parent + at, ".");
        memcpy(prefix, parent, at);
        prefix[at] = 0;
        /* one that is open stays so, with what is open inside it: that may be on the path, too */
        if (!parent[at] || !builder_is_inside(compilation->builder, prefix))
            builder_enter(compilation->builder, prefix, certain_below(answers, prefix),
                          unsure_biflow ? WHEN_BIFLOW : object_condition(prefix));
    } while (parent[at++]);
}

/* The key of a field below netflow; one that would hide a fixed field is left out, as by Elastic. */
static bool field_key(const struct compilation *compilation, const struct field *field, char *key)
{
    if (field->flags & FIELD_NAMED) {
        strcpy(key, field_names_find(compilation->plan->names, (uint16_t)(field - compilation->plan->fields)));
        return true;
    }
    if (!field->element) {
        snprintf(key, KEY_MOST, "unknown_%u_%u", field->enterprise, field->id);
        return true;
    }
    const char *name = elements_at(compilation->compiler->elements, field->element)->key;
    if (strlen(name) >= KEY_MOST || strcmp(name, "exporter") == 0 || strcmp(name, "type") == 0 ||
        (compilation->plan->sections && strcmp(name, "section") == 0))
        return false;
    strcpy(key, name);
    return true;
}

/* By the hashes that repeats_find() has noted. */
static bool keys_equal(const struct compilation *compilation, uint16_t one, uint16_t other)
{
    const uint64_t *hashes = compilation->compiler->key_hashes;
    return hashes[one] && hashes[one] == hashes[other];
}

/* False when the set has the key already. The set has room for twice as many keys as there are fields. */
static bool key_is_new(const struct compiler *compiler, uint64_t hash)
{
    uint64_t mask = compiler->keys_most - 1;
    uint64_t at = hash >> 1 & mask;
    while (compiler->keys[at] && compiler->keys[at] != hash)
        at = (at + 1) & mask;
    bool is_new = !compiler->keys[at];
    compiler->keys[at] = hash;
    return is_new;
}

static bool field_listed(const struct field *field, enum ecs_value list)
{
    bool scope = field->flags & FIELD_SCOPE;
    if (list == VALUE_SFLOW)
        return field->enterprise == ENTERPRISE_SFLOW;
    if (field->flags & FIELD_COMPUTED)
        return list == VALUE_SECTION && field->enterprise == ENTERPRISE_SFLOW && field->type != TYPE_NONE;
    if (list == VALUE_SECTION)
        return false;
    return list == VALUE_ELEMENTS || scope == (list == VALUE_SCOPES);
}

/* What becomes of a field: the last of several with one key stays for all of them. */
enum { STAYS, DROPPED, STAYS_REPEATED };

static bool elements_equal(const struct compilation *compilation, uint16_t one, uint16_t other)
{
    const struct field *first = &compilation->plan->fields[one], *second = &compilation->plan->fields[other];
    return first->enterprise == second->enterprise && first->id == second->id;
}

/* Its value goes to the array of the last one; in profile elastic, or if another element has the key, nowhere. */
static void repeat_note(const struct compilation *compilation, uint16_t index)
{
    const struct compiler *compiler = compilation->compiler;
    uint16_t last = compilation->plan->field_count;
    while (compiler->profile->arrays && last-- > index + 1u)
        if (compiler->dropped[last] != DROPPED && keys_equal(compilation, index, last) &&
            elements_equal(compilation, index, last)) {
            compiler->dropped[last] = STAYS_REPEATED;
            return;
        }
    tell_left_out(compilation, index, LEFT_OUT_REPEATED);
}

/* Does the field have a member of its own in the list? Later ones were asked before. */
static bool field_stays(const struct compilation *compilation, uint16_t index)
{
    const struct field *field = &compilation->plan->fields[index];
    uint64_t *hash = &compilation->compiler->key_hashes[index];
    char key[KEY_MOST];
    *hash = 0;
    if (field->type == TYPE_NONE)
        tell_left_out(compilation, index, LEFT_OUT_UNREADABLE);
    else if (!field_key(compilation, field, key))
        tell_left_out(compilation, index, LEFT_OUT_HIDES);
    else if (!key_is_new(compilation->compiler, *hash = XXH3_64bits(key, strlen(key)) | 1))
        repeat_note(compilation, index);
    else
        return true;
    return false;
}

/* Of two fields with one key the later one wins: dropped[] marks the earlier ones. */
static void repeats_find(const struct compilation *compilation, enum ecs_value list, uint8_t *dropped)
{
    const struct plan *plan = compilation->plan;
    const struct compiler *compiler = compilation->compiler;
    memset(compiler->keys, 0, compiler->keys_most * sizeof *compiler->keys);
    for (uint16_t i = plan->field_count; i-- > 0;)
        dropped[i] = field_listed(&plan->fields[i], list) && field_stays(compilation, i) ? STAYS : DROPPED;
}

static bool takes_bytes(uint8_t format)
{
    return format == FORMAT_STRING || format == FORMAT_OCTETS || format == FORMAT_HEX || format == FORMAT_NUMBERS ||
           format == FORMAT_COMMUNITIES || format == FORMAT_MACS;
}

static void answer_emit(struct compilation *compilation, const char *key, const struct answer *answer)
{
    if (answer->constant) {
        builder_constant(compilation->builder, key, answer->constant);
        return;
    }
    builder_member(compilation->builder, key, &answer->piece);
    if (takes_bytes(answer->piece.format))
        compilation->byte_uses++;
}

/* Do these fields all have a member of their own, which records may lack? */
static bool fields_skip_together(const struct compilation *compilation, uint32_t first, uint32_t count,
                                 const uint8_t *dropped)
{
    if (first + count > compilation->plan->field_count)
        return false;
    for (uint32_t i = first; i < first + count; i++)
        if (dropped[i] || !(compilation->plan->fields[i].flags & FIELD_OPTIONAL))
            return false;
    return true;
}

/* Fields that are skipped together, and the step that says so. */
struct skip {
    uint8_t format;
    uint32_t fields;
    uint32_t step;
    uint32_t ends; /* at that field; 0: none was begun yet */
};

static void skip_begin(struct compilation *compilation, struct skip *skip, uint16_t first, const uint8_t *dropped)
{
    if (first < skip->ends || !fields_skip_together(compilation, first, skip->fields, dropped))
        return;
    builder_flush(compilation->builder);
    builder_piece(compilation->builder, &(struct piece){.format = skip->format, .value = first});
    skip->step = compilation->builder->step_count - 1;
    skip->ends = first + skip->fields;
}

static void skip_end(struct compilation *compilation, const struct skip *skip, uint16_t last)
{
    struct builder *builder = compilation->builder;
    if (last + 1u != skip->ends)
        return;
    builder_flush(builder);
    if (!builder->failed)
        builder->steps[skip->step].most_bytes = (uint16_t)(builder->step_count - skip->step - 1);
}

/* The fields of the list that have the key of field `last`, up to that: the array that they are. */
static struct list_group group_collect(struct compilation *compilation, enum ecs_value list, uint16_t last)
{
    const struct compiler *compiler = compilation->compiler;
    struct list_group group = {.first = (uint16_t)compilation->list_field_count};
    for (uint16_t i = 0; i <= last; i++) {
        const struct field *field = &compilation->plan->fields[i];
        if (field_listed(field, list) && field->type != TYPE_NONE && elements_equal(compilation, i, last) &&
            compilation->list_field_count < compiler->fields_most &&
            list_field_make(compiler, compilation->plan, i, &compiler->list_fields[compilation->list_field_count]))
            compilation->list_field_count++;
    }
    group.count = (uint16_t)(compilation->list_field_count - group.first);
    return group;
}

/* Is the field a list, or the last of several with its key? Then it is an array's. */
static bool field_is_array(const struct compilation *compilation, uint16_t field)
{
    const struct compiler *compiler = compilation->compiler;
    return compiler->profile->arrays && compilation->list_count <= UINT8_MAX &&
           (type_is_list(compilation->plan->fields[field].type) || compiler->dropped[field] == STAYS_REPEATED);
}

static struct answer array_answer(struct compilation *compilation, enum ecs_value list, uint16_t field)
{
    compilation->lists[compilation->list_count] = group_collect(compilation, list, field);
    return (struct answer){.presence = CERTAIN,
                           .piece = {.format = FORMAT_LIST, .value = (uint16_t)compilation->list_count++}};
}

static void elements_emit(struct compilation *compilation, const struct ecs_row *row)
{
    uint8_t *dropped = compilation->compiler->dropped;
    repeats_find(compilation, row->value, dropped);
    uint32_t uses = compilation->byte_uses, took = 0;
    bool sparse = row->value == VALUE_SFLOW || row->value == VALUE_SECTION;
    struct skip skips[] = {{.format = FORMAT_SKIP_MANY, .fields = SKIP_MANY},
                           {.format = FORMAT_SKIP, .fields = SKIP_FIELDS}};
    for (uint16_t i = 0; i < compilation->plan->field_count; i++) {
        if (dropped[i] == DROPPED)
            continue;
        for (size_t s = 0; s < 2 && sparse; s++)
            skip_begin(compilation, &skips[s], i, dropped);
        char key[KEY_MOST];
        field_key(compilation, &compilation->plan->fields[i], key);
        struct answer answer = field_is_array(compilation, i) ? array_answer(compilation, row->value, i)
                                                              : values_field(compilation, i);
        tell_member(compilation, row, key, &answer);
        answer_emit(compilation, key, &answer);
        took |= takes_bytes(answer.piece.format);
        for (size_t s = 0; s < 2; s++)
            skip_end(compilation, &skips[s], i);
    }
    /* different fields are different bytes of the record: together one use of it */
    compilation->byte_uses = uses + took;
}

/* The rows from `first` on that a header strip renders: one step copies them. Returns the row behind them. */
static uint32_t strip_emit(struct compilation *compilation, uint32_t first, uint16_t number)
{
    char parent[KEY_MOST] = "";
    uint32_t row = first;
    for (; row < ecs_row_count && ecs_rows[row].level == LEVEL_MESSAGE; row++)
        if (ecs_row_is_of(&ecs_rows[row], compilation->plan->version))
            ecs_parent(&ecs_rows[row], parent);
    if (ecs_rows[first].when & ECS_EXPLAINED && !compilation->explained)
        return row;
    if (number > 0) {
        builder_close(compilation->builder);
        builder_text(compilation->builder, ",", 1);
    }
    builder_piece(compilation->builder, &(struct piece){.format = FORMAT_STRIP, .value = number});
    builder_resume(compilation->builder, parent);
    return row;
}

static void row_emit(struct compilation *compilation, const struct answer *answers, uint32_t index)
{
    const struct ecs_row *row = &ecs_rows[index];
    if (lists_elements(row)) {
        builder_enter(compilation->builder, row->path, row->value != VALUE_SECTION, 0);
        elements_emit(compilation, row);
        return;
    }
    if (answers[index].presence == ABSENT)
        return;
    char parent[KEY_MOST];
    ecs_parent(row, parent);
    path_enter(compilation, answers, parent, row);
    tell_member(compilation, row, NULL, &answers[index]);
    answer_emit(compilation, ecs_key(row), &answers[index]);
}

/* The row before may have the path, from a field of the record: that is better than what options records say. */
static bool path_taken(const struct answer *answers, uint32_t index)
{
    return index > 0 && answers[index - 1].presence != ABSENT &&
           strcmp(ecs_rows[index].path, ecs_rows[index - 1].path) == 0;
}

static void rows_emit(struct compilation *compilation)
{
    struct answer answers[ECS_ROWS_MOST] = {0};
    for (uint32_t i = 0; i < ecs_row_count; i++)
        if (ecs_rows[i].level == LEVEL_RECORD && row_applies(compilation, &ecs_rows[i]) && !path_taken(answers, i))
            answers[i] = values_answer(compilation, &ecs_rows[i]);
    uint16_t strips = 0;
    for (uint32_t i = 0; i < ecs_row_count;) {
        if (ecs_rows[i].level == LEVEL_MESSAGE) {
            i = strip_emit(compilation, i, strips++);
            continue;
        }
        if (row_applies(compilation, &ecs_rows[i]))
            row_emit(compilation, answers, i);
        i++;
    }
    builder_close(compilation->builder);
    builder_text(compilation->builder, "}\n", 2);
    builder_flush(compilation->builder);
}

struct program *program_compile(const struct compiler *compiler, const struct plan *plan, bool explained)
{
    if (plan->field_count > compiler->fields_most || ecs_row_count > ECS_ROWS_MOST)
        return NULL;
    struct compilation compilation = {
        .compiler = compiler, .plan = plan, .builder = compiler->builder, .explained = explained};
    builder_reset(compilation.builder, false);
    values_prepare(&compilation);
    rows_emit(&compilation);
    return compilation.builder->failed ? NULL : program_assemble(&compilation);
}
