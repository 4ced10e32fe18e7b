/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "blast/sockets.h"

/* What senders by sessions (RFC 7011 10.4) have in common. */

/* Have all exporters formats that can go there? If not, it is said which one has not. */
bool stream_formats_suit(const struct sender *sender);

/* Sends datagrams of one exporter. Returns 0, or -errno having logged it. */
typedef int stream_run_send(struct sender *sender, const struct blast_datagram *datagrams, uint32_t count);

/* struct sender_ops' send, by what one exporter has in a row. */
int stream_runs_send(struct sender *sender, const struct blast_datagram *datagrams, uint32_t count,
                     stream_run_send *run_send);
