/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/check.h"
#include "config/loader.h"
#include "config/member.h"
#include "config/secret.h"
#include "config/value.h"

/* Values of nodes into the members of struct config, by the rows of the option table. */

#define NAMES_MOST 16 /* values of an enum or a set, with the NULL behind them */

static void *member_of(struct loader *loader, const struct option_row *option)
{
    return option_member(option, loader->config, loader->scope->output);
}

/* The names that the option takes, then NULL. */
static void names_list(const struct option_row *option, const char *names[NAMES_MOST])
{
    uint32_t count = 0;
    for (uint32_t i = 0; option->names[i]; i++) {
        assert(i + 1 < NAMES_MOST);
        if (!(option->without & 1U << i))
            names[count++] = option->names[i];
    }
    names[count] = NULL;
}

static void names_join(const struct option_row *option, char *text, size_t size)
{
    const char *names[NAMES_MOST];
    size_t length = 0;
    text[0] = '\0';
    names_list(option, names);
    for (uint32_t i = 0; names[i] && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", names[i]);
}

static void bounds_print(const struct option_row *option, char least[VALUE_TEXT_MOST], char most[VALUE_TEXT_MOST])
{
    switch (option->type) {
    case OPTION_SIZE:
        size_format(option->least, least);
        size_format(option->most, most);
        break;
    case OPTION_DURATION:
        duration_format(option->least, least);
        duration_format(option->most, most);
        break;
    default:
        snprintf(least, VALUE_TEXT_MOST, "%" PRIu64, option->least);
        snprintf(most, VALUE_TEXT_MOST, "%" PRIu64, option->most);
    }
}

const char *option_remedy_print(struct loader *loader, const struct option_row *option, char text[REMEDY_MOST])
{
    char least[VALUE_TEXT_MOST], most[VALUE_TEXT_MOST], names[REMEDY_MOST / 2];
    bounds_print(option, least, most);
    if (option->names)
        names_join(option, names, sizeof names);
    switch (option->type) {
    case OPTION_BOOLEAN:
        snprintf(text, REMEDY_MOST, "write true or false");
        break;
    case OPTION_NUMBER:
        snprintf(text, REMEDY_MOST, "write a %s from %s to %s", option->power_of_two ? "power of two" : "whole number",
                 least, most);
        break;
    case OPTION_SIZE:
        snprintf(text, REMEDY_MOST, "write a size from %s to %s, as %s%s", least, most, option->default_text,
                 option->multiple ? ", that is a multiple of 4KiB" : "");
        break;
    case OPTION_DURATION:
        snprintf(text, REMEDY_MOST, "write a duration from %s to %s, as %s", least, most, option->default_text);
        break;
    case OPTION_ENUM:
        snprintf(text, REMEDY_MOST, "write one of %s", names);
        break;
    case OPTION_SET:
        snprintf(text, REMEDY_MOST, "list some of %s", names);
        break;
    case OPTION_LIST:
        snprintf(text, REMEDY_MOST, "write a list, as %s: [a, b]", loader_key(loader, option));
        break;
    case OPTION_MAP:
    case OPTION_PROPERTIES:
        snprintf(text, REMEDY_MOST, "write a map, as %s: {name: value}", loader_key(loader, option));
        break;
    case OPTION_TEXT:
    case OPTION_IGNORED:
    case OPTION_UNSUPPORTED:
        snprintf(text, REMEDY_MOST, "write a text");
        break;
    }
    return text;
}

/* A value as it may be shown. */
static const char *value_shorten(const struct option_row *option, const char *value, char text[SHORT_MOST])
{
    return option->secret ? SECRET_HIDDEN : text_shorten(value, text);
}

static void value_problem(struct loader *loader, const struct option_row *option, const struct node *value,
                          const char *what)
{
    static const char *const kinds[] = {[NODE_LIST] = "a list", [NODE_MAP] = "a map"};
    char remedy[REMEDY_MOST], text[SHORT_MOST];
    option_remedy_print(loader, option, remedy);
    if (value->kind == NODE_SCALAR)
        loader_problem(loader, value->line, remedy, "%s: \"%s\" %s", loader_key(loader, option),
                       value_shorten(option, value->text, text), what);
    else
        loader_problem(loader, value->line, remedy, "%s: %s %s", loader_key(loader, option), kinds[value->kind], what);
}

/* What a check complains about. */
static void check_problem(struct loader *loader, const struct option_row *option, const struct node *value,
                          const char *text, const struct complaint *complaint)
{
    char shown[SHORT_MOST];
    loader_problem(loader, value->line, complaint->remedy, "%s: \"%s\" %s", loader_key(loader, option),
                   complaint->secret ? SECRET_HIDDEN : value_shorten(option, text, shown), complaint->what);
}

/* The text of a scalar that may be written to a document or a path; NULL after reporting what it is instead. */
static const char *scalar_text(struct loader *loader, const struct option_row *option, const struct node *value)
{
    if (value->kind != NODE_SCALAR) {
        value_problem(loader, option, value, "cannot stand here");
        return NULL;
    }
    if (!utf8_valid(value->text, value->length)) {
        value_problem(loader, option, value, "is not UTF-8 text without NUL");
        return NULL;
    }
    return value->text;
}

static void boolean_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    const char *text = scalar_text(loader, option, value);
    if (text && boolean_parse(text, member_of(loader, option)) != VALUE_GOOD)
        value_problem(loader, option, value, "is neither true nor false");
}

