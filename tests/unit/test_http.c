/* SPDX-License-Identifier: Apache-2.0 */

/* The HTTP server over a collector whose worker reads datagrams from memory, while it runs and at rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <time.h>

#include "app/collector.h"
#include "app/http/auth.h"
#include "app/http/encoding.h"
#include "app/http/listener.h"
#include "app/http/server.h"
#include "dataplane/backend_memory.h"
#include "tests/unit/http_client.h"
#include "tests/unit/wire.h"

enum { EXPORTERS = 300, DATAGRAMS = 2 * EXPORTERS, SETTINGS_MOST = 16 };

struct rig {
    struct config config;
    struct collector collector;
    struct http *http;
    uint16_t port;
    struct wire template, data;
    struct memory_datagram datagrams[DATAGRAMS];
    struct memory_input input;
};

static struct endpoint numbered(uint32_t number)
{
    uint8_t bytes[4] = {10, 0, (uint8_t)(number >> 8), (uint8_t)number};
    return (struct endpoint){.address = address_from_ipv4(bytes), .port = 5000};
}

/* A template and three records from each exporter in turn; those with an odd number have no template. */
static void datagrams_make(struct rig *rig)
{
    static const uint16_t pairs[] = {8, 4, 12, 4, 1, 8};
    wire_v9(&rig->template, 1, 1, 7);
    wire_template(&rig->template, 0, 300, pairs, 3);
    wire_v9(&rig->data, 1, 2, 7);
    wire_data(&rig->data, 300, 1, 48);
    for (uint32_t i = 0; i < EXPORTERS; i++) {
        const struct wire *first = i % 2 ? &rig->data : &rig->template;
        rig->datagrams[2 * i] = (struct memory_datagram){first->bytes, first->size_bytes, numbered(i)};
        rig->datagrams[2 * i + 1] = (struct memory_datagram){rig->data.bytes, rig->data.size_bytes, numbered(i)};
    }
}

static void rig_load(struct rig *rig, const char *more)
{
    struct config_problems problems;
    char listen[64];
    memset(rig, 0, sizeof *rig);
    rig->port = port_free();
    snprintf(listen, sizeof listen, "http.listen=127.0.0.1:%u", rig->port);
    const char *settings[] = {"output.path=/dev/null", "output.batch_age=10ms", "limits.memory=16MiB", listen, more};
    struct config_sources sources = {.settings = settings, .setting_count = more ? 5 : 4};
    assert_int_equal(config_load(&rig->config, &sources, &problems), 0);
    config_problems_fini(&problems);
    assert_true(collector_init(&rig->collector, &rig->config));
    datagrams_make(rig);
}

static void rig_start(struct rig *rig, uint64_t rounds)
{
    rig->input = (struct memory_input){.datagrams = rig->datagrams, .count = DATAGRAMS, .rounds = rounds};
    assert_int_equal(collector_add_backend(&rig->collector, &backend_memory, &rig->input, 1), 0);
    assert_true(collector_start(&rig->collector, 1, NULL, 0));
    http_enter(rig->http, HTTP_RUNNING);
}

static void rig_open(struct rig *rig, const char *more, uint64_t rounds)
{
    rig_load(rig, more);
    assert_int_equal(http_open(&rig->http, &rig->collector), 0);
    assert_non_null(rig->http);
    assert_int_equal(http_start(rig->http), 0);
    rig_start(rig, rounds);
}

/* Everything is decoded and settled. */
static void rig_rest(struct rig *rig)
{
    crew_join(rig->collector.crew);
    http_enter(rig->http, HTTP_STOPPING);
    collector_finish(&rig->collector);
}

static void rig_close(struct rig *rig)
{
    crew_stop(rig->collector.crew);
    rig_rest(rig);
    http_close(rig->http);
    collector_close(&rig->collector);
    config_fini(&rig->config);
}

/* A worker had no processor for a second: the answer says to try again. */
static bool is_late(const struct answer *answer)
{
    return answer->status == 503 && strstr(answer->text, "in time; try again");
}

