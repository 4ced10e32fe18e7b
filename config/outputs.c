/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/loader.h"
#include "config/member.h"

/*
 * The outputs: each begins as a copy of what "output" says after all sources, so what the sources say about outputs is
 * kept until then, and read in the same order.
 */

#define START         "outputs."
#define VARIABLE      "WEIR_OUTPUTS_"
#define NAME_MOST     32
#define NAME_LETTERS  "abcdefghijklmnopqrstuvwxyz0123456789-"
#define OUTPUT_REMEDY "write each with its name and options, as outputs: {search: {type: opensearch}}"

void outputs_postpone(struct loader *loader, const struct node *map, const char *value)
{
    if (loader->postponed_count == loader->postponed_room) {
        uint32_t room = loader->postponed_room ? 2 * loader->postponed_room : 8;
        struct postponed *postponed = realloc(loader->postponed, room * sizeof *postponed);
        if (!postponed) {
            loader->no_memory = true;
            return;
        }
        loader->postponed = postponed;
        loader->postponed_room = room;
    }
    loader->postponed[loader->postponed_count++] =
        (struct postponed){.source = loader->source, .map = map, .value = value};
}

/* Index of the output of this name, or their count. */
static uint32_t output_find(const struct config *config, const char *name, size_t length)
{
    uint32_t i = 0;
    while (i < config->output_count &&
           (strncmp(config->outputs[i].name, name, length) != 0 || config->outputs[i].name[length]))
        i++;
    return i;
}

/* Makes a new output like the common options; NULL after reporting why it cannot be. */
static struct scope *output_add(struct loader *loader, const char *name, size_t length, uint32_t line)
{
    struct config *config = loader->config;
    if (config->output_count == OUTPUTS_MOST) {
        loader_problem(loader, line, "leave some out", START "%.*s: there are more than 16 outputs", (int)length, name);
        return NULL;
    }
    if (!config->outputs)
        config->outputs = calloc(OUTPUTS_MOST, sizeof *config->outputs);
    if (!config->outputs) {
        loader->no_memory = true;
        return NULL;
    }
    struct output_config *output = &config->outputs[config->output_count];
    loader->no_memory |= !output_copy(output, &config->output);
    loader_text_replace(loader, &output->name, "%.*s", (int)length, name);
    if (loader->no_memory) {
        output_fini(output);
        return NULL;
    }
    struct scope *scope = &loader->outputs[config->output_count++];
    scope->output = output;
    scope->named = loader_here(loader, line);
    return scope;
}

/* The scope of the output of this name, which is made where there is none; NULL after reporting what is wrong. */
static struct scope *output_enter(struct loader *loader, const char *name, size_t length, uint32_t line)
{
    char shown[SHORT_MOST];
    if (length == 0 || length > NAME_MOST || strspn(name, NAME_LETTERS) < length) {
        loader_problem(loader, line, "write 1 to 32 lower-case letters, digits and -",
                       START "%.*s: this cannot be the name of an output", (int)length, text_shorten(name, shown));
        return NULL;
    }
    uint32_t i = output_find(loader->config, name, length);
    return i < loader->config->output_count ? &loader->outputs[i] : output_add(loader, name, length, line);
}

/* A scalar or a list where the options of an output belong. */
static void output_value_problem(struct loader *loader, const char *name, const struct node *value)
{
    char common[PATH_MOST], remedy[REMEDY_MOST];
    snprintf(common, sizeof common, OPTION_OUTPUT "%s", name);
    snprintf(remedy, sizeof remedy, OUTPUT_REMEDY);
    if (option_find(common)) /* the name was forgotten */
        snprintf(remedy, sizeof remedy, "write %s, or " START "NAME.%s", common, name);
    loader_problem(loader, value->line, remedy, START "%s: the options of an output must stand here", name);
}

bool outputs_key_apply(struct loader *loader, const char *key, const struct node *value)
{
    char common[PATH_MOST];
    const char *name = strchr(key, '.');
    if (!name) {
        if (value->kind != NODE_MAP && !node_is_null(value))
            loader_problem(loader, value->line, OUTPUT_REMEDY, "outputs: a map must stand here");
        return value->kind != NODE_MAP;
    }
    name++;
    const char *rest = strchr(name, '.');
    if (!rest && value->kind != NODE_MAP && !node_is_null(value)) {
        output_value_problem(loader, name, value);
        return true;
    }
    struct scope *scope = output_enter(loader, name, rest ? (size_t)(rest - name) : strlen(name), value->line);
    if (!scope || !rest)
        return !scope || value->kind != NODE_MAP;
    snprintf(common, sizeof common, OPTION_OUTPUT "%s", rest + 1);
    loader->scope = scope;
    bool done = option_key_apply(loader, common, value);
    loader->scope = &loader->whole;
    return done;
}

/* How a variable names an option of an output. */
struct variable {
    const struct option_row *option;
    size_t name_length; /* of what stands for the output's name, behind VARIABLE */
    bool known;         /* there is an output of this name */
};

/* The name of an output as it is written in a variable, as keys have it. */
static void name_lower(const char *text, size_t length, char name[NAME_MOST + 1])
{
    for (size_t i = 0; i < length; i++)
        name[i] = text[i] == '_' ? '-' : (char)tolower((unsigned char)text[i]);
    name[length] = '\0';
}

