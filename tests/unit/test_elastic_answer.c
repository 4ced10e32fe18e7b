/* SPDX-License-Identifier: Apache-2.0 */

/* Answers to bulk requests, hostile ones included, what they mean for a document, and where refused ones go. */
#include "elastic_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "export/elastic/bulk_answer.h"
#include "export/elastic/dead_letter.h"
#include "export/elastic/fate.h"
#include "export/elastic/reasons.h"

#define ITEMS_MOST 16

struct seen {
    uint32_t count;
    long status[ITEMS_MOST];
    char type[ITEMS_MOST][BULK_TYPE_MOST];
    char reason[ITEMS_MOST][64];
};

static void see(void *context, const struct bulk_item *item)
{
    struct seen *seen = context;
    assert_int_equal(item->document, seen->count);
    assert_true(seen->count < ITEMS_MOST);
    seen->status[seen->count] = item->status;
    snprintf(seen->type[seen->count], BULK_TYPE_MOST, "%s", item->type);
    snprintf(seen->reason[seen->count], 64, "%s", item->reason);
    seen->count++;
}

/* Gives the text in pieces of so many bytes. */
static bool take(struct bulk_answer *answer, const char *text, size_t piece, uint32_t documents)
{
    size_t size = strlen(text);
    bulk_answer_begin(answer, documents);
    for (size_t at = 0; at < size; at += piece)
        if (!bulk_answer_take(answer, text + at, size - at < piece ? size - at : piece))
            return false;
    return true;
}

static void test_clean(void **state)
{
    static const char *const texts[] = {
        "{\"errors\":false,\"took\":3,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"took\":3,\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}\r\n",
        " {\n \"took\" : {\"errors\":true}, \"x\":\"errors\",\"y\":[{\"errors\":true}],\n\"errors\" : false }\n",
        "{\"a\\\"errors\":true,\"errors\":false}",
    };
    struct bulk_answer answer = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t piece = 1; piece < 80; piece++) {
            assert_true(take(&answer, texts[i], piece, 1));
            assert_true(bulk_answer_clean(&answer));
        }
    }
    bulk_answer_fini(&answer);
}

static void test_not_clean(void **state)
{
    static const char *const texts[] = {
        "", "{", "{}", "[]", "null", "errors", "\"errors\":false", "{\"errors\":", "{\"errors\":\"false\"}",
        "{\"errors\":true}", "{\"errors\":null}", "{\"errors\":0}", "{\"Errors\":false}", "{\"errorsx\":false}",
        "{\"x\":{\"errors\":false}}", "[{\"errors\":false}]", "{\"items\":[{\"errors\":false}]}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}",
        "{\"errors\":false,\"took\":3", "<html>\"errors\":false</html>",
        "{\"error\":{\"reason\":\"errors\"},\"status\":400}",
    };
    struct bulk_answer answer = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct seen seen = {0};
        assert_true(take(&answer, texts[i], 7, 1));
        bool clean = bulk_answer_clean(&answer);
        /* one that was cut between two braces ends like a whole one: HTTP knows that it was cut */
        if (strcmp(texts[i], "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}") != 0)
            assert_false(clean);
        if (!clean)
            assert_int_equal(bulk_answer_read(&answer, 1, see, &seen), -EBADMSG);
        assert_int_equal(seen.count, 0);
    }
    bulk_answer_fini(&answer);
}

static void test_items(void **state)
{
    static const char text[] =
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},"
        "{\"create\":{\"status\":400,\"error\":{\"type\":\"document_parsing_exception\","
        "\"reason\":\"[1:7] \\u00e9\\\"\"}}},"
        "{\"index\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\"}}},"
        "{\"create\":{\"status\":409,\"error\":\"a text\"}},"
        "{\"create\":{\"status\":500,\"error\":{\"type\":7,\"reason\":[\"x\"]}}}]}";
    struct bulk_answer answer = {0};
    for (size_t piece = 1; piece < sizeof text + 1; piece += 3) {
        struct seen seen = {0};
        assert_true(take(&answer, text, piece, 5));
        assert_false(bulk_answer_clean(&answer));
        assert_int_equal(answer.errors, BULK_ERRORS_SOME);
        assert_int_equal(bulk_answer_read(&answer, 5, see, &seen), 0);
        assert_int_equal(seen.count, 5);
        static const long status[] = {201, 400, 429, 409, 500};
        for (int i = 0; i < 5; i++)
            assert_int_equal(seen.status[i], status[i]);
        assert_string_equal(seen.type[1], "document_parsing_exception");
        assert_string_equal(seen.reason[1], "[1:7] \xc3\xa9\"");
        assert_string_equal(seen.type[2], "es_rejected_execution_exception");
        assert_string_equal(seen.reason[3], "a text");
        assert_string_equal(seen.type[4], "");
        assert_string_equal(seen.reason[4], "");
    }
    bulk_answer_fini(&answer);
}

