/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "blast/senders.h"
#include "blast/sockets.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, which cannot be included beside netinet/udp.h */
#endif

#define SEGMENTS_MOST      64    /* UDP_MAX_SEGMENTS */
#define SEGMENT_BYTES_MOST 65000 /* what the kernel takes at once, headers excluded */

/* A message is one datagram, or with segmentation a run of one exporter's that have one size. */
struct message {
    uint32_t first, count;
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control;
};

struct udp_state {
    struct exporter_sockets sockets;
    struct iovec vectors[BLAST_BURST];
    struct mmsghdr headers[BLAST_BURST];
    struct message messages[BLAST_BURST];
};

/* --- sending --- */

static bool joins(const struct message *message, const struct blast_datagram *datagrams, uint32_t at)
{
    const struct blast_datagram *first = &datagrams[message->first], *last = &datagrams[at - 1];
    return message->count < SEGMENTS_MOST && datagrams[at].exporter == first->exporter &&
           last->size_bytes == first->size_bytes && datagrams[at].size_bytes <= first->size_bytes &&
           (message->count + 1) * first->size_bytes <= SEGMENT_BYTES_MOST;
}

static void segment_mark(struct message *message, struct msghdr *header, uint32_t size_bytes)
{
    uint16_t segment = (uint16_t)size_bytes;
    header->msg_control = message->control.bytes;
    header->msg_controllen = sizeof message->control.bytes;
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(control), &segment, sizeof segment);
}

/* Returns the number of messages. */
static uint32_t messages_make(struct udp_state *state, const struct blast_datagram *datagrams, uint32_t count,
                              bool segments)
{
    uint32_t messages = 0;
    for (uint32_t i = 0; i < count; i++) {
        state->vectors[i] = (struct iovec){datagrams[i].payload, datagrams[i].size_bytes};
        if (messages && segments && joins(&state->messages[messages - 1], datagrams, i))
            state->messages[messages - 1].count++;
        else
            state->messages[messages++] = (struct message){.first = i, .count = 1};
    }
    for (uint32_t i = 0; i < messages; i++) {
        struct message *message = &state->messages[i];
        struct msghdr *header = &state->headers[i].msg_hdr;
        *header = (struct msghdr){.msg_iov = &state->vectors[message->first], .msg_iovlen = message->count};
        if (message->count > 1)
            segment_mark(message, header, datagrams[message->first].size_bytes);
    }
    return messages;
}

static bool refusal(int error)
{
    /* ECONNREFUSED: an ICMP message said that nobody listens; it belongs to a datagram before. */
    return error == ENOBUFS || error == EAGAIN || error == EINTR || error == ECONNREFUSED || error == ENOMEM ||
           error == EPERM || error == EHOSTUNREACH || error == ENETUNREACH;
}

/* Sends messages of one socket; marks what was not taken with a size of 0. Returns 0 or -errno. */
static int messages_send(int socket, struct udp_state *state, uint32_t first, uint32_t end,
                         struct blast_datagram *datagrams)
{
    bool again = false;
    while (first < end) {
        int sent = sendmmsg(socket, &state->headers[first], end - first, 0);
        if (sent > 0) {
            first += (uint32_t)sent;
            again = false;
            continue;
        }
        if (!refusal(errno))
            return -errno;
        if (!again && (errno == ECONNREFUSED || errno == EINTR)) { /* it was told of an earlier one: once more */
            again = true;
            continue;
        }
        for (uint32_t i = 0; i < state->messages[first].count; i++)
            datagrams[state->messages[first].first + i].size_bytes = 0;
        first++;
        again = false;
    }
    return 0;
}

/* What was taken first, in its order. */
static int taken_sort(struct blast_datagram *datagrams, uint32_t count)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < count; i++)
        if (datagrams[i].size_bytes)
            datagrams[taken++] = datagrams[i];
    return (int)taken;
}

static int burst_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count, bool segments)
{
    struct udp_state *state = sender->state;
    uint32_t messages = messages_make(state, datagrams, count, segments);
    for (uint32_t first = 0, end; first < messages; first = end) {
        uint32_t exporter = datagrams[state->messages[first].first].exporter;
        for (end = first + 1; end < messages; end++)
            if (datagrams[state->messages[end].first].exporter != exporter)
                break;
        int result = messages_send(state->sockets.items[exporter], state, first, end, datagrams);
        if (result < 0) {
            log_error("sending failed: %s%s", strerror(-result),
                      result == -EMSGSIZE ? "; make datagrams smaller by --size" : "");
            return result;
        }
    }
    return taken_sort(datagrams, count);
}

static int udp_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    return burst_send(sender, datagrams, count, false);
}

static int gso_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    return burst_send(sender, datagrams, count, true);
}

static int udp_open(struct sender *sender)
{
    return exporter_sockets_open(sender, sizeof(struct udp_state), SOCK_DGRAM);
}

const struct sender_ops sender_udp = {
    .name = "udp",
    .help = "sockets and sendmmsg(); exporters are ports, or addresses that this machine has",
    .run = 16,
    .open = udp_open,
    .room = exporter_sockets_room,
    .send = udp_send,
    .close = exporter_sockets_close,
};

const struct sender_ops sender_gso = {
    .name = "gso",
    .help = "the same, with datagrams of one size as segments of one message (UDP_SEGMENT)",
    .run = 64,
    .open = udp_open,
    .room = exporter_sockets_room,
    .send = gso_send,
    .close = exporter_sockets_close,
};
