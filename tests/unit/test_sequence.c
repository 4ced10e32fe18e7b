/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence numbers: what an exporter sent against what came, in every way that networks and exporters get it wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "decode/exporter.h"
#include "decode/numberings.h"
#include "decode/plan.h"
#include "tests/unit/random.h"

#define BEGAN_NS (1767225600 * NS_PER_S)
#define STEP_NS  (10 * NS_PER_MS) /* between two messages, unless a test says otherwise */

struct rig {
    struct exporters *exporters;
    struct exporter *exporter;
    struct heap *heap;
    struct numberings *numberings;
    struct numberings *sources;
    struct counters *counters;
    int64_t now_ns;
};

static struct exporter *exporter_make(struct rig *rig, uint16_t port)
{
    struct endpoint endpoint = {.port = port};
    return exporters_add(rig->exporters, &endpoint, exporters_hash(rig->exporters, &endpoint));
}

static void rig_open_most(struct rig *rig, uint32_t most)
{
    *rig = (struct rig){.exporters = exporters_new(64), .heap = heap_new(16 << 20), .now_ns = BEGAN_NS};
    rig->numberings = numberings_new(rig->heap, most, NUMBERINGS_EACH);
    rig->sources = numberings_new(rig->heap, most, SOURCES_EACH);
    rig->counters = calloc(1, sizeof *rig->counters);
    rig->exporter = exporter_make(rig, 1);
    assert_true(rig->numberings && rig->sources && rig->counters && rig->exporter);
}

static void rig_open(struct rig *rig)
{
    rig_open_most(rig, 1024);
}

static struct sequence_books books_of(const struct rig *rig)
{
    return (struct sequence_books){.counters = rig->counters, .exporter = rig->exporter};
}

static void rig_settle(struct rig *rig)
{
    struct sequence_books books = books_of(rig);
    numberings_close_gaps(&books, INT64_MAX);
    assert_int_equal(rig->exporter->gaps_open, 0);
}

static void forget(struct rig *rig, struct exporter *exporter)
{
    numberings_forget(rig->numberings, exporter, &exporter->numberings);
    numberings_forget(rig->sources, exporter, &exporter->sources);
}

static void rig_close(struct rig *rig)
{
    rig_settle(rig);
    for (uint32_t slot = 0; slot < exporters_slots_used(rig->exporters); slot++)
        if (exporters_at(rig->exporters, slot))
            forget(rig, exporters_at(rig->exporters, slot));
    numberings_free(rig->numberings);
    numberings_free(rig->sources);
    assert_int_equal(heap_used_bytes(rig->heap), 0);
    heap_free_all(rig->heap);
    exporters_free(rig->exporters);
    free(rig->counters);
}

/* Of the exporter; the worker's are the same where there is one exporter. */
static uint64_t counted(const struct rig *rig, enum counter counter)
{
    return counter_read(&rig->exporter->counters.value[counter]);
}

static const enum counter all[] = {
    COUNTER_datagrams_missing,    COUNTER_records_missing,     COUNTER_records_without_template,
    COUNTER_datagrams_late,       COUNTER_datagrams_duplicate, COUNTER_datagrams_stray,
    COUNTER_datagrams_unfollowed, COUNTER_sequence_resets,     COUNTER_sequences_distrusted,
    COUNTER_samples_missing,      COUNTER_samples_late,        COUNTER_samples_duplicate,
    COUNTER_samples_stray,        COUNTER_samples_unfollowed,  COUNTER_samples_distrusted,
    COUNTER_sample_resets,
};

#define ALL (sizeof all / sizeof *all)

/* Every counter is zero but those given, as pairs of counter and count, ended by COUNTER_COUNT. */
static void check(struct rig *rig, ...)
{
    uint64_t expected[COUNTER_COUNT] = {0};
    va_list list;
    rig_settle(rig);
    va_start(list, rig);
    for (int counter; (counter = va_arg(list, int)) != COUNTER_COUNT;)
        expected[counter] = va_arg(list, unsigned);
    va_end(list);
    for (size_t i = 0; i < ALL; i++)
        if (counted(rig, all[i]) != expected[all[i]])
            print_error("%s is %lu, expected %lu\n", counter_rows[all[i]].name, counted(rig, all[i]), expected[all[i]]);
    for (size_t i = 0; i < ALL; i++) {
        assert_int_equal(counted(rig, all[i]), expected[all[i]]);
        assert_int_equal(counter_read(&rig->counters->value[all[i]]), expected[all[i]]);
    }
}

