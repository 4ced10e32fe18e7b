/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "export/sink.h"

/*
 * Batches to a file descriptor that has no end to cut or to rename: standard output, a pipe, a character device. Both
 * functions fill in a sink's state and put other functions than sink_file's or sink_stdout's into sink->ops.
 */

/* Whether the path is such a thing: no regular file, or one of the names of this process's own descriptors. */
bool stream_wanted(const char *path);

/* config->output.path, compressed as configured; a write that fails is tried again. 0 or -errno, logged. */
int stream_open_path(struct sink *sink);

/* Standard output, as plain text; the first write that fails is the last: the sink is broken. 0 or -errno, logged. */
int stream_open_stdout(struct sink *sink);
