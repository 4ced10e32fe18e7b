/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "base/clock.h"
#include "base/log.h"
#include "blast/device.h"
#include "blast/senders.h"

#define FRAMES       2048
#define FRAME_BYTES  4096 /* a page: more cannot be a frame of AF_XDP */
#define PAYLOAD_MOST (FRAME_BYTES - ENVELOPE_BYTES - 256)
#define FULL_WAIT_MS 1
#define CLOSE_WAIT_MS 1000
#define BIND_WAIT_MS  3000 /* the queue may be held by a process that has just ended */
#define BIND_STEP_MS  50

/* A ring to send by. Frames that the kernel has sent come back by the completion ring, and wait in `free`. */
struct xdp_state {
    struct envelope envelope;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct xsk_ring_prod transmit;
    struct xsk_ring_cons completion;
    struct xsk_ring_prod fill; /* a UMEM has one; nothing is received */
    uint8_t *frames;
    uint32_t free_count;
    uint64_t free[FRAMES];
};

static void completions_take(struct xdp_state *state)
{
    uint32_t first = 0, count = xsk_ring_cons__peek(&state->completion, FRAMES, &first);
    for (uint32_t i = 0; i < count; i++)
        state->free[state->free_count++] =
            *xsk_ring_cons__comp_addr(&state->completion, first + i) & ~(uint64_t)(FRAME_BYTES - 1);
    if (count)
        xsk_ring_cons__release(&state->completion, count);
}

/* Makes the kernel send what is in the ring, 32 frames a call in copy mode. */
static int kick(struct xdp_state *state)
{
    if (!xsk_ring_prod__needs_wakeup(&state->transmit))
        return 0;
    if (sendto(xsk_socket__fd(state->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
        return 0;
    return errno == EAGAIN || errno == EBUSY || errno == ENOBUFS || errno == EINTR ? 0 : -errno;
}

static uint32_t xdp_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct xdp_state *state = sender->state;
    completions_take(state);
    if (!state->free_count) {
        kick(state);
        completions_take(state);
        if (!state->free_count) {
            poll(&(struct pollfd){xsk_socket__fd(state->socket), POLLOUT, 0}, 1, FULL_WAIT_MS);
            return 0;
        }
    }
    uint32_t count = most < state->free_count ? most : state->free_count;
    for (uint32_t i = 0; i < count; i++)
        datagrams[i].payload = state->frames + state->free[state->free_count - 1 - i] + ENVELOPE_BYTES;
    return count;
}

/* The ring has as many places as there are frames, so there is room for all. */
static int xdp_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct xdp_state *state = sender->state;
    uint32_t first = 0;
    if (xsk_ring_prod__reserve(&state->transmit, count, &first) != count)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct endpoint *from = &sender->supply->exporters[datagrams[i].exporter].endpoint;
        uint32_t frame_bytes = envelope_close(&state->envelope, &datagrams[i], from);
        const uint8_t *frame = datagrams[i].payload + datagrams[i].size_bytes - frame_bytes;
        *xsk_ring_prod__tx_desc(&state->transmit, first + i) =
            (struct xdp_desc){.addr = (uint64_t)(frame - state->frames), .len = frame_bytes};
    }
    xsk_ring_prod__submit(&state->transmit, count);
    state->free_count -= count;
    int result = kick(state);
    if (result < 0)
        log_error("AF_XDP on %s: %s", sender->setup->interface, strerror(-result));
    return result < 0 ? result : (int)count;
}

static int socket_open(struct xdp_state *state, const struct sender_setup *setup)
{
    struct xsk_umem_config umem = {.fill_size = 64, .comp_size = FRAMES, .frame_size = FRAME_BYTES};
    struct xsk_socket_config socket = {.tx_size = FRAMES,
                                       .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
                                       .bind_flags = XDP_USE_NEED_WAKEUP};
    int result = xsk_umem__create(&state->umem, state->frames, (uint64_t)FRAMES * FRAME_BYTES, &state->fill,
                                  &state->completion, &umem);
    if (result)
        return result;
    for (int waited_ms = 0;; waited_ms += BIND_STEP_MS) {
        result = xsk_socket__create(&state->socket, setup->interface, setup->queue, state->umem, NULL,
                                    &state->transmit, &socket);
        if (result != -EBUSY || waited_ms >= BIND_WAIT_MS)
            return result;
        poll(NULL, 0, BIND_STEP_MS);
    }
}

static int xdp_open(struct sender *sender)
{
    struct xdp_state *state = calloc(1, sizeof *state);
    sender->state = state;
    if (!state)
        return -ENOMEM;
    state->frames = mmap(NULL, (size_t)FRAMES * FRAME_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (state->frames == MAP_FAILED) {
        state->frames = NULL;
        return -ENOMEM;
    }
    int result = device_open(sender->setup, &state->envelope);
    if (result < 0)
        return result;
    result = socket_open(state, sender->setup);
    if (result)
        log_error("AF_XDP on %s queue %u: %s%s", sender->setup->interface, sender->setup->queue, strerror(-result),
                  result == -EPERM    ? "; it takes root or CAP_NET_RAW and CAP_NET_ADMIN"
                  : result == -EBUSY  ? "; another socket has this queue: --queue names another"
                  : result == -EINVAL ? "; is there such a queue?"
                                      : "; the sender packet can do the same, slower");
    for (uint32_t i = 0; i < FRAMES; i++)
        state->free[state->free_count++] = (uint64_t)i * FRAME_BYTES;
    return result;
}

/* What is still in the ring goes out first. */
static int drain(struct xdp_state *state)
{
    int64_t until_ns = clock_steady_ns() + CLOSE_WAIT_MS * NS_PER_MS;
    completions_take(state);
    while (state->free_count < FRAMES && clock_steady_ns() < until_ns) {
        kick(state);
        poll(NULL, 0, FULL_WAIT_MS);
        completions_take(state);
    }
    if (state->free_count == FRAMES)
        return 0;
    log_error("%u frames did not get out", FRAMES - state->free_count);
    return -EIO;
}

static int xdp_close(struct sender *sender)
{
    struct xdp_state *state = sender->state;
    if (!state)
        return 0;
    int result = state->socket ? drain(state) : 0;
    if (state->socket)
        xsk_socket__delete(state->socket);
    if (state->umem)
        xsk_umem__delete(state->umem);
    if (state->frames)
        munmap(state->frames, (size_t)FRAMES * FRAME_BYTES);
    free(state);
    return result;
}

const struct sender_ops sender_xdp = {
    .name = "xdp",
    .help = "frames by an AF_XDP ring of --interface and --queue",
    .spoofs = true,
    .payload_most = PAYLOAD_MOST,
    .run = 1,
    .open = xdp_open,
    .room = xdp_room,
    .send = xdp_send,
    .close = xdp_close,
};
