/* SPDX-License-Identifier: Apache-2.0 */
#include "config/member.h"

#include <stdlib.h>
#include <string.h>

static void texts_fini(char **texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void text_list_fini(struct text_list *list)
{
    texts_fini(list->items, list->count);
    *list = (struct text_list){.count = 0};
}

void property_list_fini(struct property_list *list)
{
    texts_fini(list->names, list->count);
    texts_fini(list->values, list->count);
    *list = (struct property_list){.count = 0};
}

static bool text_copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

/* NULL without memory. */
static char **texts_copy(char *const *from, uint32_t count)
{
    char **texts = calloc(count ? count : 1, sizeof *texts);
    bool good = texts != NULL;
    for (uint32_t i = 0; i < count && good; i++)
        good = text_copy(&texts[i], from[i]);
    if (good || !texts)
        return texts;
    texts_fini(texts, count);
    return NULL;
}

static bool texts_equal(char *const *one, char *const *other, uint32_t count)
{
    uint32_t i = 0;
    while (i < count && strcmp(one[i], other[i]) == 0)
        i++;
    return i == count;
}

static bool properties_copy(struct property_list *to, const struct property_list *from)
{
    *to = (struct property_list){.names = texts_copy(from->names, from->count),
                                 .values = texts_copy(from->values, from->count)};
    to->count = to->names && to->values ? from->count : 0;
    if (to->names && to->values)
        return true;
    texts_fini(to->names, to->names ? from->count : 0);
    texts_fini(to->values, to->values ? from->count : 0);
    *to = (struct property_list){.count = 0};
    return false;
}

static bool list_copy(struct text_list *to, const struct text_list *from)
{
    *to = (struct text_list){.items = texts_copy(from->items, from->count)};
    to->count = to->items ? from->count : 0;
    return to->items != NULL;
}

static bool list_equal(const struct text_list *one, const struct text_list *other)
{
    return one->count == other->count && texts_equal(one->items, other->items, one->count);
}

static bool properties_equal(const struct property_list *one, const struct property_list *other)
{
    return one->count == other->count && texts_equal(one->names, other->names, one->count) &&
           texts_equal(one->values, other->values, one->count);
}

/* Of a member that is no pointer. */
static size_t plain_size(const struct option_row *option)
{
    switch (option->type) {
    case OPTION_BOOLEAN:
        return sizeof(bool);
    case OPTION_NUMBER:
    case OPTION_ENUM:
    case OPTION_SET:
        return sizeof(uint32_t);
    case OPTION_SIZE:
    case OPTION_DURATION:
        return sizeof(uint64_t);
    default:
        return 0;
    }
}

void member_fini(const struct option_row *option, void *member)
{
    if (option->type == OPTION_LIST) {
        text_list_fini(member);
    } else if (option->type == OPTION_PROPERTIES) {
        property_list_fini(member);
    } else if (option->type == OPTION_TEXT || option->type == OPTION_MAP) {
        free(*(char **)member);
        *(char **)member = NULL;
    }
}

bool member_copy(const struct option_row *option, void *to, const void *from)
{
    if (option->type == OPTION_LIST)
        return list_copy(to, from);
    if (option->type == OPTION_PROPERTIES)
        return properties_copy(to, from);
    if (option->type == OPTION_TEXT || option->type == OPTION_MAP)
        return text_copy(to, *(char *const *)from);
    memcpy(to, from, plain_size(option));
    return true;
}

bool member_equal(const struct option_row *option, const void *one, const void *other)
{
    if (option->type == OPTION_LIST)
        return list_equal(one, other);
    if (option->type == OPTION_PROPERTIES)
        return properties_equal(one, other);
    if (option->type == OPTION_TEXT || option->type == OPTION_MAP) {
        const char *text = *(char *const *)one, *other_text = *(char *const *)other;
        return text && other_text ? strcmp(text, other_text) == 0 : text == other_text;
    }
    return memcmp(one, other, plain_size(option)) == 0;
}

bool output_copy(struct output_config *to, const struct output_config *from)
{
    *to = (struct output_config){.kind = from->kind};
    bool good = text_copy(&to->name, from->name);
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (option_is_output(option) && option_has_value(option))
            good &= member_copy(option, option_member(option, NULL, to),
                                option_member(option, NULL, (struct output_config *)from));
    }
    return good;
}

void output_fini(struct output_config *output)
{
    free(output->name);
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (option_is_output(option) && option_has_value(option))
            member_fini(option, option_member(option, NULL, output));
    }
    *output = (struct output_config){.kind = 0};
}