#define NOTHING COUNTER_COUNT

static void take(struct rig *rig, const struct sequence_message *message)
{
    struct sequence_books books = books_of(rig);
    struct sequence_message now = *message;
    now.received_ns = rig->now_ns;
    numberings_observe(rig->numberings, &now, &books);
    rig->now_ns += STEP_NS;
}

/* --- an exporter's stream of messages --- */

#define MESSAGES 200

struct stream {
    struct sequence_message messages[MESSAGES];
    uint32_t count;
};

/* How an exporter counts: how far a message moves its number on, and whether a message's number has that already. */
struct manner {
    uint16_t version;
    uint32_t (*length)(const struct sequence_counts *counts);
    bool with_own;
    enum counter missing;
};

static uint32_t by_records(const struct sequence_counts *counts)
{
    return counts->records;
}

static uint32_t by_flows(const struct sequence_counts *counts)
{
    return (uint32_t)(counts->records - counts->options);
}

static uint32_t by_records_and_templates(const struct sequence_counts *counts)
{
    return (uint32_t)(counts->records + counts->templates);
}

static uint32_t by_datagrams(const struct sequence_counts *counts)
{
    return 1;
}

static const struct manner v5 = {5, by_records, false, COUNTER_records_missing};
static const struct manner v9 = {9, by_datagrams, false, COUNTER_datagrams_missing};
static const struct manner ipfix = {10, by_records, false, COUNTER_records_missing};

static const struct manner manners[] = {
    {5, by_records, false, COUNTER_records_missing},
    {7, by_records, false, COUNTER_records_missing},
    {8, by_records, false, COUNTER_records_missing},
    {9, by_datagrams, false, COUNTER_datagrams_missing},
    {10, by_records, false, COUNTER_records_missing},
    /* wrong, and seen */
    {5, by_datagrams, false, COUNTER_datagrams_missing},
    {9, by_records, false, COUNTER_records_missing},
    {9, by_flows, false, COUNTER_records_missing},
    {9, by_records, true, COUNTER_records_missing},
    {10, by_datagrams, false, COUNTER_datagrams_missing},
    {10, by_flows, false, COUNTER_records_missing},
    {10, by_records, true, COUNTER_records_missing},
    {10, by_flows, true, COUNTER_records_missing},
    {10, by_records_and_templates, false, COUNTER_records_missing},
};

#define MANNERS (sizeof manners / sizeof *manners)

/* Of a message of v9 or IPFIX: every 20th has templates and an options record. */
static struct sequence_counts counts_of(const struct manner *manner, uint32_t place)
{
    bool templates = manner->version > 8 && place % 20 == 0;
    return (struct sequence_counts){.records = (uint16_t)(1 + place * 7 % 23 + templates),
                                    .options = templates,
                                    .templates = templates ? 3 : 0};
}

static void stream_make(struct stream *stream, const struct manner *manner, uint32_t number)
{
    stream->count = MESSAGES;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct sequence_message *message = &stream->messages[i];
        struct sequence_counts counts = counts_of(manner, i);
        uint32_t length = manner->length(&counts);
        *message = (struct sequence_message){
            .mark = {.number = number + (manner->with_own ? length : 0), .counts = counts},
            .version = manner->version,
            .uptime_ms = manner->version == 10 ? 0 : 3600000 + i * 10,
            .export_ns = BEGAN_NS + i * STEP_NS / NS_PER_S * NS_PER_S,
        };
        number += length;
    }
}

static uint32_t length_of(const struct manner *manner, const struct stream *stream, uint32_t place)
{
    return manner->length(&stream->messages[place].mark.counts);
}

static void take_range(struct rig *rig, const struct stream *stream, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        take(rig, &stream->messages[i]);
}

/* --- tests --- */

static void clean_streams_miss_nothing(void **state)
{
    static const uint32_t numbers[] = {0, 1, 4711, UINT32_MAX - 100, UINT32_MAX, 0x7fffff80, 0x80000000};
    for (size_t i = 0; i < MANNERS; i++) {
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            struct rig rig;
            struct stream stream;
            rig_open(&rig);
            stream_make(&stream, &manners[i], numbers[k]);
            take_range(&rig, &stream, 0, MESSAGES);
            check(&rig, NOTHING);
            rig_close(&rig);
        }
    }
}

