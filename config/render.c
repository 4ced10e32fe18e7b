/* SPDX-License-Identifier: Apache-2.0 */
#include "config/render.h"

#include <inttypes.h>
#include <string.h>

#include "config/option.h"
#include "config/value.h"

#define WIDTH 96 /* columns of help text, with the indentation around it still below 120 */

static const char *const type_names[] = {
    [OPTION_BOOLEAN] = "boolean",   [OPTION_NUMBER] = "number",       [OPTION_SIZE] = "size",
    [OPTION_DURATION] = "duration", [OPTION_TEXT] = "text",           [OPTION_ENUM] = "name",
    [OPTION_SET] = "list of names", [OPTION_LIST] = "list",           [OPTION_MAP] = "map",
    [OPTION_IGNORED] = "ignored",   [OPTION_UNSUPPORTED] = "refused",
};

static const void *member_of(const struct config *config, const struct option_row *option)
{
    return (const char *)config + option->offset;
}

/* In double quotes (YAML 1.2.2, 7.3.1), so that no text is taken for something else. */
static void string_print(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f)
            fprintf(stream, "\\x%02x", byte);
        else if (byte == '"' || byte == '\\')
            fprintf(stream, "\\%c", byte);
        else
            fputc(byte, stream);
    }
    fputc('"', stream);
}

static void list_print(FILE *stream, const struct text_list *list)
{
    fputc('[', stream);
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i ? ", " : "", stream);
        string_print(stream, list->items[i]);
    }
    fputc(']', stream);
}

static void set_print(FILE *stream, const char *const *names, uint32_t bits)
{
    const char *separator = "[";
    for (uint32_t i = 0; names[i]; i++) {
        if (bits & 1U << i) {
            fprintf(stream, "%s%s", separator, names[i]);
            separator = ", ";
        }
    }
    fputc(']', stream);
}

static void value_print(FILE *stream, const struct option_row *option, const void *member)
{
    char text[VALUE_TEXT_MOST];
    switch (option->type) {
    case OPTION_BOOLEAN:
        fputs(*(const bool *)member ? "true" : "false", stream);
        break;
    case OPTION_NUMBER:
        fprintf(stream, "%" PRIu32, *(const uint32_t *)member);
        break;
    case OPTION_SIZE:
        fputs(size_format(*(const uint64_t *)member, text), stream);
        break;
    case OPTION_DURATION:
        fputs(duration_format(*(const uint64_t *)member, text), stream);
        break;
    case OPTION_TEXT:
        string_print(stream, *(char *const *)member);
        break;
    case OPTION_ENUM:
        fputs(option->names[*(const uint32_t *)member], stream);
        break;
    case OPTION_SET:
        set_print(stream, option->names, *(const uint32_t *)member);
        break;
    case OPTION_LIST:
        list_print(stream, member);
        break;
    case OPTION_MAP:
        fprintf(stream, "{%s}", *(char *const *)member); /* JSON is YAML */
        break;
    case OPTION_IGNORED:
    case OPTION_UNSUPPORTED:
        break;
    }
}

static bool option_has_value(const struct option_row *option)
{
    return option->type != OPTION_IGNORED && option->type != OPTION_UNSUPPORTED;
}

/* Begins the group of an option where it is another than that of the option before; returns the name in the group. */
static const char *group_enter(FILE *stream, const char *mark, uint32_t index)
{
    const char *key = option_rows[index].key, *dot = strchr(key, '.');
    if (!dot)
        return key;
    size_t length = (size_t)(dot - key) + 1;
    if (index == 0 || strncmp(option_rows[index - 1].key, key, length) != 0)
        fprintf(stream, "%s%.*s:\n", mark, (int)length - 1, key);
    return dot + 1;
}

void config_print(FILE *stream, const struct config *config)
{
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        if (!option_has_value(option))
            continue;
        const char *name = group_enter(stream, "", i);
        fprintf(stream, "%s%s: ", name == option->key ? "" : "  ", name);
        value_print(stream, option, member_of(config, option));
        fputc('\n', stream);
    }
}

