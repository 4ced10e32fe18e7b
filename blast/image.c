/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blast/flow.h"
#include "blast/image_draft.h"
#include "blast/put.h"
#include "blast/random.h"

#define VERSION_V9      9
#define VERSION_IPFIX   10
#define OPTIONS_RECORDS 8  /* interfaces that an exporter names */
#define SET_BYTES       4  /* a set's header */
#define PADDING_MOST    3
#define FULL_SHARE      7  /* of eight datagrams so many are full; the others were sent because time was up */

struct image_draft *image_draft_new(void)
{
    return calloc(1, sizeof(struct image_draft));
}

void draft_number(struct image_draft *draft, uint64_t value, uint32_t length)
{
    put_number(draft->bytes + draft->size_bytes, value, length);
    draft->size_bytes += length;
}

void draft_bytes(struct image_draft *draft, const void *bytes, uint32_t length)
{
    memcpy(draft->bytes + draft->size_bytes, bytes, length);
    draft->size_bytes += length;
}

void draft_patch(struct image_draft *draft, enum patch_kind kind, uint32_t value)
{
    uint32_t *count = &draft->patch_count[kind];
    draft->patches[kind][(*count)++] = (struct patch){value, (uint16_t)draft->size_bytes};
}

/* Back to an earlier state: what was appended after it did not fit. */
struct mark {
    uint32_t size_bytes;
    uint32_t patch_count[PATCH_KINDS];
};

static struct mark draft_mark(const struct image_draft *draft)
{
    struct mark mark = {.size_bytes = draft->size_bytes};
    memcpy(mark.patch_count, draft->patch_count, sizeof mark.patch_count);
    return mark;
}

static void draft_return(struct image_draft *draft, const struct mark *mark)
{
    draft->size_bytes = mark->size_bytes;
    memcpy(draft->patch_count, mark->patch_count, sizeof mark->patch_count);
}

int draft_finish(struct image_draft *draft, struct image *image)
{
    uint32_t count = 0, at = 0;
    *image = draft->image;
    for (uint32_t kind = 0; kind < PATCH_KINDS; kind++)
        count += draft->patch_count[kind];
    image->bytes = malloc(draft->size_bytes);
    image->patches = calloc(count + 1, sizeof *image->patches);
    if (image->bytes && image->patches) {
        image->size_bytes = draft->size_bytes;
        memcpy(image->bytes, draft->bytes, draft->size_bytes);
        for (uint32_t kind = 0; kind < PATCH_KINDS; kind++) {
            memcpy(image->patches + at, draft->patches[kind], draft->patch_count[kind] * sizeof *image->patches);
            at += draft->patch_count[kind];
            image->ends[kind] = (uint16_t)at;
        }
        free(draft);
        return 0;
    }
    image_free(image);
    free(draft);
    return -ENOMEM;
}

void image_free(struct image *image)
{
    free(image->bytes);
    free(image->patches);
    *image = (struct image){0};
}

static void header_make(struct image_draft *draft, const struct format *format, const struct layout *layout)
{
    draft_number(draft, format->version, 2);
    draft->size_bytes = format->header.bytes;
    if (layout && layout->aggregation) {
        draft->bytes[22] = layout->aggregation;
        draft->bytes[23] = 2; /* the version of aggregations that there is */
    }
}

/* v9 counts the message's records, IPFIX its bytes, the formats without templates their records. */
static void header_finish(struct image_draft *draft, const struct format *format, uint32_t records)
{
    put_be16(draft->bytes + 2, (uint16_t)(format->version == VERSION_IPFIX ? draft->size_bytes : records));
}

/* --- sets --- */

static uint32_t set_begin(struct image_draft *draft, uint16_t id)
{
    draft_number(draft, id, 2);
    draft_number(draft, 0, 2);
    return draft->size_bytes - SET_BYTES;
}

static void set_end(struct image_draft *draft, uint32_t set)
{
    draft_number(draft, 0, -draft->size_bytes & PADDING_MOST);
    put_be16(draft->bytes + set + 2, (uint16_t)(draft->size_bytes - set));
}

static void specifiers_add(struct image_draft *draft, const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct layout_field *field = &layout->fields[i];
        draft_number(draft, field->id | (field->enterprise ? 0x8000u : 0), 2);
        draft_number(draft, field->length, 2);
        if (field->enterprise)
            draft_number(draft, field->enterprise, 4);
    }
}

