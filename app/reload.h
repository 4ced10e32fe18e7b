/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "app/arguments.h"
#include "app/collector.h"

/* Where the configuration of a run came from, to be read anew. */
struct reload {
    const struct arguments *arguments;
    const char *const *presets;
    uint32_t preset_count;
};

/*
 * Reads the configuration anew and has backends and workers go by its rules (the rows with option_row.live); everything
 * else stays as it was at the start. A configuration with errors changes nothing. All that matters is logged. The
 * control thread.
 */
void reload_rules(struct collector *collector, const struct reload *reload);
