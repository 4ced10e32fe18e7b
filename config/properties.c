/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/loader.h"
#include "config/secret.h"
#include "config/value.h"

/* Lists of properties: merged from all sources, each name once. */

#define NAME_MOST   128 /* of a property: librdkafka's are shorter than half of it */
#define NAME_REMEDY "write names as librdkafka's CONFIGURATION.md has them, as socket.keepalive.enable"

static bool name_possible(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return length > 0 && !name[length] && length < NAME_MOST;
}

/* The text of a property's value; NULL after reporting what is wrong. */
static const char *value_text(struct loader *loader, const char *key, const char *name, const struct node *value)
{
    char whole[KEY_MOST + NAME_MOST];
    if (value->kind != NODE_SCALAR || node_is_null(value)) {
        loader_problem(loader, value->line, "write name: value, with the whole name: socket.keepalive.enable: true",
                       "%s: %s has %s", key, name, value->kind == NODE_SCALAR ? "no value" : "more than one value");
        return NULL;
    }
    if (!utf8_valid(value->text, value->length)) {
        loader_problem(loader, value->line, "write a text", "%s: the value of %s is not UTF-8 text without NUL", key,
                       name);
        return NULL;
    }
    if (!secret_name_is(name))
        return value->text;
    snprintf(whole, sizeof whole, "%s.%s", key, name);
    return secret_read(loader, whole, value);
}

static bool list_extend(struct property_list *list)
{
    char **names = realloc(list->names, (list->count + 1) * sizeof *names);
    list->names = names ? names : list->names;
    char **values = names ? realloc(list->values, (list->count + 1) * sizeof *values) : NULL;
    list->values = values ? values : list->values;
    return values;
}

/* Index of a name, which is added where it is new; PROPERTIES_MOST after reporting why it cannot be. */
static uint32_t name_place(struct loader *loader, const char *key, struct property_list *list, const char *name,
                           uint32_t line)
{
    uint32_t i = 0;
    while (i < list->count && strcmp(list->names[i], name) != 0)
        i++;
    if (i < list->count) {
        if (loader->scope->property_sources[i] != loader->source.number)
            return i;
        loader_problem(loader, line, "keep one of the two", "%s: %s is set twice", key, name);
        return PROPERTIES_MOST;
    }
    if (i == PROPERTIES_MOST) {
        loader_problem(loader, line, "write fewer", "%s: there are more than 128 properties", key);
        return PROPERTIES_MOST;
    }
    char *copy = strdup(name), *value = strdup("");
    if (!copy || !value || !list_extend(list)) {
        loader->no_memory = true;
        free(copy);
        free(value);
        return PROPERTIES_MOST;
    }
    list->names[i] = copy;
    list->values[i] = value;
    list->count++;
    return i;
}

static void property_set(struct loader *loader, const struct option_row *option, const char *name,
                         const struct node *value)
{
    struct property_list *list = option_member(option, loader->config, loader->scope->output);
    const char *key = loader_key(loader, option);
    char shown[SHORT_MOST];
    if (!name_possible(name)) {
        loader_problem(loader, value->line, NAME_REMEDY, "%s: \"%s\" cannot be the name of a property", key,
                       secret_name_is(name) ? SECRET_HIDDEN : text_shorten(name, shown));
        return;
    }
    const char *text = value_text(loader, key, name, value);
    uint32_t place = text ? name_place(loader, key, list, name, value->line) : PROPERTIES_MOST;
    if (place == PROPERTIES_MOST)
        return;
    loader->scope->property_sources[place] = loader->source.number;
    loader_text_replace(loader, &list->values[place], "%s", text);
}

void properties_merge(struct loader *loader, const struct option_row *option, const char *path,
                      const struct node *value)
{
    char remedy[REMEDY_MOST];
    if (*path) {
        property_set(loader, option, path, value);
        return;
    }
    if (value->kind != NODE_MAP) {
        option_remedy_print(loader, option, remedy);
        loader_problem(loader, value->line, remedy, "%s: a map must stand here", loader_key(loader, option));
        return;
    }
    for (uint32_t i = 0; i + 1 < value->count && loader->problems->count <= PROBLEMS_MOST; i += 2) {
        const struct node *name = value->items[i];
        if (name->kind == NODE_SCALAR && strlen(name->text) == name->length)
            property_set(loader, option, name->text, value->items[i + 1]);
        else
            loader_problem(loader, value->line, NAME_REMEDY, "%s: a name is no text", loader_key(loader, option));
    }
}
