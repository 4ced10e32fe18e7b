/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/output_fixture.h"

#include "export/compress.h"
#include "export/file/name.h"

static char names[FILES_MOST][PATH_MAX];

/* ---- names ---- */

static void names_follow_the_pattern(void **state)
{
    struct fixture *fixture = *state;
    struct file_names pattern;
    struct file_name name;
    char expected[512];
    snprintf(fixture->path, sizeof fixture->path, "%s/%%Y/a%%%%b-%%i-%%i.json", fixture->folder);
    assert_int_equal(file_names_init(&pattern, fixture->path, COMPRESSION_ZSTD), 0);
    time_t now = time(NULL);
    for (int i = 1; i <= 3; i++) {
        int fd = file_names_create(&pattern, &name);
        assert_true(fd >= 0);
        snprintf(expected, sizeof expected, "%s/%d/a%%b-%d-%d.json.zst", fixture->folder,
                 gmtime(&now)->tm_year + 1900, i, i);
        assert_string_equal(name.final, expected);
        assert_int_equal(size_of(name.partial), 0);
        assert_int_equal(file_name_finish(&name), 0);
        assert_int_equal(size_of(expected), 0);
        assert_int_equal(size_of(name.partial), UINT64_MAX);
        close(fd);
    }
    assert_int_equal(file_names_init(&pattern, "", COMPRESSION_NONE), -EINVAL);
    assert_int_equal(file_names_init(&pattern, "/tmp/", COMPRESSION_NONE), -EINVAL);
    char *longest = malloc(PATH_MAX + 1);
    memset(longest, 'x', PATH_MAX);
    longest[PATH_MAX] = '\0';
    assert_int_equal(file_names_init(&pattern, longest, COMPRESSION_NONE), -ENAMETOOLONG);
    longest[PATH_MAX - 4] = '\0'; /* fits, but not with .partial behind it */
    assert_int_equal(file_names_init(&pattern, longest, COMPRESSION_NONE), -ENAMETOOLONG);
    free(longest);
}

static void numbers_go_before_the_extension(void **state)
{
    static const char *const cases[][2] = {
        {"/d.d/flows.ndjson", "/d.d/flows.2.ndjson"}, {"/d/flows.ndjson.zst", "/d/flows.2.ndjson.zst"},
        {"/d.d/flows", "/d.d/flows.2"},               {"/d/.flows", "/d/.flows.2"},
        {"flows.gz", "flows.2.gz"},                   {"a.b.json.lz4", "a.b.2.json.lz4"},
    };
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(file_name_number(name, cases[i][0], 2), 0);
        assert_string_equal(name, cases[i][1]);
        assert_int_equal(file_name_number(name, cases[i][0], 1), 0);
        assert_string_equal(name, cases[i][0]);
    }
}

static void nothing_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    char other[1024], third[1024];
    write_file(fixture->path, "mine\n", 5);
    struct outputs *output = open_with(fixture, &producer);
    snprintf(other, sizeof other, "%s/flows.2.ndjson", fixture->folder);
    write_file(other, "yours\n", 6); /* while flows.2.ndjson.partial is being written */
    produce_many(&producer, 10, true);
    close_delivered(output, &producer);
    assert_int_equal(size_of(fixture->path), 5);
    assert_int_equal(size_of(other), 6);
    snprintf(third, sizeof third, "%s/flows.2.2.ndjson", fixture->folder);
    struct readback readback = {0};
    read_file(&readback, third);
    assert_int_equal(readback.lines, 10);
}

/* ---- writing ---- */

static void a_file_has_its_name_when_it_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    struct outputs *output = open_with(fixture, &producer);
    assert_int_equal(count_files(fixture, ".partial"), 1);
    produce_many(&producer, 3000, true);
    while (counted(&producer, COUNTER_records_delivered) < 3000) {
        sleep_ms(1);
        outlet_collect(producer.outlet);
    }
    assert_int_equal(count_files(fixture, "flows.ndjson"), 0);
    assert_whole(fixture, ".partial", 3000); /* what is delivered is there to read */
    close_delivered(output, &producer);
    assert_int_equal(count_files(fixture, ""), 1);
    assert_whole(fixture, "flows.ndjson", 3000);
}

