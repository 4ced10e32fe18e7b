/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Why a value is impossible, and what to write instead: constant texts. */
struct complaint {
    const char *what;   /* goes after the value: "is no address and port" */
    const char *remedy;
};

/* Checks of single values, for the rows of the option table (option_check). */
bool check_host(const char *text, struct complaint *complaint);
bool check_network(const char *text, struct complaint *complaint);
bool check_prefix(const char *text, struct complaint *complaint);
bool check_cpu(const char *text, struct complaint *complaint);
bool check_interface(const char *text, struct complaint *complaint);
bool check_file(const char *text, struct complaint *complaint);
bool check_namespace(const char *text, struct complaint *complaint);
bool check_file_pattern(const char *text, struct complaint *complaint);

struct loader;

/* Checks that need more than one option, and values that follow from another. Adds its problems to the loader's. */
void check_together(struct loader *loader);