/* Wherever a stream is met, and whatever its unit: what is lost after the unit is known is counted to the last one. */
static void losses_are_exact(void **state)
{
    for (size_t i = 0; i < MANNERS; i++) {
        for (uint32_t met = 0; met < 40; met += 3) {
            struct rig rig;
            struct stream stream;
            rig_open(&rig);
            stream_make(&stream, &manners[i], UINT32_MAX - 1200);
            uint64_t lost = 0;
            for (uint32_t k = met; k < MESSAGES; k++) {
                if (k > met + 60 && k < MESSAGES - 1 && (k % 11 == 3 || k % 31 < 4))
                    lost += length_of(&manners[i], &stream, k);
                else
                    take(&rig, &stream.messages[k]);
            }
            check(&rig, manners[i].missing, (unsigned)lost, NOTHING);
            rig_close(&rig);
        }
    }
}

/* Of exporters that count by the book, from the second datagram on. */
static void losses_at_the_start(void **state)
{
    for (size_t i = 0; i < 5; i++) {
        struct rig rig;
        struct stream stream;
        rig_open(&rig);
        stream_make(&stream, &manners[i], 0);
        take(&rig, &stream.messages[3]);
        take_range(&rig, &stream, 6, MESSAGES);
        check(&rig, manners[i].missing, length_of(&manners[i], &stream, 4) + length_of(&manners[i], &stream, 5),
              NOTHING);
        rig_close(&rig);
    }
}

static void gaps_wait_for_the_late(void **state)
{
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &v9, 100);
    take_range(&rig, &stream, 0, 30);
    take_range(&rig, &stream, 31, 60);
    assert_int_equal(counted(&rig, COUNTER_datagrams_missing), 0);
    assert_int_equal(rig.exporter->gaps_open, 1);
    struct sequence_books books = books_of(&rig);
    numberings_close_gaps(&books, BEGAN_NS);
    assert_int_equal(rig.exporter->gaps_open, 1);
    take(&rig, &stream.messages[30]);
    assert_int_equal(rig.exporter->gaps_open, 0);
    take_range(&rig, &stream, 60, 70);
    check(&rig, COUNTER_datagrams_late, 1, NOTHING);
    /* one that nobody waits for any more */
    take_range(&rig, &stream, 71, 80);
    numberings_close_gaps(&books, rig.now_ns);
    assert_int_equal(counted(&rig, COUNTER_datagrams_missing), 1);
    take(&rig, &stream.messages[70]);
    take_range(&rig, &stream, 80, 90);
    check(&rig, COUNTER_datagrams_late, 1, COUNTER_datagrams_missing, 1, COUNTER_datagrams_stray, 1, NOTHING);
    rig_close(&rig);
}

static void gaps_beyond_the_window_are_missing(void **state)
{
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &v9, 100);
    take_range(&rig, &stream, 0, 30);
    for (uint32_t i = 31; i < 31 + 2 * (SEQUENCE_GAPS + 3); i += 2)
        take(&rig, &stream.messages[i]);
    assert_int_equal(rig.exporter->gaps_open, SEQUENCE_GAPS);
    assert_int_equal(counted(&rig, COUNTER_datagrams_missing), 3);
    take(&rig, &stream.messages[30]); /* too late */
    take(&rig, &stream.messages[36]); /* just in time */
    take(&rig, &stream.messages[50]);
    take(&rig, &stream.messages[52]);
    check(&rig, COUNTER_datagrams_missing, 9, COUNTER_datagrams_late, 2, COUNTER_datagrams_stray, 1, NOTHING);
    rig_close(&rig);
}

/* Late ones take pieces out of one gap, in any order. */
static void gaps_are_filled_in_pieces(void **state)
{
    static const uint32_t order[] = {55, 53, 52, 58, 51, 59};
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &ipfix, UINT32_MAX - 500);
    take_range(&rig, &stream, 0, 50);
    take_range(&rig, &stream, 60, 70);
    uint32_t missing = 0;
    for (uint32_t i = 50; i < 60; i++)
        missing += length_of(&ipfix, &stream, i);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        take(&rig, &stream.messages[order[i]]);
        missing -= length_of(&ipfix, &stream, order[i]);
    }
    check(&rig, COUNTER_datagrams_late, 6, COUNTER_records_missing, missing, NOTHING);
    rig_close(&rig);
}

