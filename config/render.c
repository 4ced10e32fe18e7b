/* SPDX-License-Identifier: Apache-2.0 */
#include "config/render.h"

#include <inttypes.h>
#include <string.h>

#include "config/member.h"
#include "config/option.h"
#include "config/render_text.h"
#include "config/secret.h"
#include "config/value.h"

static const void *member_of(const struct config *config, const struct output_config *output,
                             const struct option_row *option)
{
    return option_member(option, (struct config *)config, (struct output_config *)output);
}

/*
 * Bytes of the character at text that YAML takes for the end of a line, or not at all (YAML 1.2.2, 5.1; libyaml), with
 * its code; 0 for others. text is UTF-8.
 */
static size_t character_unprintable(const unsigned char *text, unsigned *code)
{
    if (text[0] == 0x7f) {
        *code = 0x7f;
        return 1;
    }
    if (text[0] == 0xc2 && text[1] < 0xa0) {
        *code = text[1];
        return 2;
    }
    if (text[0] < 0xe0 || text[0] > 0xef)
        return 0;
    *code = (text[0] & 0x0fU) << 12 | (text[1] & 0x3fU) << 6 | (text[2] & 0x3fU);
    return *code == 0x2028 || *code == 0x2029 || *code == 0xfeff || *code >= 0xfffe ? 3 : 0;
}

/* Writes the next character, escaped as both JSON and YAML read it where it cannot stand by itself; returns its bytes.
 */
static size_t character_print(FILE *stream, const char *text)
{
    unsigned code;
    size_t length = character_unprintable((const unsigned char *)text, &code);
    if (length)
        fprintf(stream, "\\u%04x", code);
    else
        fputc(*text, stream);
    return length ? length : 1;
}

/* In double quotes (YAML 1.2.2, 7.3.1), so that no text is taken for something else. */
static void string_print(FILE *stream, const char *text)
{
    fputc('"', stream);
    while (*text) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            text += character_print(stream, text);
            continue;
        }
        fprintf(stream, byte < 0x20 ? "\\x%02x" : "\\%c", byte);
        text++;
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
    const char *separator = "";
    fputc('[', stream);
    for (uint32_t i = 0; names[i]; i++) {
        if (bits & 1U << i) {
            fprintf(stream, "%s%s", separator, names[i]);
            separator = ", ";
        }
    }
    fputc(']', stream);
}

static void properties_print(FILE *stream, const struct property_list *list)
{
    fputc('{', stream);
    for (uint32_t i = 0; i < list->count; i++) {
        bool hidden = secret_name_is(list->names[i]) && *list->values[i];
        fputs(i ? ", " : "", stream);
        string_print(stream, list->names[i]);
        fputs(": ", stream);
        string_print(stream, hidden ? SECRET_HIDDEN : list->values[i]);
    }
    fputc('}', stream);
}

/* The members of a JSON object, without its braces: JSON is YAML, but for characters that YAML does not take. */
static void json_print(FILE *stream, const char *json)
{
    fputc('{', stream);
    while (*json)
        json += character_print(stream, json);
    fputc('}', stream);
}

static void text_print(FILE *stream, const struct option_row *option, const char *text)
{
    string_print(stream, option->secret && *text ? SECRET_HIDDEN : text);
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
        text_print(stream, option, *(char *const *)member);
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
        json_print(stream, *(char *const *)member);
        break;
    case OPTION_PROPERTIES:
        properties_print(stream, member);
        break;
    case OPTION_IGNORED:
    case OPTION_UNSUPPORTED:
        break;
    }
}

/*
 * Begins the groups of a key in which the key before it was not, at this level of indentation; returns the name in the
 * innermost and adds its level.
 */
static const char *groups_enter(FILE *stream, const char *before, const char *key, int *level)
{
    const char *part = key;
    for (const char *dot = strchr(part, '.'); dot; part = dot + 1, dot = strchr(part, '.')) {
        if (strncmp(before, key, (size_t)(dot - key) + 1) != 0)
            fprintf(stream, "%*s%.*s:\n", 2 * *level, "", (int)(dot - part), part);
        ++*level;
    }
    return part;
}

