/* SPDX-License-Identifier: Apache-2.0 */
/* Every capture folder through the decoder: as many records as Elastic makes documents, the same datagrams refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/capture_folder.h"
#include "tests/unit/decode_fixture.h"

/* Data before its template, which Elastic keeps only with several workers, is not kept. */
static bool is_informative(const char *name)
{
    return strcmp(name, "synthetic-v9-data-first-cached") == 0;
}

static void list_add(struct text_list *list, const char *folder, const char *name)
{
    list->items = realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count] = malloc(strlen(folder) + strlen(name) + 2);
    sprintf(list->items[list->count++], "%s/%s", folder, name);
}

/* The case's "options" file: the few keys that decoding knows. */
static void options_read(struct fixture *fixture, const char *folder)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } protocols[] = {{"v1", PROTOCOL_V1}, {"v5", PROTOCOL_V5}, {"v6", PROTOCOL_V6},      {"v7", PROTOCOL_V7},
                     {"v8", PROTOCOL_V8}, {"v9", PROTOCOL_V9}, {"ipfix", PROTOCOL_IPFIX}};
    char *text = file_text(folder, "options", NULL), *saved = NULL;
    for (char *line = text ? strtok_r(text, "\n", &saved) : NULL; line; line = strtok_r(NULL, "\n", &saved)) {
        char *value = strchr(line, ':'), *rest = NULL;
        *value++ = 0;
        value += strspn(value, " ");
        if (strcmp(line, "protocols") == 0)
            fixture->config.protocols = 0;
        for (char *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
            fixture->config.detect_sequence_reset |= strcmp(line, "detect_sequence_reset") == 0 && *item == 't';
            fixture->config.share_templates |= strcmp(line, "share_templates") == 0 && *item == 't';
            if (strcmp(line, "custom_definitions") == 0)
                list_add(&fixture->config.custom_definitions, folder, item);
            for (size_t i = 0; strcmp(line, "protocols") == 0 && i < sizeof protocols / sizeof *protocols; i++)
                fixture->config.protocols |= strcmp(item, protocols[i].name) == 0 ? protocols[i].bit : 0;
        }
    }
    free(text);
}

/* The datagrams that Elastic refuses, counted from 1, as counts.json lists them. */
static bool is_error(const char *counts, size_t number)
{
    const char *at = strchr(strstr(counts, "\"error_packets\""), '[');
    while (*at != ']') {
        char *end;
        if (strtoul(at + 1, &end, 10) == number && end != at + 1)
            return true;
        at = end == at + 1 ? at + 1 : end;
        at += strspn(at, " \n");
    }
    return false;
}

static unsigned failures;

static void case_fail(const char *name, const char *what, size_t number, uint64_t got, uint64_t expected)
{
    print_error("%s, datagram %zu: %s is %lu, expected %lu\n", name, number, what, (unsigned long)got,
                (unsigned long)expected);
    failures++;
}

static void elastic_case(const char *folder, const char *name, const char *counts)
{
    struct fixture fixture;
    struct capture capture;
    fixture_init(&fixture, PROFILE_ELASTIC);
    options_read(&fixture, folder);
    fixture_open(&fixture);
    capture_read(&capture, folder);
    uint64_t records = 0, expected = strtoul(strstr(counts, "\"events\":") + 9, NULL, 10);
    for (size_t i = 0; i < capture.count; i++) {
        struct exporter *exporter = fixture_exporter(&fixture, capture.items[i].exporter);
        uint64_t decoded = fixture_count(&fixture, COUNTER_datagrams_decoded);
        records += fixture_feed(&fixture, exporter, capture.items[i].bytes, capture.items[i].size_bytes);
        bool refused = fixture_count(&fixture, COUNTER_datagrams_decoded) == decoded;
        if (refused != is_error(counts, i + 1) && !is_informative(name))
            case_fail(name, "refused", i + 1, refused, !refused);
    }
    if (capture.count == 0 || (records != expected && !is_informative(name)))
        case_fail(name, "records", capture.count, records, expected);
    if (is_informative(name))
        print_message("%s: %lu records, Elastic has %lu\n", name, (unsigned long)records, (unsigned long)expected);
    fixture_check_ledger(&fixture);
    capture_free(&capture);
    fixture_close(&fixture);
    for (uint32_t i = 0; i < fixture.config.custom_definitions.count; i++)
        free(fixture.config.custom_definitions.items[i]);
    free(fixture.config.custom_definitions.items);
}

/* Runs all cases below a folder; returns how many there were. */
static unsigned cases_run(const char *top)
{
    struct dirent **entries;
    unsigned cases = 0;
    int count = scandir(top, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", top, entries[i]->d_name);
        char *counts = entries[i]->d_name[0] == '.' ? NULL : file_text(folder, "counts.json", NULL);
        if (counts) {
            elastic_case(folder, entries[i]->d_name, counts);
            cases++;
        }
        free(counts);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return cases;
}

static void golden_cases(void **state)
{
    const char *golden = getenv("WEIR_GOLDEN");
    assert_non_null(golden);
    failures = 0;
    assert_true(cases_run(golden) > 50);
    assert_int_equal(failures, 0);
}

static void real_cases(void **state)
{
    const char *captures = getenv("WEIR_CAPTURES");
    if (!captures)
        skip();
    failures = 0;
    assert_true(cases_run(captures) > 0);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_cases),
        cmocka_unit_test(real_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