static void duplicates_are_told_from_late_ones(void **state)
{
    for (size_t i = 0; i < 5; i++) {
        struct rig rig;
        struct stream stream;
        rig_open(&rig);
        stream_make(&stream, &manners[i], UINT32_MAX - 30);
        take_range(&rig, &stream, 0, 50);
        take(&rig, &stream.messages[49]);
        take(&rig, &stream.messages[49]);
        take(&rig, &stream.messages[45]);
        take_range(&rig, &stream, 51, 55);
        take(&rig, &stream.messages[50]); /* late */
        take(&rig, &stream.messages[50]); /* and again */
        take_range(&rig, &stream, 55, 100);
        take_range(&rig, &stream, 90, 100); /* a burst, doubled */
        take_range(&rig, &stream, 100, MESSAGES);
        check(&rig, COUNTER_datagrams_late, 1, COUNTER_datagrams_duplicate, 14, NOTHING);
        rig_close(&rig);
    }
}

/* The first that is sent comes second. */
static void the_first_may_be_late(void **state)
{
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &v5, 0);
    take(&rig, &stream.messages[1]);
    take(&rig, &stream.messages[0]);
    take_range(&rig, &stream, 2, MESSAGES);
    check(&rig, COUNTER_datagrams_late, 1, NOTHING);
    rig_close(&rig);
}

static void restarts_are_no_losses(void **state)
{
    for (size_t i = 0; i < MANNERS; i++) {
        struct rig rig;
        struct stream stream, again;
        rig_open(&rig);
        stream_make(&stream, &manners[i], 1000000);
        stream_make(&again, &manners[i], 0);
        take_range(&rig, &stream, 0, 100);
        for (uint32_t k = 0; k < MESSAGES; k++) {
            again.messages[k].export_ns += 10 * NS_PER_S;
            again.messages[k].uptime_ms -= manners[i].version == 10 ? 0 : 3590000;
        }
        take_range(&rig, &again, 0, MESSAGES);
        check(&rig, COUNTER_sequence_resets, 1, NOTHING);
        rig_close(&rig);
    }
}

/* A young exporter: the numbers of its second life are those of its first. */
static void restarts_over_known_numbers(void **state)
{
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &ipfix, 0);
    take_range(&rig, &stream, 0, 30);
    take_range(&rig, &stream, 33, 50);
    for (uint32_t k = 0; k < MESSAGES; k++)
        stream.messages[k].export_ns += 60 * NS_PER_S;
    take_range(&rig, &stream, 0, MESSAGES);
    uint32_t missing = 0;
    for (uint32_t i = 30; i < 33; i++)
        missing += length_of(&ipfix, &stream, i);
    check(&rig, COUNTER_sequence_resets, 1, COUNTER_records_missing, missing, NOTHING);
    rig_close(&rig);
}

/* After a start without a clock the export time says nothing, but the uptime does: forward and backward. */
static void restarts_without_a_clock(void **state)
{
    static const uint32_t numbers[] = {0, 2100};
    for (size_t i = 0; i < 2; i++) {
        struct rig rig;
        struct stream stream, again;
        rig_open(&rig);
        stream_make(&stream, &v9, 1900);
        stream_make(&again, &v9, numbers[i]);
        take_range(&rig, &stream, 0, 100);
        for (uint32_t k = 0; k < MESSAGES; k++) {
            again.messages[k].export_ns = k * STEP_NS;
            again.messages[k].uptime_ms = k * 10;
        }
        take_range(&rig, &again, 0, MESSAGES);
        check(&rig, COUNTER_sequence_resets, 1, NOTHING);
        rig_close(&rig);
    }
}

/* Within one second, and IPFIX has no uptime: two in a row tell. */
static void restarts_by_the_second_message(void **state)
{
    struct rig rig;
    struct stream stream, again;
    rig_open(&rig);
    stream_make(&stream, &ipfix, 1000000);
    stream_make(&again, &ipfix, 0);
    take_range(&rig, &stream, 0, 90);
    for (uint32_t k = 0; k < MESSAGES; k++)
        again.messages[k].export_ns = stream.messages[89].export_ns;
    take_range(&rig, &again, 0, MESSAGES);
    check(&rig, COUNTER_sequence_resets, 1, NOTHING);
    rig_close(&rig);
}

