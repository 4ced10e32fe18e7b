/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decode/record.h"
#include "export/encode/derive.h"
#include "export/encode/lists.h"
#include "export/encode/program.h"
#include "export/encode/strip.h"

/* What a document is written from. */
struct writing {
    const struct program *program;
    const struct record *record;
    const struct derived *derived;
    const struct strip *strips;   /* STRIPS of them, rendered for the record's message */
    const struct list_maker *lists; /* with PROGRAM_LISTS: the record's are rendered */
    struct text_day *day;
    uint64_t unmappable;          /* counts the values that were left out because no mapping could take them */
};

/*
 * Runs the program: plain JSON and a newline at `out`; returns its end. The caller has program_most_bytes() and
 * TEXT_OVERRUN bytes of room.
 */
char *writer_run(struct writing *writing, char *out);

/*
 * A value as JSON has it, without quotes, of the format of a field (FORMAT_UNSIGNED8 and on); returns its end. At most
 * 64 bytes, and 6 for each of the value's.
 */
char *writer_value(char *out, uint8_t format, const uint8_t *bytes, uint32_t length, struct text_day *day);

/* The longest document of this record, but for its arrays. */
static inline size_t program_most_bytes(const struct program *program, const struct record *record, size_t strip_bytes)
{
    return program->most_bytes + (size_t)program->most_per_byte * record->size_bytes + strip_bytes;
}
