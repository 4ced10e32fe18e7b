/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "blast/senders.h"
#include "blast/sockets.h"

#define IPFIX_VERSION 10 /* no other has a framing for streams (RFC 7011 10.4) */

struct tcp_state {
    struct sender_buffers *buffers;
    struct exporter_sockets sockets;
    struct iovec vectors[BLAST_BURST];
};

/* All of it, however long the collector takes. Returns 0 or -errno. */
static int vectors_send(int socket, struct iovec *vectors, size_t count)
{
    while (count) {
        struct msghdr header = {.msg_iov = vectors, .msg_iovlen = count};
        ssize_t sent = sendmsg(socket, &header, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -errno;
        size_t done = sent > 0 ? (size_t)sent : 0;
        for (; count && done >= vectors->iov_len; vectors++, count--)
            done -= vectors->iov_len;
        if (!count)
            break;
        vectors->iov_base = (uint8_t *)vectors->iov_base + done;
        vectors->iov_len -= done;
    }
    return 0;
}

static int tcp_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct tcp_state *state = sender->state;
    for (uint32_t i = 0; i < count; i++)
        state->vectors[i] = (struct iovec){datagrams[i].payload, datagrams[i].size_bytes};
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && datagrams[end].exporter == datagrams[first].exporter; end++)
            ;
        int socket = state->sockets.items[datagrams[first].exporter];
        int result = vectors_send(socket, &state->vectors[first], end - first);
        if (result < 0) {
            log_error("sending failed: %s; the collector may have ended the session", strerror(-result));
            return result;
        }
    }
    return (int)count;
}

static uint32_t tcp_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct tcp_state *state = sender->state;
    return buffers_room(state->buffers, datagrams, most);
}

static bool formats_suit(const struct sender *sender)
{
    for (uint32_t i = 0; i < sender->supply->exporter_count; i++) {
        const struct format *format = sender->supply->exporters[i].format;
        if (format && format->version != IPFIX_VERSION) {
            log_error("format %s has no framing for streams; tcp takes --format ipfix or ipfix-biflow", format->name);
            return false;
        }
    }
    return true;
}

static int tcp_open(struct sender *sender)
{
    struct tcp_state *state = calloc(1, sizeof *state);
    sender->state = state;
    if (!state)
        return -ENOMEM;
    state->buffers = buffers_new();
    if (!state->buffers)
        return -ENOMEM;
    if (!formats_suit(sender))
        return -EINVAL;
    return exporter_sockets_open(sender, SOCK_STREAM, &state->sockets);
}

static int tcp_close(struct sender *sender)
{
    struct tcp_state *state = sender->state;
    if (!state)
        return 0;
    exporter_sockets_close(&state->sockets);
    buffers_free(state->buffers);
    free(state);
    return 0;
}

const struct sender_ops sender_tcp = {
    .name = "tcp",
    .help = "a session of IPFIX for each exporter; waits for collectors that are slow",
    .run = 32,
    .open = tcp_open,
    .room = tcp_room,
    .send = tcp_send,
    .close = tcp_close,
};