/* The uptime wraps after 49.7 days, which is no restart. */
static void uptime_wraps(void **state)
{
    struct rig rig;
    struct stream stream;
    rig_open(&rig);
    stream_make(&stream, &v9, 100);
    for (uint32_t k = 0; k < MESSAGES; k++)
        stream.messages[k].uptime_ms += UINT32_MAX - 3600000 - 1000;
    take_range(&rig, &stream, 0, 99);
    take_range(&rig, &stream, 101, MESSAGES);
    check(&rig, COUNTER_datagrams_missing, 2, NOTHING);
    rig_close(&rig);
}

static void one_senseless_number(void **state)
{
    static const uint32_t numbers[] = {0, 0x12345678, 0x80000000, 0xfffffff0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct rig rig;
        struct stream stream;
        rig_open(&rig);
        stream_make(&stream, &v9, 1000000);
        take_range(&rig, &stream, 0, 50);
        struct sequence_message odd = stream.messages[49];
        odd.mark.number = numbers[i];
        take(&rig, &odd);
        take_range(&rig, &stream, 50, MESSAGES);
        check(&rig, COUNTER_datagrams_stray, 1, NOTHING);
        rig_close(&rig);
    }
}

/* An hour's outage is a loss; the same numbers within a moment are a restart. */
static void losses_are_plausible(void **state)
{
    for (int outage = 0; outage < 2; outage++) {
        struct rig rig;
        struct stream stream;
        rig_open(&rig);
        stream_make(&stream, &v9, 100);
        take_range(&rig, &stream, 0, 100);
        for (uint32_t k = 100; k < MESSAGES; k++)
            stream.messages[k].mark.number += 360000;
        rig.now_ns += outage ? 3600 * NS_PER_S : 0;
        take_range(&rig, &stream, 100, MESSAGES);
        check(&rig, outage ? COUNTER_datagrams_missing : COUNTER_sequence_resets, outage ? 360000 : 1, NOTHING);
        rig_close(&rig);
    }
}

/* --- exporters that get it wrong --- */

/* A number that stands still, and one that grows by bytes: nothing is claimed, and that is said. */
static void nonsense_is_not_followed(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        for (uint16_t version = 5; version <= 10; version++) {
            struct rig rig;
            struct stream stream;
            rig_open(&rig);
            struct manner manner = {version, by_records, false, COUNTER_records_missing};
            stream_make(&stream, &manner, 0);
            for (uint32_t k = 0, number = 77; k < MESSAGES; k++) {
                stream.messages[k].mark.number = number;
                number += kind ? 24 + 52 * stream.messages[k].mark.counts.records : 0;
            }
            take_range(&rig, &stream, 0, MESSAGES);
            rig_settle(&rig);
            assert_int_equal(counted(&rig, COUNTER_records_missing) + counted(&rig, COUNTER_datagrams_missing), 0);
            assert_true(counted(&rig, COUNTER_sequence_resets) <= 2);
            assert_true(counted(&rig, COUNTER_datagrams_unfollowed) > MESSAGES - 20);
            assert_int_equal(counted(&rig, COUNTER_sequences_distrusted), 1);
            rig_close(&rig);
        }
    }
}

/* A repaired exporter is believed again, and its losses are counted. */
static void trust_comes_back(void **state)
{
    struct rig rig;
    struct stream stream, right;
    rig_open(&rig);
    stream_make(&stream, &ipfix, 0);
    stream_make(&right, &ipfix, 5000);
    for (uint32_t k = 0; k < MESSAGES; k++)
        stream.messages[k].mark.number = 0;
    take_range(&rig, &stream, 0, MESSAGES);
    uint64_t unfollowed = counted(&rig, COUNTER_datagrams_unfollowed);
    take_range(&rig, &right, 0, 50);
    take_range(&rig, &right, 51, MESSAGES);
    rig_settle(&rig);
    assert_true(counted(&rig, COUNTER_datagrams_unfollowed) - unfollowed < 10);
    assert_int_equal(counted(&rig, COUNTER_records_missing), length_of(&ipfix, &right, 50));
    rig_close(&rig);
}

/* One record in each message: all units are the same, up to the first message with templates alone. */
static void units_may_show_late(void **state)
{
    struct rig rig;
    rig_open(&rig);
    struct sequence_message message = {.version = 10, .export_ns = BEGAN_NS};
    for (uint32_t k = 0; k < 500; k++) {
        message.mark.number = k;
        message.mark.counts = (struct sequence_counts){.records = k % 50 != 49, .templates = k % 50 == 49 ? 12 : 0};
        take(&rig, &message);
    }
    check(&rig, NOTHING);
    message.mark.number = 503;
    take(&rig, &message);
    check(&rig, COUNTER_datagrams_missing, 3, NOTHING);
    rig_close(&rig);
}

