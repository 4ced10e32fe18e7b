/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "blast/image.h"
#include "blast/put.h"
#include "blast/random.h"

#define IMAGES_MOST    256         /* of a layout: what a processor's second cache holds */
#define UPTIME_FIRST   86400000u   /* exporters have been up for a day */
#define PICK           0x9e3779b97f4a7c15ull

/* Datagrams ready to be sent, of one layout. */
struct stock {
    struct image images[IMAGES_MOST];
    uint32_t count;
};

/* What the exporters of a format send. */
struct program {
    const struct format *format;
    struct image templates; /* no bytes: the format has none */
    struct stock *stocks;   /* one a layout */
    uint32_t stock_count;
    uint32_t usual_records; /* in a datagram of data: so many a datagram of templates stands for in the rate */
};

struct generator {
    struct blast_supply supply;
    struct generator_setup setup;
    struct program programs[FORMATS_MOST];
    uint64_t random;
    uint64_t offered, records_offered;
    uint64_t records_paced; /* records_offered, and what templates stand for */
    int64_t boot_ms; /* UTC: when the exporters were started; 0 until the first datagram */
    uint32_t next, run_left;
};

/* --- one datagram --- */

/* Loops by kind, so that none has a branch in it. */
static uint64_t patches_apply(uint8_t *out, const struct image *image, const struct blast_exporter *exporter,
                              const struct blast_clock *now, const struct generator *generator)
{
    const struct patch *patch = image->patches, *first = patch;
    uint64_t utc_ms = (uint64_t)(now->utc_ns / NS_PER_MS), vary = generator->random;
    uint32_t uptime_ms = (uint32_t)(utc_ms - (uint64_t)generator->boot_ms), more = vary % IMAGE_MORE_OCTETS;
    for (; patch < first + image->ends[PATCH_UPTIME]; patch++)
        put_be32(out + patch->offset, uptime_ms - patch->value);
    for (; patch < first + image->ends[PATCH_MS]; patch++)
        put_be64(out + patch->offset, utc_ms - patch->value);
    for (; patch < first + image->ends[PATCH_PORT]; patch++)
        put_be16(out + patch->offset, (uint16_t)(patch->value + (vary >> 16)) | 0x8000);
    for (; patch < first + image->ends[PATCH_OCTETS32]; patch++)
        put_be32(out + patch->offset, patch->value + more);
    for (; patch < first + image->ends[PATCH_OCTETS64]; patch++)
        put_be64(out + patch->offset, (uint64_t)patch->value + more);
    for (; patch < first + image->ends[PATCH_SAMPLE]; patch++)
        put_be32(out + patch->offset, patch->value + exporter->samples);
    for (; patch < first + image->ends[PATCH_POOL]; patch++)
        put_be32(out + patch->offset, (patch->value + exporter->samples) * IMAGE_SAMPLING_RATE);
    return (uint64_t)more * (image->ends[PATCH_OCTETS64] - image->ends[PATCH_PORT]);
}

static void header_apply(uint8_t *out, const struct blast_exporter *exporter, const struct blast_clock *now,
                         const struct generator *generator)
{
    const struct header *header = &exporter->format->header;
    if (header->uptime)
        put_be32(out + header->uptime, (uint32_t)(now->utc_ns / NS_PER_MS - generator->boot_ms));
    if (header->seconds)
        put_be32(out + header->seconds, (uint32_t)(now->utc_ns / NS_PER_S));
    if (header->nanoseconds)
        put_be32(out + header->nanoseconds, (uint32_t)(now->utc_ns % NS_PER_S));
    if (header->sequence)
        put_be32(out + header->sequence, exporter->sequence);
    if (header->agent)
        memcpy(out + header->agent, exporter->endpoint.address.bytes + 12, 4);
}

