/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "blast/device.h"
#include "blast/senders.h"

#define FULL_WAIT_MS 100
#define FULL_TRIES   50 /* so long the device may be full before datagrams are given up */
#define SEND_BUFFER_BYTES (4 << 20)

struct packet_state {
    struct sender_buffers *buffers;
    struct envelope envelope;
    int socket;
    struct iovec vectors[BLAST_BURST];
    struct mmsghdr headers[BLAST_BURST];
};

static uint32_t packet_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct packet_state *state = sender->state;
    return buffers_room(state->buffers, datagrams, most);
}

static void frames_make(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct packet_state *state = sender->state;
    for (uint32_t i = 0; i < count; i++) {
        const struct endpoint *from = &sender->supply->exporters[datagrams[i].exporter].endpoint;
        uint32_t frame_bytes = envelope_close(&state->envelope, &datagrams[i], from);
        state->vectors[i] = (struct iovec){datagrams[i].payload + datagrams[i].size_bytes - frame_bytes, frame_bytes};
        state->headers[i].msg_hdr = (struct msghdr){.msg_iov = &state->vectors[i], .msg_iovlen = 1};
    }
}

static int packet_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct packet_state *state = sender->state;
    uint32_t done = 0, tries = 0;
    frames_make(sender, datagrams, count);
    while (done < count) {
        int sent = sendmmsg(state->socket, state->headers + done, count - done, 0);
        if (sent > 0) {
            done += (uint32_t)sent;
            tries = 0;
        } else if (errno == ENOBUFS || errno == EAGAIN) {
            if (++tries == FULL_TRIES)
                break;
            poll(&(struct pollfd){state->socket, POLLOUT, 0}, 1, FULL_WAIT_MS);
        } else if (errno != EINTR) {
            log_error("%s: %s%s", sender->setup->interface, strerror(errno),
                      errno == EMSGSIZE ? "; make datagrams smaller by --size" : "");
            return -errno;
        }
    }
    return (int)done;
}

static int packet_open(struct sender *sender)
{
    struct packet_state *state = calloc(1, sizeof *state);
    sender->state = state;
    if (!state)
        return -ENOMEM;
    state->socket = -1;
    state->buffers = buffers_new();
    int one = 1, bytes = SEND_BUFFER_BYTES, index = device_open(sender->setup, &state->envelope);
    if (index < 0 || !state->buffers)
        return index < 0 ? index : -ENOMEM;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = index};
    /* Protocol 0: this socket never receives. */
    state->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (state->socket < 0 || bind(state->socket, (struct sockaddr *)&address, sizeof address) < 0) {
        log_error("packets on %s: %s%s", sender->setup->interface, strerror(errno),
                  errno == EPERM ? "; it takes root or CAP_NET_RAW" : "");
        return -errno;
    }
    setsockopt(state->socket, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    setsockopt(state->socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    return 0;
}

static int packet_close(struct sender *sender)
{
    struct packet_state *state = sender->state;
    if (!state)
        return 0;
    if (state->socket >= 0)
        close(state->socket);
    buffers_free(state->buffers);
    free(state);
    return 0;
}

const struct sender_ops sender_packet = {
    .name = "packet",
    .help = "frames by a packet socket of --interface",
    .spoofs = true,
    .run = 1,
    .open = packet_open,
    .room = packet_room,
    .send = packet_send,
    .close = packet_close,
};
