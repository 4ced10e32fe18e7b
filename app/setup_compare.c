/* SPDX-License-Identifier: Apache-2.0 */
#include "app/setup_compare.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A mapping nests some ten levels; what is deeper than this is compared as a whole. */
#define DEPTH_MOST 32
#define PATH_MOST  512

#define SETTINGS       "template.settings."
#define INDEX          "index."
#define CANONICAL_MOST (PATH_MOST + sizeof INDEX)

/* Values of the server's own making, by path; NULL: whatever it is. "{}" is also an object that has only such. */
static const struct {
    const char *path;
    const char *value;
} additions[] = {
    {"_meta.version", NULL},
    {"version", NULL},
    {"created_date*", NULL},
    {"modified_date*", NULL},
    {"template", "{}"},
    {"template.settings", "{}"},
    {"template.mappings", "{}"},
    {"template.aliases", "{}"},
    {"ignore_missing_component_templates", "[]"},
    /* index templates: Elasticsearch, then OpenSearch */
    {"data_stream.hidden", "false"},
    {"data_stream.allow_custom_routing", "false"},
    {"data_stream.timestamp_field.name", "@timestamp"},
    {"data_stream.timestamp_field", "{}"},
    /* ILM */
    {"policy._meta.version", NULL},
    {"policy.deprecated", "false"},
    {"policy.phases.*.min_age", "0ms"},
    {"policy.phases.delete.actions.delete.delete_searchable_snapshot", "true"},
    /* ISM */
    {"policy.policy_id", NULL},
    {"policy.last_updated_time", NULL},
    {"policy.schema_version", NULL},
    {"policy.error_notification", "null"},
    {"policy.user", "{}"},
    {"policy.user.*", NULL},
    {"policy.ism_template.*.last_updated_time", NULL},
    {"policy.states.*.actions.*.retry", "{}"},
    {"policy.states.*.actions.*.retry.count", "3"},
    {"policy.states.*.actions.*.retry.backoff", "exponential"},
    {"policy.states.*.actions.*.retry.delay", "1m"},
    {"policy.states.*.actions.*.rollover.copy_alias", "false"},
    {"policy.states.*.actions.*.rollover.prevent_empty_rollover", "false"},
};

static bool is_addition(const char *path, const char *value)
{
    for (size_t i = 0; i < sizeof additions / sizeof *additions; i++)
        if (fnmatch(additions[i].path, path, 0) == 0 && (!additions[i].value || strcmp(additions[i].value, value) == 0))
            return true;
    return false;
}

/* --- flattening --- */

/* One object or array on the way down. */
struct level {
    json_t *value;
    void *member;       /* of an object: the next one */
    size_t index;       /* of an array: the next one */
    size_t path_length; /* without the member's name */
    bool seen;          /* something below is left */
};

