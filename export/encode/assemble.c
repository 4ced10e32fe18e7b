/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "export/encode/values.h"

/* A compiled program is one allocation: what the compiler's scratch holds, end to end. */

static uint8_t type_of(const struct plan *plan, uint16_t field)
{
    return field == FIELD_NONE ? TYPE_NONE : plan->fields[field].type;
}

struct program *program_assemble(const struct compilation *compilation)
{
    const struct builder *builder = compilation->builder;
    const struct plan *plan = compilation->plan;
    size_t steps_at = (sizeof(struct program) + 15) & ~(size_t)15;
    size_t renders_at = steps_at + builder->step_count * sizeof(struct step);
    size_t slots_at = renders_at + compilation->render_count * sizeof(struct render);
    size_t lookups_at = (slots_at + plan->field_count + 1) & ~(size_t)1;
    size_t lists_at = lookups_at + compilation->lookup_count * sizeof(struct fact_lookup);
    size_t list_fields_at = lists_at + compilation->list_count * sizeof(struct list_group);
    size_t text_at = list_fields_at + compilation->list_field_count * sizeof(struct list_field);
    size_t size_bytes = text_at + builder->text_bytes + TEXT_OVERRUN;
    char *memory = heap_take(compilation->compiler->heap, size_bytes);
    if (!memory)
        return NULL;
    struct program *program = (struct program *)memory;
    *program = (struct program){
        .serial = plan->serial,
        .size_bytes = (uint32_t)size_bytes,
        .most_bytes = builder->most_bytes,
        .most_per_byte = 6 * compilation->byte_uses,
        .flags = compilation->flags,
        .step_count = (uint16_t)builder->step_count,
        .render_count = (uint8_t)compilation->render_count,
        .slot_count = (uint8_t)compilation->slot_count,
        .start_type = type_of(plan, compilation->inputs.start_time),
        .end_type = type_of(plan, compilation->inputs.end_time),
        .init_is_number = type_of(plan, compilation->inputs.init_time) == TYPE_UNSIGNED,
        .inputs = compilation->inputs,
        .slot_of = (uint8_t *)memory + slots_at,
        .renders = (struct render *)(memory + renders_at),
        .steps = (struct step *)(memory + steps_at),
        .lookups = (struct fact_lookup *)(memory + lookups_at),
        .lookup_count = compilation->lookup_count,
        .name_count = compilation->name_count,
        .lists = (struct list_group *)(memory + lists_at),
        .list_fields = (struct list_field *)(memory + list_fields_at),
        .list_count = compilation->list_count,
    };
    program->flags |= compilation->list_count ? PROGRAM_LISTS : 0;
    memcpy(memory + lists_at, compilation->lists, compilation->list_count * sizeof(struct list_group));
    memcpy(memory + list_fields_at, compilation->compiler->list_fields,
           compilation->list_field_count * sizeof(struct list_field));
    rate_fields_find(plan, &program->rates);
    memcpy(program->names, compilation->names, sizeof program->names);
    memcpy(memory + lookups_at, compilation->lookups, compilation->lookup_count * sizeof(struct fact_lookup));
    memcpy(memory + renders_at, compilation->renders, compilation->render_count * sizeof(struct render));
    memcpy(memory + slots_at, compilation->compiler->slot_of, plan->field_count);
    memcpy(memory + text_at, builder->text, builder->text_bytes);
    memset(memory + text_at + builder->text_bytes, 0, TEXT_OVERRUN);
    struct step *steps = (struct step *)(memory + steps_at);
    for (uint32_t i = 0; i < builder->step_count; i++) {
        steps[i] = builder->steps[i];
        steps[i].text = memory + text_at + (uintptr_t)builder->steps[i].text;
    }
    return program;
}

void program_free(struct program *program, struct heap *heap)
{
    if (program)
        heap_give(heap, program, program->size_bytes);
}
