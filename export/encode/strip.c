/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/strip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/encode/ecs.h"
#include "export/encode/times.h"

/* The versions that have a header; each has strips of its own. */
static const uint8_t versions[] = {1, 5, 6, 7, 8, 9, 10, VERSION_SFLOW};
#define VERSIONS (sizeof versions / sizeof *versions)
#define STRIP_VALUE_MOST 64 /* longest value that is not a constant text: an endpoint */

/* Kinds of programs for one version, or-ed. */
enum { STRIP_EXPLAINED = 1, STRIP_SHIFTED = 2, STRIP_KINDS = 4 };

struct strip_step {
    const char *text;
    uint32_t text_bytes;
    enum ecs_value value; /* VALUE_TEXT: no value */
};

struct strip_program {
    char *text;
    struct strip_step *steps;
    uint32_t step_count;
    uint32_t most_bytes;
};

struct strip_maker {
    struct strip_texts texts;
    const struct profile *profile;
    bool envelope;
    struct strip_program programs[VERSIONS][STRIP_KINDS][STRIPS];
    uint8_t program_of[VERSION_COUNT];                  /* by version */
    struct strip strips[2][STRIPS];
    uint32_t most_bytes;
};

/* The strips of one kind of program. */
struct strip_set {
    uint8_t version;
    uint8_t kind;
};

static bool has_engine(uint8_t version)
{
    return version == 5 || version == 6 || version == 8;
}

static bool value_applies(const struct strip_maker *maker, enum ecs_value value, uint8_t version)
{
    switch (value) {
    case VALUE_SOURCE_ID:
        return version >= 9;
    case VALUE_ENGINE_TYPE:
    case VALUE_ENGINE_ID:
        return has_engine(version);
    case VALUE_SAMPLING_INTERVAL:
        return version == 5 || version == 6;
    case VALUE_SAMPLING_MODE:
        return (version == 5 || version == 6) && !maker->profile->sampling_mode_in_interval;
    case VALUE_AGGREGATION:
    case VALUE_AGGREGATION_VERSION:
        return version == 8;
    case VALUE_FIELDS:
        return maker->texts.fields[0] != 0;
    case VALUE_TAGS:
        return strcmp(maker->texts.tags, "[]") != 0;
    default:
        return true;
    }
}

/* Constant text of a value, NULL for those of the message. */
static const char *constant_of(const struct strip_maker *maker, const struct ecs_row *row)
{
    switch (row->value) {
    case VALUE_TEXT:
        return row->text;
    case VALUE_AGENT_ID:
        return maker->texts.agent_id;
    case VALUE_AGENT_NAME:
        return maker->texts.agent_name;
    case VALUE_NAMESPACE:
        return maker->texts.namespace;
    case VALUE_TAGS:
        return maker->texts.tags;
    default:
        return NULL;
    }
}

static bool is_number(enum ecs_value value)
{
    return value >= VALUE_CLOCK_SKEW && value <= VALUE_DATAGRAM_SEQUENCE;
}

static void fields_emit(const struct strip_maker *maker, struct builder *builder)
{
    const char *fields = maker->texts.fields;
    if (!maker->texts.fields_under_root) {
        builder_enter(builder, "", true, 0);
        builder_constant(builder, "fields", "{");
        builder_text(builder, fields, strlen(fields));
        builder_text(builder, "}", 1);
        return;
    }
    builder_enter(builder, "", true, 0);
    builder_text(builder, ",", 1); /* @timestamp is before it */
    builder_text(builder, fields, strlen(fields));
}

static void row_emit(const struct strip_maker *maker, struct builder *builder, const struct ecs_row *row)
{
    if (row->value == VALUE_FIELDS) {
        fields_emit(maker, builder);
        return;
    }
    char parent[ECS_PATH_MOST];
    ecs_parent(row, parent);
    builder_enter(builder, parent, true, 0);
    const char *key = ecs_key(row);
    const char *text = constant_of(maker, row);
    if (text) {
        builder_constant(builder, key, text);
        return;
    }
    bool quoted = !is_number(row->value) && row->value != VALUE_OBSERVER_IP;
    builder_member(builder, key, &(struct piece){.value = (uint16_t)row->value, .most_bytes = STRIP_VALUE_MOST,
                                                 .quoted = quoted});
}

