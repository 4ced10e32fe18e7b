/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends Ethernet frames by a packet socket, again and again, as fast as it goes.
 *
 *     frames_send INTERFACE FILE SECONDS RATE
 *
 * FILE has items of four bytes of length (network order) and as many bytes. RATE is frames a second, 0 as many as can
 * be. Prints how many were sent, as the kernel has taken them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define STEP 32

struct frames {
    uint8_t *bytes;
    struct iovec *items;
    size_t count;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct frames frames_read(const char *path)
{
    struct frames frames = {0};
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        fail(path);
    size_t size = (size_t)ftell(file), room = 0;
    rewind(file);
    frames.bytes = malloc(size);
    if (!frames.bytes || fread(frames.bytes, 1, size, file) != size)
        fail(path);
    fclose(file);
    for (size_t at = 0; at + 4 <= size;) {
        uint32_t length;
        memcpy(&length, frames.bytes + at, 4);
        length = ntohl(length);
        if (frames.count == room) {
            room = room ? 2 * room : 1024;
            frames.items = realloc(frames.items, room * sizeof *frames.items);
            if (!frames.items)
                fail("memory");
        }
        frames.items[frames.count++] = (struct iovec){.iov_base = frames.bytes + at + 4, .iov_len = length};
        at += 4 + length;
    }
    if (!frames.count)
        fail("no frames");
    return frames;
}

static int socket_open(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    int fd = socket(AF_PACKET, SOCK_RAW, 0); /* of no protocol: it receives nothing */
    int yes = 1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address))
        fail(interface);
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
    return fd;
}

/* The next frames; returns how many went out. */
static unsigned step_send(int fd, const struct frames *frames, size_t first)
{
    struct mmsghdr messages[STEP];
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < STEP; i++) {
        messages[i].msg_hdr.msg_iov = &frames->items[(first + i) % frames->count];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    int sent = sendmmsg(fd, messages, STEP, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN)
        fail("sendmmsg");
    return sent < 0 ? 0 : (unsigned)sent;
}

int main(int count, char **arguments)
{
    if (count != 5) {
        fprintf(stderr, "frames_send INTERFACE FILE SECONDS RATE\n");
        return 2;
    }
    struct frames frames = frames_read(arguments[2]);
    int fd = socket_open(arguments[1]);
    double began = now(), until = began + atof(arguments[3]), rate = atof(arguments[4]);
    uint64_t sent = 0;
    size_t at = 0;
    while (now() < until) {
        double early = rate > 0 ? began + (double)sent / rate - now() : 0;
        if (early > 0)
            nanosleep(&(struct timespec){.tv_nsec = (long)(early < 0.1 ? early * 1e9 : 1e8)}, NULL);
        if (early > 0.1)
            continue;
        unsigned step = step_send(fd, &frames, at);
        at = (at + step) % frames.count;
        sent += step;
    }
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}
