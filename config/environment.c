/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/loader.h"

/* The variables of the environment to the options that they name. */

/* The option that an environment variable names; sets nearest to the one that it resembles. */
static const struct option_row *variable_find(const char *variable, const struct option_row **nearest)
{
    char name[OPTION_VARIABLE_MOST];
    uint32_t best = 4; /* more than three slips is another word */
    *nearest = NULL;
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
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

/* Variables with our prefix that are the test suite's, or of its servers. */
static bool variable_expected(const char *variable)
{
    static const char *const starts[] = {"WEIR_CAPTURES", "WEIR_GOLDEN", "WEIR_SOURCE_ROOT", "WEIR_TEST_",
                                         "WEIR_SERVERS_", "WEIR_KAFKA", "WEIR_OPENSEARCH", "WEIR_ELASTIC"};
    for (unsigned i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(variable, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static void variable_load(struct loader *loader, const char *variable, const char *value)
{
    char name[OPTION_VARIABLE_MOST];
    const struct option_row *nearest, *option = variable_find(variable, &nearest);
    loader_source_begin(loader, variable, false);
    if (strcmp(variable, "WEIR_OUTPUTS") == 0)
        loader_setting_apply(loader, "outputs", value);
    else if (strncmp(variable, "WEIR_OUTPUTS_", 13) == 0) /* whose name is known when the outputs are */
        outputs_postpone(loader, NULL, loader_text(loader, value));
    else if (option && *value)
        loader_setting_apply(loader, option->key, value);
    else if (!option && nearest && option_variable_name(nearest->key, name))
        loader_warning(loader, 0, "unset it, or correct its name", "no option has this name; did you mean %s?", name);
    else if (!option)
        loader_warning(loader, 0, "unset it, or correct its name", "no option has this name");
}

void loader_environment_load(struct loader *loader)
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
