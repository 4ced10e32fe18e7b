/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/builder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int builder_init(struct builder *builder, uint32_t text_most, uint32_t step_most)
{
    *builder = (struct builder){.text_most = text_most, .step_most = step_most};
    builder->text = calloc(1, text_most + TEXT_OVERRUN);
    builder->steps = calloc(step_most, sizeof *builder->steps);
    if (builder->text && builder->steps)
        return 0;
    builder_fini(builder);
    return -ENOMEM;
}

void builder_fini(struct builder *builder)
{
    free(builder->text);
    free(builder->steps);
    builder->text = NULL;
    builder->steps = NULL;
}

void builder_reset(struct builder *builder, bool whole)
{
    builder->text_bytes = builder->pending = 0;
    builder->pending_when = WHEN_ALWAYS;
    builder->step_count = builder->most_bytes = 0;
    builder->depth = 0;
    builder->open[0] = (struct open_object){.certain = false};
    builder->failed = false;
    if (whole)
        builder_text(builder, "{", 1);
}

void builder_text(struct builder *builder, const char *text, size_t size_bytes)
{
    if (size_bytes > builder->text_most - builder->text_bytes) {
        builder->failed = true;
        return;
    }
    memcpy(builder->text + builder->text_bytes, text, size_bytes);
    builder->text_bytes += (uint32_t)size_bytes;
}

static void text_append(struct builder *builder, const char *text)
{
    builder_text(builder, text, strlen(text));
}

void builder_piece(struct builder *builder, const struct piece *piece)
{
    uint32_t size_bytes = builder->text_bytes - builder->pending;
    if (builder->step_count == builder->step_most || size_bytes > UINT16_MAX) {
        builder->failed = true;
        return;
    }
    builder->steps[builder->step_count++] = (struct step){
        .text = (const char *)(uintptr_t)builder->pending,
        .text_bytes = (uint16_t)size_bytes,
        .format = piece->format,
        .when = piece->when ? piece->when : builder->pending_when,
        .value = piece->value,
        .most_bytes = piece->most_bytes,
    };
    builder->most_bytes += size_bytes + piece->most_bytes;
    builder->pending = builder->text_bytes;
    builder->pending_when = WHEN_ALWAYS;
}

void builder_flush(struct builder *builder)
{
    if (builder->pending != builder->text_bytes)
        builder_piece(builder, &(struct piece){.format = FORMAT_NONE});
}

static struct open_object *innermost(struct builder *builder)
{
    return &builder->open[builder->depth];
}

/* The comma before a member that every record has. */
static void comma_put(struct builder *builder)
{
    struct open_object *object = innermost(builder);
    if (!object->certain && object->any) {
        builder_flush(builder);
        builder->pending_when = WHEN_COMMA | WHEN_FIRST;
    }
    if (object->any)
        text_append(builder, ",");
    object->certain = object->any = true;
}

static void key_put(struct builder *builder, const char *key)
{
    text_append(builder, "\"");
    text_append(builder, key);
    text_append(builder, "\":");
}

/* Until an object has a member in every record, an optional one may turn out to be its first. */
static uint8_t first_flag(const struct open_object *object)
{
    return object->certain ? 0 : WHEN_FIRST;
}

static void object_open(struct builder *builder, const char *name, bool certain, uint8_t when)
{
    if (builder->depth + 1 == BUILDER_DEPTH || strlen(name) >= sizeof builder->open->name) {
        builder->failed = true;
        return;
    }
    struct open_object *parent = innermost(builder);
    struct open_object *object = &builder->open[builder->depth + 1];
    *object = (struct open_object){.dynamic = !certain || when};
    strcpy(object->name, name);
    if (!object->dynamic) {
        comma_put(builder);
        key_put(builder, name);
        text_append(builder, "{");
    } else {
        builder_flush(builder);
        text_append(builder, ",");
        key_put(builder, name);
        text_append(builder, "{");
        object->open_step = builder->step_count;
        uint8_t open_when = (when ? when : WHEN_COMMA) | first_flag(parent);
        builder_piece(builder, &(struct piece){.format = FORMAT_OPEN, .when = open_when});
        parent->any = true;
    }
    builder->depth++;
}