/* --- records that nobody can count --- */

static void unread_records_are_told_by_the_numbers(void **state)
{
    struct rig rig;
    rig_open(&rig);
    struct sequence_message message = {.version = 10, .export_ns = BEGAN_NS};
    for (uint32_t k = 0; k < 100; k++) {
        bool unread = k < 20 || k % 10 == 0; /* each has twelve records; of these nine are of a template not known */
        message.mark.counts = (struct sequence_counts){.records = unread ? 3 : 12, .unread = unread ? 900 : 0};
        take(&rig, &message);
        message.mark.number += 12;
    }
    check(&rig, COUNTER_records_without_template, 28 * 9, NOTHING);
    message.mark.number += 24;
    take(&rig, &message);
    check(&rig, COUNTER_records_without_template, 28 * 9, COUNTER_records_missing, 24, NOTHING);
    rig_close(&rig);
}

/* v9 counts datagrams, so undecoded sets do not matter, and must not make it look like anything else. */
static void unread_sets_of_v9(void **state)
{
    struct rig rig;
    rig_open(&rig);
    struct sequence_message message = {.version = 9, .export_ns = BEGAN_NS};
    for (uint32_t k = 0; k < 100; k++) {
        message.mark.number = k + (k >= 3) + (k >= 50);
        message.mark.counts = (struct sequence_counts){.unread = 900};
        take(&rig, &message);
    }
    check(&rig, COUNTER_datagrams_missing, 2, NOTHING);
    rig_close(&rig);
}

/* --- several numberings --- */

static void domains_have_numberings_of_their_own(void **state)
{
    for (size_t i = 0; i < MANNERS; i++) {
        struct rig rig;
        struct stream streams[3];
        rig_open(&rig);
        uint64_t lost = 0;
        for (uint32_t domain = 0; domain < 3; domain++) {
            stream_make(&streams[domain], &manners[i], 0); /* the same numbers */
            for (uint32_t k = 0; k < MESSAGES; k++)
                streams[domain].messages[k].domain = domain * 77;
        }
        for (uint32_t k = 0; k < MESSAGES; k++) {
            for (uint32_t domain = 0; domain < 3; domain++) {
                if (k > 60 && k < MESSAGES - 1 && (k + domain) % 13 == 0)
                    lost += length_of(&manners[i], &streams[domain], k);
                else
                    take(&rig, &streams[domain].messages[k]);
            }
        }
        check(&rig, manners[i].missing, (unsigned)lost, NOTHING);
        rig_close(&rig);
    }
}

/*
 * Domains that share one numbering, in turn or now and then. Until that is known, a message may look like a duplicate;
 * but nothing is missing before something is lost.
 */
static void domains_may_share_a_numbering(void **state)
{
    for (size_t i = 0; i < MANNERS; i++) {
        for (uint32_t every = 2; every < 12; every += 3) {
            struct rig rig;
            struct stream stream;
            rig_open(&rig);
            stream_make(&stream, &manners[i], UINT32_MAX - 700);
            for (uint32_t k = 0; k < MESSAGES; k++)
                stream.messages[k].domain = k % every == 0;
            take_range(&rig, &stream, 0, 150);
            rig_settle(&rig);
            assert_int_equal(counted(&rig, COUNTER_datagrams_missing) + counted(&rig, COUNTER_records_missing), 0);
            assert_int_equal(counted(&rig, COUNTER_sequence_resets), 0);
            assert_int_equal(counted(&rig, COUNTER_datagrams_unfollowed), 0);
            assert_true(counted(&rig, COUNTER_datagrams_duplicate) + counted(&rig, COUNTER_datagrams_stray) < 5);
            take_range(&rig, &stream, 152, MESSAGES);
            rig_settle(&rig);
            assert_int_equal(counted(&rig, manners[i].missing),
                             length_of(&manners[i], &stream, 150) + length_of(&manners[i], &stream, 151));
            rig_close(&rig);
        }
    }
}

