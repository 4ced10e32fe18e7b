/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/allow.h"

/*
 * Which exporters may send: what of the configuration can change while weir runs. Constant; a change is another one,
 * which crew_set_rules() puts in the place of the one before. The XDP program has a copy of its own
 * (dataplane/xdp_rules.h) of the same configuration.
 */
struct rules {
    struct allow *allow;

    /* the crew's */
    uint32_t generation;
    struct rules *older; /* was replaced; freed once no worker looks at it */
};

/* NULL with errno: EINVAL for what config_load() would have refused, or ENOMEM. */
struct rules *rules_new(const struct config *config);
void rules_free(struct rules *rules);

/* With all older ones; NULL: none. */
void rules_free_all(struct rules *rules);