static void object_close(struct builder *builder)
{
    struct open_object *object = innermost(builder);
    if (object->dynamic) {
        builder_flush(builder);
        builder_piece(builder, &(struct piece){.format = FORMAT_CLOSE, .most_bytes = 1});
        if (!builder->failed)
            builder->steps[object->open_step].value = (uint16_t)(builder->step_count - object->open_step - 1);
    } else {
        text_append(builder, "}");
    }
    builder->depth--;
}

/* Copies the part of a path up to its first dot; returns what follows, NULL at the end. */
static const char *path_part(const char *path, char *part, size_t part_bytes)
{
    size_t length = strcspn(path, ".");
    size_t kept = length < part_bytes ? length : part_bytes - 1;
    memcpy(part, path, kept);
    part[kept] = 0;
    return path[length] ? path + length + 1 : NULL;
}

/* How many of the open objects, from the outside, are on the path; *rest is the path below them. */
static uint32_t common_depth(const struct builder *builder, const char *path, const char **rest)
{
    uint32_t depth = 0;
    *rest = *path ? path : NULL;
    while (*rest && depth < builder->depth) {
        char part[sizeof builder->open->name];
        const char *next = path_part(*rest, part, sizeof part);
        if (strcmp(part, builder->open[depth + 1].name) != 0)
            break;
        depth++;
        *rest = next;
    }
    return depth;
}

bool builder_is_inside(const struct builder *builder, const char *path)
{
    const char *rest;
    common_depth(builder, path, &rest);
    return !rest;
}

void builder_enter(struct builder *builder, const char *parent, bool certain, uint8_t when)
{
    const char *rest;
    uint32_t depth = common_depth(builder, parent, &rest);
    while (builder->depth > depth)
        object_close(builder);
    while (rest && !builder->failed) {
        char part[sizeof builder->open->name];
        rest = path_part(rest, part, sizeof part);
        object_open(builder, part, certain, when);
    }
}

void builder_resume(struct builder *builder, const char *parent)
{
    builder->open[0].certain = builder->open[0].any = true;
    builder->depth = 0;
    for (const char *rest = *parent ? parent : NULL; rest;) {
        struct open_object *object = &builder->open[++builder->depth];
        *object = (struct open_object){.certain = true, .any = true};
        rest = path_part(rest, object->name, sizeof object->name);
    }
}

void builder_close(struct builder *builder)
{
    while (builder->depth > 0)
        object_close(builder);
}

void builder_constant(struct builder *builder, const char *key, const char *json)
{
    comma_put(builder);
    key_put(builder, key);
    text_append(builder, json);
}

static void certain_member(struct builder *builder, const char *key, const struct piece *piece)
{
    comma_put(builder);
    key_put(builder, key);
    if (piece->quoted)
        text_append(builder, "\"");
    builder_piece(builder, piece);
    if (piece->quoted)
        text_append(builder, "\"");
}

void builder_member(struct builder *builder, const char *key, const struct piece *piece)
{
    if (piece->when == WHEN_ALWAYS) {
        certain_member(builder, key, piece);
        return;
    }
    builder_flush(builder);
    text_append(builder, ",");
    key_put(builder, key);
    if (piece->quoted)
        text_append(builder, "\"");
    struct piece optional = *piece;
    optional.when |= first_flag(innermost(builder));
    builder_piece(builder, &optional);
    innermost(builder)->any = true;
    if (piece->quoted) {
        text_append(builder, "\"");
        builder_piece(builder, &(struct piece){.format = FORMAT_NONE, .when = piece->when, .value = piece->value});
    }
}