static json_t *json_get(struct rig *rig, const char *path)
{
    json_error_t error;
    struct answer answer = client_get(rig->port, path, "");
    for (int tries = 1; tries < 10 && is_late(&answer); tries++) {
        answer_fini(&answer);
        answer = client_get(rig->port, path, "");
    }
    assert_int_equal(answer.status, 200);
    json_t *json = json_loads(answer.body, 0, &error);
    if (!json)
        fail_msg("%s: %s\n%s", path, error.text, answer.body);
    answer_fini(&answer);
    assert_non_null(json_object_get(json, "@timestamp"));
    assert_true(json_real_value(json_object_get(json, "monotonic_seconds")) > 0);
    return json;
}

static json_int_t number_of(const json_t *object, const char *one, const char *other)
{
    const json_t *inner = json_object_get(object, one);
    return json_integer_value(other ? json_object_get(inner, other) : inner);
}

/* The sum of a metric's samples whose labels hold this. */
static double metric_sum(const char *metrics, const char *name, const char *label)
{
    double sum = 0;
    size_t length = strlen(name);
    for (const char *at = metrics; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
        if (strncmp(at, name, length) != 0 || (at[length] != '{' && at[length] != ' '))
            continue;
        const char *end = strchr(at, '\n'), *found = label ? strstr(at, label) : at;
        if (found && found < end)
            sum += strtod(strchr(at + length, ' '), NULL);
    }
    return sum;
}

/* ---- parts ---- */

static void gzip_is_negotiated(void **state)
{
    static const struct {
        const char *header;
        bool takes;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"gzip;q=0.001", true},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0, *", false},
        {"identity;q=1, *;q=0", false},
        {"xgzip", false},
        {"gzipx", false},
        {"deflate;q=0,gzip", true},
        {",,, gzip ,", true},
        {"br", false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (encoding_takes_gzip(cases[i].header) != cases[i].takes)
            fail_msg("%s", cases[i].header);
}

static void tokens_pass_or_not(void **state)
{
    uint8_t digest[32];
    auth_digest("0123456789abcdef", digest);
    assert_true(auth_passes(digest, "Bearer 0123456789abcdef"));
    assert_true(auth_passes(digest, "bearer   0123456789abcdef"));
    static const char *const bad[] = {NULL,
                                      "",
                                      "Bearer",
                                      "Bearer ",
                                      "Bearer 0123456789abcde",
                                      "Bearer 0123456789abcdef0",
                                      "Bearer 0123456789abcdef ",
                                      "Basic 0123456789abcdef",
                                      "0123456789abcdef"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(auth_passes(digest, bad[i]));
}

static void taken_ports_are_told(void **state)
{
    char address[64];
    uint16_t port = port_free();
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    int first = listener_socket(address);
    assert_true(first >= 0);
    assert_int_equal(listener_socket(address), -EADDRINUSE);
    assert_int_equal(listener_socket("192.0.2.1:1234"), -EADDRNOTAVAIL);
    close(first);
}

/* ---- the server ---- */

static void nothing_before_the_start(void **state)
{
    struct rig rig;
    rig_load(&rig, NULL);
    assert_int_equal(http_open(&rig.http, &rig.collector), 0);
    assert_int_equal(http_start(rig.http), 0);
    static const struct {
        const char *path;
        unsigned status;
    } cases[] = {{"/livez", 200},          {"/readyz", 503},        {"/metrics", 200}, {"/api", 200},
                 {"/api/ledger", 503},     {"/api/exporters", 503}, {"/", 200},        {"/api/counters", 200},
                 {"/api/exporters/1", 503}, {"/api/templates", 503}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = client_get(rig.port, cases[i].path, "");
        assert_int_equal(answer.status, cases[i].status);
        assert_non_null(strstr(answer.text, "Cache-Control: no-store"));
        answer_fini(&answer);
    }
    rig_start(&rig, 1);
    rig_close(&rig);
}

static void numbers_are_the_ledgers(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL, 5);
    rig_rest(&rig);
    struct answer answer = client_get(rig.port, "/metrics", "");
    json_t *ledger = json_get(&rig, "/api/ledger");
    assert_true(json_is_true(json_object_get(ledger, "balanced")));
    uint32_t rows = 0;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        char name[128];
        bool output = counter_rows[i].scope == SCOPE_OUTPUT;
        bool named = strncmp(counter_rows[i].name, "output_", 7) == 0;
        snprintf(name, sizeof name, "weir_%s%s%s", output && !named ? "output_" : "", counter_rows[i].name,
                 counter_rows[i].part == PART_NOW ? "" : "_total");
        assert_true(strstr(answer.body, name) != NULL);
        assert_true(metric_sum(answer.body, name, NULL) == (double)number_of(ledger, "counters", counter_rows[i].name));
        rows++;
    }
    assert_int_equal(rows, COUNTER_COUNT);
    double records = metric_sum(answer.body, "weir_records_delivered_total", NULL);
    assert_true(records == 5 * 3 * EXPORTERS / 2);
    assert_true(metric_sum(answer.body, "weir_output_records_delivered_total", "\"default\"") == records);
    assert_true(metric_sum(answer.body, "weir_exporter_records_delivered_total", NULL) == records);
    assert_true(metric_sum(answer.body, "weir_output_latency_seconds_count", NULL) == records);
    assert_true(metric_sum(answer.body, "weir_output_latency_seconds_bucket", "+Inf") == records);
    assert_true(metric_sum(answer.body, "weir_exporters", NULL) == EXPORTERS);
    assert_true(metric_sum(answer.body, "weir_exporter_sets_without_template_total", "10.0.0.1:") == 10);
    assert_true(metric_sum(answer.body, "weir_ready", NULL) == 0);
    json_decref(ledger);
    answer_fini(&answer);
    rig_close(&rig);
}