/* The secrets of a list of properties, or a secret: what is hidden cannot be seen to be the same. */
static bool holds_secret(const struct option_row *option, const void *member)
{
    const struct property_list *list = member;
    if (option->secret)
        return **(char *const *)member;
    for (uint32_t i = 0; option->type == OPTION_PROPERTIES && i < list->count; i++) {
        if (secret_name_is(list->names[i]))
            return true;
    }
    return false;
}

/* What an output has else than the options that all begin with. */
static void output_print(FILE *stream, const struct config *config, const struct output_config *output)
{
    const char *before = "", *quote = output->name[0] == '-' ? "\"" : "";
    fprintf(stream, "  %s%s%s:\n", quote, output->name, quote);
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        int level = 2;
        if (!option_is_output(option) || !option_has_value(option))
            continue;
        const void *member = member_of(NULL, output, option);
        if (member_equal(option, member, member_of(config, NULL, option)) && !holds_secret(option, member))
            continue;
        const char *key = option->key + strlen(OPTION_OUTPUT);
        const char *name = groups_enter(stream, before, key, &level);
        before = key;
        fprintf(stream, "%*s%s: ", 2 * level, "", name);
        value_print(stream, option, member);
        fputc('\n', stream);
    }
}

void config_print(FILE *stream, const struct config *config)
{
    const char *before = "";
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        int level = 0;
        if (!option_has_value(option))
            continue;
        const char *name = groups_enter(stream, before, option->key, &level);
        before = option->key;
        fprintf(stream, "%*s%s: ", 2 * level, "", name);
        value_print(stream, option, member_of(config, NULL, option));
        fputc('\n', stream);
    }
    if (!config->output.name || *config->output.name)
        return; /* it is the only output */
    fputs("outputs:\n", stream);
    for (uint32_t i = 0; i < config->output_count; i++)
        output_print(stream, config, &config->outputs[i]);
}

/* The default as it stands in a file. */
static void default_print(FILE *stream, const struct option_row *option)
{
    bool list = option->type == OPTION_LIST || option->type == OPTION_SET;
    if (option->type == OPTION_MAP || option->type == OPTION_PROPERTIES) {
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

static const char sample_end[] =
    "\n# Several outputs at once: each begins with what output says, and sets what it has else below its name.\n"
    "# outputs:\n"
    "#   flows:\n"
    "#     type: kafka\n"
    "#     kinds: [flows]\n"
    "#     kafka:\n"
    "#       brokers: [\"kafka-1.example.org:9093\", \"kafka-2.example.org:9093\"]\n"
    "#       sasl: scram-sha-512\n"
    "#     username: weir\n"
    "#     password: file:/etc/weir/kafka-password\n"
    "#     tls:\n"
    "#       enabled: true\n"
    "#     spool:\n"
    "#       path: /var/spool/weir\n"
    "#   exporters:\n"
    "#     type: file\n"
    "#     kinds: [options]\n"
    "#     path: /var/lib/weir/exporters-%Y%m%d-%i.ndjson\n";

void config_sample_print(FILE *stream)
{
    const char *before = "";
    fprintf(stream, "# Configuration of weir. Every option is shown with its default; remove the # to change one.\n");
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        char indentation[16];
        int level = 0;
        if (!option_has_value(option))
            continue;
        fputc('\n', stream);
        const char *name = groups_enter(stream, before, option->key, &level);
        before = option->key;
        snprintf(indentation, sizeof indentation, "%*s# ", 2 * level, "");
        wrapped_print(stream, indentation, option->help);
        fprintf(stream, "%*s#%s: ", 2 * level, "", name);
        default_print(stream, option);
        fputc('\n', stream);
    }
    fputs(sample_end, stream);
}
