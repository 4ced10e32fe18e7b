/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/loader.h"
#include "config/value.h"

/*
 * The map "fields": merged from all sources, dots in names taken as levels, rendered to JSON once. Scalars have the
 * types of YAML's core schema (YAML 1.2.2, 10.3).
 */

#define NAME_REMEDY "write names with a letter on both sides of each dot, as site.name"

/* One map being merged into another. */
struct merge {
    struct node *target;
    const struct node *source;
    uint32_t next;  /* index of the key to take next */
    uint32_t level; /* of the target in "fields" */
};

struct merger {
    struct loader *loader;
    struct merge stack[DEPTH_MOST];
    uint32_t depth;
};

static struct node *fields_node(struct loader *loader, enum node_kind kind, const char *text, size_t length)
{
    struct node *node = NULL;
    if (loader->fields_count++ < FIELDS_MOST)
        node =
            kind == NODE_SCALAR ? tree_scalar(&loader->tree, text, length, false) : tree_container(&loader->tree, kind);
    else if (loader->fields_count == FIELDS_MOST + 1)
        loader_problem(loader, 0, "write fewer", "fields: there are more than 1,024 names and maps");
    loader->no_memory |= !node && loader->fields_count <= FIELDS_MOST;
    return node;
}

/* Index of the key in a map, or its count. */
static uint32_t key_find(const struct node *map, const char *key, size_t length)
{
    uint32_t i = 0;
    while (i < map->count && !(map->items[i]->length == length && memcmp(map->items[i]->text, key, length) == 0))
        i += 2;
    return i;
}

static void member_add(struct loader *loader, struct node *map, struct node *key, struct node *value)
{
    if (!key || !value)
        return;
    key->source = loader->source.number;
    if (!node_append(map, key) || !node_append(map, value)) {
        map->count &= ~1U; /* no key without its value */
        loader->no_memory = true;
    }
}

/* The map of this name inside a map, made where there is none. NULL after reporting what stands there instead. */
static struct node *map_enter(struct loader *loader, struct node *map, const char *key, size_t length, uint32_t line)
{
    uint32_t i = key_find(map, key, length);
    if (i == map->count) {
        struct node *child = fields_node(loader, NODE_MAP, NULL, 0);
        member_add(loader, map, fields_node(loader, NODE_SCALAR, key, length), child);
        return child;
    }
    if (map->items[i + 1]->kind == NODE_MAP)
        return map->items[i + 1];
    loader_problem(loader, line, "keep one of the two", "fields: \"%.*s\" is a value and a map", (int)length, key);
    return NULL;
}

static void leaf_set(struct loader *loader, struct node *map, const char *key, const struct node *value)
{
    size_t length = strlen(key);
    uint32_t i = key_find(map, key, length);
    /* a leaf is only read from here on; the list of items is not made for constant ones */
    struct node *leaf = (struct node *)value;
    if (i == map->count) {
        member_add(loader, map, fields_node(loader, NODE_SCALAR, key, length), leaf);
    } else if (map->items[i + 1]->kind == NODE_MAP) {
        loader_problem(loader, value->line, "keep one of the two", "fields: \"%s\" is a value and a map", key);
    } else if (map->items[i]->source == loader->source.number) {
        loader_problem(loader, value->line, "keep one of the two", "fields: \"%s\" is set twice", key);
    } else {
        map->items[i]->source = loader->source.number;
        map->items[i + 1] = leaf;
    }
}

static void merge_push(struct merger *merger, struct node *target, const struct node *source, uint32_t level)
{
    if (level >= DEPTH_MOST) {
        loader_problem(merger->loader, source->line, "write fewer levels", "fields: maps are nested more than 32 deep");
        return;
    }
    merger->stack[merger->depth++] = (struct merge){.target = target, .source = source, .level = level};
}

