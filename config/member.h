/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/option.h"

/* Members of struct config by the type of their option. The rows must have one (option_has_value()). */

/* Frees what the member holds. */
void member_fini(const struct option_row *option, void *member);

/* Sets a member that holds nothing to a copy. False without memory; what was copied of it is to be ended as a whole. */
bool member_copy(const struct option_row *option, void *to, const void *from);

bool member_equal(const struct option_row *option, const void *one, const void *other);

void text_list_fini(struct text_list *list);
void property_list_fini(struct property_list *list);

/* Makes an output a copy of another, with memory of its own; false without memory. output_fini() ends it then, too. */
bool output_copy(struct output_config *to, const struct output_config *from);
void output_fini(struct output_config *output);
