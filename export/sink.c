/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sink.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

const struct sink_ops *sink_of(enum output_kind kind)
{
    static const struct sink_ops *const sinks[] = {
        [OUTPUT_FILE] = &sink_file,
        [OUTPUT_STDOUT] = &sink_stdout,
        [OUTPUT_KAFKA] = &sink_kafka,
        [OUTPUT_ELASTICSEARCH] = &sink_elastic,
        [OUTPUT_OPENSEARCH] = &sink_elastic,
    };
    return sinks[kind];
}

void sink_wait(const struct sink *sink, int timeout_ms)
{
    struct pollfd entry = {.fd = sink->wait_fd, .events = sink->wait_events};
    if (sink->due_ns != INT64_MAX) {
        int64_t left_ns = sink->due_ns - clock_steady_ns();
        int64_t left_ms = left_ns <= 0 ? 0 : (left_ns + NS_PER_MS - 1) / NS_PER_MS;
        if (left_ms < timeout_ms)
            timeout_ms = (int)left_ms;
    }
    poll(&entry, 1, timeout_ms); /* a negative fd is ignored: then this only sleeps */
}
