/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/rules.h"

#include <stdlib.h>

struct rules *rules_new(const struct config *config)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        return NULL;
    rules->allow = allow_new(&config->input.allow);
    if (rules->allow)
        return rules;
    rules_free(rules);
    return NULL;
}

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    allow_free(rules->allow);
    free(rules);
}

void rules_free_all(struct rules *rules)
{
    while (rules) {
        struct rules *older = rules->older;
        rules_free(rules);
        rules = older;
    }
}