static void caps_hold(void **state)
{
    struct rig rig;
    rig_open_most(&rig, 300);
    struct sequence_message message = {.version = 9, .export_ns = BEGAN_NS};
    for (uint32_t k = 0; k < 20000; k++) {
        message.domain = k * 2654435761u;
        take(&rig, &message);
    }
    assert_int_equal(rig.exporter->numberings.count, NUMBERINGS_EACH);
    size_t bytes = heap_used_bytes(rig.heap);
    assert_true(bytes <= 300 * 512);
    check(&rig, NOTHING);
    /* another one gets what is left */
    rig.exporter = exporter_make(&rig, 2);
    for (uint32_t k = 0; k < 1000; k++) {
        message.domain = k;
        take(&rig, &message);
    }
    assert_int_equal(rig.exporter->numberings.count, 300 - NUMBERINGS_EACH);
    assert_int_equal(counted(&rig, COUNTER_datagrams_unfollowed), 1000 - 1 - (300 - NUMBERINGS_EACH));
    forget(&rig, rig.exporter);
    assert_int_equal(rig.exporter->numberings.count, 0);
    rig_close(&rig);
}

/* --- samples of sFlow's data sources --- */

static void take_sample(struct rig *rig, uint32_t source, uint32_t number, int64_t uptime_ms)
{
    struct sequence_books books = books_of(rig);
    books.samples = true;
    struct sequence_message sample = {
        .mark = {.number = number},
        .domain = source,
        .version = VERSION_SFLOW,
        .uptime_ms = (uint32_t)uptime_ms,
        .export_ns = uptime_ms * NS_PER_MS,
        .received_ns = rig->now_ns,
    };
    numberings_observe_sample(rig->sources, &sample, &books);
    rig->now_ns += STEP_NS;
}

/* Two sources in turn, about the wrap: of one some are lost, of the other some are late, and come twice. */
static void samples_are_followed_by_source(void **state)
{
    struct rig rig;
    rig_open(&rig);
    uint32_t first = UINT32_MAX - 20;
    for (uint32_t k = 0; k < 60; k++) {
        if (k < 30 || k >= 34)
            take_sample(&rig, 1, first + k, 100000 + k);
        uint32_t other = k == 20 ? 21 : k == 21 ? 20 : k;
        take_sample(&rig, 2, first + other, 100000 + other);
        if (k == 40)
            take_sample(&rig, 2, first + k, 100000 + k);
    }
    assert_int_equal(rig.exporter->sources.count, 2);
    check(&rig, COUNTER_samples_missing, 4u, COUNTER_samples_late, 1u, COUNTER_samples_duplicate, 1u, NOTHING);
    rig_close(&rig);
}

static void samples_of_an_agent_that_began_anew(void **state)
{
    struct rig rig;
    rig_open(&rig);
    for (uint32_t k = 0; k < 50; k++)
        take_sample(&rig, 1, 5000 + k, 7000000 + 1000 * k);
    for (uint32_t k = 0; k < 50; k++)
        take_sample(&rig, 1, 1 + k, 1000 * k);
    check(&rig, COUNTER_sample_resets, 1u, NOTHING);
    rig_close(&rig);
}

/* As many sources as an exporter may have, and one more: the oldest makes room, and its gap is missing. */
static void sources_have_a_cap(void **state)
{
    struct rig rig;
    rig_open_most(&rig, SOURCES_EACH + 10);
    const uint32_t numbers[] = {1, 2, 4};
    for (uint32_t i = 0; i < 3; i++)
        take_sample(&rig, 1, numbers[i], 1000);
    for (uint32_t source = 2; source <= SOURCES_EACH; source++)
        take_sample(&rig, source, 1, 1000);
    assert_int_equal(counted(&rig, COUNTER_samples_missing), 0);
    take_sample(&rig, SOURCES_EACH + 1, 1, 1000);
    assert_int_equal(counted(&rig, COUNTER_samples_missing), 1);
    assert_int_equal(rig.exporter->sources.count, SOURCES_EACH);
    rig.exporter = exporter_make(&rig, 2);
    for (uint32_t source = 0; source < 20; source++)
        take_sample(&rig, source, 1, 1000);
    assert_int_equal(counted(&rig, COUNTER_samples_unfollowed), 10);
    rig_close(&rig);
}

/* --- against chance and malice --- */

