/* SPDX-License-Identifier: Apache-2.0 */
/* http.listen and what it needs beyond the loopback. */
#include "tests/unit/config_fixture.h"

#define TOKEN "0123456789abcdef"

static void default_is_the_loopback(void **state)
{
    load_good("");
    assert_list(&config.http.listen, "127.0.0.1:9478,[::1]:9478");
    assert_false(config.http.chosen);
    assert_string_equal(config.http.token, "");
    load_good("http: {listen: \"localhost:1234\"}");
    assert_list(&config.http.listen, "127.0.0.1:1234");
    assert_true(config.http.chosen);
    load_good("http.listen: [\"127.9.9.9:1\", \"[::1]:2\", \"[::ffff:127.0.0.1]:3\"]");
}

static void off_is_off(void **state)
{
    static const char *const ways[] = {"http: {listen: off}", "http.listen: [OFF]", "http: {listen: []}"};
    for (unsigned i = 0; i < COUNT_OF(ways); i++) {
        load_good(ways[i]);
        assert_int_equal(config.http.listen.count, 0);
    }
    assert_int_equal(load_text("http:\n  listen: [off, \"127.0.0.1:1\"]"), -EINVAL);
    assert_problem("weir.yml:2", "off stands beside addresses", "write http.listen: off", false);
}

static void addresses_are_checked(void **state)
{
    static const char *const bad[] = {"9478", "127.0.0.1", "example.org:80", "127.0.0.1:99999", "::1:80", "on"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        char text[64];
        snprintf(text, sizeof text, "\nhttp.listen: \"%s\"", bad[i]);
        assert_int_equal(load_text(text), -EINVAL);
        assert_problem("weir.yml:2", "is no address and port", "write ADDRESS:PORT", false);
    }
}

/* Everything that is missing is said at once, at the line that asks for it. */
static void beyond_the_loopback(void **state)
{
    static const char *const beyond[] = {":9478", "0.0.0.0:9478", "192.0.2.1:80", "[::]:80", "[2001:db8::1]:80"};
    for (unsigned i = 0; i < COUNT_OF(beyond); i++) {
        char text[96];
        snprintf(text, sizeof text, "\nhttp.listen: [\"127.0.0.1:1\", \"%s\"]", beyond[i]);
        assert_int_equal(load_text(text), -EINVAL);
        assert_problem("weir.yml:2", "without a token everybody could read", "add http.token", false);
        assert_problem("weir.yml:2", "without TLS", "add http.tls.certificate and http.tls.key", false);
    }
    char certificate[64], text[512];
    file_write("certificate.pem", "-", certificate);
    snprintf(text, sizeof text, "http:\n  listen: \":80\"\n  token: %s\n  tls: {certificate: %s, key: %s}", TOKEN,
             certificate, certificate);
    load_good(text);
    snprintf(text, sizeof text, "http:\n  listen: \":80\"\n  token: short\n  tls: {certificate: %s, key: %s}",
             certificate, certificate);
    assert_int_equal(load_text(text), -EINVAL);
    assert_problem("weir.yml:3", "short enough to be guessed", "16 characters", false);
    snprintf(text, sizeof text, "http:\n  tls:\n    certificate: %s", certificate);
    assert_int_equal(load_text(text), -EINVAL);
    assert_problem("weir.yml:3", "there is no key", "add http.tls.key", false);
    snprintf(text, sizeof text, "http:\n  tls:\n    key: %s", certificate);
    assert_int_equal(load_text(text), -EINVAL);
    assert_problem("weir.yml:3", "there is no certificate", "add http.tls.certificate", false);
    remove(certificate);
}

static void tokens_are_secrets(void **state)
{
    char path[64], text[128];
    file_write("token", TOKEN "\nmore\n", path);
    snprintf(text, sizeof text, "http.token: file:%s", path);
    load_good(text);
    assert_string_equal(config.http.token, TOKEN);
    char *printed = print_config();
    assert_null(strstr(printed, TOKEN));
    assert_non_null(strstr(printed, "token: \"(hidden)\""));
    free(printed);
    remove(path);
    assert_int_equal(load_text("http.token: \"has a blank\""), -EINVAL);
    assert_problem("weir.yml:1", "(hidden)", "openssl rand -hex 32", false);
    assert_int_equal(load_text("http.token: \"umlaut-\xc3\xbc\""), -EINVAL);
}

static int setup(void **state)
{
    environment_clear();
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(default_is_the_loopback, fini),
        cmocka_unit_test_teardown(off_is_off, fini),
        cmocka_unit_test_teardown(addresses_are_checked, fini),
        cmocka_unit_test_teardown(beyond_the_loopback, fini),
        cmocka_unit_test_teardown(tokens_are_secrets, fini),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