/* One visit too many or too few would settle the wrong document. */
static void test_items_wrong(void **state)
{
    static const char *const texts[] = {
        "{\"errors\":true}",
        "{\"errors\":true,\"items\":[]}",
        "{\"errors\":true,\"items\":{}}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}},"
        "{\"create\":{\"status\":201}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},7]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},null]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":\"201\"}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":0}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":-201}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":4294967497}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":99999999999999999999}}]}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}}",
        "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},"
        "{\"create\":{\"status\":201,\"error\":{\"reason\":\"\xff\"}}}]}",
    };
    struct bulk_answer answer = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct seen seen = {0};
        assert_true(take(&answer, texts[i], 11, 2));
        assert_int_equal(bulk_answer_read(&answer, 2, see, &seen), -EBADMSG);
        assert_int_equal(seen.count, 0);
    }
    bulk_answer_fini(&answer);
}

static void test_every_cut(void **state)
{
    static const char text[] = "{\"took\":30,\"errors\":true,\"items\":[{\"create\":{\"status\":201}},"
                               "{\"create\":{\"status\":400,\"error\":{\"type\":\"a\",\"reason\":\"b\"}}}]}";
    struct bulk_answer answer = {0};
    char cut[sizeof text];
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct seen seen = {0};
        memcpy(cut, text, size);
        cut[size] = '\0';
        assert_true(take(&answer, cut, 5, 2));
        assert_false(bulk_answer_clean(&answer));
        assert_int_equal(bulk_answer_read(&answer, 2, see, &seen), -EBADMSG);
        assert_int_equal(seen.count, 0);
    }
    bulk_answer_fini(&answer);
}

static void test_deep(void **state)
{
    struct bulk_answer answer = {0};
    struct seen seen = {0};
    static const char head[] = "{\"errors\":true,\"items\":";
    size_t size = 1 << 20;
    char *text = calloc(1, size + 1);
    assert_non_null(text);
    memset(text, '[', size);
    memcpy(text, head, sizeof head - 1);
    assert_true(take(&answer, text, 16384, 8));
    assert_int_equal(bulk_answer_read(&answer, 8, see, &seen), -EBADMSG);
    memset(text, '{', size);
    assert_true(take(&answer, text, 16384, 8));
    assert_int_equal(bulk_answer_read(&answer, 8, see, &seen), -EBADMSG);
    memset(text, '}', size);
    assert_true(take(&answer, text, 16384, 8));
    assert_false(bulk_answer_clean(&answer));
    assert_int_equal(seen.count, 0);
    free(text);
    bulk_answer_fini(&answer);
}

/* What never ends is broken off, whether anything of it is kept or not. */
static void test_huge(void **state)
{
    static const char *const heads[] = {"{\"errors\":true,\"items\":[", "{\"errors\":false,\"items\":[", "x"};
    char filler[4096];
    memset(filler, ' ', sizeof filler);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct bulk_answer answer = {0};
        uint64_t taken = 0;
        assert_true(take(&answer, heads[i], 100, 100));
        while (bulk_answer_take(&answer, filler, sizeof filler) && taken < 1u << 30)
            taken += sizeof filler;
        assert_true(answer.too_long);
        assert_in_range(taken, 1 << 20, 2 << 20);
        assert_true(i != 1 || answer.room_bytes < 8192);
        bulk_answer_fini(&answer);
    }
}

static void test_error_of_request(void **state)
{
    static const struct {
        const char *text, *type, *reason;
    } rows[] = {
        {"{\"error\":{\"root_cause\":[],\"type\":\"a_type\",\"reason\":\"why\"},\"status\":429}", "a_type", "why"},
        {"{\"error\":\"no handler found\"}", "", "no handler found"},
        {"Unauthorized", "", "Unauthorized"},
        {"", "", ""},
        {"{\"error\":{\"type\":[],\"reason\":7}}", "", "{\"error\":{\"type\":[],\"reason\":7}}"},
        {"[1]", "", "[1]"},
    };
    struct bulk_answer answer = {0};
    struct bulk_error error;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bulk_answer_begin(&answer, 1);
        bulk_answer_take_error(&answer, rows[i].text, strlen(rows[i].text));
        bulk_answer_error(&answer, &error);
        assert_string_equal(error.type, rows[i].type);
        assert_string_equal(error.reason, rows[i].reason);
    }
    bulk_answer_begin(&answer, 1);
    for (int i = 0; i < 100000; i++)
        bulk_answer_take_error(&answer, "0123456789", 10);
    assert_in_range(answer.size_bytes, 1000, 65536);
    bulk_answer_error(&answer, &error);
    assert_int_equal(strlen(error.reason), BULK_REASON_MOST - 1);
    bulk_answer_fini(&answer);
}