static bool is_container(json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

/* An array of texts and numbers is compared as one value: it is read as one. */
static bool is_list(json_t *value)
{
    size_t index;
    json_t *item;
    json_array_foreach(value, index, item) if (is_container(item)) return false;
    return json_array_size(value) > 0;
}

/* A scalar as text: what is equal to people is equal here. The caller frees it. */
static char *scalar_text(json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
}

static char *list_text(json_t *list)
{
    char *text = NULL;
    size_t size_bytes, index;
    json_t *item;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        return NULL;
    json_array_foreach(list, index, item)
    {
        char *one = scalar_text(item);
        fprintf(out, "%s%s", index ? ", " : "[", one ? one : "");
        free(one);
    }
    fputc(']', out);
    fclose(out);
    return text;
}

/* Settings mean the same with and without "index.". */
static const char *path_canonical(const char *path, char canonical[CANONICAL_MOST])
{
    size_t length = strlen(SETTINGS);
    if (strncmp(path, SETTINGS, length) != 0 || strncmp(path + length, INDEX, strlen(INDEX)) == 0)
        return path;
    snprintf(canonical, CANONICAL_MOST, SETTINGS INDEX "%s", path + length);
    return canonical;
}

static bool leaf_take(json_t *flat, const char *path, json_t *value)
{
    char canonical[CANONICAL_MOST];
    char *text = is_list(value) ? list_text(value) : scalar_text(value);
    path = path_canonical(path, canonical);
    bool taken = text && !is_addition(path, text);
    if (taken)
        json_object_set_new(flat, path, json_string(text));
    free(text);
    return taken;
}

/* The next member of the level with its name put at the end of path; NULL behind the last one. */
static json_t *level_next(struct level *level, char path[PATH_MOST])
{
    char *end = path + level->path_length;
    size_t room = PATH_MOST - level->path_length;
    const char *dot = level->path_length ? "." : "";
    if (json_is_array(level->value)) {
        snprintf(end, room, "%s%zu", dot, level->index);
        return json_array_get(level->value, level->index++);
    }
    json_t *value = json_object_iter_value(level->member);
    if (value)
        snprintf(end, room, "%s%s", dot, json_object_iter_key(level->member));
    level->member = json_object_iter_next(level->value, level->member);
    return value;
}

/* Paths of all leaves to their values as text; an object or array of which nothing is left is a leaf, too. */
static json_t *flatten(json_t *root)
{
    json_t *flat = json_object();
    struct level levels[DEPTH_MOST];
    char path[PATH_MOST] = "";
    int depth = 0;
    levels[0] = (struct level){.value = root, .member = json_object_iter(root)};
    while (flat && depth >= 0) {
        struct level *level = &levels[depth];
        json_t *value = level_next(level, path);
        if (!value) {
            path[level->path_length] = 0;
            const char *empty = json_is_array(level->value) ? "[]" : "{}";
            bool left = level->seen || !is_addition(path, empty);
            if (!level->seen && left && depth > 0)
                json_object_set_new(flat, path, json_string(empty));
            if (--depth >= 0)
                levels[depth].seen = levels[depth].seen || left;
        } else if (is_container(value) && !is_list(value) && depth + 1 < DEPTH_MOST) {
            levels[++depth] =
                (struct level){.value = value, .member = json_object_iter(value), .path_length = strlen(path)};
        } else if (leaf_take(flat, path, value)) {
            level->seen = true;
        }
    }
    return flat;
}

/* --- comparing --- */

static bool is_empty(const char *text)
{
    return strcmp(text, "{}") == 0 || strcmp(text, "[]") == 0;
}

static bool has_below(json_t *flat, const char *path)
{
    size_t length = strlen(path);
    const char *key;
    json_t *value;
    json_object_foreach(flat, key, value) if (strncmp(key, path, length) == 0 && key[length] == '.') return true;
    return false;
}

/*
 * Whether it makes a difference that one side has the value at path and the other does not. An empty object that is
 * full on the other side does not: what it is full of does.
 */
static bool matters(json_t *other, const char *path, const char *text)
{
    return !is_empty(text) || !has_below(other, path);
}

static void difference_add(struct comparison *comparison, const char *path, const char *have, const char *want)
{
    char *copy = strdup(path);
    if (copy)
        comparison->items[comparison->count++] = (struct difference){.path = copy, .have = have, .want = want};
}

static int difference_compare(const void *one, const void *other)
{
    const struct difference *first = one, *second = other;
    return strcmp(first->path, second->path);
}

static void differences_find(struct comparison *comparison)
{
    const char *path;
    json_t *value;
    json_object_foreach(comparison->want, path, value)
    {
        const char *want = json_string_value(value);
        const char *have = json_string_value(json_object_get(comparison->have, path));
        if (have ? strcmp(have, want) != 0 : matters(comparison->have, path, want))
            difference_add(comparison, path, have, want);
    }
    json_object_foreach(comparison->have, path, value)
    {
        const char *have = json_string_value(value);
        if (!json_object_get(comparison->want, path) && matters(comparison->want, path, have))
            difference_add(comparison, path, have, NULL);
    }
}

int comparison_make(struct comparison *comparison, json_t *have, json_t *want)
{
    *comparison = (struct comparison){.have = flatten(have), .want = flatten(want)};
    size_t most = json_object_size(comparison->have) + json_object_size(comparison->want);
    comparison->items = calloc(most + 1, sizeof *comparison->items);
    if (!comparison->have || !comparison->want || !comparison->items)
        return -ENOMEM;
    differences_find(comparison);
    qsort(comparison->items, comparison->count, sizeof *comparison->items, difference_compare);
    return 0;
}

void comparison_fini(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++)
        free(comparison->items[i].path);
    free(comparison->items);
    json_decref(comparison->have);
    json_decref(comparison->want);
    *comparison = (struct comparison){0};
}

/* --- printing --- */

#define SHOWN_MOST 60 /* characters of a value */
#define BEFORE     12 /* characters of a long value before the one where they part */

void server_text_print(FILE *stream, const char *text, size_t most)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length && i < most; i++)
        fputc((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i], stream);
    fputs(length > most ? "..." : "", stream);
}

static void value_print(FILE *stream, const char *text, size_t from)
{
    fputs(from ? "..." : "", stream);
    server_text_print(stream, text + from, SHOWN_MOST);
}

/* Where to begin, so that the first character that differs is shown. */
static size_t text_start(const char *one, const char *other)
{
    size_t same = 0;
    while (one[same] && one[same] == other[same])
        same++;
    return same < SHOWN_MOST / 2 ? 0 : same - BEFORE;
}

static void difference_print(FILE *stream, const struct difference *difference)
{
    size_t from = difference->have && difference->want ? text_start(difference->have, difference->want) : 0;
    fputs("      ", stream);
    server_text_print(stream, difference->path, PATH_MOST);
    if (difference->have) {
        fputs(": have ", stream);
        value_print(stream, difference->have, from);
    } else {
        fputs(": nothing there", stream);
    }
    if (difference->want) {
        fputs(", want ", stream);
        value_print(stream, difference->want, from);
    } else {
        fputs(", which is not weir's", stream);
    }
    fputc('\n', stream);
}

void comparison_print(FILE *stream, const struct comparison *comparison, size_t most)
{
    for (size_t i = 0; i < comparison->count && i < most; i++)
        difference_print(stream, &comparison->items[i]);
    if (comparison->count > most)
        fprintf(stream, "      ... and %zu more\n", comparison->count - most);
}