/* Puts a value under a dotted path into a map of this level. */
static void path_set(struct merger *merger, struct node *map, const char *path, const struct node *value,
                     uint32_t level)
{
    char shown[SHORT_MOST];
    for (const char *dot = strchr(path, '.'); dot && map; path = dot + 1, dot = strchr(path, '.')) {
        if (dot == path || ++level >= DEPTH_MOST) {
            loader_problem(merger->loader, value->line, NAME_REMEDY, "fields: the name \"%s\" has %s",
                           text_shorten(path, shown), dot == path ? "an empty part" : "too many parts");
            return;
        }
        map = map_enter(merger->loader, map, path, (size_t)(dot - path), value->line);
    }
    if (!map)
        return;
    if (!*path) {
        loader_problem(merger->loader, value->line, NAME_REMEDY, "fields: a name ends in a dot or is empty");
        return;
    }
    if (value->kind != NODE_MAP) {
        leaf_set(merger->loader, map, path, value);
        return;
    }
    map = map_enter(merger->loader, map, path, strlen(path), value->line);
    if (map)
        merge_push(merger, map, value, level + 1);
}

static void merge_step(struct merger *merger, struct merge *merge)
{
    const struct node *key = merge->source->items[merge->next];
    const struct node *value = merge->source->items[merge->next + 1];
    merge->next += 2;
    if (key->kind != NODE_SCALAR || !utf8_valid(key->text, key->length)) {
        loader_problem(merger->loader, value->line, NAME_REMEDY, "fields: a name is no text");
        return;
    }
    path_set(merger, merge->target, key->text, value, merge->level);
}

void fields_merge(struct loader *loader, const char *path, const struct node *value)
{
    struct merger merger = {.loader = loader};
    if (!loader->fields)
        loader->fields = tree_container(&loader->tree, NODE_MAP);
    if (!loader->fields) {
        loader->no_memory = true;
        return;
    }
    if (*path)
        path_set(&merger, loader->fields, path, value, 0);
    else if (value->kind == NODE_MAP)
        merge_push(&merger, loader->fields, value, 0);
    else
        loader_problem(loader, value->line, "write a map, as fields: {site: north}", "fields: a map must stand here");

    while (merger.depth > 0) {
        struct merge *merge = &merger.stack[merger.depth - 1];
        if (merge->next + 1 < merge->source->count)
            merge_step(&merger, merge);
        else
            merger.depth--;
    }
}

struct writer {
    char text[FIELDS_JSON_MOST + 1];
    size_t length;
    bool full;
};

static void writer_put(struct writer *writer, const char *text, size_t length)
{
    if (length > FIELDS_JSON_MOST - writer->length) {
        writer->full = true;
        return;
    }
    memcpy(writer->text + writer->length, text, length);
    writer->length += length;
}

static void string_put(struct writer *writer, const char *text, size_t length)
{
    writer_put(writer, "\"", 1);
    for (size_t i = 0; i < length && !writer->full; i++) {
        char escaped[8];
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20)
            writer_put(writer, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", byte));
        else if (byte == '"' || byte == '\\')
            writer_put(writer, (char[]){'\\', text[i]}, 2);
        else
            writer_put(writer, text + i, 1);
    }
    writer_put(writer, "\"", 1);
}

/* Octal and hexadecimal of the core schema; false where text is neither or too large for a number. */
static bool based_put(struct writer *writer, const char *text)
{
    char decimal[24];
    const char *digits = strncmp(text, "0o", 2) == 0   ? "01234567"
                         : strncmp(text, "0x", 2) == 0 ? "0123456789abcdefABCDEF"
                                                       : NULL;
    if (!digits || !text[2] || text[2 + strspn(text + 2, digits)])
        return false;
    errno = 0;
    unsigned long long value = strtoull(text + 2, NULL, text[1] == 'o' ? 8 : 16);
    if (errno)
        return false;
    writer_put(writer, decimal, (size_t)snprintf(decimal, sizeof decimal, "%llu", value));
    return true;
}

