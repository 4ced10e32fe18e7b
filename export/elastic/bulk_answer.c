/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/bulk_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define MOST_BYTES          (1U << 20) /* of an answer, and for each document: */
#define MOST_DOCUMENT_BYTES 2048U      /* type, reason and names; servers cut the values that they cite */
#define ERROR_BYTES         8192       /* of an answer that is no success */
#define ROOM_LEAST_BYTES    4096

void bulk_answer_fini(struct bulk_answer *answer)
{
    free(answer->body);
    *answer = (struct bulk_answer){0};
}

void bulk_answer_begin(struct bulk_answer *answer, uint32_t documents)
{
    if (answer->room_bytes > MOST_BYTES) /* a large answer of errors is rare: its memory is not kept */
        bulk_answer_fini(answer);
    char *body = answer->body;
    size_t room_bytes = answer->room_bytes;
    *answer = (struct bulk_answer){.body = body, .room_bytes = room_bytes};
    answer->most_bytes = MOST_BYTES + (uint64_t)documents * MOST_DOCUMENT_BYTES;
}

/* ---- as it comes ---- */

static bool keep(struct bulk_answer *answer, const char *bytes, size_t size_bytes)
{
    size_t need = answer->size_bytes + size_bytes + 1;
    if (need > answer->room_bytes) {
        size_t room = answer->room_bytes * 2 > need ? answer->room_bytes * 2 : need;
        room = room < ROOM_LEAST_BYTES ? ROOM_LEAST_BYTES : room;
        char *body = realloc(answer->body, room);
        if (!body)
            return false;
        answer->body = body;
        answer->room_bytes = room;
    }
    memcpy(answer->body + answer->size_bytes, bytes, size_bytes);
    answer->size_bytes += size_bytes;
    answer->body[answer->size_bytes] = '\0';
    return true;
}

static void scan_text(struct bulk_answer *answer, char letter)
{
    if (answer->escaped)
        answer->escaped = false;
    else if (letter == '\\')
        answer->escaped = true;
    else if (letter == '"')
        answer->in_text = false;
    if (answer->in_text && answer->depth == 1 && answer->word_bytes < sizeof answer->word)
        answer->word[answer->word_bytes++] = letter;
}

static bool is_space(char letter)
{
    return letter == ' ' || letter == '\n' || letter == '\r' || letter == '\t';
}

static void scan_letter(struct bulk_answer *answer, char letter)
{
    if (answer->in_text) {
        scan_text(answer, letter);
        return;
    }
    if (answer->expects && !is_space(letter)) {
        answer->expects = false;
        answer->errors = letter == 't' ? BULK_ERRORS_SOME : letter == 'f' ? BULK_ERRORS_NONE : BULK_ERRORS_UNKNOWN;
    }
    if (letter == '"') {
        answer->in_text = true;
        answer->word_bytes = 0;
    } else if (letter == '{' || letter == '[') {
        answer->depth++;
    } else if (letter == '}' || letter == ']') {
        answer->depth--;
    } else if (letter == ':') {
        answer->expects = answer->depth == 1 && answer->word_bytes == 6 && memcmp(answer->word, "errors", 6) == 0;
    }
}

bool bulk_answer_take(struct bulk_answer *answer, const char *bytes, size_t size_bytes)
{
    answer->total_bytes += size_bytes;
    if (answer->total_bytes > answer->most_bytes) {
        answer->too_long = true;
        return false;
    }
    for (size_t i = 0; i < size_bytes && answer->errors == BULK_ERRORS_UNKNOWN; i++)
        scan_letter(answer, bytes[i]);
    for (size_t i = size_bytes; i; i--) {
        if (!is_space(bytes[i - 1])) {
            answer->last = bytes[i - 1];
            break;
        }
    }
    return answer->errors == BULK_ERRORS_NONE || keep(answer, bytes, size_bytes);
}

void bulk_answer_take_error(struct bulk_answer *answer, const char *bytes, size_t size_bytes)
{
    size_t room = answer->size_bytes < ERROR_BYTES ? ERROR_BYTES - answer->size_bytes : 0;
    keep(answer, bytes, size_bytes < room ? size_bytes : room); /* without memory the reason is shorter */
}

bool bulk_answer_clean(const struct bulk_answer *answer)
{
    return answer->errors == BULK_ERRORS_NONE && answer->last == '}';
}

/* ---- at its end ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* {"create":{"status":400,"error":{"type":"...","reason":"..."}}}: false when it is not like that. */
static bool item_read(json_t *entry, struct bulk_item *item)
{
    json_t *outcome = json_object_iter_value(json_object_iter(entry));
    json_t *status = json_object_get(outcome, "status");
    if (!json_is_integer(status) || json_integer_value(status) < 100 || json_integer_value(status) > 599)
        return false;
    const json_t *error = json_object_get(outcome, "error");
    item->status = (long)json_integer_value(status);
    item->type = text_of(error, "type");
    item->reason = json_is_string(error) ? json_string_value(error) : text_of(error, "reason");
    return true;
}

static bool items_valid(const json_t *items, uint32_t documents)
{
    struct bulk_item item;
    size_t index;
    json_t *entry;
    if (json_array_size(items) != documents)
        return false;
    json_array_foreach(items, index, entry)
        if (!item_read(entry, &item))
            return false;
    return true;
}

static json_t *parse(const struct bulk_answer *answer)
{
    return answer->size_bytes ? json_loadb(answer->body, answer->size_bytes, JSON_ALLOW_NUL, NULL) : NULL;
}

int bulk_answer_read(const struct bulk_answer *answer, uint32_t documents, bulk_visit visit, void *context)
{
    json_t *root = parse(answer);
    const json_t *items = json_object_get(root, "items");
    bool valid = items_valid(items, documents);
    for (uint32_t i = 0; valid && i < documents; i++) {
        struct bulk_item item = {.document = i};
        item_read(json_array_get(items, i), &item);
        visit(context, &item);
    }
    json_decref(root);
    return valid ? 0 : -EBADMSG;
}

void bulk_answer_error(const struct bulk_answer *answer, struct bulk_error *error)
{
    json_t *root = parse(answer);
    const json_t *cause = json_object_get(root, "error");
    const char *reason = json_is_string(cause) ? json_string_value(cause) : text_of(cause, "reason");
    if (!*reason && answer->size_bytes)
        reason = answer->body;
    snprintf(error->type, sizeof error->type, "%s", text_of(cause, "type"));
    snprintf(error->reason, sizeof error->reason, "%s", reason);
    json_decref(root);
}
