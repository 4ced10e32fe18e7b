/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "config/loader.h"
#include "config/secret.h"

/* Keys and values of all sources to the options that they name. */

#define GROUP_DEPTH    8 /* more levels than any key has */
#define OPTIONS_REMEDY "\"weir docs options\" lists all options"
#define OUTPUTS        "outputs"
#define SHOWN_MOST     (SHORT_MOST + 48) /* a key with the name of its output */

/* A key as it may be shown: of "password:hunter2" without a blank only what stands before the colon. */
static const char *key_shorten(const char *key, char text[SHORT_MOST])
{
    text_shorten(key, text);
    if (secret_name_is(key))
        text[strcspn(text, ":= ")] = '\0';
    return text;
}

/* A key below "output." as it is called in the loader's scope. */
static void key_print(const struct loader *loader, const char *key, char text[SHOWN_MOST])
{
    const struct output_config *output = loader->scope->output;
    char shown[SHORT_MOST];
    if (output)
        snprintf(text, SHOWN_MOST, OUTPUTS ".%s.%s", output->name, key_shorten(key + strlen(OPTION_OUTPUT), shown));
    else
        key_shorten(key, text);
}

static void nearest_print(const struct loader *loader, const char *key, const struct node *value,
                          char remedy[REMEDY_MOST])
{
    char group[OPTION_GROUP_MOST], meant[SHOWN_MOST];
    bool output = strncmp(key, OPTION_OUTPUT, strlen(OPTION_OUTPUT)) == 0;
    const char *start = loader->scope->output ? OPTION_OUTPUT : "";
    const char *foreign = output ? option_foreign_remedy(key) : NULL;
    const struct option_row *nearest = option_nearest(key, start);
    snprintf(remedy, REMEDY_MOST, OPTIONS_REMEDY);
    if (foreign) {
        key_print(loader, OPTION_OUTPUT, meant);
        snprintf(remedy, REMEDY_MOST, "write %s%s", meant, foreign);
    } else if (value->kind == NODE_MAP && option_group_nearest(key, group) &&
               strncmp(group, start, strlen(start)) == 0) {
        key_print(loader, group, meant);
        snprintf(remedy, REMEDY_MOST, "did you mean %s?", meant);
    } else if (nearest) {
        key_print(loader, nearest->key, meant);
        snprintf(remedy, REMEDY_MOST, "did you mean %s?", meant);
    }
}

static void unknown_key_problem(struct loader *loader, const char *key, const struct node *value)
{
    char shown[SHOWN_MOST], remedy[REMEDY_MOST];
    nearest_print(loader, key, value, remedy);
    if (strcmp(key, "<<") == 0)
        snprintf(remedy, sizeof remedy, "write the options out; YAML's merge key is not understood");
    key_print(loader, key, shown);
    loader_problem(loader, value->line, remedy, "%s is no option", shown);
}

static void map_member_set(struct loader *loader, const struct option_row *option, const char *path,
                           const struct node *value)
{
    loader->scope->origins[option_index(option)] = loader_here(loader, value->line);
    if (option->type == OPTION_PROPERTIES)
        properties_merge(loader, option, path, value);
    else
        fields_merge(loader, path, value);
}

bool option_key_apply(struct loader *loader, const char *key, const struct node *value)
{
    const char *path = NULL;
    char shown[SHOWN_MOST];
    const struct option_row *option = option_find(key);
    if (!option)
        option = option_of_member(key, &path);
    if (path)
        map_member_set(loader, option, path, value);
    else if (option)
        option_assign(loader, option, value);
    else if (!option_group_exists(key))
        unknown_key_problem(loader, key, value);
    else if (value->kind == NODE_MAP)
        return false;
    else if (!node_is_null(value)) {
        key_print(loader, key, shown);
        loader_problem(loader, value->line, "write its options below it, indented", "%s is a group of options", shown);
    }
    return true;
}

static bool key_is_of_outputs(const char *key)
{
    size_t length = sizeof OUTPUTS - 1;
    return strncmp(key, OUTPUTS, length) == 0 && (!key[length] || key[length] == '.');
}

/* One key and its value as a map. */
static struct node *map_of(struct loader *loader, const char *key, const struct node *value)
{
    struct node *map = tree_container(&loader->tree, NODE_MAP);
    struct node *name = tree_scalar(&loader->tree, key, strlen(key), false);
    /* a value is only read from here on; the list of items is not made for constant ones */
    if (map && name && node_append(map, name) && node_append(map, (struct node *)value)) {
        name->line = value->line;
        return map;
    }
    loader->no_memory = true;
    return NULL;
}

/* Sets what a whole key names, or keeps it until it is its turn. False where it names a group. */
static bool key_apply(struct loader *loader, const char *key, const struct node *value)
{
    if (!key_is_of_outputs(key))
        return option_key_apply(loader, key, value);
    if (loader->outputs_turn)
        return outputs_key_apply(loader, key, value);
    const struct node *map = map_of(loader, key, value);
    if (map)
        outputs_postpone(loader, map, NULL);
    return true;
}

