/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/check.h"
#include "config/loader.h"

#define PATH_MOST      256 /* longer keys are no option's */
#define GROUP_DEPTH    4   /* more levels than any key has */
#define OPTIONS_REMEDY "\"weir docs options\" lists all options"

static void unknown_key_problem(struct loader *loader, const char *key, const struct node *value)
{
    char shown[SHORT_MOST], remedy[2 * SHORT_MOST], group[OPTION_GROUP_MOST];
    const struct option_row *nearest = option_nearest(key);
    snprintf(remedy, sizeof remedy, OPTIONS_REMEDY);
    if (strcmp(key, "<<") == 0)
        snprintf(remedy, sizeof remedy, "write the options out; YAML's merge key is not understood");
    else if (value->kind == NODE_MAP && option_group_nearest(key, group))
        snprintf(remedy, sizeof remedy, "did you mean %s?", group);
    else if (nearest)
        snprintf(remedy, sizeof remedy, "did you mean %s?", nearest->key);
    loader_problem(loader, value->line, remedy, "%s is no option", text_shorten(key, shown));
}

/* The name below the map option that a key begins with, "a.b" of "fields.a.b"; NULL where it begins with none. */
static const char *map_path(const char *key, const struct option_row **option)
{
    for (uint32_t i = 0; i < option_count; i++) {
        size_t length = strlen(option_rows[i].key);
        if (option_rows[i].type == OPTION_MAP && strncmp(key, option_rows[i].key, length) == 0 && key[length] == '.') {
            *option = &option_rows[i];
            return key + length + 1;
        }
    }
    return NULL;
}

static void map_member_set(struct loader *loader, const struct option_row *option, const char *path,
                           const struct node *value)
{
    loader->origins[option_index(option)] =
        (struct origin){.name = loader->name, .line = loader->has_lines ? value->line : 0, .source = loader->source};
    fields_merge(loader, path, value);
}

/* Sets what a whole key names. False where it names a group. */
static bool key_apply(struct loader *loader, const char *key, const struct node *value)
{
    const struct option_row *option = option_find(key);
    const char *path = option ? NULL : map_path(key, &option);
    if (path)
        map_member_set(loader, option, path, value);
    else if (option)
        option_assign(loader, option, value);
    else if (!option_group_exists(key))
        unknown_key_problem(loader, key, value);
    else if (value->kind == NODE_MAP)
        return false;
    else if (!node_is_null(value))
        loader_problem(loader, value->line, "write its options below it, indented", "%s is a group of options", key);
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
        loader_problem(loader, key->line, OPTIONS_REMEDY, "%s is no option", text_shorten(key->text, shown));
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

/* The value of "key=value" in the shape that the option wants. */
static struct node *setting_node(struct loader *loader, const struct option_row *option, const char *value)
{
    bool map = !option || option->type == OPTION_MAP;
    bool list = option && (option->type == OPTION_LIST || option->type == OPTION_SET);
    size_t length = strlen(value);
    if (*value && strchr(map ? "[{\"'" : list ? "[" : "", *value)) /* YAML's flow style, and so JSON */
        return yaml_read(loader, value, length);
    if (list)
        return list_split(loader, value);
    return tree_scalar(&loader->tree, value, length, map);
}

void loader_setting_apply(struct loader *loader, const char *key, const char *value)
{
    const struct option_row *option = option_find(key);
    bool failed_before = loader->failed;
    loader->failed = false;
    struct node *node = setting_node(loader, option, value);
    if (!node && !loader->failed)
        loader->no_memory = true;
    else if (node && !loader->failed && !key_apply(loader, key, node))
        loader_problem(loader, 0, "name one of its options, as -o output.profile=weir", "%s is a group of options",
                       key);
    loader->failed |= failed_before;
}

static void source_begin(struct loader *loader, const char *name, bool has_lines)
{
    loader->name = loader_text(loader, name);
    loader->has_lines = has_lines;
    loader->folder = NULL;
    loader->source++;
}

/* "key=value", called by prefix and itself in problems. */
static void setting_load(struct loader *loader, const char *prefix, const char *setting)
{
    char name[2 * SHORT_MOST], shown[SHORT_MOST], key[PATH_MOST];
    snprintf(name, sizeof name, "%s%s", prefix, text_shorten(setting, shown));
    source_begin(loader, name, false);
    size_t length = strcspn(setting, "=");
    if (!setting[length] || length >= sizeof key) {
        loader_problem(loader, 0, "write key=value, as output.profile=weir", "this is no key and value");
        return;
    }
    memcpy(key, setting, length);
    key[length] = '\0';
    loader_setting_apply(loader, key, setting + length + 1);
}

static void defaults_load(struct loader *loader)
{
    loader->name = "default"; /* source 0: sets no origins */
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        if (!option->default_text || option->type == OPTION_MAP)
            continue;
        struct node *node = setting_node(loader, option, option->default_text);
        if (!node)
            loader->no_memory = true;
        else
            option_assign(loader, option, node);
    }
}

