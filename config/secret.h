/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Secrets: what must not be shown, and where it comes from. */

struct loader;
struct node;

#define SECRET_HIDDEN "(hidden)" /* what stands in the place of a secret where a configuration is shown */

/* True for names of what is a secret most likely: "sasl.password", "ssl.key.pem", not "ssl.key.location". */
bool secret_name_is(const char *name);

/* True where "key=value" might show a secret. */
bool secret_setting_is(const char *setting);

/*
 * The secret that a scalar stands for: itself, or the first line of the file that it names with "file:". Lives as long
 * as the loader. NULL after reporting what is wrong; key is the option's.
 */
const char *secret_read(struct loader *loader, const char *key, const struct node *value);