/* Is it time for templates? Then the next ones come later. */
static bool templates_due(const struct generator *generator, struct blast_exporter *exporter, int64_t utc_ns)
{
    const struct generator_setup *setup = &generator->setup;
    uint32_t seconds = (uint32_t)(utc_ns / NS_PER_S);
    bool due = exporter->data_left == 0 || seconds >= exporter->templates_due;
    if (due) {
        exporter->data_left = setup->templates_every ? setup->templates_every : UINT32_MAX;
        exporter->templates_due = setup->templates_seconds ? seconds + setup->templates_seconds : UINT32_MAX;
    }
    return due;
}

static const struct image *image_pick(struct generator *generator, struct blast_exporter *exporter,
                                      const struct blast_clock *now, bool *templates)
{
    const struct program *program = &generator->programs[(exporter - generator->supply.exporters) %
                                                         generator->setup.format_count];
    *templates = program->templates.bytes && templates_due(generator, exporter, now->utc_ns);
    if (*templates)
        return &program->templates;
    exporter->data_left--;
    uint64_t pick = random_next(&generator->random) >> 20;
    /* Of two layouts, IPv4 has three datagrams in four. */
    uint32_t layout = program->format->version == 8 ? exporter->layout : (pick & 3) == 3 ? program->stock_count - 1 : 0;
    const struct stock *stock = &program->stocks[layout];
    return &stock->images[(pick >> 2) % stock->count];
}

static void datagram_make(struct generator *generator, struct blast_datagram *datagram, uint32_t number,
                          const struct blast_clock *now)
{
    struct blast_exporter *exporter = &generator->supply.exporters[number];
    bool templates;
    const struct image *image = image_pick(generator, exporter, now, &templates);
    memcpy(datagram->payload, image->bytes, image->size_bytes);
    header_apply(datagram->payload, exporter, now, generator);
    uint64_t more = patches_apply(datagram->payload, image, exporter, now, generator);
    datagram->size_bytes = image->size_bytes;
    datagram->exporter = number;
    datagram->records = image->records;
    datagram->options = image->options;
    datagram->templates = templates;
    datagram->octets = image->octets + more;
    datagram->packets = image->packets;
    datagram->utc_ns = now->utc_ns;
    exporter->sequence += image->units;
    exporter->samples += image->samples;
}

/* --- a burst --- */

static uint32_t exporter_next(struct generator *generator)
{
    if (generator->run_left == 0) {
        generator->run_left = generator->supply.run;
        if (++generator->next >= generator->supply.exporter_count)
            generator->next = 0;
        __builtin_prefetch(&generator->supply.exporters[generator->next + 1], 1);
    }
    generator->run_left--;
    return generator->next;
}

/* Has the rate's time come for one more? Says until when to wait, if not. */
static bool rate_allows(struct generator *generator, int64_t steady_ns)
{
    const struct generator_setup *setup = &generator->setup;
    double done = setup->record_rate > 0 ? (double)generator->records_paced : (double)generator->offered;
    double rate = setup->record_rate > 0 ? setup->record_rate : setup->rate;
    if (rate <= 0)
        return true;
    generator->supply.due_ns = (int64_t)(done / rate * 1e9);
    return generator->supply.due_ns <= steady_ns;
}

static bool bound_reached(const struct generator *generator)
{
    const struct generator_setup *setup = &generator->setup;
    return (setup->datagrams && generator->offered >= setup->datagrams) ||
           (setup->records && generator->records_offered >= setup->records);
}

static uint32_t usual_records(const struct generator *generator, uint32_t exporter)
{
    return generator->programs[exporter % generator->setup.format_count].usual_records;
}

