/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "blast/senders.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, which cannot be included beside netinet/udp.h */
#endif

#define SEGMENTS_MOST      64    /* UDP_MAX_SEGMENTS */
#define SEGMENT_BYTES_MOST 65000 /* what the kernel takes at once, headers excluded */
#define SEND_BUFFER_BYTES  (4 << 20)

/* A message is one datagram, or with segmentation a run of one exporter's that have one size. */
struct message {
    uint32_t first, count;
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control;
};

struct udp_state {
    struct sender_buffers *buffers;
    int *sockets; /* one an exporter: its address and port are its own */
    uint32_t socket_count;
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
        int result = messages_send(state->sockets[exporter], state, first, end, datagrams);
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

static uint32_t udp_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct udp_state *state = sender->state;
    return buffers_room(state->buffers, datagrams, most);
}

/* --- set-up --- */

static socklen_t socket_address(const struct endpoint *endpoint, bool six, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){.ss_family = six ? AF_INET6 : AF_INET};
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *other = (struct sockaddr_in6 *)out;
    if (six) {
        other->sin6_port = htons(endpoint->port);
        memcpy(&other->sin6_addr, endpoint->address.bytes, 16);
        return sizeof *other;
    }
    four->sin_port = htons(endpoint->port);
    memcpy(&four->sin_addr, endpoint->address.bytes + 12, 4);
    return sizeof *four;
}

static void endpoint_learn(int socket, struct endpoint *endpoint)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(socket, (struct sockaddr *)&address, &length);
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
    if (address.ss_family == AF_INET)
        *endpoint = (struct endpoint){address_from_ipv4(&four->sin_addr), ntohs(four->sin_port)};
    else
        *endpoint = (struct endpoint){address_from_ipv6(&six->sin6_addr), ntohs(six->sin6_port)};
}

static int bind_to(int socket, const struct endpoint *from, bool six)
{
    struct sockaddr_storage address;
    char text[ADDRESS_TEXT_MOST];
    socklen_t length = socket_address(from, six, &address);
    if (bind(socket, (struct sockaddr *)&address, length) == 0)
        return 0;
    int error = errno;
    address_format(&from->address, text);
    log_error("cannot send from %s port %u: %s; --from wants addresses of this machine here, and senders by frames any",
              text, from->port, strerror(error));
    return -error;
}

/* The family is the source's, or the target's first. */
static int exporter_open(struct sender *sender, uint32_t number)
{
    const struct sender_setup *setup = sender->setup;
    struct blast_exporter *exporter = &sender->supply->exporters[number];
    struct udp_state *state = sender->state;
    bool six = setup->sources.count ? !address_is_ipv4(&exporter->endpoint.address) : !setup->target.has[0];
    struct sockaddr_storage to;
    int one = SEND_BUFFER_BYTES, descriptor = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        log_error("no socket for exporter %u: %s; let it have more open files (ulimit -n), or take fewer exporters",
                  number + 1, strerror(errno));
        return -errno;
    }
    state->sockets[state->socket_count++] = descriptor;
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
    if (setup->sources.count) {
        int result = bind_to(descriptor, &exporter->endpoint, six);
        if (result)
            return result;
    }
    socklen_t length = socket_address(&setup->target.to[six], six, &to);
    if (connect(descriptor, (struct sockaddr *)&to, length) < 0) {
        log_error("cannot send there: %s", strerror(errno));
        return -errno;
    }
    endpoint_learn(descriptor, &exporter->endpoint);
    return 0;
}

static void files_allow(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int udp_open(struct sender *sender)
{
    struct udp_state *state = calloc(1, sizeof *state);
    int result = 0;
    sender->state = state;
    if (!state)
        return -ENOMEM;
    state->buffers = buffers_new();
    state->sockets = calloc(sender->supply->exporter_count, sizeof *state->sockets);
    if (!state->buffers || !state->sockets)
        return -ENOMEM;
    files_allow();
    for (uint32_t i = 0; i < sender->supply->exporter_count && !result; i++)
        result = exporter_open(sender, i);
    return result;
}

static int udp_close(struct sender *sender)
{
    struct udp_state *state = sender->state;
    if (!state)
        return 0;
    for (uint32_t i = 0; i < state->socket_count; i++)
        close(state->sockets[i]);
    free(state->sockets);
    buffers_free(state->buffers);
    free(state);
    return 0;
}

const struct sender_ops sender_udp = {
    .name = "udp",
    .help = "sockets and sendmmsg(); exporters are ports, or addresses that this machine has",
    .run = 16,
    .open = udp_open,
    .room = udp_room,
    .send = udp_send,
    .close = udp_close,
};

const struct sender_ops sender_gso = {
    .name = "gso",
    .help = "the same, with datagrams of one size as segments of one message (UDP_SEGMENT)",
    .run = 64,
    .open = udp_open,
    .room = udp_room,
    .send = gso_send,
    .close = udp_close,
};
