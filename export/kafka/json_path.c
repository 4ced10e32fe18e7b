/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/json_path.h"

#include <string.h>

/* What is left of the text. Everything below moves `at` and never beyond `end`. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || (*cursor->at >= '\t' && *cursor->at <= '\r')))
        cursor->at++;
}

/* Takes this character after blanks; false when another one or the end is there. */
static bool take(struct cursor *cursor, uint8_t character)
{
    skip_blanks(cursor);
    if (cursor->at == cursor->end || *cursor->at != character)
        return false;
    cursor->at++;
    return true;
}

/* The inside of a string whose opening quote was taken; the cursor goes behind its closing one. */
static struct json_value take_string(struct cursor *cursor)
{
    const uint8_t *begin = cursor->at;
    for (;;) {
        const uint8_t *quote = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
        if (!quote) {
            cursor->at = cursor->end;
            return (struct json_value){0};
        }
        const uint8_t *slash = quote;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        cursor->at = quote + 1;
        if ((quote - slash) % 2 == 0)
            return (struct json_value){.text = begin, .size_bytes = (size_t)(quote - begin)};
    }
}

/* Goes behind an object or an array whose opening bracket was taken, however deep it is. */
static void skip_nested(struct cursor *cursor)
{
    size_t depth = 1;
    while (depth && cursor->at < cursor->end) {
        uint8_t character = *cursor->at++;
        if (character == '"')
            take_string(cursor);
        else if (character == '{' || character == '[')
            depth++;
        else if (character == '}' || character == ']')
            depth--;
    }
}

/* Number, true, false or null. */
static struct json_value take_literal(struct cursor *cursor)
{
    const uint8_t *begin = cursor->at;
    while (cursor->at<cursor->end && * cursor->at> ' ' && *cursor->at != ',' && *cursor->at != '}' &&
           *cursor->at != ']')
        cursor->at++;
    size_t size_bytes = (size_t)(cursor->at - begin);
    if (!size_bytes || (size_bytes == 4 && memcmp(begin, "null", 4) == 0))
        return (struct json_value){0};
    return (struct json_value){.text = begin, .size_bytes = size_bytes};
}

/* Goes behind the value; where it is a scalar, says which. */
static struct json_value take_value(struct cursor *cursor)
{
    if (take(cursor, '"')) {
        struct json_value value = take_string(cursor);
        return value.size_bytes ? value : (struct json_value){0};
    }
    if (take(cursor, '{') || take(cursor, '[')) {
        skip_nested(cursor);
        return (struct json_value){0};
    }
    return take_literal(cursor);
}

/* How much of the path a member's name is: all of it, or a part that ends before a dot; 0 when it is none. */
static size_t matched(struct json_value name, const char *path, size_t path_bytes)
{
    if (!name.size_bytes || name.size_bytes > path_bytes || memcmp(name.text, path, name.size_bytes) != 0)
        return 0;
    return name.size_bytes == path_bytes || path[name.size_bytes] == '.' ? name.size_bytes : 0;
}

struct json_value json_path_find(const uint8_t *json, size_t size_bytes, const char *path)
{
    struct cursor cursor = {.at = json, .end = json + size_bytes};
    size_t path_bytes = strlen(path);
    if (!take(&cursor, '{'))
        return (struct json_value){0};
    while (take(&cursor, '"')) {
        size_t length = matched(take_string(&cursor), path, path_bytes);
        if (!take(&cursor, ':'))
            break;
        if (length && length < path_bytes && take(&cursor, '{')) {
            path += length + 1;
            path_bytes -= length + 1;
            continue;
        }
        struct json_value value = take_value(&cursor);
        if (length && length == path_bytes)
            return value;
        if (!take(&cursor, ','))
            break;
    }
    return (struct json_value){0};
}

bool json_path_valid(const char *path)
{
    for (const char *name = path;; name++) {
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@");
        name += length;
        if (!length || (*name && *name != '.'))
            return false;
        if (!*name)
            return true;
    }
}
