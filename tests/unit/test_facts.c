/* SPDX-License-Identifier: Apache-2.0 */
/* The table of facts against a plain list, its pages, its texts, and sampling rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "decode/facts.h"
#include "decode/record.h"
#include "tests/unit/random.h"

#define KEYS 300

struct model {
    bool known;
    uint64_t number;
    char text[16];
    uint8_t text_bytes;
};

static struct fact_view view_make(uint8_t kind, uint64_t key, const char *text)
{
    return (struct fact_view){.kind = kind, .key = key, .text = text, .text_bytes = (uint8_t)strlen(text)};
}

/* Puts and drops at random; the table says what the list says, and gives all memory back. */
static void table_is_a_map(void **state)
{
    static struct model model[3][KEYS];
    struct heap *heap = heap_new(8 << 20);
    struct facts *facts = facts_new(heap, 0x1234567);
    uint64_t random = 7;
    memset(model, 0, sizeof model);
    for (uint32_t round = 0; round < 20000; round++) {
        uint8_t kind = (uint8_t)(FACT_INTERFACE_NAME + random_below(&random, 3));
        uint64_t key = random_below(&random, KEYS);
        struct model *known = &model[kind - FACT_INTERFACE_NAME][key];
        if (random_below(&random, 3) == 0) {
            assert_int_equal(facts_drop(facts, heap, kind, key), known->known);
            known->known = false;
        } else {
            snprintf(known->text, sizeof known->text, "%0*u", 1 + (int)random_below(&random, 12), round % 7);
            struct fact_view view = view_make(kind, key, known->text);
            view.number = known->number = random_below(&random, 2);
            known->text_bytes = view.text_bytes;
            enum fact_verdict verdict = facts_put(facts, heap, &view, 3 * KEYS);
            assert_true(known->known ? verdict == FACT_SAME || verdict == FACT_CHANGED : verdict == FACT_LEARNED);
            known->known = true;
        }
    }
    uint32_t count = 0;
    for (uint32_t kind = 0; kind < 3; kind++)
        for (uint64_t key = 0; key < KEYS; key++) {
            const struct model *known = &model[kind][key];
            const struct fact *fact = facts_find(facts, FACT_INTERFACE_NAME + kind, key);
            assert_int_equal(fact != NULL, known->known);
            if (!fact)
                continue;
            count++;
            assert_int_equal(fact->number, known->number);
            assert_int_equal(fact->text_bytes, known->text_bytes);
            assert_memory_equal(fact->text, known->text, known->text_bytes);
        }
    assert_int_equal(count, facts->count);
    assert_true(count > KEYS);
    facts_free(facts, heap);
    assert_int_equal(heap_used_bytes(heap), 0);
    heap_free_all(heap);
}

static void table_has_a_cap(void **state)
{
    struct heap *heap = heap_new(1 << 20);
    struct facts *facts = facts_new(heap, 1);
    struct fact_view view = view_make(FACT_VRF_NAME, 0, "x");
    for (; view.key < 10; view.key++)
        assert_int_equal(facts_put(facts, heap, &view, 10), FACT_LEARNED);
    assert_int_equal(facts_put(facts, heap, &view, 10), FACT_OVER_CAP);
    view = view_make(FACT_VRF_NAME, 3, "other");
    assert_int_equal(facts_put(facts, heap, &view, 10), FACT_CHANGED);
    facts_free(facts, heap);
    heap_free_all(heap);
}

/* Without memory for the new name, the old one is not kept: it is wrong. */
static void table_without_memory(void **state)
{
    char text[FACT_TEXT_MOST + 1];
    struct heap *heap = heap_new(16 << 10);
    struct facts *facts = facts_new(heap, 1);
    memset(text, 'a', FACT_TEXT_MOST);
    text[FACT_TEXT_MOST] = 0;
    struct fact_view view = view_make(FACT_VRF_NAME, 0, "b");
    assert_int_equal(facts_put(facts, heap, &view, 1000), FACT_LEARNED);
    enum fact_verdict verdict = FACT_LEARNED;
    for (view = view_make(FACT_VRF_NAME, 1, text); verdict == FACT_LEARNED; view.key++)
        verdict = facts_put(facts, heap, &view, 1000);
    assert_int_equal(verdict, FACT_NO_MEMORY);
    view.key = 0;
    assert_int_equal(facts_put(facts, heap, &view, 1000), FACT_NO_MEMORY);
    assert_null(facts_find(facts, FACT_VRF_NAME, 0));
    assert_non_null(facts_find(facts, FACT_VRF_NAME, 1));
    facts_free(facts, heap);
    assert_int_equal(heap_used_bytes(heap), 0);
    heap_free_all(heap);
}