static void an_empty_file_goes_away(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    struct outputs *output = open_with(fixture, &producer);
    close_delivered(output, &producer);
    assert_int_equal(count_files(fixture, ""), 0);
}

static void rotate_by_size(struct fixture *fixture, const char *end, uint64_t slack)
{
    struct producer producer;
    fixture->config.output.rotate_size = 1000000;
    fixture->config.output.batches = 32;
    struct outputs *output = open_with(fixture, &producer);
    produce_many(&producer, 20000, true);
    close_delivered(output, &producer);
    int count = list_files(fixture, end, names);
    assert_true(count > 2);
    for (int i = 0; i < count; i++)
        assert_in_range(size_of(names[i]), 1, 1000000 + slack);
    for (int i = 0; i + 1 < count; i++)
        assert_in_range(size_of(names[i]), 1000000 - 2 * 65536, 1000000 + slack);
    assert_int_equal(count_files(fixture, ""), count);
    assert_whole(fixture, end, 20000);
}

static void rotation_by_size(void **state)
{
    rotate_by_size(*state, ".ndjson", 0);
}

static void rotation_by_size_through_the_page_cache(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.output.direct = DIRECT_IO_OFF;
    rotate_by_size(fixture, ".ndjson", 0);
}

static void wait_for_file(const struct fixture *fixture, const char *end)
{
    for (int i = 0; i < 1000 && count_files(fixture, end) == 0; i++)
        sleep_ms(10);
    assert_int_equal(count_files(fixture, end), 1);
}

static void rotation_by_age(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    fixture->config.output.rotate_age = 100 * NS_PER_MS;
    fixture_path(fixture, "flows-%i.ndjson");
    struct outputs *output = open_with(fixture, &producer);
    sleep_ms(250);
    assert_int_equal(count_files(fixture, "flows-1.ndjson.partial"), 1); /* empty: no reason to rotate */
    int64_t began_ns = clock_steady_ns();
    produce_many(&producer, 10, true);
    wait_for_file(fixture, "flows-1.ndjson"); /* old already */
    produce_many(&producer, 10, true);
    wait_for_file(fixture, "flows-2.ndjson"); /* without another document, and not before its time */
    assert_true((uint64_t)(clock_steady_ns() - began_ns) >= fixture->config.output.rotate_age);
    assert_int_equal(count_files(fixture, ""), 2);
    close_delivered(output, &producer);
    assert_whole(fixture, ".ndjson", 20);
}

static void reopening_under_load(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    fixture->config.output.compression = COMPRESSION_LZ4;
    struct outputs *output = open_with(fixture, &producer);
    for (int i = 0; i < 20; i++) {
        produce_many(&producer, 1000, true);
        outputs_reopen(output);
        sleep_ms(1);
    }
    sleep_ms(50);
    assert_int_equal(count_files(fixture, ".partial"), 1); /* there before its first document */
    close_delivered(output, &producer);
    assert_true(count_files(fixture, ".ndjson.lz4") > 3);
    assert_whole(fixture, ".ndjson.lz4", 20000);
}

/* ---- compression ---- */

