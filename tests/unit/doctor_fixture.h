/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What tests of weir doctor share. Behind cmocka.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/doctor/checks.h"

/*
 * The checks against a machine of files: two nodes, frequencies, idle states, as the machine at hand may not have them.
 */
struct fixture {
    char root[64];
    struct config config;
    struct config_problems problems;
    struct machine machine;
    struct report report;
};

static inline void file_put(const struct fixture *fixture, const char *path, const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "%s%s", fixture->root, path);
    for (char *at = whole + strlen(fixture->root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void configure(struct fixture *fixture, const char *text)
{
    config_fini(&fixture->config);
    config_problems_fini(&fixture->problems);
    assert_int_equal(config_load_text(&fixture->config, text, strlen(text), "test", &fixture->problems), 0);
    fixture->machine = (struct machine){.config = &fixture->config, .root = fixture->root, .workers = 2};
}

static inline int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->root, sizeof fixture->root, "/tmp/weir-doctor-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    configure(fixture, "workers: 2\n");
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", fixture->root);
    assert_int_equal(system(command), 0);
    report_fini(&fixture->report);
    config_fini(&fixture->config);
    config_problems_fini(&fixture->problems);
    free(fixture);
    return 0;
}

/* Runs one check on eth9; its last finding, of at least one. */
static inline const struct finding *run(struct fixture *fixture, check_function check)
{
    report_fini(&fixture->report);
    fixture->report.check = "it";
    check(&fixture->machine, &fixture->report, "eth9");
    assert_true(fixture->report.count > 0);
    assert_false(fixture->report.no_memory);
    return &fixture->report.items[fixture->report.count - 1];
}

/* The last finding is of that kind, and says this; remedy NULL: there is none. */
static inline void expect(const struct finding *finding, enum finding_kind kind, const char *found, const char *remedy)
{
    if (finding->kind != kind || !strstr(finding->found, found))
        fail_msg("kind %d, \"%s\"", finding->kind, finding->found);
    if (remedy && !(finding->remedy && strstr(finding->remedy, remedy)))
        fail_msg("remedy \"%s\"", finding->remedy ? finding->remedy : "none");
    if (!remedy)
        assert_null(finding->remedy);
}