/* Appends the name of a key to the path of its group; false where it cannot be one. */
static bool path_extend(struct loader *loader, char path[PATH_MOST], size_t length, const struct node *key)
{
    if (key->kind != NODE_SCALAR) {
        loader_problem(loader, key->line, "write key: value", "a list or a map stands where a key belongs");
        return false;
    }
    if (length + 1 + key->length >= PATH_MOST || strlen(key->text) != key->length) {
        char shown[SHORT_MOST];
        loader_problem(loader, key->line, OPTIONS_REMEDY, "%s is no option", key_shorten(key->text, shown));
        return false;
    }
    if (length > 0)
        path[length++] = '.';
    memcpy(path + length, key->text, key->length + 1);
    return true;
}

void loader_map_apply(struct loader *loader, const struct node *map)
{
    struct {
        const struct node *map;
        uint32_t next;
        size_t path_length;
    } stack[GROUP_DEPTH] = {{.map = map}};
    uint32_t depth = 1;
    char path[PATH_MOST] = "";
    while (depth > 0 && loader->problems->count <= PROBLEMS_MOST) {
        const struct node *group = stack[depth - 1].map;
        uint32_t next = stack[depth - 1].next;
        if (next + 1 >= group->count) {
            depth--;
            continue;
        }
        stack[depth - 1].next += 2;
        const struct node *value = group->items[next + 1];
        if (!path_extend(loader, path, stack[depth - 1].path_length, group->items[next]) ||
            key_apply(loader, path, value))
            continue;
        if (depth < GROUP_DEPTH) /* holds: a group's name has fewer levels than the options in it */
            stack[depth++] = (typeof(stack[0])){.map = value, .path_length = strlen(path)};
    }
}

/* A list written as "a, b"; empty items are left out. */
static struct node *list_split(struct loader *loader, const char *text)
{
    struct node *list = tree_container(&loader->tree, NODE_LIST);
    while (list && *text) {
        text += strspn(text, ", \t");
        size_t length = strcspn(text, ",");
        size_t kept = length;
        while (kept > 0 && (text[kept - 1] == ' ' || text[kept - 1] == '\t'))
            kept--;
        struct node *item = kept ? tree_scalar(&loader->tree, text, kept, false) : NULL;
        if (kept && (!item || !node_append(list, item)))
            return NULL;
        text += length;
    }
    return list;
}

struct node *loader_setting_node(struct loader *loader, const struct option_row *option, const char *value)
{
    bool map = !option || option->type == OPTION_MAP || option->type == OPTION_PROPERTIES;
    bool list = option && (option->type == OPTION_LIST || option->type == OPTION_SET);
    size_t length = strlen(value);
    if (*value && strchr(map ? "[{\"'" : list ? "[" : "", *value)) /* YAML's flow style, and so JSON */
        return yaml_read(loader, value, length);
    if (list)
        return list_split(loader, value);
    return tree_scalar(&loader->tree, value, length, map);
}

/* The option that a setting's key names, also one of outputs.NAME; NULL where it names none, or a member of a map. */
static const struct option_row *setting_option(const char *key)
{
    char common[PATH_MOST];
    const char *name = key_is_of_outputs(key) ? strchr(key, '.') : NULL;
    const char *rest = name ? strchr(name + 1, '.') : NULL;
    if (!rest)
        return option_find(key);
    snprintf(common, sizeof common, OPTION_OUTPUT "%s", rest + 1);
    return option_find(common);
}

void loader_setting_apply(struct loader *loader, const char *key, const char *value)
{
    bool failed_before = loader->failed;
    loader->failed = false;
    struct node *node = loader_setting_node(loader, setting_option(key), value);
    const struct node *map = node && !loader->failed ? map_of(loader, key, node) : NULL;
    if (!node && !loader->failed)
        loader->no_memory = true;
    if (map)
        loader_map_apply(loader, map);
    loader->failed |= failed_before;
}

void loader_source_begin(struct loader *loader, const char *name, bool has_lines)
{
    loader->source = (struct source){.name = loader_text(loader, name),
                                     .has_lines = has_lines,
                                     .number = ++loader->source_count,
                                     .strength = loader->strength};
}

/* True where a setting of this key ("" = it has none) may hold a secret. */
static bool setting_is_secret(const char *key, const char *setting)
{
    const struct option_row *option = setting_option(key);
    const struct option_row *nearest = option ? NULL : option_nearest(key, ""); /* "output.pasword" */
    if (secret_setting_is(setting) || (nearest && nearest->secret))
        return true;
    return option && option->type != OPTION_PROPERTIES ? option->secret : secret_name_is(setting);
}

void loader_setting_load(struct loader *loader, const char *prefix, const char *setting)
{
    char name[2 * SHORT_MOST], shown[SHORT_MOST], key[PATH_MOST] = "";
    size_t length = strcspn(setting, "=");
    bool possible = setting[length] && length < sizeof key;
    if (possible) {
        memcpy(key, setting, length);
        key[length] = '\0';
    }
    bool secret = setting_is_secret(key, setting);
    text_shorten(setting, shown);
    if (secret)
        shown[strcspn(shown, "=: ")] = '\0';
    snprintf(name, sizeof name, "%s%s%s", prefix, shown, secret ? "=" SECRET_HIDDEN : "");
    loader_source_begin(loader, name, false);
    if (possible)
        loader_setting_apply(loader, key, setting + length + 1);
    else
        loader_problem(loader, 0, "write key=value, as output.profile=weir", "this is no key and value");
}