/* The rows of the table's strip number `strip`: the runs of LEVEL_MESSAGE are counted. */
static void rows_emit(const struct strip_maker *maker, struct builder *builder, struct strip_set set, uint32_t strip)
{
    uint32_t run = 0, unwanted = set.kind & STRIP_EXPLAINED ? ECS_PLAIN : ECS_EXPLAINED;
    unwanted |= set.kind & STRIP_SHIFTED ? 0 : ECS_SHIFTED;
    for (uint32_t i = 0; i < ecs_row_count; i++) {
        const struct ecs_row *row = &ecs_rows[i];
        if (row->level != LEVEL_MESSAGE) {
            run += i > 0 && ecs_rows[i - 1].level == LEVEL_MESSAGE;
            continue;
        }
        bool wanted = ecs_row_is_of(row, set.version) && !(row->when & unwanted) &&
                      (!(row->when & ECS_ENVELOPE) || maker->envelope) &&
                      value_applies(maker, row->value, set.version) &&
                      (!(row->when & ECS_WEIR) || maker->profile->extra_fields);
        if (run == strip && wanted)
            row_emit(maker, builder, row);
    }
}

static int program_make(struct strip_program *program, const struct builder *builder)
{
    program->text = malloc(builder->text_bytes + TEXT_OVERRUN);
    program->steps = calloc(builder->step_count + 1, sizeof *program->steps);
    if (!program->text || !program->steps)
        return -ENOMEM;
    memcpy(program->text, builder->text, builder->text_bytes);
    memset(program->text + builder->text_bytes, 0, TEXT_OVERRUN);
    program->step_count = builder->step_count;
    program->most_bytes = builder->most_bytes;
    for (uint32_t i = 0; i < builder->step_count; i++) {
        const struct step *step = &builder->steps[i];
        program->steps[i] = (struct strip_step){
            .text = program->text + (uintptr_t)step->text,
            .text_bytes = step->text_bytes,
            .value = step->most_bytes ? step->value : VALUE_TEXT,
        };
    }
    return 0;
}

static int set_make(struct strip_maker *maker, struct builder *builder, struct strip_set set)
{
    struct strip_program *programs = maker->programs[maker->program_of[set.version]][set.kind];
    int error = 0;
    for (uint32_t s = 0; s < STRIPS && !error; s++) {
        builder_reset(builder, s == 0);
        rows_emit(maker, builder, set, s);
        builder_flush(builder);
        error = builder->failed ? -E2BIG : program_make(&programs[s], builder);
    }
    return error;
}

static int programs_make(struct strip_maker *maker)
{
    struct builder builder;
    int error = builder_init(&builder, 60000, 128);
    for (uint32_t v = 0; v < VERSIONS && !error; v++) {
        maker->program_of[versions[v]] = (uint8_t)v;
        for (uint8_t kind = 0; kind < STRIP_KINDS && !error; kind++)
            error = set_make(maker, &builder, (struct strip_set){versions[v], kind});
    }
    builder_fini(&builder);
    return error;
}

/* Room for the longest strip of any version. */
static int strip_make(struct strip_maker *maker, int explained, uint32_t number)
{
    struct strip *strip = &maker->strips[explained][number];
    for (uint32_t v = 0; v < VERSIONS; v++)
        for (int kind = explained; kind < STRIP_KINDS; kind += STRIP_SHIFTED)
            if (maker->programs[v][kind][number].most_bytes > strip->most_bytes)
                strip->most_bytes = maker->programs[v][kind][number].most_bytes;
    strip->text = calloc(1, strip->most_bytes + STRIP_VALUE_MOST + TEXT_OVERRUN);
    return strip->text ? 0 : -ENOMEM;
}

static int strips_make(struct strip_maker *maker)
{
    for (int explained = 0; explained < 2; explained++) {
        uint32_t most_bytes = 0;
        for (uint32_t s = 0; s < STRIPS; s++) {
            if (strip_make(maker, explained, s))
                return -ENOMEM;
            most_bytes += maker->strips[explained][s].most_bytes;
        }
        maker->most_bytes = most_bytes > maker->most_bytes ? most_bytes : maker->most_bytes;
    }
    return 0;
}

struct strip_maker *strip_maker_new(const struct config *config, const struct profile *profile)
{
    struct strip_maker *maker = calloc(1, sizeof *maker);
    if (!maker)
        return NULL;
    maker->profile = profile;
    maker->envelope = config->output.envelope;
    if (strip_texts_init(&maker->texts, config) || programs_make(maker) || strips_make(maker)) {
        strip_maker_free(maker);
        return NULL;
    }
    return maker;
}