/* Decimal numbers as they are written, but for what JSON does not have: +, leading zeros, a dot without digits. */
static bool decimal_put(struct writer *writer, const char *text)
{
    static const char digits[] = "0123456789";
    const char *whole = text + (*text == '+' || *text == '-');
    size_t whole_count = strspn(whole, digits);
    const char *part = whole + whole_count + (whole[whole_count] == '.');
    size_t part_count = part > whole + whole_count ? strspn(part, digits) : 0;
    const char *exponent = part + part_count;
    const char *end = exponent;
    if (whole_count + part_count == 0)
        return false;
    if (*end == 'e' || *end == 'E') {
        const char *power = end + 1 + (end[1] == '+' || end[1] == '-');
        end = power + strspn(power, digits);
        if (end == power)
            return false;
    }
    if (*end || isinf(strtod(text, NULL)))
        return false;

    while (whole_count > 1 && *whole == '0') {
        whole++;
        whole_count--;
    }
    writer_put(writer, "-", *text == '-');
    writer_put(writer, whole_count ? whole : "0", whole_count ? whole_count : 1);
    if (part > whole + whole_count) {
        writer_put(writer, ".", 1);
        writer_put(writer, part_count ? part : "0", part_count ? part_count : 1);
    }
    writer_put(writer, exponent, (size_t)(end - exponent));
    return true;
}

static bool boolean_put(struct writer *writer, const char *text)
{
    static const char *const names[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            writer_put(writer, i < 3 ? "true" : "false", i < 3 ? 4 : 5);
            return true;
        }
    }
    return false;
}

static void scalar_put(struct writer *writer, const struct node *node)
{
    if (node_is_null(node))
        writer_put(writer, "null", 4);
    else if (!node->plain || strlen(node->text) != node->length ||
             !(boolean_put(writer, node->text) || based_put(writer, node->text) || decimal_put(writer, node->text)))
        string_put(writer, node->text, node->length);
}

/* The key of a map inside a list: unlike the maps around it, it was not checked when it was merged. */
static void key_put(struct loader *loader, struct writer *writer, const struct node *map, uint32_t index)
{
    const struct node *key = map->items[index];
    if (key->kind != NODE_SCALAR) {
        loader_option_problem(loader, "fields", NAME_REMEDY, "a name is no text");
        return;
    }
    for (uint32_t i = 0; i < index; i += 2) {
        const struct node *other = map->items[i];
        if (other->kind == NODE_SCALAR && other->length == key->length &&
            memcmp(other->text, key->text, key->length) == 0)
            loader_option_problem(loader, "fields", "keep one of the two", "\"%s\" is set twice", key->text);
    }
    string_put(writer, key->text, key->length);
    writer_put(writer, ":", 1);
}

/* Writes a tree; its depth is that of the merged maps and of a list in the deepest of them. */
static void tree_put(struct loader *loader, struct writer *writer, const struct node *root)
{
    struct {
        const struct node *node;
        uint32_t next;
    } stack[2 * DEPTH_MOST + 2] = {{.node = root}};
    uint32_t depth = 1;
    writer_put(writer, "{", 1);
    while (depth > 0 && !writer->full) {
        const struct node *node = stack[depth - 1].node;
        uint32_t next = stack[depth - 1].next, step = node->kind == NODE_MAP ? 2 : 1;
        if (next + step > node->count) {
            writer_put(writer, node->kind == NODE_MAP ? "}" : "]", 1);
            depth--;
            continue;
        }
        if (next > 0)
            writer_put(writer, ",", 1);
        if (node->kind == NODE_MAP)
            key_put(loader, writer, node, next);
        stack[depth - 1].next = next + step;
        const struct node *value = node->items[next + step - 1];
        if (value->kind == NODE_SCALAR) {
            scalar_put(writer, value);
            continue;
        }
        writer_put(writer, value->kind == NODE_MAP ? "{" : "[", 1);
        stack[depth++].node = value;
        stack[depth - 1].next = 0;
    }
}

void fields_finish(struct loader *loader)
{
    struct writer writer = {.length = 0};
    if (loader->fields)
        tree_put(loader, &writer, loader->fields);
    if (writer.full) {
        loader_option_problem(loader, "fields", "write fewer: each is added to every document",
                              "they take more than 16 KiB as JSON");
        return;
    }
    /* without the outer braces */
    int length = writer.length > 2 ? (int)writer.length - 2 : 0;
    loader_text_replace(loader, &loader->config->fields_json, "%.*s", length, writer.text + 1);
}