static void series_of_exporters_have_a_cap(void **state)
{
    struct rig rig;
    rig_open(&rig, "http.metrics_exporters=10", 1);
    rig_rest(&rig);
    struct answer answer = client_get(rig.port, "/metrics", "");
    assert_true(metric_sum(answer.body, "weir_metrics_exporters_left_out", NULL) == EXPORTERS - 10);
    assert_true(metric_sum(answer.body, "weir_exporter_datagrams_received_total", NULL) == 20);
    assert_true(metric_sum(answer.body, "weir_datagrams_received_total", NULL) == DATAGRAMS);
    answer_fini(&answer);
    rig_close(&rig);
}

static void exporters_are_sorted_and_paged(void **state)
{
    struct rig rig;
    rig_open(&rig, NULL, 2);
    rig_rest(&rig);
    json_t *list = json_get(&rig, "/api/exporters?sort=exporter&order=asc&offset=290&limit=20");
    const json_t *exporters = json_object_get(list, "exporters");
    assert_int_equal(number_of(list, "total", NULL), EXPORTERS);
    assert_int_equal(json_array_size(exporters), 10);
    assert_string_equal(json_string_value(json_object_get(json_array_get(exporters, 0), "exporter")), "10.0.1.34:5000");
    json_decref(list);
    list = json_get(&rig, "/api/exporters?sort=dropped_sets&limit=1&network=10.0.0.0/30");
    const json_t *first = json_array_get(json_object_get(list, "exporters"), 0);
    assert_int_equal(number_of(list, "matched", NULL), 4);
    assert_string_equal(json_string_value(json_object_get(first, "address")), "10.0.0.1");
    assert_int_equal(number_of(json_object_get(first, "units"), "sets", "dropped"), 4);
    assert_int_equal(number_of(first, "counters", "sets_without_template"), 4);
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "versions"), 0)), "v9");
    json_decref(list);
    static const struct {
        const char *path;
        unsigned status;
    } cases[] = {{"/api/exporters?limit=0", 200},     {"/api/exporters?limit=10001", 400},
                 {"/api/exporters?limit=-1", 400},    {"/api/exporters?limit=", 400},
                 {"/api/exporters?order=up", 400},    {"/api/exporters?sort=packets_received", 400},
                 {"/api/exporters?network=x", 400},   {"/api/exporters?offset=99999999999999999999", 400},
                 {"/api/exporters/10.0.0.1", 200},    {"/api/exporters/10.0.0.1:5000", 200},
                 {"/api/exporters/10.0.0.1:1", 404},  {"/api/exporters/10.9.9.9", 404},
                 {"/api/exporters/nobody", 400},      {"/api/exporters/", 404},
                 {"/api/exporters/%5B::1%5D:1", 404}, {"/api/exporters/2001:db8::1", 404},
                 {"/api/exporters/:5000", 400},       {"/api/templates?id=65536", 400},
                 {"/api/templates?version=5", 400},   {"/api/templates?exporter=10.0.0.1:5", 400}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = client_get(rig.port, cases[i].path, "");
        if (answer.status != cases[i].status)
            fail_msg("%s: %u", cases[i].path, answer.status);
        answer_fini(&answer);
    }
    rig_close(&rig);
}