static uint32_t generator_fill(struct blast_supply *supply, struct blast_datagram *datagrams, uint32_t most,
                               const struct blast_clock *now)
{
    struct generator *generator = (struct generator *)supply;
    uint32_t count = 0;
    if (!generator->boot_ms)
        generator->boot_ms = now->utc_ns / NS_PER_MS - UPTIME_FIRST;
    for (; count < most; count++) {
        supply->ended = bound_reached(generator);
        if (supply->ended || !rate_allows(generator, now->steady_ns))
            break;
        datagram_make(generator, &datagrams[count], exporter_next(generator), now);
        generator->offered++;
        generator->records_offered += datagrams[count].records;
        generator->records_paced += datagrams[count].templates ? usual_records(generator, datagrams[count].exporter)
                                                               : datagrams[count].records;
    }
    return count;
}

/* --- set-up --- */

static void program_free(struct program *program)
{
    image_free(&program->templates);
    for (uint32_t i = 0; program->stocks && i < program->stock_count; i++)
        for (uint32_t at = 0; at < program->stocks[i].count; at++)
            image_free(&program->stocks[i].images[at]);
    free(program->stocks);
}

static void generator_free(struct blast_supply *supply)
{
    struct generator *generator = (struct generator *)supply;
    for (uint32_t i = 0; i < FORMATS_MOST; i++)
        program_free(&generator->programs[i]);
    free(supply->exporters);
    free(generator);
}

static const struct blast_supply_ops generator_ops = {.fill = generator_fill, .free = generator_free};

static bool stock_make(struct generator *generator, struct stock *stock, struct image_setup *setup)
{
    for (; stock->count < IMAGES_MOST; stock->count++)
        if (image_make(&stock->images[stock->count], setup, &generator->random))
            return false;
    return true;
}

static bool program_make(struct generator *generator, struct program *program, const struct format *format)
{
    uint32_t layouts = format->layout_count ? format->layout_count : 1;
    *program = (struct program){.format = format, .stocks = calloc(layouts, sizeof *program->stocks)};
    if (!program->stocks || (format->options && image_make_templates(&program->templates, format)))
        return false;
    program->stock_count = layouts;
    for (uint32_t i = 0; i < layouts; i++) {
        struct image_setup setup = {.format = format,
                                    .layout = format->layouts ? &format->layouts[i] : NULL,
                                    .bytes_most = generator->setup.bytes_most,
                                    .records_most = generator->setup.records_most};
        if (!stock_make(generator, &program->stocks[i], &setup))
            return false;
    }
    for (uint32_t i = 0; i < program->stocks[0].count; i++)
        program->usual_records += program->stocks[0].images[i].records;
    program->usual_records /= program->stocks[0].count;
    return true;
}

static bool exporters_make(struct generator *generator)
{
    const struct generator_setup *setup = &generator->setup;
    struct blast_supply *supply = &generator->supply;
    supply->exporters = calloc(setup->exporters + 1, sizeof *supply->exporters); /* one to be prefetched */
    if (!supply->exporters)
        return false;
    supply->exporter_count = setup->exporters;
    for (uint32_t i = 0; i < setup->exporters; i++) {
        const struct format *format = setup->formats[i % setup->format_count];
        supply->exporters[i] = (struct blast_exporter){
            .format = format,
            .layout = format->layout_count ? (uint16_t)(i / setup->format_count % format->layout_count) : 0};
        if (setup->sources.count)
            supply->exporters[i].endpoint = sources_endpoint(&setup->sources, i);
    }
    return true;
}

struct blast_supply *generator_new(const struct generator_setup *setup)
{
    struct generator *generator = calloc(1, sizeof *generator);
    if (!generator)
        return NULL;
    generator->supply = (struct blast_supply){.ops = &generator_ops, .run = setup->run ? setup->run : 1};
    generator->setup = *setup;
    generator->random = setup->seed * PICK + 1;
    generator->next = setup->exporters - 1; /* so that the first is 0 */
    bool good = exporters_make(generator);
    for (uint32_t i = 0; i < setup->format_count && good; i++)
        good = program_make(generator, &generator->programs[i], setup->formats[i]);
    if (good)
        return &generator->supply;
    generator_free(&generator->supply);
    return NULL;
}
