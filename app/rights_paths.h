/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/* Can this process write and read what the configuration names? False: each path that it cannot is logged. */
bool rights_paths_look(const struct config *config);