static void text_load(struct loader *loader, const char *text, size_t size)
{
    struct node *root = yaml_read(loader, text, size);
    if (!root || node_is_null(root))
        return;
    if (root->kind != NODE_MAP)
        loader_problem(loader, root->line, "write lines of key: value", "the configuration is no map of options");
    else
        loader_map_apply(loader, root);
}

static void file_load(struct loader *loader, const char *path)
{
    source_begin(loader, path, true);
    char *text = malloc(FILE_MOST + 1);
    FILE *file = fopen(path, "re");
    size_t size = file && text ? fread(text, 1, FILE_MOST + 1, file) : 0;
    loader->no_memory |= !text || (!file && errno == ENOMEM);
    if (!file || ferror(file)) {
        loader_problem(loader, 0, "give the path of a file that weir may read", "it cannot be read: %s",
                       strerror(errno));
    } else if (size > FILE_MOST) {
        loader_problem(loader, 0, "write less than 1 MiB", "the configuration is too large");
    } else if (text) {
        const char *slash = strrchr(loader->name, '/');
        char *folder = slash ? strndup(path, slash > loader->name ? (size_t)(slash - loader->name) : 1) : NULL;
        loader->no_memory |= slash && !folder;
        loader->folder = folder;
        text_load(loader, text, size);
        loader->folder = NULL;
        free(folder);
    }
    if (file)
        fclose(file);
    free(text);
}

/* The option that an environment variable names; sets nearest to the one that it resembles. */
static const struct option_row *variable_find(const char *variable, const struct option_row **nearest)
{
    char name[OPTION_VARIABLE_MOST];
    uint32_t best = 4; /* more than three slips is another word */
    *nearest = NULL;
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        if (option->alias && option_variable_name(option->alias, name) && strcmp(name, variable) == 0)
            return option;
        if (!option_variable_name(option->key, name))
            continue;
        uint32_t distance = text_distance(name, variable);
        if (distance == 0 && strcmp(name, variable) == 0)
            return option;
        if (distance < best) {
            best = distance;
            *nearest = option;
        }
    }
    return NULL;
}

/* Variables with our prefix that are the test suite's. */
static bool variable_expected(const char *variable)
{
    static const char *const names[] = {"WEIR_CAPTURES", "WEIR_GOLDEN", "WEIR_SOURCE_ROOT", "WEIR_TEST_FOLDER"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(variable, names[i]) == 0)
            return true;
    }
    return false;
}

static void variable_load(struct loader *loader, const char *variable, const char *value)
{
    char name[OPTION_VARIABLE_MOST];
    const struct option_row *nearest, *option = variable_find(variable, &nearest);
    source_begin(loader, variable, false);
    if (option && *value)
        loader_setting_apply(loader, option->key, value);
    else if (!option && nearest && option_variable_name(nearest->key, name))
        loader_warning(loader, 0, "unset it, or correct its name", "no option has this name; did you mean %s?", name);
    else if (!option)
        loader_warning(loader, 0, "unset it, or correct its name", "no option has this name");
}

static void environment_load(struct loader *loader)
{
    for (char **entry = environ; entry && *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "WEIR_", 5) != 0 || !equals)
            continue;
        char *variable = strndup(*entry, (size_t)(equals - *entry));
        if (!variable)
            loader->no_memory = true;
        else if (!variable_expected(variable))
            variable_load(loader, variable, equals + 1);
        free(variable);
    }
}

static void loader_init(struct loader *loader, struct config *config, struct config_problems *problems)
{
    *config = (struct config){.workers = 0};
    *problems = (struct config_problems){.count = 0};
    *loader = (struct loader){.config = config, .problems = problems};
    defaults_load(loader);
}

static int loader_finish(struct loader *loader)
{
    fields_finish(loader);
    check_together(loader);
    bool no_memory = loader->no_memory, failed = loader->failed;
    tree_fini(&loader->tree);
    return no_memory ? -ENOMEM : failed ? -EINVAL : 0;
}

int config_load(struct config *config, const struct config_sources *sources, struct config_problems *problems)
{
    struct loader loader;
    loader_init(&loader, config, problems);
    for (uint32_t i = 0; i < sources->preset_count; i++)
        setting_load(&loader, "preset ", sources->presets[i]);
    if (sources->file)
        file_load(&loader, sources->file);
    environment_load(&loader);
    for (uint32_t i = 0; i < sources->setting_count; i++)
        setting_load(&loader, "-o ", sources->settings[i]);
    return loader_finish(&loader);
}

int config_load_text(struct config *config, const char *text, size_t size, const char *name,
                     struct config_problems *problems)
{
    struct loader loader;
    loader_init(&loader, config, problems);
    source_begin(&loader, name, true);
    if (size > FILE_MOST)
        loader_problem(&loader, 0, "write less than 1 MiB", "the configuration is too large");
    else
        text_load(&loader, text, size);
    return loader_finish(&loader);
}

void config_fini(struct config *config)
{
    for (uint32_t i = 0; i < option_count; i++) {
        void *member = (char *)config + option_rows[i].offset;
        if (option_rows[i].type == OPTION_LIST)
            text_list_fini(member);
        else if (option_rows[i].type == OPTION_TEXT || option_rows[i].type == OPTION_MAP)
            free(*(char **)member);
    }
    *config = (struct config){.workers = 0};
}