static enum value_verdict amount_parse(const struct option_row *option, const char *text, uint64_t *amount)
{
    if (option->type == OPTION_SIZE)
        return size_parse(text, amount);
    if (option->type == OPTION_DURATION)
        return duration_parse(text, amount);
    return number_parse(text, amount);
}

/* What is wrong with an amount, or NULL. */
static const char *amount_complaint(const struct option_row *option, const char *text, uint64_t *amount)
{
    enum value_verdict verdict = amount_parse(option, text, amount);
    if (verdict == VALUE_BAD)
        return option->type == OPTION_SIZE       ? "is no size"
               : option->type == OPTION_DURATION ? "is no duration"
                                                 : "is no whole number";
    if (verdict == VALUE_OVERFLOW || *amount > option->most)
        return "is too large";
    if (*amount < option->least)
        return "is too small";
    if (option->power_of_two && (*amount & (*amount - 1)) != 0)
        return "is no power of two";
    if (option->multiple && *amount % option->multiple != 0)
        return "is no multiple of 4KiB";
    return NULL;
}

static void amount_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    uint64_t amount;
    const char *text = scalar_text(loader, option, value);
    if (!text)
        return;
    const char *complaint = amount_complaint(option, text, &amount);
    if (complaint)
        value_problem(loader, option, value, complaint);
    else if (option->type == OPTION_NUMBER)
        *(uint32_t *)member_of(loader, option) = (uint32_t)amount;
    else
        *(uint64_t *)member_of(loader, option) = amount;
}

/* Index of a name or of another way to write it; -1 where there is none. */
static int name_index(const struct option_row *option, const char *text)
{
    bool boolean;
    /* YAML's true and on are the same to most who write it */
    const char *synonym = boolean_parse(text, &boolean) == VALUE_GOOD ? (boolean ? "on" : "off") : text;
    for (int i = 0; option->names[i]; i++) {
        if (option->without & 1U << i)
            continue;
        if (strcasecmp(option->names[i], text) == 0 || strcmp(option->names[i], synonym) == 0 ||
            (option->synonyms && strcmp(option->synonyms[i], text) == 0))
            return i;
    }
    return -1;
}

/* Index of a name, or -1 after reporting what it should be. */
static int name_find(struct loader *loader, const struct option_row *option, const struct node *value)
{
    char remedy[REMEDY_MOST], shown[SHORT_MOST];
    const char *names[NAMES_MOST];
    const char *text = scalar_text(loader, option, value);
    int index = text ? name_index(option, text) : -1;
    if (!text || index >= 0)
        return index;
    names_list(option, names);
    const char *nearest = text_nearest(names, text);
    option_remedy_print(loader, option, remedy);
    if (nearest)
        snprintf(remedy + strlen(remedy), sizeof remedy - strlen(remedy), "; did you mean %s?", nearest);
    loader_problem(loader, value->line, remedy, "%s: \"%s\" is none of its values", loader_key(loader, option),
                   text_shorten(text, shown));
    return -1;
}

static void enum_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    int index = name_find(loader, option, value);
    if (index >= 0)
        *(uint32_t *)member_of(loader, option) = (uint32_t)index;
}

/* A scalar stands for a list of itself. */
static uint32_t list_count(const struct node *value)
{
    return value->kind == NODE_LIST ? value->count : 1;
}

static const struct node *list_item(const struct node *value, uint32_t index)
{
    return value->kind == NODE_LIST ? value->items[index] : value;
}

static void set_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    uint32_t bits = 0;
    bool good = true;
    for (uint32_t i = 0; i < list_count(value); i++) {
        int index = name_find(loader, option, list_item(value, i));
        good &= index >= 0;
        bits |= index >= 0 ? 1U << index : 0;
    }
    if (good && bits == 0 && *option->default_text)
        value_problem(loader, option, value, "is empty");
    else if (good)
        *(uint32_t *)member_of(loader, option) = bits;
}

