/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/*
 * From here on, the calling thread can make the system calls of a worker alone (seccomp(2)): for good, and for the
 * threads that it starts. Any other fails with EPERM, or ends the process (option seccomp). The other threads of the
 * process are as free as before. Takes memory; not in a burst. Returns 0 or -errno, logged once.
 */
int sandbox_enter(const struct config *config);

/* False where this build has none: libseccomp was not there, or a sanitizer makes calls of its own. */
bool sandbox_built(void);
