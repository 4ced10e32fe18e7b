/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/counter.h"
#include "dataplane/backend.h"

/* Counts what has been added since, each by its counter. The thread that writes the counters. */
void losses_add(struct counters *counters, const struct losses *now, const struct losses *before);