/* Takes the option for the variable's where it is behind a name, and a better one than the last. */
static void variable_try(const struct loader *loader, const char *text, const char *key,
                         const struct option_row *option, struct variable *best)
{
    char variable[OPTION_VARIABLE_MOST], name[NAME_MOST + 1];
    size_t length = strlen(text);
    if (!option_variable_name(key, variable))
        return;
    const char *end = variable + strlen("WEIR_OUTPUT"); /* "_TLS_CA" */
    size_t end_length = strlen(end);
    if (length <= end_length || length - end_length > NAME_MOST || strcmp(text + length - end_length, end) != 0)
        return;
    size_t name_length = length - end_length;
    name_lower(text, name_length, name);
    bool known = output_find(loader->config, name, name_length) < loader->config->output_count;
    /* a name that is there already, else the longest option: "A_TLS_KEY_PASSWORD" is of "a" */
    if (!best->option || known > best->known || (known == best->known && name_length < best->name_length))
        *best = (struct variable){.option = option, .name_length = name_length, .known = known};
}

/* Writes the variable that resembles this one most, or "". */
static void variable_nearest(const struct loader *loader, const char *text, char meant[PATH_MOST])
{
    uint32_t best = 4; /* more than three slips is another word */
    meant[0] = '\0';
    for (const char *rest = strchr(text, '_'); rest; rest = strchr(rest + 1, '_')) {
        for (uint32_t i = 0; i < option_count(); i++) {
            char variable[OPTION_VARIABLE_MOST];
            const struct option_row *option = option_at(i);
            if (!option_is_output(option) || !option_variable_name(option->key, variable))
                continue;
            const char *end = variable + strlen("WEIR_OUTPUT");
            uint32_t distance = text_distance(rest, end);
            if (distance >= best)
                continue;
            best = distance;
            snprintf(meant, PATH_MOST, VARIABLE "%.*s%s", (int)(rest - text), text, end);
        }
    }
}

/*
 * The key of an option of outputs that a variable names, "outputs.a-b.tls.ca" of "WEIR_OUTPUTS_A_B_TLS_CA"; false, with
 * the variable that was meant in key, or "", where it names none.
 */
static bool variable_key(struct loader *loader, const char *variable, char key[PATH_MOST])
{
    struct variable best = {.option = NULL};
    char name[NAME_MOST + 1];
    const char *text = variable + strlen(VARIABLE);
    key[0] = '\0';
    if (strnlen(text, PATH_MOST / 2) == PATH_MOST / 2)
        return false;
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (!option_is_output(option))
            continue;
        variable_try(loader, text, option->key, option, &best);
        if (option->alias)
            variable_try(loader, text, option->alias, option, &best);
    }
    if (!best.option) {
        variable_nearest(loader, text, key);
        return false;
    }
    name_lower(text, best.name_length, name);
    snprintf(key, PATH_MOST, START "%s.%s", name, best.option->key + strlen(OPTION_OUTPUT));
    return true;
}

static void variable_apply(struct loader *loader, const struct postponed *postponed)
{
    char key[PATH_MOST];
    if (variable_key(loader, postponed->source.name, key)) {
        if (*postponed->value)
            loader_setting_apply(loader, key, postponed->value);
    } else {
        loader_warning(loader, 0, "unset it, or correct its name", "no option has this name%s%s%s",
                       *key ? "; did you mean " : "", key, *key ? "?" : "");
    }
}

static void postponed_apply(struct loader *loader)
{
    loader->outputs_turn = true;
    for (uint32_t i = 0; i < loader->postponed_count; i++) {
        const struct postponed *postponed = &loader->postponed[i];
        loader->source = postponed->source;
        if (postponed->map)
            loader_map_apply(loader, postponed->map);
        else
            variable_apply(loader, postponed);
    }
    loader->outputs_turn = false;
    free(loader->postponed);
    loader->postponed = NULL;
}

/* What must not be the same of two outputs. */
static void pairs_check(struct loader *loader)
{
    const struct config *config = loader->config;
    for (uint32_t i = 1; i < config->output_count; i++) {
        const struct output_config *output = &config->outputs[i];
        loader->scope = &loader->outputs[i];
        for (uint32_t k = 0; k < i; k++) {
            const struct output_config *other = &config->outputs[k];
            if (output->kind != other->kind)
                continue;
            if (output->kind == OUTPUT_STDOUT)
                loader_option_problem(loader, "output.type", "write the documents of one of them to a file",
                                      START "%s writes to standard output, too", other->name);
            else if (output->kind == OUTPUT_FILE && strcmp(output->path, other->path) == 0 &&
                     strncmp(output->path, "/dev/", 5) != 0)
                loader_option_problem(loader, "output.path", "give each of them files of its own",
                                      START "%s writes the same files", other->name);
        }
    }
    loader->scope = &loader->whole;
}

/* The options in "output" are the only output. */
static void only_output_finish(struct loader *loader)
{
    struct config *config = loader->config;
    loader_text_replace(loader, &config->output.name, "default");
    output_check(loader, &config->output);
    output_effects_check(loader, &config->output);
    config->outputs = calloc(1, sizeof *config->outputs);
    loader->no_memory |= !config->outputs || !output_copy(config->outputs, &config->output);
    config->output_count = config->outputs != NULL;
}

void outputs_finish(struct loader *loader)
{
    struct config *config = loader->config;
    loader_text_replace(loader, &config->output.name, "%s", "");
    postponed_apply(loader);
    if (config->output_count == 0) {
        only_output_finish(loader);
        return;
    }
    for (uint32_t i = 0; i < config->output_count; i++) {
        loader->scope = &loader->outputs[i];
        output_check(loader, &config->outputs[i]);
        output_effects_check(loader, &config->outputs[i]);
    }
    pairs_check(loader);
    common_effects_check(loader);
    if (!loader->no_memory)
        output_normalize(&config->output);
}
