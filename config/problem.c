/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/loader.h"

static void problem_fini(struct config_problem *problem)
{
    free(problem->where);
    free(problem->what);
    free(problem->remedy);
}

/* Takes the three texts over, also when it fails. */
static int problem_push(struct config_problems *problems, struct config_problem problem, bool remedy_wanted)
{
    if (problem.where && problem.what && (problem.remedy || !remedy_wanted)) {
        struct config_problem *items = realloc(problems->items, (problems->count + 1) * sizeof *items);
        if (items) {
            problems->items = items;
            items[problems->count++] = problem;
            return 0;
        }
    }
    problem_fini(&problem);
    return -ENOMEM;
}

static char *text_print(const char *format, va_list arguments)
{
    char *text;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

int config_problem_add(struct config_problems *problems, const char *where, const char *remedy, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    struct config_problem problem = {
        .where = strdup(where),
        .what = text_print(what, arguments),
        .remedy = remedy ? strdup(remedy) : NULL,
    };
    va_end(arguments);
    return problem_push(problems, problem, remedy != NULL);
}

void config_problems_fini(struct config_problems *problems)
{
    for (uint32_t i = 0; i < problems->count; i++)
        problem_fini(&problems->items[i]);
    free(problems->items);
    *problems = (struct config_problems){.count = 0};
}

void config_problems_log(const struct config_problems *problems)
{
    for (uint32_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];
        log_line(problem->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "%s: %s%s%s", problem->where, problem->what,
                 problem->remedy ? "; " : "", problem->remedy ? problem->remedy : "");
    }
}

const char *text_shorten(const char *value, char text[SHORT_MOST])
{
    size_t length = strnlen(value, SHORT_MOST);
    bool cut = length > SHORT_MOST - 4;
    if (cut) {
        length = SHORT_MOST - 4;
        while (length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
            length--; /* not inside a character */
    }
    for (size_t i = 0; i < length; i++)
        text[i] = (unsigned char)value[i] < ' ' || value[i] == 0x7f ? '?' : value[i];
    memcpy(text + length, cut ? "..." : "", cut ? 4 : 1);
    return text;
}

const char *loader_text(struct loader *loader, const char *text)
{
    struct node *node = tree_scalar(&loader->tree, text, strlen(text), false);
    if (node && node->text)
        return node->text;
    loader->no_memory = true;
    return "";
}

void loader_text_replace(struct loader *loader, char **text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *replacement = text_print(format, arguments);
    va_end(arguments);
    if (!replacement) {
        loader->no_memory = true;
        return;
    }
    free(*text);
    *text = replacement;
}

const char *loader_key(struct loader *loader, const struct option_row *option)
{
    const struct output_config *output = loader->scope->output;
    if (!output || !option_is_output(option))
        return option->key;
    snprintf(loader->key, sizeof loader->key, "outputs.%s.%s", output->name, option->key + strlen(OPTION_OUTPUT));
    return loader->key;
}

struct origin loader_here(const struct loader *loader, uint32_t line)
{
    const struct source *source = &loader->source;
    return (struct origin){.name = source->name,
                           .line = source->has_lines ? line : 0,
                           .source = source->number,
                           .strength = source->strength};
}

const struct origin *loader_origin(const struct loader *loader, const struct option_row *option)
{
    const struct origin *own = &loader->scope->origins[option_index(option)];
    const struct origin *common = &loader->whole.origins[option_index(option)];
    if (own->name || !loader->scope->output)
        return own;
    return common->name ? common : &loader->scope->named;
}

static char *where_print(const char *name, uint32_t line)
{
    char *where = NULL;
    int length = line ? asprintf(&where, "%s:%u", name, line) : asprintf(&where, "%s", name);
    return length < 0 ? NULL : where;
}

/* Adds what was found at where; takes where and what over. */
static void loader_push(struct loader *loader, char *where, char *what, const char *remedy, bool warning)
{
    loader->failed |= !warning;
    if (loader->problems->count > PROBLEMS_MOST) {
        free(where);
        free(what);
        return;
    }
    if (loader->problems->count == PROBLEMS_MOST) {
        free(what);
        what = strdup("there are more problems, which are left out here");
        remedy = "correct those above first";
        warning = false;
    }
    struct config_problem problem = {
        .where = where, .what = what, .remedy = remedy ? strdup(remedy) : NULL, .warning = warning};
    if (problem_push(loader->problems, problem, remedy != NULL) != 0)
        loader->no_memory = true;
}

void loader_problem(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    loader_push(loader, where_print(loader->source.name, loader->source.has_lines ? line : 0),
                text_print(what, arguments), remedy, false);
    va_end(arguments);
}

void loader_warning(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    loader_push(loader, where_print(loader->source.name, loader->source.has_lines ? line : 0),
                text_print(what, arguments), remedy, true);
    va_end(arguments);
}

static void option_push(struct loader *loader, const char *key, char *what, const char *remedy, bool warning)
{
    const struct option_row *option = option_find(key);
    const struct origin *origin = loader_origin(loader, option);
    char *whole = NULL;
    if (what && asprintf(&whole, "%s: %s", loader_key(loader, option), what) < 0)
        whole = NULL;
    free(what);
    loader_push(loader, where_print(origin->name ? origin->name : "default", origin->line), whole, remedy, warning);
}

void loader_option_problem(struct loader *loader, const char *key, const char *remedy, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    option_push(loader, key, text_print(what, arguments), remedy, false);
    va_end(arguments);
}

void loader_option_warning(struct loader *loader, const char *key, const char *remedy, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    option_push(loader, key, text_print(what, arguments), remedy, true);
    va_end(arguments);
}
