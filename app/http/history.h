/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/http/page.h"

/*
 * The last hour: a reading of the counters that people watch every 10 seconds, kept by the server's thread, so that a
 * page opened now shows what was before. Bounded: 360 readings.
 */
struct history;

/* NULL without memory. NULL can be freed. */
struct history *history_new(void);
void history_free(struct history *history);

/* Takes a reading when one is due; often called. */
void history_tick(struct http_site *site);
