/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A small client for the HTTP server: what is sent is written out, so that it can be wrong as well. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
    unsigned status;
    char *text; /* headers and body */
    char *body;
    size_t size_bytes; /* of text */
};

/* A port of the loopback that nobody listens on now. */
static inline uint16_t port_free(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool good = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    close(fd);
    return good ? ntohs(address.sin_port) : 0;
}

static inline int client_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Reads to the end of the connection. */
static inline struct answer client_read(int fd)
{
    struct answer answer = {.text = malloc(1)};
    size_t room = 1;
    for (;;) {
        if (room - answer.size_bytes < 65536)
            answer.text = realloc(answer.text, room = 2 * room + 65536);
        ssize_t length = recv(fd, answer.text + answer.size_bytes, room - answer.size_bytes - 1, 0);
        if (length <= 0)
            break;
        answer.size_bytes += (size_t)length;
    }
    answer.text[answer.size_bytes] = '\0';
    close(fd);
    sscanf(answer.text, "HTTP/1.1 %u", &answer.status);
    answer.body = strstr(answer.text, "\r\n\r\n");
    answer.body = answer.body ? answer.body + 4 : answer.text;
    return answer;
}

static inline struct answer client_send(uint16_t port, const void *bytes, size_t size_bytes)
{
    int fd = client_connect(port);
    if (send(fd, bytes, size_bytes, MSG_NOSIGNAL) < 0)
        perror("send");
    return client_read(fd);
}

/* headers: whole lines, or "". */
static inline struct answer client_get(uint16_t port, const char *path, const char *headers)
{
    char text[2048];
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path,
                          headers);
    return client_send(port, text, (size_t)length);
}

static inline void answer_fini(struct answer *answer)
{
    free(answer->text);
}
