/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends messages by SCTP in user space, each as one of its, over several streams in turn.
 *
 *     sctp_send HOST PORT UDP-PORT FILE STREAMS WAIT-MS abort|shutdown
 *
 * UDP-PORT is of both sides; 0 sends SCTP in IP, which needs rights. FILE has items of four bytes of length (network
 * order) and as many bytes; - is standard input, and an item is sent when it has come. WAIT-MS goes by before the end.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <usrsctp.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static socklen_t address_of(const char *host, const char *port, struct sockaddr_storage *address)
{
    struct sockaddr_in *four = (void *)address;
    struct sockaddr_in6 *six = (void *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)atoi(port));
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1)
        fail(host);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)atoi(port));
    return sizeof *six;
}

static struct socket *connected(const char *host, const char *port, uint16_t udp_port)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(host, port, &address);
    struct socket *socket = usrsctp_socket(address.ss_family, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    struct sctp_udpencaps encapsulated = {.sue_port = htons(udp_port)};
    encapsulated.sue_address.ss_family = address.ss_family;
    struct sctp_initmsg streams = {.sinit_num_ostreams = 16};
    if (!socket)
        fail("socket");
    if (udp_port && usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_REMOTE_UDP_ENCAPS_PORT, &encapsulated,
                                       sizeof encapsulated) < 0)
        fail("UDP port");
    if (usrsctp_setsockopt(socket, IPPROTO_SCTP, SCTP_INITMSG, &streams, sizeof streams) < 0)
        fail("streams");
    if (usrsctp_connect(socket, (struct sockaddr *)&address, length) < 0)
        fail("connect");
    return socket;
}

static void items_send(struct socket *socket, FILE *file, unsigned streams)
{
    static uint8_t bytes[1 << 20];
    uint8_t head[4];
    for (unsigned number = 0; fread(head, 1, sizeof head, file) == sizeof head; number++) {
        uint32_t size = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
        struct sctp_sndinfo info = {.snd_sid = (uint16_t)(number % streams)};
        if (size > sizeof bytes || fread(bytes, 1, size, file) != size)
            exit(2);
        if (usrsctp_sendv(socket, bytes, size, NULL, 0, &info, sizeof info, SCTP_SENDV_SNDINFO, 0) < 0)
            fail("send");
    }
}

int main(int count, char **words)
{
    if (count != 8)
        return 2;
    uint16_t udp_port = (uint16_t)atoi(words[3]);
    bool abort_it = strcmp(words[7], "abort") == 0;
    usrsctp_init(udp_port, NULL, NULL);
    usrsctp_sysctl_set_sctp_blackhole(2); /* others here may speak SCTP, too: their packets are not ours to refuse */
    struct socket *socket = connected(words[1], words[2], udp_port);
    FILE *file = strcmp(words[4], "-") == 0 ? stdin : fopen(words[4], "rb");
    if (!file)
        fail(words[4]);
    setvbuf(file, NULL, _IONBF, 0);
    items_send(socket, file, (unsigned)atoi(words[5]));
    poll(NULL, 0, atoi(words[6]));
    struct linger linger = {.l_onoff = 1, .l_linger = abort_it ? 0 : 5};
    usrsctp_setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    usrsctp_close(socket);
    bool done = usrsctp_finish() == 0; /* once all is acknowledged */
    for (int i = 0; i < 1500 && !done; i++) {
        poll(NULL, 0, 20);
        done = usrsctp_finish() == 0;
    }
    return done ? 0 : 3;
}
