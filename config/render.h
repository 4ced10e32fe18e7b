/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

/* The configuration and its options as text for people. Errors are the stream's (ferror()). */

/* The effective configuration as YAML: read as a file, it gives the same configuration again. */
void config_print(FILE *stream, const struct config *config);

/* The option table, as text for a terminal or as a Markdown page. */
void options_print(FILE *stream, bool markdown);

/* A configuration file that explains each option and sets none: all are commented out. */
void config_sample_print(FILE *stream);