/* A path of a file, completed with the folder of the configuration; other texts as they are. */
static const char *text_complete(struct loader *loader, const struct option_row *option, const char *text)
{
    if (!option->path || !loader->source.folder || text[0] == '/' || !text[0])
        return text;
    char *path = NULL;
    loader_text_replace(loader, &path, "%s/%s", loader->source.folder, text);
    text = path ? loader_text(loader, path) : "";
    free(path);
    return text;
}

static void text_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    struct complaint complaint = {.secret = false};
    const char *text = scalar_text(loader, option, value);
    if (text && option->secret)
        text = secret_read(loader, loader_key(loader, option), value);
    if (!text)
        return;
    text = text_complete(loader, option, text);
    if (option->check && !option->check(text, &complaint))
        check_problem(loader, option, value, text, &complaint);
    else
        loader_text_replace(loader, member_of(loader, option), "%s", text);
}

/* The text of an item as it goes into the list. NULL after reporting what is wrong. */
static const char *item_text(struct loader *loader, const struct option_row *option, const struct node *item)
{
    struct complaint complaint = {.secret = false};
    const char *text = scalar_text(loader, option, item);
    if (!text)
        return NULL;
    if (node_is_null(item)) {
        value_problem(loader, option, item, "is an empty item");
        return NULL;
    }
    text = text_complete(loader, option, text);
    if (!option->check || option->check(text, &complaint))
        return text;
    check_problem(loader, option, item, text, &complaint);
    return NULL;
}

static void list_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    struct text_list list = {.count = 0}, *member = member_of(loader, option);
    uint32_t count = list_count(value);
    bool good = true;
    if (value->kind == NODE_MAP) {
        value_problem(loader, option, value, "cannot stand here");
        return;
    }
    list.items = calloc(count ? count : 1, sizeof *list.items);
    loader->no_memory |= !list.items;
    for (uint32_t i = 0; i < count && list.items; i++) {
        const char *text = item_text(loader, option, list_item(value, i));
        good &= text != NULL;
        if (text && good)
            loader_text_replace(loader, &list.items[list.count++], "%s", text);
    }
    if (good && !loader->no_memory) {
        text_list_fini(member);
        *member = list;
        return;
    }
    text_list_fini(&list);
}

/* False, and a problem, where a file sets one option twice. */
static bool origin_take(struct loader *loader, const struct option_row *option, uint32_t line)
{
    const struct source *source = &loader->source;
    struct origin *origin = &loader->scope->origins[option_index(option)];
    bool merged = option->type == OPTION_MAP || option->type == OPTION_PROPERTIES;
    if (source->has_lines && origin->source == source->number && !merged) {
        loader_problem(loader, line, "keep one of the two", "%s is set twice, for the first time on line %u",
                       loader_key(loader, option), origin->line);
        return false;
    }
    *origin = loader_here(loader, line);
    return true;
}

/* False, and a problem, where an option may not stand here whatever its value is. */
static bool option_allowed(struct loader *loader, const struct option_row *option, uint32_t line)
{
    if (option->type == OPTION_UNSUPPORTED)
        loader_problem(loader, line, option->help, "%s is not supported", option->key);
    else if (option->common && loader->scope->output) {
        char remedy[REMEDY_MOST];
        snprintf(remedy, sizeof remedy, "write it as %s", option->key);
        loader_problem(loader, line, remedy, "%s is the same for all outputs", loader_key(loader, option));
    } else {
        return true;
    }
    return false;
}

void option_assign(struct loader *loader, const struct option_row *option, const struct node *value)
{
    if (loader->source.number > 0 && !origin_take(loader, option, value->line))
        return;
    if (!option_allowed(loader, option, value->line))
        return;
    if (node_is_null(value))
        return; /* "tags:" with all items commented out leaves what is */
    switch (option->type) {
    case OPTION_BOOLEAN:
        boolean_assign(loader, option, value);
        break;
    case OPTION_NUMBER:
    case OPTION_SIZE:
    case OPTION_DURATION:
        amount_assign(loader, option, value);
        break;
    case OPTION_TEXT:
        text_assign(loader, option, value);
        break;
    case OPTION_ENUM:
        enum_assign(loader, option, value);
        break;
    case OPTION_SET:
        set_assign(loader, option, value);
        break;
    case OPTION_LIST:
        list_assign(loader, option, value);
        break;
    case OPTION_MAP:
        fields_merge(loader, "", value);
        break;
    case OPTION_PROPERTIES:
        properties_merge(loader, option, "", value);
        break;
    case OPTION_IGNORED:
        loader_warning(loader, value->line, option->help, "%s has no effect", option->key);
        break;
    case OPTION_UNSUPPORTED:
        break;
    }
}
