/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/render.h"

/* What the tests of the configuration have in common: one configuration at a time, and what is wrong with it. */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct config config;
static struct config_problems problems;

static inline int fini(void **state)
{
    config_fini(&config);
    config_problems_fini(&problems);
    return 0;
}

static inline void problems_show(void)
{
    for (uint32_t i = 0; i < problems.count; i++)
        print_message("  %s: %s; %s\n", problems.items[i].where, problems.items[i].what, problems.items[i].remedy);
}

static inline int load_text(const char *text)
{
    fini(NULL);
    return config_load_text(&config, text, strlen(text), "weir.yml", &problems);
}

static inline void load_good(const char *text)
{
    if (load_text(text) == 0 && problems.count == 0)
        return;
    problems_show();
    fail_msg("not taken: %s", text);
}

/* Loads with the file (or NULL) and settings that end in a NULL. */
static inline int load_settings(const char *file, const char *const *settings)
{
    struct config_sources sources = {.file = file, .settings = settings};
    while (settings[sources.setting_count])
        sources.setting_count++;
    fini(NULL);
    return config_load(&config, &sources, &problems);
}

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void assert_list(const struct text_list *list, const char *joined)
{
    char text[512] = "";
    for (uint32_t i = 0; i < list->count; i++) {
        strcat(text, i ? "," : "");
        strcat(text, list->items[i]);
    }
    assert_string_equal(text, joined);
}

static inline void assert_problem(const char *where, const char *what, const char *remedy, bool warning)
{
    for (uint32_t i = 0; i < problems.count; i++) {
        const struct config_problem *problem = &problems.items[i];
        if (strcmp(problem->where, where) == 0 && strstr(problem->what, what) && strstr(problem->remedy, remedy) &&
            problem->warning == warning)
            return;
    }
    problems_show();
    fail_msg("missing: %s: %s; %s", where, what, remedy);
}

static char folder[] = "/tmp/weir-config-XXXXXX";

static inline void file_write(const char *name, const char *text, char path[64])
{
    snprintf(path, 64, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline char *print_config(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    config_print(stream, &config);
    fclose(stream);
    return text;
}

/* The tests set what they need; what the caller's environment holds must not matter. */
static inline void environment_clear(void)
{
    for (char **entry = environ; *entry;) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*entry, "="), *entry);
        if (strncmp(name, "WEIR_", 5) == 0 && unsetenv(name) == 0)
            entry = environ; /* moved */
        else
            entry++;
    }
}
