/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sink.h"
#include "export/file/stream.h"

/* Opening puts the stream's own functions in place of these. */
const struct sink_ops sink_stdout = {
    .name = "stdout",
    .open = stream_open_stdout,
};
