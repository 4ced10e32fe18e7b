/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/list_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/element_names.h"
#include "export/encode/times.h"
#include "export/encode/values.h"

void list_key_write(const struct elements *elements, const struct field *field, char *key)
{
    if (field->element)
        snprintf(key, ECS_PATH_MOST, "%s", elements_at(elements, field->element)->key);
    else
        snprintf(key, ECS_PATH_MOST, "unknown_%u_%u", field->enterprise, field->id);
}

bool list_field_make(const struct compiler *compiler, const struct plan *plan, uint16_t field, struct list_field *made)
{
    const struct compilation compilation = {.compiler = compiler, .plan = plan};
    *made = (struct list_field){.field = field, .type = plan->fields[field].type};
    if (made->type == TYPE_NONE)
        return false;
    if (type_is_list(made->type))
        return true;
    const struct piece piece = values_piece(&compilation, field);
    made->format = piece.format;
    made->when = piece.when;
    made->quoted = piece.quoted;
    return true;
}

/* The fields of one key, from the first on, that have not gone to a member yet. */
static void member_fill(const struct compiler *compiler, const struct plan *plan, struct list_plan *made,
                        uint8_t *taken, uint16_t first)
{
    struct list_member *member = &made->members[made->member_count];
    const struct field *named = &plan->fields[first];
    for (uint32_t i = first; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        if (taken[i] || field->enterprise != named->enterprise || field->id != named->id)
            continue;
        taken[i] = 1;
        member->group.count += list_field_make(compiler, plan, (uint16_t)i,
                                               &made->fields[member->group.first + member->group.count]);
    }
    member->array = member->group.count > 1 ||
                    (member->group.count && type_is_list(made->fields[member->group.first].type));
}

static void key_put(struct list_plan *made, struct list_member *member, const struct elements *elements,
                    const struct plan *plan, uint16_t field)
{
    char key[ECS_PATH_MOST];
    if (plan->fields[field].flags & FIELD_NAMED)
        snprintf(key, sizeof key, "%s", field_names_find(plan->names, field));
    else
        list_key_write(elements, &plan->fields[field], key);
    member->key_bytes = (uint8_t)snprintf(made->keys + member->key_at, ECS_PATH_MOST + 4, "\"%s\":", key);
}

/*
 * Fields are compared with each other, which their number bounds. Elements of different numbers with one key, which
 * vendors' tables have, are one member too many: the later ones are left out.
 */
static bool key_is_there(const struct list_plan *made, const struct list_member *member)
{
    for (const struct list_member *other = made->members; other < member; other++)
        if (other->key_bytes == member->key_bytes &&
            memcmp(made->keys + other->key_at, made->keys + member->key_at, member->key_bytes) == 0)
            return true;
    return false;
}

static void members_fill(const struct compiler *compiler, const struct plan *plan, struct list_plan *made)
{
    uint8_t taken[LIST_FIELDS_MOST] = {0};
    uint32_t keys_bytes = 0;
    uint16_t fields = 0;
    for (uint16_t i = 0; i < plan->field_count; i++) {
        if (taken[i])
            continue;
        struct list_member *member = &made->members[made->member_count];
        *member = (struct list_member){.key_at = keys_bytes, .group.first = fields};
        member_fill(compiler, plan, made, taken, i);
        key_put(made, member, compiler->elements, plan, i);
        if (member->group.count == 0 || key_is_there(made, member))
            continue;
        fields += member->group.count;
        keys_bytes += member->key_bytes;
        made->member_count++;
    }
}

struct list_plan *list_plan_compile(const struct compiler *compiler, const struct plan *plan)
{
    if (plan->field_count > LIST_FIELDS_MOST)
        return NULL;
    size_t members_at = (sizeof(struct list_plan) + 15) & ~(size_t)15;
    size_t fields_at = members_at + plan->field_count * sizeof(struct list_member);
    size_t keys_at = fields_at + plan->field_count * sizeof(struct list_field);
    size_t size_bytes = keys_at + (size_t)(plan->field_count + 1) * (ECS_PATH_MOST + 4);
    char *memory = heap_take(compiler->heap, size_bytes);
    if (!memory)
        return NULL;
    struct list_plan *made = (struct list_plan *)memory;
    *made = (struct list_plan){.serial = plan->serial,
                               .size_bytes = (uint32_t)size_bytes,
                               .members = (struct list_member *)(memory + members_at),
                               .fields = (struct list_field *)(memory + fields_at),
                               .keys = memory + keys_at};
    members_fill(compiler, plan, made);
    return made;
}

bool list_value_is_wanted(const uint8_t *bytes, uint32_t length, uint8_t when)
{
    switch (when) {
    case WHEN_BOOLEAN:
        return length && (bytes[0] == 1 || bytes[0] == 2);
    case WHEN_LONG:
        return read_be(bytes, length) <= INT64_MAX;
    case WHEN_DATE:
        return value_is_date(bytes);
    default:
        return true;
    }
}

const char *list_semantic_text(uint8_t semantic)
{
    static const char *const texts[] = {"\"list_semantic\":\"none_of\"", "\"list_semantic\":\"exactly_one_of\"",
                                        "\"list_semantic\":\"one_or_more_of\""};
    return semantic < sizeof texts / sizeof *texts ? texts[semantic] : NULL;
}
