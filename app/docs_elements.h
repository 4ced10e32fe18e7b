/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* The page of information elements: those of every enterprise, where they are published, and each one. */
void elements_print(FILE *stream, bool markdown);

/* How many information elements weir knows: of every enterprise, and of all. */
void elements_count_print(FILE *stream, bool markdown);
