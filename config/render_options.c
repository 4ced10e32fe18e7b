/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "config/option.h"
#include "config/render.h"
#include "config/render_text.h"
#include "config/value.h"

/* The option table as text for people. */

#define WIDTH 96 /* columns of help text, with the indentation around it still below 120 */

static const char *const type_names[] = {
    [OPTION_BOOLEAN] = "boolean",   [OPTION_NUMBER] = "number",   [OPTION_SIZE] = "size",
    [OPTION_DURATION] = "duration", [OPTION_TEXT] = "text",       [OPTION_ENUM] = "name",
    [OPTION_SET] = "list of names", [OPTION_LIST] = "list",       [OPTION_MAP] = "map",
    [OPTION_PROPERTIES] = "map",    [OPTION_IGNORED] = "ignored", [OPTION_UNSUPPORTED] = "refused",
};

static const char *type_name(const struct option_row *option)
{
    return option->secret ? "secret" : type_names[option->type];
}

void wrapped_print(FILE *stream, const char *indentation, const char *text)
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
        const char *separator = "";
        for (uint32_t i = 0; option->names[i]; i++) {
            if (option->without & 1U << i)
                continue;
            fprintf(stream, "%s%s", separator, option->names[i]);
            separator = ", ";
        }
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
            type_name(option));
    if (option_has_value(option) && option->type != OPTION_LIST && option->type != OPTION_MAP &&
        option->type != OPTION_PROPERTIES && option->type != OPTION_TEXT) {
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
    fprintf(stream, " | %s | ", type_name(option));
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

static const char outputs[] =
    "Several outputs at once are written as \"outputs: {NAME: {type: kafka}, OTHER: {type: file}}\", at most 16, with "
    "names of lower-case letters, digits and -. Each begins with what \"output\" says after all sources, and sets what "
    "it "
    "has else by the options of \"output\" without that word: outputs.NAME.kafka.topic, on the command line -o "
    "outputs.NAME.kafka.topic=flows, in the environment WEIR_OUTPUTS_NAME_KAFKA_TOPIC, where a - in the name is "
    "written "
    "_. What is the same for all outputs stands in \"output\" alone. Without \"outputs\", \"output\" is the only one.";

static const char secrets[] =
    "A secret is written as it is, or as file:PATH: then it is the first line of that file. Relative paths start at "
    "the "
    "folder of the configuration file; ${CREDENTIALS_DIRECTORY}/NAME is a credential that systemd hands over. \"weir "
    "check --effective\" shows secrets as \"(hidden)\", also properties of librdkafka whose names speak of passwords, "
    "secrets, keys or tokens.";

/* What must be known of all options. */
static void notes_print(FILE *stream)
{
    static const char *const notes[] = {introduction, outputs, units, secrets};
    for (unsigned i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        fputs(i ? "\n" : "", stream);
        wrapped_print(stream, "", notes[i]);
    }
}

static void options_markdown_print(FILE *stream)
{
    fprintf(stream, "# Options\n\n");
    notes_print(stream);
    fprintf(stream, "\nWhere Elastic's netflow input has an option, it has the same name and meaning here (column "
                    "Elastic).\n\n"
                    "| Option | Type | Values | Default | Elastic | Meaning |\n"
                    "|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < option_count(); i++)
        option_row_print(stream, option_at(i));
}

void options_print(FILE *stream, bool markdown)
{
    if (markdown) {
        options_markdown_print(stream);
        return;
    }
    for (uint32_t i = 0; i < option_count(); i++)
        option_text_print(stream, option_at(i));
    notes_print(stream);
}