/* Writes text in lines of at most WIDTH columns, each after an indentation. */
static void wrapped_print(FILE *stream, const char *indentation, const char *text)
{
    while (*text) {
        size_t length = strlen(text);
        if (length > WIDTH) {
            length = WIDTH;
            while (length > 1 && text[length] != ' ')
                length--;
        }
        fprintf(stream, "%s%.*s\n", indentation, (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

/* What values there are, as "auto, xdp, socket" or "1 to 16383"; nothing for types that say it themselves. */
static void range_print(FILE *stream, const struct option_row *option)
{
    char least[VALUE_TEXT_MOST], most[VALUE_TEXT_MOST];
    if (option->names) {
        for (uint32_t i = 0; option->names[i]; i++)
            fprintf(stream, "%s%s", i ? ", " : "", option->names[i]);
    } else if (option->type == OPTION_NUMBER) {
        fprintf(stream, "%" PRIu64 " to %" PRIu64 "%s%s", option->least, option->most, option->unit ? " " : "",
                option->unit ? option->unit : "");
    } else if (option->type == OPTION_SIZE) {
        bool bounded = option->most != INT64_MAX;
        fprintf(stream, "%s%s", size_format(option->least, least), bounded ? " to " : " or more");
        fputs(bounded ? size_format(option->most, most) : "", stream);
    } else if (option->type == OPTION_DURATION) {
        fprintf(stream, "%s to %s", duration_format(option->least, least), duration_format(option->most, most));
    } else if (option->type == OPTION_BOOLEAN) {
        fputs("true, false", stream);
    }
}

static void option_text_print(FILE *stream, const struct option_row *option)
{
    char variable[OPTION_VARIABLE_MOST];
    fprintf(stream, "%s%s%s  (%s", option->key, option->alias ? ", " : "", option->alias ? option->alias : "",
            type_names[option->type]);
    if (option_has_value(option) && option->type != OPTION_LIST && option->type != OPTION_MAP &&
        option->type != OPTION_TEXT) {
        fputs(": ", stream);
        range_print(stream, option);
    }
    fputs(option->elastic ? "; Elastic's)\n" : ")\n", stream);
    wrapped_print(stream, "    ", option->help);
    if (option_has_value(option)) {
        option_variable_name(option->key, variable);
        fprintf(stream, "    Default: %s. Environment: %s.\n", *option->default_text ? option->default_text : "empty",
                variable);
    }
    fputc('\n', stream);
}

static void option_row_print(FILE *stream, const struct option_row *option)
{
    fprintf(stream, "| `%s`", option->key);
    if (option->alias)
        fprintf(stream, ", `%s`", option->alias);
    fprintf(stream, " | %s | ", type_names[option->type]);
    range_print(stream, option);
    fprintf(stream, " | %s%s%s | %s | ", option_has_value(option) && *option->default_text ? "`" : "",
            option_has_value(option) ? option->default_text : "",
            option_has_value(option) && *option->default_text ? "`" : "", option->elastic ? "yes" : "");
    for (const char *at = option->help; *at; at++)
        fprintf(stream, *at == '|' ? "\\%c" : "%c", *at);
    fputs(" |\n", stream);
}

static const char introduction[] =
    "Each option can be set in the configuration file (YAML), in the environment and on the command line; the later "
    "one wins. In the file, groups are nested or written with dots: \"output: {profile: elastic}\" is "
    "\"output.profile: "
    "elastic\". In the environment, output.profile is WEIR_OUTPUT_PROFILE, and an empty variable counts as unset. On "
    "the "
    "command line it is -o output.profile=elastic. There, lists are separated by commas.";

static const char units[] = "Sizes take B, KiB, MiB, GiB, TiB (powers of 1024) and KB, MB, GB, TB or k, M, G, T "
                            "(powers of 1000). Durations are "
                            "written as 500ms, 30s, 1h30m or 2d; a number alone is of seconds.";

static void options_markdown_print(FILE *stream)
{
    fprintf(stream, "# Options\n\n");
    wrapped_print(stream, "", introduction);
    fputc('\n', stream);
    wrapped_print(stream, "", units);
    fprintf(stream, "\nWhere Elastic's netflow input has an option, it has the same name and meaning here (column "
                    "Elastic).\n\n"
                    "| Option | Type | Values | Default | Elastic | Meaning |\n"
                    "|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < option_count; i++)
        option_row_print(stream, &option_rows[i]);
}

void options_print(FILE *stream, bool markdown)
{
    if (markdown) {
        options_markdown_print(stream);
        return;
    }
    for (uint32_t i = 0; i < option_count; i++)
        option_text_print(stream, &option_rows[i]);
    wrapped_print(stream, "", introduction);
    fputc('\n', stream);
    wrapped_print(stream, "", units);
}

/* The default as it stands in a file. */
static void default_print(FILE *stream, const struct option_row *option)
{
    bool list = option->type == OPTION_LIST || option->type == OPTION_SET;
    if (option->type == OPTION_MAP) {
        fputs("{}", stream);
        return;
    }
    if (option->type == OPTION_TEXT) {
        string_print(stream, option->default_text);
        return;
    }
    fputs(list ? "[" : "", stream);
    for (const char *at = option->default_text; list && *at;) {
        size_t length = strcspn(at, ",");
        fprintf(stream, "\"%.*s\"%s", (int)length, at, at[length] ? ", " : "");
        at += length + (at[length] == ',');
    }
    fprintf(stream, "%s", list ? "]" : option->default_text);
}

void config_sample_print(FILE *stream)
{
    fprintf(stream, "# Configuration of weir. Every option is shown with its default; remove the # to change one.\n");
    for (uint32_t i = 0; i < option_count; i++) {
        const struct option_row *option = &option_rows[i];
        if (!option_has_value(option))
            continue;
        fputc('\n', stream);
        const char *name = group_enter(stream, "", i);
        bool grouped = name != option->key;
        wrapped_print(stream, grouped ? "  # " : "# ", option->help);
        fprintf(stream, "%s#%s: ", grouped ? "  " : "", name);
        default_print(stream, option);
        fputc('\n', stream);
    }
}
