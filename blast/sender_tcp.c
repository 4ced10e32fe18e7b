/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "blast/senders.h"
#include "blast/streams.h"

struct tcp_state {
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

static int run_send(struct sender *sender, const struct blast_datagram *datagrams, uint32_t count)
{
    struct tcp_state *state = sender->state;
    for (uint32_t i = 0; i < count; i++)
        state->vectors[i] = (struct iovec){datagrams[i].payload, datagrams[i].size_bytes};
    int result = vectors_send(state->sockets.items[datagrams->exporter], state->vectors, count);
    if (result < 0)
        log_error("sending failed: %s; the collector may have ended the session", strerror(-result));
    return result;
}

static int tcp_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    return stream_runs_send(sender, datagrams, count, run_send);
}

static int tcp_open(struct sender *sender)
{
    if (!stream_formats_suit(sender))
        return -EINVAL;
    return exporter_sockets_open(sender, sizeof(struct tcp_state), SOCK_STREAM);
}

const struct sender_ops sender_tcp = {
    .name = "tcp",
    .help = "a session of IPFIX for each exporter; waits for collectors that are slow",
    .run = 32,
    .open = tcp_open,
    .room = exporter_sockets_room,
    .send = tcp_send,
    .close = exporter_sockets_close,
};