static void requests_that_are_none(void **state)
{
    static const struct {
        const char *text;
        size_t size_bytes;
        unsigned status; /* 0: closed without an answer will do */
    } cases[] = {
#define REQUEST(text, status) {text, sizeof text - 1, status}
        REQUEST("POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc", 405),
        REQUEST("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        REQUEST("OPTIONS /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        REQUEST("GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        REQUEST("GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde", 200),
        REQUEST("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400), /* no Host: RFC 9112 3.2 */
        REQUEST("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0),
        /* what stands behind the NUL is not there */
        REQUEST("GET /\0/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        REQUEST("GET\r\n\r\n", 0),
        REQUEST("GET /livez HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n", 0),
#undef REQUEST
    };
    struct rig rig;
    rig_open(&rig, NULL, 1);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = client_connect(rig.port);
        assert_true(send(fd, cases[i].text, cases[i].size_bytes, MSG_NOSIGNAL) > 0);
        shutdown(fd, SHUT_WR);
        struct answer answer = client_read(fd);
        if (cases[i].status && answer.status != cases[i].status)
            fail_msg("%s: %u", cases[i].text, answer.status);
        if (!cases[i].status && answer.status && answer.status < 400)
            fail_msg("%s: %u", cases[i].text, answer.status);
        answer_fini(&answer);
    }
    char *large = malloc(100000);
    int length = sprintf(large, "GET /livez HTTP/1.1\r\nHost: x\r\nX: ");
    memset(large + length, 'a', 100000 - (size_t)length);
    struct answer answer = client_send(rig.port, large, 100000);
    assert_true(answer.status == 0 || answer.status >= 400);
    answer_fini(&answer);
    free(large);
    answer = client_get(rig.port, "/livez", "");
    assert_int_equal(answer.status, 200);
    answer_fini(&answer);
    rig_close(&rig);
}

/* A connection serves one request after the other. */
static void connections_are_kept(void **state)
{
    static const char text[] = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    struct rig rig;
    char bytes[4096];
    rig_open(&rig, NULL, 1);
    int fd = client_connect(rig.port);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send(fd, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
        ssize_t length = recv(fd, bytes, sizeof bytes - 1, 0);
        assert_true(length > 0);
        bytes[length] = '\0';
        assert_non_null(strstr(bytes, "\r\n\r\nok\n"));
    }
    close(fd);
    rig_close(&rig);
}

/* Connections that say nothing: so many of one address, and no more; when they are gone there is room again. */
static void connections_have_a_cap(void **state)
{
    enum { MANY = 200 };
    struct rig rig;
    int fds[MANY], open = 0;
    rig_open(&rig, NULL, 1);
    for (int i = 0; i < MANY; i++)
        fds[i] = client_connect(rig.port);
    usleep(300000);
    for (int i = 0; i < MANY; i++) {
        char byte;
        open += fds[i] >= 0 && recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
    assert_in_range(open, 16, 128); /* what is not accepted yet waits in the backlog */
    for (int i = 0; i < MANY; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    usleep(300000);
    struct answer answer = client_get(rig.port, "/livez", "");
    assert_int_equal(answer.status, 200);
    answer_fini(&answer);
    rig_close(&rig);
}

static void tokens_are_asked_for(void **state)
{
    static const char good[] = "Authorization: Bearer 0123456789abcdef\r\n", bad[] = "Authorization: Bearer 0\r\n";
    static const struct {
        const char *path, *headers;
        unsigned status;
    } cases[] = {{"/metrics", "", 401},        {"/metrics", bad, 401}, {"/metrics", good, 200},
                 {"/api/ledger", "", 401},     {"/livez", "", 200},    {"/readyz", bad, 200},
                 {"/readyz?verbose", "", 401}, {"/none", "", 401},     {"/none", good, 404},
                 {"/", "", 200},               {"/api", "", 401},      {"/readyz?verbose", good, 200}};
    struct rig rig;
    rig_open(&rig, "http.token=0123456789abcdef", 1000000);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = client_get(rig.port, cases[i].path, cases[i].headers);
        if (answer.status != cases[i].status)
            fail_msg("%s: %u", cases[i].path, answer.status);
        assert_true((strstr(answer.text, "WWW-Authenticate: Bearer") != NULL) == (answer.status == 401));
        answer_fini(&answer);
    }
    rig_close(&rig);
}

/* ---- while the worker runs ---- */

/* Until the last exporter of the first round was met. */
static void rig_meets_all(const struct rig *rig)
{
    char path[64];
    unsigned status = 0;
    snprintf(path, sizeof path, "/api/exporters/10.0.%d.%d", (EXPORTERS - 1) >> 8, (EXPORTERS - 1) & 255);
    for (int tries = 0; status != 200 && tries < 1000; tries++) {
        if (tries)
            usleep(10000);
        struct answer answer = client_get(rig->port, path, "");
        status = answer.status;
        answer_fini(&answer);
    }
    assert_int_equal(status, 200);
}

struct scraper {
    struct rig *rig;
    const char *const *paths;
    uint32_t good, late, bad;
    _Atomic bool over;
};

static void *scraper_run(void *argument)
{
    struct scraper *scraper = argument;
    for (uint32_t i = 0; !atomic_load(&scraper->over) || i < 40; i++) {
        const char *path = scraper->paths[i % 5];
        struct answer answer = client_get(scraper->rig->port, path, i % 2 ? "" : "Accept-Encoding: gzip\r\n");
        if (answer.status == 200)
            scraper->good++;
        else if (is_late(&answer))
            scraper->late++;
        else if (!scraper->bad++)
            print_error("%s: %.400s\n", path, answer.text);
        answer_fini(&answer);
    }
    return NULL;
}

/* Everything is read while the worker decodes, and no record is lost for it: the thread sanitizer looks on. */
static void scrapes_while_it_runs(void **state)
{
    static const char *const paths[] = {"/metrics", "/api/exporters?limit=500", "/api/exporters/10.0.0.4",
                                        "/api/templates?exporter=10.0.0.2&id=300", "/api/ledger"};
    struct scraper scrapers[2];
    pthread_t threads[2];
    struct rig rig;
    rig_open(&rig, NULL, UINT64_MAX);
    rig_meets_all(&rig);
    for (int i = 0; i < 2; i++) {
        scrapers[i] = (struct scraper){.rig = &rig, .paths = paths};
        pthread_create(&threads[i], NULL, scraper_run, &scrapers[i]);
    }
    json_t *list = json_get(&rig, "/api/templates?exporter=10.0.0.2&id=300");
    const json_t *template = json_array_get(json_object_get(list, "templates"), 0);
    const json_t *fields = json_object_get(template, "field_list");
    assert_int_equal(json_array_size(fields), 3);
    assert_string_equal(json_string_value(json_object_get(json_array_get(fields, 2), "name")), "octetDeltaCount");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(fields, 2), "offset")), 8);
    assert_true(number_of(template, "uses", NULL) > 0);
    json_decref(list);
    list = json_get(&rig, "/api/templates?limit=10000");
    assert_int_equal(json_array_size(json_object_get(list, "templates")), EXPORTERS / 2);
    json_decref(list);
    for (int i = 0; i < 2; i++) {
        atomic_store(&scrapers[i].over, true);
        pthread_join(threads[i], NULL);
        assert_int_equal(scrapers[i].bad, 0);
        assert_true(scrapers[i].good >= 40 - scrapers[i].late && scrapers[i].good > scrapers[i].late);
    }
    crew_stop(rig.collector.crew);
    rig_rest(&rig);
    struct answer answer = client_get(rig.port, "/api/templates", "");
    assert_int_equal(answer.status, 503); /* nobody is left to ask */
    answer_fini(&answer);
    json_t *ledger = json_get(&rig, "/api/ledger");
    assert_true(json_is_true(json_object_get(ledger, "balanced")));
    json_decref(ledger);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_is_negotiated),
        cmocka_unit_test(tokens_pass_or_not),
        cmocka_unit_test(taken_ports_are_told),
        cmocka_unit_test(nothing_before_the_start),
        cmocka_unit_test(numbers_are_the_ledgers),
        cmocka_unit_test(series_of_exporters_have_a_cap),
        cmocka_unit_test(exporters_are_sorted_and_paged),
        cmocka_unit_test(requests_that_are_none),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(connections_have_a_cap),
        cmocka_unit_test(tokens_are_asked_for),
        cmocka_unit_test(scrapes_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
