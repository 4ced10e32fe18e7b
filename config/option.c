/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "config/option_rows.h"

static const struct {
    const struct option_row *rows;
    const uint32_t *count;
} tables[] = {
    {option_rows_general, &option_rows_general_count},
    {option_rows_input, &option_rows_input_count},
    {option_rows_streams, &option_rows_streams_count},
    {option_rows_output, &option_rows_output_count},
    {option_rows_servers, &option_rows_servers_count},
};

#define TABLE_COUNT (sizeof tables / sizeof tables[0])

uint32_t option_count(void)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        count += *tables[i].count;
    assert(count <= OPTION_MOST);
    return count;
}

const struct option_row *option_at(uint32_t index)
{
    unsigned table = 0;
    for (; table + 1 < TABLE_COUNT && index >= *tables[table].count; table++)
        index -= *tables[table].count;
    assert(index < *tables[table].count);
    return &tables[table].rows[index];
}

uint32_t option_index(const struct option_row *option)
{
    uint32_t before = 0;
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (option >= tables[i].rows && option < tables[i].rows + *tables[i].count)
            return before + (uint32_t)(option - tables[i].rows);
        before += *tables[i].count;
    }
    assert(!"a row of the option tables");
    return 0;
}

const struct option_row *option_find(const char *key)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (strcmp(option->key, key) == 0 || (option->alias && strcmp(option->alias, key) == 0))
            return option;
    }
    return NULL;
}

const struct option_row *option_of_member(const char *key, const char **rest)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        size_t length = strlen(option->key);
        if ((option->type == OPTION_MAP || option->type == OPTION_PROPERTIES) &&
            strncmp(key, option->key, length) == 0 && key[length] == '.') {
            *rest = key + length + 1;
            return option;
        }
    }
    return NULL;
}

bool option_group_exists(const char *group)
{
    size_t length = strlen(group);
    for (uint32_t i = 0; i < option_count(); i++) {
        const char *key = option_at(i)->key;
        if (strncmp(key, group, length) == 0 && key[length] == '.')
            return true;
    }
    return false;
}

bool option_has_value(const struct option_row *option)
{
    return option->type != OPTION_IGNORED && option->type != OPTION_UNSUPPORTED;
}

bool option_is_output(const struct option_row *option)
{
    return strncmp(option->key, OPTION_OUTPUT, sizeof OPTION_OUTPUT - 1) == 0;
}

void *option_member(const struct option_row *option, struct config *config, struct output_config *output)
{
    if (!output)
        return (char *)config + option->offset;
    assert(option_is_output(option));
    return (char *)output + (option->offset - offsetof(struct config, output));
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
        *end++ = *key == '.' || *key == '-' ? '_' : (char)toupper((unsigned char)*key);
    *end = '\0';
    return true;
}