static void templates_add(struct image_draft *draft, const struct format *format)
{
    uint32_t set = set_begin(draft, format->version == VERSION_V9 ? 0 : 2);
    for (uint32_t i = 0; i < format->layout_count; i++) {
        draft_number(draft, format->layouts[i].template_id, 2);
        draft_number(draft, format->layouts[i].field_count, 2);
        specifiers_add(draft, &format->layouts[i]);
    }
    set_end(draft, set);
}

/* v9 has the lengths of scope and options in bytes (RFC 3954 6.1), IPFIX the numbers of fields (RFC 7011 3.4.2.2). */
static void options_template_add(struct image_draft *draft, const struct format *format)
{
    const struct layout *options = format->options;
    bool v9 = format->version == VERSION_V9;
    uint32_t set = set_begin(draft, v9 ? 1 : 3);
    draft_number(draft, options->template_id, 2);
    draft_number(draft, v9 ? 4 * options->scope_count : options->field_count, 2);
    draft_number(draft, v9 ? 4 * (options->field_count - options->scope_count) : options->scope_count, 2);
    specifiers_add(draft, options);
    set_end(draft, set);
}

int image_make_templates(struct image *image, const struct format *format)
{
    static const struct flow nothing;
    struct image_draft *draft = image_draft_new();
    if (!draft)
        return -ENOMEM;
    header_make(draft, format, NULL);
    templates_add(draft, format);
    options_template_add(draft, format);
    uint32_t set = set_begin(draft, format->options->template_id);
    for (uint32_t i = 0; i < OPTIONS_RECORDS; i++)
        draft_record(draft, format->options, &nothing, i);
    set_end(draft, set);
    header_finish(draft, format, format->layout_count + 1u + OPTIONS_RECORDS);
    draft->image.options = OPTIONS_RECORDS;
    draft->image.units = format->header.numbered_by == NUMBERED_BY_RECORDS ? OPTIONS_RECORDS : 1;
    return draft_finish(draft, image);
}

/* --- data --- */

static uint32_t records_wanted(const struct image_setup *setup, uint64_t *random)
{
    uint32_t most = setup->layout->records_most ? setup->layout->records_most : IMAGE_RECORDS_MOST;
    if (setup->records_most)
        return setup->records_most < most ? setup->records_most : most;
    if (random_below(random, FULL_SHARE + 1) < FULL_SHARE)
        return most;
    return 1 + random_below(random, most < 24 ? most : 24);
}

static void records_add(struct image_draft *draft, const struct image_setup *setup, uint64_t *random)
{
    struct image *image = &draft->image;
    uint32_t wanted = records_wanted(setup, random);
    while (image->records < wanted) {
        struct mark mark = draft_mark(draft);
        struct flow flow;
        flow_make(&flow, random);
        draft_record(draft, setup->layout, &flow, image->records);
        if (draft->size_bytes + PADDING_MOST > setup->bytes_most) {
            draft_return(draft, &mark);
            return;
        }
        image->records++;
        image->octets += flow.octets;
        image->packets += flow.packets;
        for (uint32_t i = 0; i < setup->layout->field_count; i++) {
            image->octets += setup->layout->fields[i].content == CONTENT_REVERSE_OCTETS ? flow.reverse_octets : 0;
            image->packets += setup->layout->fields[i].content == CONTENT_REVERSE_PACKETS ? flow.reverse_packets : 0;
        }
    }
}

int image_make(struct image *image, const struct image_setup *setup, uint64_t *random)
{
    const struct format *format = setup->format;
    struct image_draft *draft = image_draft_new();
    if (!draft)
        return -ENOMEM;
    if (format->version == FORMAT_SFLOW) {
        draft_sflow(draft, setup, random);
        return draft_finish(draft, image);
    }
    header_make(draft, format, setup->layout);
    if (setup->layout->template_id) {
        uint32_t set = set_begin(draft, setup->layout->template_id);
        records_add(draft, setup, random);
        set_end(draft, set);
    } else {
        records_add(draft, setup, random);
    }
    header_finish(draft, format, draft->image.records);
    draft->image.units = format->header.numbered_by == NUMBERED_BY_RECORDS ? draft->image.records : 1;
    return draft_finish(draft, image);
}
