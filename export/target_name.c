/* SPDX-License-Identifier: Apache-2.0 */
#include "export/target_name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define TOPIC_BYTES_MOST 249 /* Kafka's limit: 255 for the folder's name, less the number of the partition */
#define INDEX_BYTES_MOST 255

/* Stand in the format where these go; a name cannot have control characters, so nothing else is mistaken for them. */
#define EXPORTER_MARK '\x01'
#define KIND_MARK     '\x02'

/* Letters of strftime that name a time. %s depends on the machine's time zone; %E and %O on its language. */
#define TIME_LETTERS "aAbBcCdDeFgGhHIjklmMpPrRSTuUVwWxXyYzZ"

#define CHECK_FROM 1798761600 /* 2027-01-01: two years with all days of the week, month and year from there */
#define CHECK_DAYS 731

static const char *const kind_texts[DOCUMENT_KINDS] = {[DOCUMENT_FLOW] = "flows", [DOCUMENT_OPTIONS] = "options",
                                                      [DOCUMENT_COUNTERS] = "counters"};

static int complain(char why[TARGET_WHY_MOST], const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(char why[TARGET_WHY_MOST], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, TARGET_WHY_MOST, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool allowed(enum target_rules rules, char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')
        return true;
    if (rules == TARGET_TOPIC)
        return c >= 'A' && c <= 'Z';
    return (unsigned char)c > ' ' && c != 0x7f && !(c >= 'A' && c <= 'Z') && !strchr("\\/*?\"<>|,#:", c);
}

/* Appends to the format; false when there is no room. */
static bool append(struct target_name *name, const char *text, size_t size_bytes)
{
    size_t at = strlen(name->format);
    if (size_bytes >= sizeof name->format - at)
        return false;
    memcpy(name->format + at, text, size_bytes);
    name->format[at + size_bytes] = '\0';
    return true;
}

/* The namespace is text: its percent signs are doubled for strftime. */
static bool append_namespace(struct target_name *name, const char *namespace)
{
    for (; *namespace; namespace ++) {
        if (!append(name, *namespace == '%' ? "%%" : namespace, *namespace == '%' ? 2 : 1))
            return false;
    }
    return true;
}

/* Reads the %{word} at `at`; returns its length, or 0 when there is none or no room. */
static size_t append_word(struct target_name *name, const char *at, const char *namespace)
{
    static const char exporter[] = "%{exporter}", kind[] = "%{kind}", space[] = "%{namespace}";
    if (strncmp(at, exporter, sizeof exporter - 1) == 0) {
        name->by_exporter = true;
        return append(name, (char[]){EXPORTER_MARK}, 1) ? sizeof exporter - 1 : 0;
    }
    if (strncmp(at, kind, sizeof kind - 1) == 0) {
        name->by_kind = true;
        return append(name, (char[]){KIND_MARK}, 1) ? sizeof kind - 1 : 0;
    }
    if (strncmp(at, space, sizeof space - 1) == 0)
        return append_namespace(name, namespace) ? sizeof space - 1 : 0;
    return 0;
}

static int compile(struct target_name *name, const char *pattern, const char *namespace, char why[TARGET_WHY_MOST])
{
    for (const char *at = pattern; *at;) {
        size_t taken = 1;
        if ((unsigned char)*at < ' ')
            return complain(why, "\"%s\" has a control character", pattern);
        if (*at == '%' && at[1] == '{') {
            taken = append_word(name, at, namespace);
            if (!taken)
                return complain(why, "\"%s\" has, at \"%.16s\", none of %%{exporter}, %%{kind} and %%{namespace}",
                                pattern, at);
        } else if (*at == '%') {
            taken = 2;
            if (!at[1] || (at[1] != '%' && !strchr(TIME_LETTERS, at[1])))
                return complain(why,
                                "\"%s\" has, at \"%.2s\", no letter of strftime that names a time; a percent sign is "
                                "%%%%",
                                pattern, at);
            name->by_time |= at[1] != '%';
            if (!append(name, at, taken))
                return complain(why, "the pattern is longer than %u bytes", TARGET_PATTERN_MOST - 1);
        } else if (!append(name, at, taken)) {
            return complain(why, "the pattern is longer than %u bytes", TARGET_PATTERN_MOST - 1);
        }
        at += taken;
    }
    return 0;
}

/* The text of the format at a second; false when it does not fit or has nothing in it. */
static bool stamp(struct target_name *name, int64_t second)
{
    struct tm utc;
    time_t time = (time_t)second;
    name->second = second;
    return gmtime_r(&time, &utc) && strftime(name->stamped, sizeof name->stamped, name->format, &utc);
}

static size_t append_address(const struct endpoint *endpoint, enum target_rules rules, char *out)
{
    char text[ADDRESS_TEXT_MOST];
    size_t size_bytes = address_format(&endpoint->address, text);
    for (size_t i = 0; i < size_bytes; i++)
        out[i] = allowed(rules, text[i]) ? text[i] : '-';
    return size_bytes;
}

/* Puts exporter and kind where their marks stand. Returns the length, or 0 when there is no room. */
static size_t place(const struct target_name *name, enum document_kind kind, const struct endpoint *endpoint,
                    char text[TARGET_NAME_MOST])
{
    size_t length = 0;
    for (const char *at = name->stamped; *at; at++) {
        size_t most = *at == EXPORTER_MARK ? ADDRESS_TEXT_MOST : *at == KIND_MARK ? strlen(kind_texts[kind]) : 1;
        if (length + most >= TARGET_NAME_MOST)
            return 0;
        if (*at == EXPORTER_MARK)
            length += append_address(endpoint, name->rules, text + length);
        else if (*at == KIND_MARK)
            length = (size_t)(stpcpy(text + length, kind_texts[kind]) - text);
        else
            text[length++] = *at;
    }
    text[length] = '\0';
    return length;
}

/* What a name may not be although its characters are allowed. */
static const char *shape_fault(enum target_rules rules, const char *text, size_t size_bytes)
{
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return "is a folder's name";
    if (rules == TARGET_TOPIC)
        return size_bytes > TOPIC_BYTES_MOST ? "is longer than 249 characters" : NULL;
    if (strchr("-_+", *text))
        return "begins with '-', '_' or '+'";
    return size_bytes > INDEX_BYTES_MOST ? "is longer than 255 bytes" : NULL;
}

static int check(const struct target_name *name, enum document_kind kind, const struct endpoint *endpoint,
                 char why[TARGET_WHY_MOST])
{
    static const char *const things[] = {[TARGET_TOPIC] = "Kafka's topics", [TARGET_INDEX] = "Elasticsearch's indices"};
    char text[TARGET_NAME_MOST];
    size_t size_bytes = place(name, kind, endpoint, text);
    if (!size_bytes)
        return complain(why, "names get empty or too long");
    for (const char *at = text; *at; at++) {
        if (!allowed(name->rules, *at))
            return complain(why, "names get like \"%s\"; %s cannot have '%c' in theirs", text, things[name->rules],
                            *at);
    }
    const char *fault = shape_fault(name->rules, text, size_bytes);
    return fault ? complain(why, "names get like \"%s\", which %s; %s cannot be called so", text, fault,
                            things[name->rules])
                 : 0;
}

/* Names of all days of two years, by the longest and the strangest exporter. */
static int check_all(struct target_name *name, char why[TARGET_WHY_MOST])
{
    struct endpoint any = {0}, longest;
    memset(&longest, 0x88, sizeof longest);
    for (int64_t day = 0; day < (name->by_time ? CHECK_DAYS : 1); day++) {
        if (!stamp(name, CHECK_FROM + day * 86400 + (day % 24) * 3600 + 1))
            return complain(why, "names get empty or too long");
        int error = check(name, DOCUMENT_OPTIONS, &longest, why);
        if (!error)
            error = check(name, DOCUMENT_FLOW, &any, why);
        if (error)
            return error;
    }
    return 0;
}

int target_name_init(struct target_name *name, const char *pattern, const char *namespace, enum target_rules rules,
                     char why[TARGET_WHY_MOST])
{
    *name = (struct target_name){.rules = rules};
    int error = compile(name, pattern, namespace, why);
    if (!error)
        error = check_all(name, why);
    name->second = INT64_MIN;
    return error;
}

static int64_t second_of(int64_t utc_ns)
{
    return utc_ns / NS_PER_S - (utc_ns % NS_PER_S < 0);
}

size_t target_name_render(struct target_name *name, int64_t utc_ns, enum document_kind kind,
                          const struct endpoint *endpoint, char text[TARGET_NAME_MOST])
{
    int64_t second = name->by_time ? second_of(utc_ns) : 0;
    bool same = name->size_bytes && second == name->second && kind == name->kind &&
                (!name->by_exporter || address_equal(&endpoint->address, &name->address));
    if (!same) {
        if (second != name->second)
            stamp(name, second);
        name->kind = kind;
        if (name->by_exporter)
            name->address = endpoint->address;
        name->size_bytes = place(name, kind, endpoint, name->text);
    }
    memcpy(text, name->text, name->size_bytes + 1);
    return name->size_bytes;
}