void strip_maker_free(struct strip_maker *maker)
{
    if (!maker)
        return;
    struct strip_program *programs = &maker->programs[0][0][0];
    for (size_t i = 0; i < VERSIONS * STRIP_KINDS * STRIPS; i++) {
        free(programs[i].text);
        free(programs[i].steps);
    }
    for (uint32_t s = 0; s < STRIPS; s++) {
        free(maker->strips[0][s].text);
        free(maker->strips[1][s].text);
    }
    strip_texts_fini(&maker->texts);
    free(maker);
}

uint32_t strip_maker_most_bytes(const struct strip_maker *maker)
{
    return maker->most_bytes;
}

static char *number_write(char *out, const struct strip_maker *maker, const struct message *message,
                          enum ecs_value value)
{
    const uint16_t interval_bits = 0x3fff; /* the two bits above are the mode */
    switch (value) {
    case VALUE_CLOCK_SKEW:
        return text_signed(out, message->shift_ms);
    case VALUE_UPTIME:
        return text_unsigned(out, message->uptime_ms);
    case VALUE_VERSION:
        return text_unsigned(out, message->version);
    case VALUE_SOURCE_ID:
        return text_unsigned(out, message->domain);
    case VALUE_ENGINE_TYPE:
        return text_unsigned(out, message->engine_type);
    case VALUE_ENGINE_ID:
        return text_unsigned(out, message->engine_id);
    case VALUE_SAMPLING_INTERVAL:
        return text_unsigned(out, maker->profile->sampling_mode_in_interval ? message->sampling
                                                                            : message->sampling & interval_bits);
    case VALUE_SAMPLING_MODE:
        return text_unsigned(out, message->sampling >> 14);
    case VALUE_AGGREGATION:
        return text_unsigned(out, message->aggregation);
    case VALUE_SFLOW_VERSION:
        return text_unsigned(out, message->sflow_version);
    case VALUE_SUB_AGENT:
        return text_unsigned(out, message->domain);
    case VALUE_DATAGRAM_SEQUENCE:
        return text_unsigned(out, message->sequence);
    default:
        return text_unsigned(out, message->aggregation_version);
    }
}

static char *value_write(char *out, const struct strip_maker *maker, const struct message *message,
                         const struct strip_step *step, struct text_day *day)
{
    const struct exporter *exporter = message->exporter;
    switch (step->value) {
    case VALUE_TEXT:
        return out;
    case VALUE_TIMESTAMP:
        return text_time(out, time_floor_ms(message->export_ns) - message->shift_ms, day);
    case VALUE_EXPORT_TIME:
        return text_time(out, time_floor_ms(message->export_ns), day);
    case VALUE_CREATED:
        return text_time(out, time_floor_ms(message->received_ns), day);
    case VALUE_OBSERVER_IP:
        memcpy(out, "[\"", 2);
        memcpy(out + 2, exporter->address_text, exporter->address_bytes);
        memcpy(out + 2 + exporter->address_bytes, "\"]", 2);
        return out + 4 + exporter->address_bytes;
    case VALUE_AGENT_ADDRESS:
        return text_ipv6(out, message->agent.bytes);
    case VALUE_EXPORTER_ADDRESS:
        memcpy(out, exporter->endpoint_text, exporter->endpoint_bytes);
        return out + exporter->endpoint_bytes;
    default:
        return number_write(out, maker, message, step->value);
    }
}

const struct strip *strip_maker_render(struct strip_maker *maker, const struct message *message, bool explained,
                                       struct text_day *day)
{
    int kind = (explained ? STRIP_EXPLAINED : 0) | (message->shift_ms ? STRIP_SHIFTED : 0);
    const struct strip_program *programs = maker->programs[maker->program_of[message->version]][kind];
    struct strip *strips = maker->strips[explained];
    for (uint32_t s = 0; s < (explained ? STRIPS : STRIPS - 1u); s++) {
        const struct strip_program *program = &programs[s];
        char *out = strips[s].text;
        for (uint32_t i = 0; i < program->step_count; i++) {
            out = text_copy(out, program->steps[i].text, program->steps[i].text_bytes);
            out = value_write(out, maker, message, &program->steps[i], day);
        }
        strips[s].size_bytes = (uint32_t)(out - strips[s].text);
    }
    return strips;
}