/* What is written to pages is read back, from each page its own, and marked as not told until it is. */
static void pages_come_back(void **state)
{
    static uint8_t record[FACT_PAGE_MOST];
    struct heap *heap = heap_new(4 << 20);
    struct facts *facts = facts_new(heap, 3), *again = facts_new(heap, 99);
    for (uint64_t key = 0; key < 2000; key++) {
        struct fact_view view = view_make(FACT_APPLICATION_NAME, key, key % 2 ? "\\\"odd\\u0001" : "Grüße");
        view.number = key << 40;
        assert_int_equal(facts_put(facts, heap, &view, 5000), FACT_LEARNED);
    }
    facts_put(facts, heap, &(struct fact_view){.kind = FACT_REPORT, .key = 1, .number = 5, .text = ""}, 5000);
    assert_int_equal(facts->dirty, UINT64_MAX);
    for (uint32_t page = 0; page < FACT_PAGES; page++) {
        uint32_t left_out;
        uint16_t size_bytes = fact_page_write(record, facts, page, &left_out);
        assert_int_equal(left_out, 0);
        assert_true(fact_page_check(record, size_bytes));
        struct fact_view view;
        for (uint32_t at = 0; fact_page_next(record, size_bytes, &at, &view);)
            assert_int_equal(facts_put(again, heap, &view, 5000), FACT_LEARNED);
    }
    assert_int_equal(again->count, 2000); /* what is told anew all the time is not among them */
    for (uint64_t key = 0; key < 2000; key++) {
        const struct fact *fact = facts_find(again, FACT_APPLICATION_NAME, key);
        assert_int_equal(fact->number, key << 40);
        assert_memory_equal(fact->text, key % 2 ? "\\\"odd\\u0001" : "Grüße", fact->text_bytes);
    }
    facts_free(facts, heap);
    facts_free(again, heap);
    heap_free_all(heap);
}

static void page_that_is_full(void **state)
{
    static uint8_t record[FACT_PAGE_MOST];
    char text[FACT_TEXT_MOST + 1];
    struct heap *heap = heap_new(64 << 20);
    struct facts *facts = facts_new(heap, 3);
    memset(text, 'a', FACT_TEXT_MOST);
    text[FACT_TEXT_MOST] = 0;
    struct fact_view view = view_make(FACT_APPLICATION_NAME, 0, text);
    for (; view.key < 30000; view.key++)
        facts_put(facts, heap, &view, 30000);
    uint32_t left_out;
    uint16_t size_bytes = fact_page_write(record, facts, 0, &left_out);
    assert_true(left_out > 100 && size_bytes > FACT_PAGE_MOST - 300 && fact_page_check(record, size_bytes));
    facts_free(facts, heap);
    heap_free_all(heap);
}