static void frames_and_fillers(void **state)
{
    enum { most = 100000 };
    static uint8_t input[most];
    for (enum compression method = COMPRESSION_ZSTD; method <= COMPRESSION_LZ4; method++) {
        for (uint32_t level = 0; level < 10; level += 3) {
            struct compressor *compressor = compressor_new(method, level, most);
            assert_non_null(compressor);
            size_t room = 3 * compressor_bound(compressor) + 70000;
            uint8_t *output = malloc(room);
            size_t used = 0, ends[4];
            for (int i = 0; i < most; i++)
                input[i] = (uint8_t)rand(); /* does not compress */
            used += ends[0] = compressor_frame(compressor, input, most, output);
            compress_filler(method, output + used, COMPRESS_FILLER_LEAST);
            ends[1] = used += COMPRESS_FILLER_LEAST;
            memset(input, 'x', most);
            used += compressor_frame(compressor, input, most / 2, output + used);
            ends[2] = used;
            compress_filler(method, output + used, 4129);
            ends[3] = used += 4129;
            assert_true(ends[0] && ends[2] - ends[1] > 20 && ends[2] - ends[1] < 10000);
            for (size_t cut = 0; cut <= used; cut += cut < ends[0] - 50 ? 997 : 1) {
                size_t whole = 0;
                for (int i = 0; i < 4; i++)
                    whole = ends[i] <= cut ? ends[i] : whole;
                assert_int_equal(compression_whole(method, output, cut), whole);
            }
            memset(output + used, 0, 512);
            assert_int_equal(compression_whole(method, output, used + 512), used);
            free(output);
            compressor_free(compressor);
        }
    }
    assert_int_equal(compression_of_name("a.zst"), COMPRESSION_ZSTD);
    assert_int_equal(compression_of_name(".zst"), COMPRESSION_NONE);
    assert_int_equal(compression_of_name("a.ndjson"), COMPRESSION_NONE);
}

static void compress_with(struct fixture *fixture, enum compression method, bool random)
{
    static const char *const ends[] = {
        [COMPRESSION_ZSTD] = ".zst", [COMPRESSION_GZIP] = ".gz", [COMPRESSION_LZ4] = ".lz4"};
    struct producer producer;
    char pattern[64];
    snprintf(pattern, sizeof pattern, "flows-%u-%d%s", (unsigned)method, random, random ? ends[method] : ".ndjson");
    fixture_path(fixture, pattern);
    fixture->config.output.compression = method;
    struct outputs *output = open_with(fixture, &producer);
    producer.random = random;
    for (int i = 0; i < 30; i++) {
        produce_many(&producer, 1 + (uint32_t)i * 13, true);
        while (outlet_waiting(producer.outlet)) {
            sleep_ms(1);
            outlet_collect(producer.outlet);
        }
        if (i % 10 == 0)
            assert_whole(fixture, ".partial", producer.next); /* a valid file at any time */
    }
    uint32_t documents = producer.next;
    close_delivered(output, &producer);
    char end[96];
    snprintf(end, sizeof end, "flows-%u-%d%s%s", (unsigned)method, random, random ? "" : ".ndjson", ends[method]);
    assert_int_equal(count_files(fixture, end), 1);
    assert_whole(fixture, end, documents);
}

static void every_compression(void **state)
{
    for (enum compression method = COMPRESSION_ZSTD; method <= COMPRESSION_LZ4; method++) {
        compress_with(*state, method, false);
        compress_with(*state, method, true);
    }
}

static void every_compression_through_the_page_cache(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.output.direct = DIRECT_IO_OFF;
    every_compression(state);
}

static void compressed_rotation_by_size(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.output.compression = COMPRESSION_GZIP;
    fixture->config.output.batch_size = 16384;
    struct producer producer;
    fixture->config.output.rotate_size = 100000;
    struct outputs *output = open_with(fixture, &producer);
    producer.random = true;
    produce_many(&producer, 3000, true);
    close_delivered(output, &producer);
    int count = list_files(fixture, ".gz", names);
    assert_true(count > 10);
    for (int i = 0; i < count; i++)
        assert_in_range(size_of(names[i]), 1, 110000);
    assert_whole(fixture, ".gz", 3000);
}

/* ---- what is no file ---- */

static void a_folder_that_is_none_fails(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture->path, "", 0);
    snprintf(fixture->path + strlen(fixture->path), 32, "/flows.ndjson");
    assert_null(outputs_open(&fixture->config, 1));
}