static void test_fates(void **state)
{
    static const struct {
        long status;
        const char *type, *reason;
        bool ids;
        enum elastic_fate fate;
    } rows[] = {
        {201, "", "", false, ELASTIC_DELIVERED},
        {200, "", "", true, ELASTIC_DELIVERED},
        {409, "version_conflict_engine_exception", "", true, ELASTIC_DELIVERED},
        {409, "version_conflict_engine_exception", "", false, ELASTIC_REFUSED},
        {400, "document_parsing_exception", "", true, ELASTIC_REFUSED},
        {400, "mapper_parsing_exception", "", true, ELASTIC_REFUSED},
        {400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded", true, ELASTIC_REFUSED},
        {400, "illegal_argument_exception", "pipeline with id [x] does not exist", true, ELASTIC_MEND},
        {404, "index_not_found_exception", "no such index [x]", true, ELASTIC_MEND},
        {404, "", "", true, ELASTIC_REFUSED},
        {403, "security_exception", "", true, ELASTIC_MEND},
        {403, "", "", true, ELASTIC_MEND},
        {403, "cluster_block_exception", "", true, ELASTIC_MEND},
        {429, "cluster_block_exception", "", true, ELASTIC_MEND},
        {429, "es_rejected_execution_exception", "", true, ELASTIC_AGAIN},
        {500, "", "", false, ELASTIC_AGAIN},
        {503, "unavailable_shards_exception", "", true, ELASTIC_AGAIN},
        {301, "", "", true, ELASTIC_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *remedy = NULL;
        struct bulk_item item = {.status = rows[i].status, .type = rows[i].type, .reason = rows[i].reason};
        assert_int_equal(elastic_fate_of(&item, rows[i].ids, &remedy), rows[i].fate);
        assert_int_equal(*remedy != '\0', rows[i].fate == ELASTIC_MEND);
    }
}

static void test_reasons_capped(void **state)
{
    struct output_config output = test_output(NULL, 0);
    struct elastic_reasons reasons;
    char type[512], reason[4096];
    elastic_reasons_init(&reasons, &output);
    assert_int_equal(reasons.due_ns, INT64_MAX);
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    for (int i = 0; i < 1000; i++) {
        snprintf(type, sizeof type, "%d%0400d", i % 100, 0);
        elastic_reasons_add(&reasons, type, reason);
    }
    elastic_reasons_add(&reasons, "", "");
    assert_int_equal(reasons.row_count, ELASTIC_REASONS_MOST);
    uint64_t total = 0;
    for (uint32_t i = 0; i < reasons.row_count; i++)
        total += reasons.rows[i].total;
    assert_int_equal(total, 1001);
    assert_int_equal(reasons.rows[0].total, 10);
    int64_t due = reasons.due_ns;
    assert_true(due <= clock_steady_ns() + 2 * NS_PER_S);
    elastic_reasons_poll(&reasons, due - 1);
    assert_int_equal(reasons.count, 1001);
    elastic_reasons_poll(&reasons, due);
    assert_int_equal(reasons.count, 0);
    elastic_reasons_add(&reasons, "x", "");
    assert_int_equal(reasons.due_ns, due + 60 * NS_PER_S); /* the next line is a minute later */
    elastic_reasons_close(&reasons);
}

/* ---- dead letters ---- */

static char folder[64];

static int folder_make(void **state)
{
    strcpy(folder, "/tmp/weir-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void letter_add(struct dead_letter *letter, const char *document)
{
    dead_letter_add(letter, &(struct dead_letter_document){.target = "a-target",
                                                           .status = 400,
                                                           .type = "a\"type",
                                                           .reason = "a\nreason",
                                                           .bytes = (const uint8_t *)document,
                                                           .size_bytes = strlen(document)});
}

static void assert_letter(const char *line, const char *document)
{
    json_t *root = json_loads(line, 0, NULL);
    assert_non_null(root);
    assert_int_equal(strlen(json_string_value(json_object_get(root, "@timestamp"))), 24);
    assert_string_equal(json_string_value(json_object_get(root, "target")), "a-target");
    assert_int_equal(json_integer_value(json_object_get(root, "status")), 400);
    const json_t *error = json_object_get(root, "error");
    assert_string_equal(json_string_value(json_object_get(error, "type")), "a\"type");
    assert_string_equal(json_string_value(json_object_get(error, "reason")), "a\nreason");
    assert_string_equal(json_string_value(json_object_get(root, "document")), document);
    json_decref(root);
}

static void test_letters(void **state)
{
    char path[128], *line = NULL;
    size_t room = 0;
    struct output_config output = test_output(NULL, 0);
    struct dead_letter letter;
    snprintf(path, sizeof path, "%s/%%%%dead-%%i.ndjson", folder);
    output.elastic.dead_letter = path;
    dead_letter_init(&letter, &output);
    letter_add(&letter, "{\"a\":\"\\u0001 \\\" \"}");
    assert_int_equal(letter.fd, -1); /* not before it is due */
    dead_letter_poll(&letter, letter.due_ns - 1);
    assert_int_equal(letter.fd, -1);
    dead_letter_poll(&letter, letter.due_ns);
    assert_true(letter.fd >= 0);
    assert_int_equal(letter.due_ns, INT64_MAX);
    char *large = malloc(1000001);
    memset(large, '"', 1000000);
    large[1000000] = '\0';
    letter_add(&letter, large);
    dead_letter_fini(&letter);
    snprintf(path, sizeof path, "%s/%%dead-1.ndjson", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getline(&line, &room, file) > 0);
    assert_letter(line, "{\"a\":\"\\u0001 \\\" \"}");
    assert_true(getline(&line, &room, file) > 0);
    assert_letter(line, large);
    assert_int_equal(getline(&line, &room, file), -1);
    fclose(file);
    free(line);
    free(large);
}

static void test_letters_bounded(void **state)
{
    char path[128], before[160];
    struct stat status;
    struct output_config output = test_output(NULL, 0);
    struct dead_letter letter;
    snprintf(path, sizeof path, "%s/bounded.ndjson", folder);
    snprintf(before, sizeof before, "%s.1", path);
    output.elastic.dead_letter = path;
    dead_letter_init(&letter, &output);
    letter_add(&letter, "{}");
    dead_letter_poll(&letter, letter.due_ns);
    assert_int_equal(ftruncate(letter.fd, DEAD_LETTER_FILE_BYTES), 0);
    letter_add(&letter, "{}");
    dead_letter_fini(&letter);
    assert_int_equal(stat(before, &status), 0);
    assert_int_equal(status.st_size, DEAD_LETTER_FILE_BYTES);
    assert_int_equal(stat(path, &status), 0);
    assert_in_range(status.st_size, 50, 500);
}

/* A file that somebody moved away is not written to any more. */
static void test_letters_moved(void **state)
{
    char path[128], moved[160];
    struct stat status;
    struct output_config output = test_output(NULL, 0);
    struct dead_letter letter;
    snprintf(path, sizeof path, "%s/here.ndjson", folder);
    snprintf(moved, sizeof moved, "%s.moved", path);
    output.elastic.dead_letter = path;
    dead_letter_init(&letter, &output);
    letter_add(&letter, "{}");
    dead_letter_poll(&letter, letter.due_ns);
    assert_int_equal(rename(path, moved), 0);
    letter_add(&letter, "{}");
    dead_letter_fini(&letter);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 0);
}

static void test_letters_lost(void **state)
{
    char path[128];
    struct output_config output = test_output(NULL, 0);
    struct dead_letter letter;
    snprintf(path, sizeof path, "%s/no/such/folder.ndjson", folder);
    output.elastic.dead_letter = path;
    dead_letter_init(&letter, &output);
    for (int i = 0; i < 10; i++) {
        letter_add(&letter, "{}");
        dead_letter_poll(&letter, letter.due_ns);
    }
    assert_int_equal(letter.lost, 10);
    assert_true(letter.failing);
    snprintf(path, sizeof path, "%s/folder.ndjson", folder);
    letter_add(&letter, "{}");
    dead_letter_poll(&letter, letter.due_ns);
    assert_int_equal(letter.lost, 0);
    assert_false(letter.failing);
    dead_letter_fini(&letter);

    output.elastic.dead_letter = "/dev/full";
    dead_letter_init(&letter, &output);
    letter_add(&letter, "{}");
    dead_letter_poll(&letter, letter.due_ns);
    assert_int_equal(letter.lost, 1);
    dead_letter_fini(&letter);

    output.elastic.dead_letter = "";
    dead_letter_init(&letter, &output);
    letter_add(&letter, "{}");
    assert_int_equal(letter.due_ns, INT64_MAX);
    dead_letter_fini(&letter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_not_clean),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_items_wrong),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_error_of_request),
        cmocka_unit_test(test_fates),
        cmocka_unit_test(test_reasons_capped),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_letters_bounded),
        cmocka_unit_test(test_letters_moved),
        cmocka_unit_test(test_letters_lost),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
