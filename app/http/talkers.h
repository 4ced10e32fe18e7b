/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/http/page.h"

/*
 * The top talkers of all workers over the last five minutes: what each worker counted in an epoch
 * (dataplane/talkers.h), put together and cut to the first 128 by the server's thread.
 */
struct top;

/* NULL without memory. NULL can be freed. */
struct top *top_new(void);
void top_free(struct top *top);

/* Takes what the workers have ready; called more often than an epoch lasts. */
void top_tick(struct http_site *site);
