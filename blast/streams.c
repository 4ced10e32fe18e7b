/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/streams.h"

#include "base/log.h"

#define IPFIX_VERSION 10 /* no other has a framing for streams */

bool stream_formats_suit(const struct sender *sender)
{
    for (uint32_t i = 0; i < sender->supply->exporter_count; i++) {
        const struct format *format = sender->supply->exporters[i].format;
        if (format && format->version != IPFIX_VERSION) {
            log_error("format %s has no framing for streams; %s takes --format ipfix or ipfix-biflow", format->name,
                      sender->ops->name);
            return false;
        }
    }
    return true;
}

int stream_runs_send(struct sender *sender, const struct blast_datagram *datagrams, uint32_t count,
                     stream_run_send *run_send)
{
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && datagrams[end].exporter == datagrams[first].exporter; end++)
            ;
        int result = run_send(sender, &datagrams[first], end - first);
        if (result < 0)
            return result;
    }
    return (int)count;
}
