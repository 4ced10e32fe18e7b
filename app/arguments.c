/* SPDX-License-Identifier: Apache-2.0 */
#include "app/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"

bool arguments_init(struct arguments *arguments, int count)
{
    *arguments = (struct arguments){.settings = calloc((size_t)count, sizeof(*arguments->settings))};
    if (!arguments->settings)
        fprintf(stderr, "weir: no memory\n");
    return arguments->settings != NULL;
}

void arguments_fini(struct arguments *arguments)
{
    free(arguments->settings);
}

void arguments_take(struct arguments *arguments, int letter, const char *value)
{
    if (letter == 'c')
        arguments->file = value;
    else if (letter == 'o')
        arguments->settings[arguments->setting_count++] = value;
}

int usage_refer(const char *command)
{
    fprintf(stderr, "weir%s%s --help tells how\n", *command ? " " : "", command);
    return STATUS_USAGE;
}

void problems_print(struct config_problems *problems)
{
    for (uint32_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        fprintf(stderr, "%s: %s%s%s\n", problem->where, problem->what, problem->remedy && *problem->remedy ? "; " : "",
                problem->remedy ? problem->remedy : "");
    }
    config_problems_fini(problems);
}

/* True with the warnings in problems, or false with everything printed. */
static bool sources_load(const struct arguments *arguments, const char *const *presets, uint32_t preset_count,
                         struct config *config, struct config_problems *problems)
{
    const struct config_sources sources = {.file = arguments->file,
                                           .settings = arguments->settings,
                                           .setting_count = arguments->setting_count,
                                           .presets = presets,
                                           .preset_count = preset_count};
    int result = config_load(config, &sources, problems);
    if (!result)
        return true;
    if (!problems->count)
        fprintf(stderr, "weir: no memory\n");
    problems_print(problems);
    config_fini(config);
    return false;
}

bool arguments_load(const struct arguments *arguments, const char *const *presets, uint32_t preset_count,
                    struct config *config)
{
    struct config_problems problems = {0};
    if (!sources_load(arguments, presets, preset_count, config, &problems))
        return false;
    log_setup(config->log.format, config->log.level);
    config_problems_log(&problems);
    config_problems_fini(&problems);
    return true;
}

bool arguments_load_again(const struct arguments *arguments, const char *const *presets, uint32_t preset_count,
                    struct config *config)
{
    struct config_problems problems = {0};
    if (!sources_load(arguments, presets, preset_count, config, &problems))
        return false;
    config_problems_fini(&problems);
    return true;
}

uint32_t journal_preset(char setting[JOURNAL_PRESET_MOST])
{
    const char *state = getenv("STATE_DIRECTORY");
    if (!state || *state != '/')
        return 0;
    int length =
        snprintf(setting, JOURNAL_PRESET_MOST, "templates.path=%.*s/templates", (int)strcspn(state, ":"), state);
    return length < JOURNAL_PRESET_MOST;
}
