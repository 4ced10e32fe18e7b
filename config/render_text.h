/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

/* Writes text in lines of at most 96 columns, each after an indentation. */
void wrapped_print(FILE *stream, const char *indentation, const char *text);