/* What a network does, and what it did: drops, doubles and delays by a few datagrams. */
static void random_networks_are_seen_through(void **state)
{
    uint64_t random = 7;
    for (uint32_t round = 0; round < 2000; round++) {
        const struct manner *manner = &manners[round % 5];
        uint32_t drop = random_below(&random, 35), late = 0, twice = 0, order[MESSAGES * 2], count = 0, newest = 0;
        struct rig rig;
        struct stream stream;
        bool came[MESSAGES] = {false};
        uint64_t lost = 0;
        rig_open(&rig);
        stream_make(&stream, manner, random_below(&random, 2) ? UINT32_MAX - 300 : round);
        for (uint32_t k = 0; k < MESSAGES; k++) {
            bool steady = k < 10 || k >= MESSAGES - 10; /* so that the unit is known, and what was sent last comes */
            if (!steady && random_below(&random, 100) < drop) {
                lost += length_of(manner, &stream, k);
                continue;
            }
            order[count++] = k;
            if (!steady && random_below(&random, 20) == 0)
                order[count++] = k;
        }
        for (uint32_t k = 10; k + 12 < count; k += 1 + random_below(&random, 10)) {
            uint32_t other = k + 1 + random_below(&random, 2), kept = order[k];
            order[k] = order[other];
            order[other] = kept;
        }
        for (uint32_t k = 0; k < count; k++) {
            uint32_t place = order[k];
            take(&rig, &stream.messages[place]);
            twice += came[place];
            late += !came[place] && place < newest;
            came[place] = true;
            newest = place > newest ? place : newest;
        }
        check(&rig, manner->missing, (unsigned)lost, COUNTER_datagrams_late, late, COUNTER_datagrams_duplicate, twice,
              NOTHING);
        rig_close(&rig);
    }
}

static void random_numbers_claim_nothing(void **state)
{
    uint64_t random = 3;
    struct rig rig;
    rig_open(&rig);
    uint64_t sum = 0;
    for (uint32_t k = 0; k < 300000; k++) {
        bool far = random_below(&random, 2);
        struct sequence_message message = {
            .mark = {.number = far ? random_below(&random, UINT32_MAX) : random_below(&random, 1000000),
                     .counts = {.records = (uint16_t)random_below(&random, 40),
                                .unread = (uint16_t)(random_below(&random, 4) ? 0 : random_below(&random, 1400))}},
            .domain = random_below(&random, 3),
            .version = (uint16_t)(9 + random_below(&random, 2)),
            .uptime_ms = random_below(&random, UINT32_MAX),
            .export_ns = random_below(&random, UINT32_MAX) * NS_PER_S,
        };
        take(&rig, &message);
        sum += rig.exporter->gaps_open > 6 * SEQUENCE_GAPS;
    }
    rig_settle(&rig);
    assert_int_equal(sum, 0);
    assert_int_equal(counted(&rig, COUNTER_datagrams_missing) + counted(&rig, COUNTER_records_missing), 0);
    assert_true(counted(&rig, COUNTER_datagrams_unfollowed) > 299000);
    assert_int_equal(rig.exporter->numberings.count, 5);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_streams_miss_nothing),
        cmocka_unit_test(losses_are_exact),
        cmocka_unit_test(losses_at_the_start),
        cmocka_unit_test(gaps_wait_for_the_late),
        cmocka_unit_test(gaps_beyond_the_window_are_missing),
        cmocka_unit_test(gaps_are_filled_in_pieces),
        cmocka_unit_test(duplicates_are_told_from_late_ones),
        cmocka_unit_test(the_first_may_be_late),
        cmocka_unit_test(restarts_are_no_losses),
        cmocka_unit_test(restarts_over_known_numbers),
        cmocka_unit_test(restarts_without_a_clock),
        cmocka_unit_test(restarts_by_the_second_message),
        cmocka_unit_test(uptime_wraps),
        cmocka_unit_test(one_senseless_number),
        cmocka_unit_test(losses_are_plausible),
        cmocka_unit_test(nonsense_is_not_followed),
        cmocka_unit_test(trust_comes_back),
        cmocka_unit_test(units_may_show_late),
        cmocka_unit_test(unread_records_are_told_by_the_numbers),
        cmocka_unit_test(unread_sets_of_v9),
        cmocka_unit_test(domains_have_numberings_of_their_own),
        cmocka_unit_test(domains_may_share_a_numbering),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(samples_are_followed_by_source),
        cmocka_unit_test(samples_of_an_agent_that_began_anew),
        cmocka_unit_test(sources_have_a_cap),
        cmocka_unit_test(random_networks_are_seen_through),
        cmocka_unit_test(random_numbers_claim_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
