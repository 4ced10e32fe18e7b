/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/writer.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "export/encode/times.h"

/* An interpreter's loop: each case is to go on to the next step by itself, and not by a common end. */
#ifndef __clang__
#pragma GCC optimize("no-crossjumping,no-tree-tail-merge,no-gcse")
#endif

/* writer_run()'s loop needs its registers: what is in it seldom is called, what is in it often is not. */
#define SELDOM __attribute__((noinline))
#define ALWAYS inline __attribute__((always_inline))

static const uint8_t *bytes_of(const struct writing *writing, const struct step *step, uint32_t *length)
{
    const struct span span = writing->record->spans[step->value];
    *length = span.length;
    return writing->record->bytes + span.offset;
}

static bool is_zero(const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Conditions that are not bits: they look at the step's own span. */
static bool check_passes(struct writing *writing, const struct step *step, uint8_t when)
{
    if (when == WHEN_COMMA)
        return true;
    uint32_t length;
    const uint8_t *bytes = bytes_of(writing, step, &length);
    if (length == SPAN_ABSENT)
        return false;
    bool mappable = true;
    if (when == WHEN_BOOLEAN)
        return bytes[0] == 1 || bytes[0] == 2;
    if (when == WHEN_NONZERO)
        return !is_zero(bytes, length);
    if (when == WHEN_LONG)
        mappable = read_be(bytes, length) <= INT64_MAX;
    else if (when == WHEN_DATE)
        mappable = value_is_date(bytes);
    writing->unmappable += !mappable && step->format != FORMAT_NONE;
    return mappable;
}

static inline bool step_is_wanted(struct writing *writing, const struct step *step)
{
    uint8_t when = step->when & ~WHEN_FIRST;
    if (when < WHEN_CHECKS)
        return writing->derived->conditions >> when & 1;
    return check_passes(writing, step, when);
}

/* In pieces of 16 bytes: a slot's text was stored so, not long ago, and a wider load would wait for the store. */
static inline char *slot_copy(char *out, const struct slot *slot, size_t copied)
{
    for (size_t at = 0; at < copied; at += 16)
        memcpy(out + at, slot->text + at, 16);
    return out + slot->size_bytes;
}

static SELDOM char *related_write(char *out, const struct derived *derived)
{
    *out++ = '[';
    for (uint32_t i = 0; i < derived->related_count; i++) {
        *out++ = '"';
        out = slot_copy(out, derived->related[i], derived->related[i]->size_bytes <= 16 ? 16 : SLOT_BYTES);
        memcpy(out, "\",", 2);
        out += 2;
    }
    out[-1] = ']';
    return out;
}

static SELDOM char *octets_write(char *out, const uint8_t *bytes, uint32_t length)
{
    *out++ = '[';
    for (uint32_t i = 0; i < length; i++) {
        out = text_byte(out, bytes[i]);
        *out++ = ',';
    }
    out -= length > 0;
    *out = ']';
    return out + 1;
}

static SELDOM char *numbers_write(char *out, const uint8_t *bytes, uint32_t length)
{
    *out++ = '[';
    for (uint32_t at = 0; at + 4 <= length; at += 4) {
        out = text_unsigned(out, read_be32(bytes + at));
        *out++ = ',';
    }
    out -= length >= 4;
    *out = ']';
    return out + 1;
}

/* As operators write them: the AS and its own number. */
static SELDOM char *communities_write(char *out, const uint8_t *bytes, uint32_t length)
{
    *out++ = '[';
    for (uint32_t at = 0; at + 4 <= length; at += 4) {
        *out++ = '"';
        out = text_unsigned(out, read_be16(bytes + at));
        *out++ = ':';
        out = text_unsigned(out, read_be16(bytes + at + 2));
        memcpy(out, "\",", 2);
        out += 2;
    }
    out -= length >= 4;
    *out = ']';
    return out + 1;
}

static SELDOM char *macs_write(char *out, const uint8_t *bytes, uint32_t length)
{
    *out++ = '[';
    for (uint32_t at = 0; at + 6 <= length; at += 6) {
        *out++ = '"';
        out = text_mac(out, bytes + at);
        memcpy(out, "\",", 2);
        out += 2;
    }
    out -= length >= 6;
    *out = ']';
    return out + 1;
}

static SELDOM char *acl_write(char *out, const uint8_t *bytes)
{
    for (int group = 0; group < 3; group++) {
        out = text_hex(out, bytes + 4 * group, 4);
        *out++ = '-';
    }
    return out - 1;
}

/* Trailing NULs fill a field of fixed length; those inside stay. */
static char *string_write(char *out, const uint8_t *bytes, uint32_t length)
{
    uint64_t eight = 0;
    while (length >= 8 && (memcpy(&eight, bytes + length - 8, 8), eight == 0))
        length -= 8;
    while (length && bytes[length - 1] == 0)
        length--;
    return text_json(out, bytes, length);
}

static SELDOM char *float_write(char *out, const uint8_t *bytes, uint32_t length)
{
    union {
        uint64_t bits;
        double value;
    } eight = {.bits = length == 8 ? read_be64(bytes) : 0};
    union {
        uint32_t bits;
        float value;
    } four = {.bits = length == 4 ? read_be32(bytes) : 0};
    return text_double(out, length == 8 ? eight.value : (double)four.value);
}

static char *signed_write(char *out, const uint8_t *bytes, uint32_t length)
{
    uint64_t value = read_be(bytes, length);
    unsigned unused = length < 8 ? 64 - 8 * length : 0;
    return text_signed(out, length ? (int64_t)(value << unused) >> unused : 0);
}

static char *boolean_write(char *out, const uint8_t *bytes)
{
    memcpy(out, bytes[0] == 1 ? "true\0" : "false", 5);
    return out + (bytes[0] == 1 ? 4 : 5);
}

static SELDOM char *ntp_write(char *out, const uint8_t *bytes, bool eras, struct text_day *day)
{
    int64_t ns;
    return text_time(out, ntp_milliseconds(bytes, eras, &ns), day);
}

static ALWAYS char *value_write(char *out, uint8_t format, const uint8_t *bytes, uint32_t length,
                                struct text_day *day)
{
    switch (format) {
    case FORMAT_UNSIGNED8:
        return text_byte(out, bytes[0]);
    case FORMAT_UNSIGNED16:
        return text_below_1e8(out, read_be16(bytes));
    case FORMAT_UNSIGNED32:
        return text_unsigned(out, read_be32(bytes));
    case FORMAT_UNSIGNED64:
        return text_unsigned(out, read_be64(bytes));
    case FORMAT_UNSIGNED:
        return text_unsigned(out, read_be(bytes, length));
    case FORMAT_SIGNED:
        return signed_write(out, bytes, length);
    case FORMAT_FLOAT:
        return float_write(out, bytes, length);
    case FORMAT_BOOLEAN:
        return boolean_write(out, bytes);
    case FORMAT_MAC:
        return text_mac(out, bytes);
    case FORMAT_OCTETS:
        return octets_write(out, bytes, length);
    case FORMAT_STRING:
        return string_write(out, bytes, length);
    case FORMAT_SECONDS:
        return text_time(out, (int64_t)read_be32(bytes) * 1000, day);
    case FORMAT_MILLISECONDS:
        return text_time_unsigned(out, read_be64(bytes), day);
    case FORMAT_NTP:
    case FORMAT_NTP_ERAS:
        return ntp_write(out, bytes, format == FORMAT_NTP_ERAS, day);
    case FORMAT_IPV4:
        return text_ipv4(out, bytes);
    case FORMAT_IPV6:
        return text_ipv6(out, bytes);
    case FORMAT_ACL:
        return acl_write(out, bytes);
    case FORMAT_NUMBERS:
        return numbers_write(out, bytes, length);
    case FORMAT_COMMUNITIES:
        return communities_write(out, bytes, length);
    case FORMAT_MACS:
        return macs_write(out, bytes, length);
    default:
        return text_hex(out, bytes, length);
    }
}

char *writer_value(char *out, uint8_t format, const uint8_t *bytes, uint32_t length, struct text_day *day)
{
    return value_write(out, format, bytes, length, day);
}

/* Two spans at a time; the length is the upper half of each. */
static bool spans_absent(const struct span *spans)
{
    static_assert(SKIP_FIELDS == 8 && sizeof *spans == 4 && offsetof(struct span, length) == 2, "four words");
    const uint64_t lengths = 0xffff0000ffff0000;
    uint64_t words[4];
    memcpy(words, spans, sizeof words);
    return (words[0] & words[1] & words[2] & words[3] & lengths) == lengths;
}

static SELDOM bool many_spans_absent(const struct span *spans)
{
    const uint64_t lengths = 0xffff0000ffff0000;
    uint64_t all = lengths;
    for (uint32_t i = 0; i < SKIP_MANY; i += 2) {
        uint64_t word;
        memcpy(&word, spans + i, sizeof word);
        all &= word;
    }
    return all == lengths;
}

/* An object without members is taken back. */
static inline char *object_close(char *out, char *opened)
{
    if (out[-1] == '{')
        return opened;
    *out = '}';
    return out + 1;
}

static ALWAYS const uint8_t *field_bytes(const struct writing *writing, const struct step *step)
{
    uint32_t length;
    return bytes_of(writing, step, &length);
}

/* Values that are read from the record each time. */
static ALWAYS char *field_write(struct writing *writing, const struct step *step, char *out)
{
    uint32_t length;
    const uint8_t *bytes = bytes_of(writing, step, &length);
    return value_write(out, step->format, bytes, length, writing->day);
}

/* Texts that were made before. */
static SELDOM char *made_write(const struct writing *writing, const struct step *step, char *out)
{
    if (step->format == FORMAT_FACT) {
        const struct fact *fact = writing->derived->facts[step->value];
        return text_copy(out, fact->text, fact->text_bytes);
    }
    const struct list_text *list = list_maker_text(writing->lists, step->value);
    return text_copy(out, list->text, list->size_bytes);
}

/* A format whose value is written by one call. */
#define CASE(format, written)                                                                                          \
    case format:                                                                                                       \
        out = written;                                                                                                 \
        break

char *writer_run(struct writing *writing, char *out)
{
    const struct derived *derived = writing->derived;
    const struct step *step = writing->program->steps, *end = step + writing->program->step_count;
    char *opened[BUILDER_DEPTH];
    unsigned depth = 0;
    for (; step < end; step++) {
        const char *text = step->text;
        uint32_t text_bytes = step->text_bytes;
        char *before = out;
        if (step->when) {
            if (!step_is_wanted(writing, step)) {
                step += step->format == FORMAT_OPEN ? step->value : 0;
                continue;
            }
            if (step->when & WHEN_FIRST && out[-1] == '{') {
                text++;
                text_bytes--;
            }
        }
        out = text_copy(out, text, text_bytes);
        switch (step->format) {
        case FORMAT_NONE:
            break;
        CASE(FORMAT_STRIP, text_copy(out, writing->strips[step->value].text, writing->strips[step->value].size_bytes));
        case FORMAT_SLOT8:
            memcpy(out, derived->slots[step->value].text, 8);
            out += derived->slots[step->value].size_bytes;
            break;
        CASE(FORMAT_SLOT16, slot_copy(out, &derived->slots[step->value], 16));
        CASE(FORMAT_SLOT32, slot_copy(out, &derived->slots[step->value], 32));
        CASE(FORMAT_SLOT48, slot_copy(out, &derived->slots[step->value], SLOT_BYTES));
        CASE(FORMAT_TIME_OF, text_time(out, derived->times_ms[step->value], writing->day));
        CASE(FORMAT_SLOT_OF, slot_copy(out, &derived->slots[derived->slot_of[step->value]], SLOT_BYTES));
        CASE(FORMAT_WORD, text_copy(out, derived->words[step->value]->text, derived->words[step->value]->size_bytes));
        CASE(FORMAT_COMMUNITY_ID, text_copy(out, derived->community_id, 30));
        CASE(FORMAT_FLOW_ID, text_copy(out, derived->flow_id, 11));
        CASE(FORMAT_RELATED, related_write(out, derived));
        case FORMAT_SKIP:
            step += spans_absent(writing->record->spans + step->value) ? step->most_bytes : 0;
            break;
        case FORMAT_SKIP_MANY:
            step += many_spans_absent(writing->record->spans + step->value) ? step->most_bytes : 0;
            break;
        case FORMAT_FACT:
        CASE(FORMAT_LIST, made_write(writing, step, out));
        case FORMAT_OPEN:
            opened[depth++] = before;
            break;
        CASE(FORMAT_CLOSE, object_close(out, opened[--depth]));
        /* most of a record's values: without the second jump */
        CASE(FORMAT_UNSIGNED8, text_byte(out, *field_bytes(writing, step)));
        CASE(FORMAT_UNSIGNED16, text_below_1e8(out, read_be16(field_bytes(writing, step))));
        CASE(FORMAT_UNSIGNED32, text_unsigned(out, read_be32(field_bytes(writing, step))));
        CASE(FORMAT_UNSIGNED64, text_unsigned(out, read_be64(field_bytes(writing, step))));
        CASE(FORMAT_IPV4, text_ipv4(out, field_bytes(writing, step)));
        default:
            out = field_write(writing, step, out);
        }
    }
    return out;
}
