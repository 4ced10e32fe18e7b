/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include <ctype.h>
#include <string.h>

#define DISTANCE_MOST 64 /* longer texts are no misspelt keys */

const struct option_row *option_find(const char *key)
{
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        if (strcmp(option->key, key) == 0 || (option->alias && strcmp(option->alias, key) == 0))
            return option;
    }
    return NULL;
}

bool option_group_exists(const char *group)
{
    size_t length = strlen(group);
    for (uint32_t i = 0; i < option_count; i++) {
        if (strncmp(option_rows[i].key, group, length) == 0 && option_rows[i].key[length] == '.')
            return true;
    }
    return false;
}

static bool group_copy(const char *key, char group[OPTION_GROUP_MOST])
{
    size_t length = strcspn(key, ".");
    if (!key[length] || length >= OPTION_GROUP_MOST)
        return false;
    memcpy(group, key, length);
    group[length] = '\0';
    return true;
}

bool option_variable_name(const char *key, char name[OPTION_VARIABLE_MOST])
{
    static const char start[] = "WEIR_";
    size_t length = strlen(key);
    if (length + sizeof start > OPTION_VARIABLE_MOST)
        return false;
    memcpy(name, start, sizeof start);
    char *end = name + sizeof start - 1;
    for (; *key; key++)
        *end++ = *key == '.' ? '_' : (char)toupper((unsigned char)*key);
    *end = '\0';
    return true;
}

static uint32_t least_of(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

uint32_t text_distance(const char *one, const char *other)
{
    uint32_t row[DISTANCE_MOST + 1];
    size_t width = strnlen(other, DISTANCE_MOST + 1);
    if (width > DISTANCE_MOST || strnlen(one, DISTANCE_MOST + 1) > DISTANCE_MOST)
        return UINT32_MAX;
    for (uint32_t i = 0; i <= width; i++)
        row[i] = i;
    for (uint32_t line = 0; one[line]; line++) {
        uint32_t diagonal = row[0];
        row[0] = line + 1;
        for (size_t i = 1; i <= width; i++) {
            uint32_t above = row[i];
            uint32_t replaced = diagonal + (tolower((unsigned char)one[line]) != tolower((unsigned char)other[i - 1]));
            row[i] = least_of(replaced, least_of(above, row[i - 1]) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

/* Two slips, or a third of a longer text: more than that is another word. */
static uint32_t distance_allowed(const char *text)
{
    uint32_t third = (uint32_t)strnlen(text, DISTANCE_MOST) / 3;
    return third > 2 ? third : 2;
}

const char *text_nearest(const char *const *names, const char *text)
{
    const char *nearest = NULL;
    uint32_t length = (uint32_t)strnlen(text, DISTANCE_MOST);
    uint32_t best = least_of(distance_allowed(text) + 1, length); /* at least one letter must be right */
    for (; *names; names++) {
        uint32_t distance = text_distance(text, *names);
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

const struct option_row *option_nearest(const char *key)
{
    const struct option_row *nearest = NULL;
    uint32_t best = distance_allowed(key) + 1;
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        /* the right name in the wrong group is more likely than a slip */
        if (strcmp(last_part(key), last_part(option->key)) == 0)
            return option;
        uint32_t distance = text_distance(key, option->key);
        if (option->alias)
            distance = least_of(distance, text_distance(key, option->alias));
        if (text_distance(last_part(key), last_part(option->key)) == 1) /* a slip and the wrong group: "profil" */
            distance = least_of(distance, 2);
        if (distance < best) {
            best = distance;
            nearest = option;
        }
    }
    return nearest;
}

bool option_group_nearest(const char *name, char group[OPTION_GROUP_MOST])
{
    uint32_t best = distance_allowed(name) + 1;
    bool found = false;
    for (uint32_t i = 0; i < option_count; i++) {
        char candidate[OPTION_GROUP_MOST];
        if (!group_copy(option_rows[i].key, candidate))
            continue;
        uint32_t distance = text_distance(name, candidate);
        if (distance >= best)
            continue;
        best = distance;
        memcpy(group, candidate, sizeof candidate);
        found = true;
    }
    return found;
}