/* A page may come from anywhere. */
static void pages_that_are_refused(void **state)
{
    struct bad {
        uint64_t number;
        uint8_t kind, text_bytes;
        const char *text;
        uint8_t more;
    };
    static const struct bad rows[] = {
        {0, FACT_NONE, 1, "a", 0},
        {0, FACT_REPORT, 0, "", 0},
        {0, FACT_KINDS, 1, "a", 0},
        {0, 255, 1, "a", 0},
        {0, FACT_VRF_NAME, 2, "a", 0},                        /* longer than the page */
        {0, FACT_VRF_NAME, 1, "a", 1},                        /* half of another one */
        {0, FACT_VRF_NAME, 1, "\"", 0},                       /* ends the string */
        {0, FACT_VRF_NAME, 1, "\\", 0},
        {0, FACT_VRF_NAME, 2, "\\x", 0},
        {0, FACT_VRF_NAME, 5, "\\u12g", 0},
        {0, FACT_VRF_NAME, 6, "\\ud800", 0},
        {0, FACT_VRF_NAME, 1, "\n", 0},
        {0, FACT_VRF_NAME, 1, "\xff", 0},
        {0, FACT_VRF_NAME, 2, "\xc3(", 0},
        {0, FACT_RATE, 0, "", 0},                             /* none in none */
        {5ull << 32, FACT_RATE, 0, "", 0},                    /* none of five */
        {5ull << 32 | 6, FACT_INTERFACE_RATE, 0, "", 0},      /* six of five */
        {0, FACT_TEMPLATE_RATE, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t page[64] = {0};
        memcpy(page + 8, &rows[i].number, 8);
        page[16] = rows[i].kind;
        page[17] = rows[i].text_bytes;
        size_t text_bytes = strlen(rows[i].text);
        memcpy(page + 18, rows[i].text, text_bytes);
        assert_false(fact_page_check(page, (uint32_t)(18 + text_bytes + rows[i].more)));
    }
    uint8_t good[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, FACT_RATE, 0};
    assert_true(fact_page_check(good, sizeof good));
    assert_false(fact_page_check(good, 0));
    assert_false(fact_page_check(good, sizeof good - 1));
}

/* Texts are cut at the end of a character or of an escape, and lose the NULs that fill them. */
static void texts_are_cut(void **state)
{
    char out[FACT_TEXT_ROOM];
    uint8_t bytes[300];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(fact_text_write(out, bytes, 300), 255);
    memcpy(bytes, "\xc3\xa4", 2);
    for (int i = 2; i < 254; i += 2)
        memcpy(bytes + i, "\xc3\xa4", 2);
    assert_int_equal(fact_text_write(out, bytes, 300), 255);
    memcpy(bytes + 254, "\xc3\xa4", 2);
    assert_int_equal(fact_text_write(out, bytes, 300), 254);
    memset(bytes, 1, sizeof bytes); /* \u0001 each */
    assert_int_equal(fact_text_write(out, bytes, 300), 252);
    assert_int_equal(text_json_prefix(out, 252, 252), 252);
    assert_int_equal(fact_text_write(out, (const uint8_t *)"ab\0\0", 4), 2);
    assert_int_equal(fact_text_write(out, (const uint8_t *)"\0\0", 2), 0);
}

static void rates_are_made(void **state)
{
    struct rate rate;
    assert_true(rate_make(1000, 10, &rate) && rate.population == 100 && rate.size == 1);
    assert_true(rate_make(10, 4, &rate) && rate.population == 5 && rate.size == 2);
    assert_int_equal(rate_scale(&rate, 3), 8); /* 7.5 */
    assert_int_equal(rate_scale(&rate, 2), 5);
    assert_true(rate_make(1, 1, &rate));
    assert_false(rate_make(0, 1, &rate));
    assert_false(rate_make(1, 0, &rate));
    assert_false(rate_make(2, 3, &rate));
    assert_false(rate_make(1ull << 33, 1, &rate));
    assert_true(rate_make(1ull << 33, 2, &rate) == false);
    assert_true(rate_make(1ull << 33, 4, &rate) && rate.population == 1u << 31);
    rate = (struct rate){.population = UINT32_MAX, .size = 1};
    assert_int_equal(rate_scale(&rate, UINT64_MAX), UINT64_MAX);
    assert_int_equal(rate_scale(&rate, 1), UINT32_MAX);
}

/* Each way of saying a rate, from bytes; 0: it says none. */
static void rates_are_read(void **state)
{
    static const struct {
        uint16_t ids[2], lengths[2];
        uint8_t types[2];
        uint8_t bytes[16];
        uint32_t population, size;
    } rows[] = {
        {{34}, {4}, {TYPE_UNSIGNED}, {0, 0, 1, 0}, 256, 1},
        {{34}, {4}, {TYPE_UNSIGNED}, {0}, 0, 0},
        {{50}, {2}, {TYPE_UNSIGNED}, {0, 5}, 5, 1},
        {{305, 306}, {4, 4}, {TYPE_UNSIGNED, TYPE_UNSIGNED}, {0, 0, 0, 2, 0, 0, 0, 6}, 4, 1},
        {{305, 306}, {4, 4}, {TYPE_UNSIGNED, TYPE_UNSIGNED}, {0, 0, 0, 0, 0, 0, 0, 6}, 0, 0},
        {{305, 306}, {4, 4}, {TYPE_UNSIGNED, TYPE_UNSIGNED},
         {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 2, 1},
        {{307, 308}, {2, 2}, {TYPE_UNSIGNED, TYPE_UNSIGNED}, {0, 1, 0, 9}, 10, 1},
        {{309, 310}, {2, 2}, {TYPE_UNSIGNED, TYPE_UNSIGNED}, {0, 3, 0, 10}, 10, 3},
        {{309, 310}, {2, 2}, {TYPE_UNSIGNED, TYPE_UNSIGNED}, {0, 10, 0, 3}, 0, 0},
        {{311}, {4}, {TYPE_FLOAT}, {0x3c, 0x23, 0xd7, 0x0a}, 100, 1},   /* 0.01f */
        {{311}, {8}, {TYPE_FLOAT}, {0x3f, 0xe0, 0, 0, 0, 0, 0, 0}, 2, 1},
        {{311}, {8}, {TYPE_FLOAT}, {0x3f, 0xe8, 0, 0, 0, 0, 0, 0}, 4, 3}, /* 0.75 */
        {{311}, {8}, {TYPE_FLOAT}, {0xbf, 0xe8, 0, 0, 0, 0, 0, 0}, 0, 0},
        {{311}, {8}, {TYPE_FLOAT}, {0x7f, 0xf8, 0, 0, 0, 0, 0, 0}, 0, 0}, /* NaN */
        {{311}, {8}, {TYPE_FLOAT}, {0x7f, 0xf0, 0, 0, 0, 0, 0, 0}, 0, 0},
        {{311}, {8}, {TYPE_FLOAT}, {0}, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t count = rows[i].ids[1] ? 2 : 1;
        struct field fields[2] = {{.id = rows[i].ids[0], .type = rows[i].types[0]},
                                  {.id = rows[i].ids[1], .type = rows[i].types[1]}};
        struct span spans[2] = {{0, rows[i].lengths[0]}, {rows[i].lengths[0], rows[i].lengths[1]}};
        struct record record = {.bytes = rows[i].bytes, .spans = spans};
        struct rate_use use;
        struct rate rate = {0};
        assert_true(rate_use_find(fields, count, &use));
        assert_int_equal(rate_read(&use, &record, &rate), rows[i].population > 0);
        assert_int_equal(rate.population, rows[i].population);
        assert_int_equal(rate.size, rows[i].size);
        spans[0].length = SPAN_ABSENT;
        assert_false(rate_read(&use, &record, &rate));
        fields[0].type = TYPE_NONE;
        assert_false(rate_use_find(fields, count, &use));
    }
    const struct field half = {.id = 305, .type = TYPE_UNSIGNED};
    const struct field other = {.id = 34, .enterprise = 9, .type = TYPE_UNSIGNED};
    struct rate_use use;
    assert_false(rate_use_find(&half, 1, &use));
    assert_false(rate_use_find(&other, 1, &use));
}

/* Cisco's and others' sampler tables have fields for every algorithm, and zeroes in those that the sampler has not. */
static void rates_in_one_template(void **state)
{
    static const struct {
        uint8_t bytes[5]; /* 34, 305 and 306, 309 and 310 */
        uint32_t population, size;
    } rows[] = {
        {{9, 1, 99, 2, 5}, 9, 1}, {{0, 1, 99, 2, 5}, 100, 1}, {{0, 0, 0, 2, 5}, 5, 2},
        {{0, 0, 99, 2, 5}, 5, 2}, {{0, 0, 0, 0, 5}, 0, 0},    {{0, 0, 0, 0, 0}, 0, 0},
    };
    static const uint16_t ids[] = {34, 305, 306, 309, 310};
    struct field fields[5];
    struct span spans[5];
    struct rate_use use;
    for (uint16_t i = 0; i < 5; i++) {
        fields[i] = (struct field){.id = ids[i], .type = TYPE_UNSIGNED};
        spans[i] = (struct span){.offset = i, .length = 1};
    }
    assert_true(rate_use_find(fields, 5, &use));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct record record = {.bytes = rows[i].bytes, .spans = spans};
        struct rate rate = {0};
        assert_int_equal(rate_read(&use, &record, &rate), rows[i].population > 0);
        assert_int_equal(rate.population, rows[i].population);
        assert_int_equal(rate.size, rows[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_a_map),       cmocka_unit_test(table_has_a_cap),
        cmocka_unit_test(table_without_memory), cmocka_unit_test(pages_come_back),
        cmocka_unit_test(page_that_is_full),    cmocka_unit_test(pages_that_are_refused),
        cmocka_unit_test(texts_are_cut),        cmocka_unit_test(rates_are_made),
        cmocka_unit_test(rates_are_read),       cmocka_unit_test(rates_in_one_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
