/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* The fields of documents, from the ECS table: as text, or as the page docs/fields.md. */
void fields_print(FILE *out, bool markdown);