static void devices_are_written_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    fixture->config.output.path = (char *)"/dev/null";
    struct outputs *output = open_with(fixture, &producer);
    produce_many(&producer, 10000, true);
    close_delivered(output, &producer);

    fixture->config.output.path = (char *)"/dev/full";
    fixture->config.output.flush_timeout = 100 * NS_PER_MS;
    output = open_with(fixture, &producer);
    produce_many(&producer, 100, true);
    wait_for_errors(output, &producer);
    assert_int_equal(outputs_close(output), -ETIMEDOUT);
    assert_int_equal(counted(&producer, COUNTER_records_failed), 100);
    assert_ledger(&producer);
    outputs_free(output);
}

static void a_named_pipe_carries_frames(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    char command[2048];
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    fixture->config.output.compression = COMPRESSION_ZSTD;
    struct outputs *output = open_with(fixture, &producer);
    snprintf(command, sizeof command, "cat %s > %s/copy.zst", fixture->path, fixture->folder);
    FILE *reader = popen(command, "r");
    produce_many(&producer, 20000, true);
    close_delivered(output, &producer);
    pclose(reader);
    assert_int_equal(count_files(fixture, ".partial"), 0);
    assert_whole(fixture, "copy.zst", 20000);
}

/* What nobody reads waits, and has failed when weir does not wait any more. */
static void a_named_pipe_that_nobody_reads(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    fixture->config.output.flush_timeout = 100 * NS_PER_MS;
    struct outputs *output = open_with(fixture, &producer);
    produce_many(&producer, 100, true);
    assert_int_equal(outputs_close(output), -ETIMEDOUT);
    assert_int_equal(counted(&producer, COUNTER_records_failed), 100);
    assert_int_equal(counted(&producer, COUNTER_records_delivered), 0);
    assert_ledger(&producer);
    outputs_free(output);
}

/* The lines that a reader has taken as a whole are delivered, and no others. */
static void a_named_pipe_that_is_read_in_part(void **state)
{
    enum { COUNT = 400, READ_BYTES = 100000 }; /* of some 290,000, in five batches */
    struct fixture *fixture = *state;
    struct producer producer;
    static char bytes[READ_BYTES];
    uint32_t lines = 0;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    fixture->config.output.flush_timeout = 100 * NS_PER_MS;
    struct outputs *output = open_with(fixture, &producer);
    int reader = open(fixture->path, O_RDONLY);
    produce_many(&producer, COUNT, true);
    for (uint32_t size = 0; size < READ_BYTES;) {
        ssize_t count = read(reader, bytes + size, READ_BYTES - size);
        assert_true(count > 0);
        size += (uint32_t)count;
    }
    for (uint32_t i = 0; i < READ_BYTES; i++)
        lines += bytes[i] == '\n';
    assert_int_equal(outputs_close(output), -ETIMEDOUT);
    close(reader);
    assert_in_range(lines, 1, COUNT - 1);
    assert_int_equal(counted(&producer, COUNTER_records_delivered), lines);
    assert_int_equal(counted(&producer, COUNTER_records_failed), COUNT - lines);
    assert_ledger(&producer);
    outputs_free(output);
}

#define TEST_FILE(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_FILE(names_follow_the_pattern),
        cmocka_unit_test(numbers_go_before_the_extension),
        TEST_FILE(nothing_is_overwritten),
        TEST_FILE(a_file_has_its_name_when_it_is_whole),
        TEST_FILE(an_empty_file_goes_away),
        TEST_FILE(rotation_by_size),
        TEST_FILE(rotation_by_size_through_the_page_cache),
        TEST_FILE(rotation_by_age),
        TEST_FILE(reopening_under_load),
        cmocka_unit_test(frames_and_fillers),
        TEST_FILE(every_compression),
        TEST_FILE(every_compression_through_the_page_cache),
        TEST_FILE(compressed_rotation_by_size),
        TEST_FILE(a_folder_that_is_none_fails),
        TEST_FILE(devices_are_written_as_they_are),
        TEST_FILE(a_named_pipe_carries_frames),
        TEST_FILE(a_named_pipe_that_nobody_reads),
        TEST_FILE(a_named_pipe_that_is_read_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
