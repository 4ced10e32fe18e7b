/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A server that answers as a test's script says: for answers that no real server gives on demand. What real servers do
 * is tried with real ones, by test_elastic_server.c.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRIPT_BODY_MOST   (8 << 20)
#define SCRIPT_ANSWER_MOST (1 << 20)
#define SCRIPT_CONNECTIONS_MOST 64

struct script_request {
    const char *path;
    const char *body;      /* NUL-terminated */
    uint32_t documents;
    uint32_t number;       /* of the bulk requests, from 0 */
};

/* Writes the answer's body and returns HTTP's status; 0: the connection is closed without an answer; less: there is
   never one. */
struct script;
typedef int (*script_answer)(struct script *script, const struct script_request *request, char *answer);

struct script {
    script_answer answer;
    int listener;
    uint16_t port;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock;  /* one answer at a time */
    uint32_t requests;
    uint32_t documents;    /* that were answered with 200 and no errors */
    uint8_t seen[4096];    /* how often the document "n" was */
    bool endless;          /* answers go on for ever */
    int connections[SCRIPT_CONNECTIONS_MOST]; /* descriptors, -1 = free */
    uint32_t serving;      /* threads of connections */
};

struct script_connection {
    struct script *script;
    int fd;
};

static inline bool script_send(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t part = send(fd, bytes, size, MSG_NOSIGNAL);
        if (part <= 0)
            return false;
        bytes += part;
        size -= (size_t)part;
    }
    return true;
}

/* Documents' numbers are "n" in front of each. */
static inline void script_take(struct script *script, const struct script_request *request)
{
    script->documents += request->documents;
    for (const char *at = request->body; (at = strstr(at, "{\"n\":")); at++)
        script->seen[strtoul(at + 5, NULL, 10) % sizeof script->seen]++;
}

static inline bool script_reply(struct script *script, int fd, char *head, char *body)
{
    static const char clean[] = "{\"errors\":false}";
    char *answer = calloc(1, SCRIPT_ANSWER_MOST), status[160];
    struct script_request request = {.path = head, .body = body};
    bool bulk = strstr(head, "/_bulk?") != NULL;
    for (const char *at = body; (at = strchr(at, '\n')); at++)
        request.documents++;
    request.documents /= 2;
    pthread_mutex_lock(&script->lock);
    request.number = script->requests;
    script->requests += bulk;
    int code = bulk ? script->answer(script, &request, answer) : 403;
    if (bulk && code == 200 && strcmp(answer, clean) == 0)
        script_take(script, &request);
    bool endless = bulk && script->endless;
    script->endless = false;
    pthread_mutex_unlock(&script->lock);
    while (code < 0 && recv(fd, answer, SCRIPT_ANSWER_MOST, 0) > 0) /* until the other side has had enough */
        ;
    code = code < 0 ? 0 : code;
    snprintf(status, sizeof status, "HTTP/1.1 %d X\r\n%s: %zu\r\n\r\n", code, endless ? "X-Size" : "Content-Length",
             strlen(answer));
    bool open = code && script_send(fd, status, strlen(status)) && script_send(fd, answer, strlen(answer));
    memset(answer, ' ', SCRIPT_ANSWER_MOST);
    while (open && endless)
        open = script_send(fd, answer, SCRIPT_ANSWER_MOST);
    free(answer);
    return open;
}

/* Puts a descriptor in the place of another: -1 is no connection. */
static inline void script_connection_set(struct script *script, int before, int now)
{
    uint32_t i = 0;
    pthread_mutex_lock(&script->lock);
    while (i + 1 < SCRIPT_CONNECTIONS_MOST && script->connections[i] != before)
        i++;
    script->connections[i] = now;
    script->serving += now >= 0 ? 1 : -1U;
    pthread_mutex_unlock(&script->lock);
}

static inline void *script_serve(void *context)
{
    struct script_connection connection = *(struct script_connection *)context;
    char *bytes = malloc(SCRIPT_BODY_MOST), *end;
    size_t size = 0;
    bool open = true;
    free(context);
    while (open) {
        bytes[size] = '\0';
        end = strstr(bytes, "\r\n\r\n");
        const char *length = strcasestr(bytes, "content-length:");
        size_t all = end ? (size_t)(end + 4 - bytes) : 0;
        all += end && length && length < end ? strtoul(length + 15, NULL, 10) : 0;
        if (end && size >= all) {
            *end = '\0';
            open = script_reply(connection.script, connection.fd, bytes, end + 4);
            size = 0;
            continue;
        }
        ssize_t part = recv(connection.fd, bytes + size, SCRIPT_BODY_MOST - size - 1, 0);
        open = part > 0;
        size += open ? (size_t)part : 0;
    }
    free(bytes);
    script_connection_set(connection.script, connection.fd, -1);
    close(connection.fd);
    return NULL;
}

static inline void *script_accept(void *context)
{
    struct script *script = context;
    int fd;
    while ((fd = accept(script->listener, NULL, NULL)) >= 0) {
        struct script_connection *connection = malloc(sizeof *connection);
        pthread_t thread;
        *connection = (struct script_connection){script, fd};
        script_connection_set(script, -1, fd);
        pthread_create(&thread, NULL, script_serve, connection);
        pthread_detach(thread);
    }
    return NULL;
}

static inline void script_start(struct script *script, script_answer answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    memset(script, 0, sizeof *script);
    memset(script->connections, -1, sizeof script->connections);
    pthread_mutex_init(&script->lock, NULL);
    script->answer = answer;
    script->listener = socket(AF_INET, SOCK_STREAM, 0);
    bind(script->listener, (struct sockaddr *)&address, size);
    listen(script->listener, 64);
    getsockname(script->listener, (struct sockaddr *)&address, &size);
    script->port = ntohs(address.sin_port);
    snprintf(script->url, sizeof script->url, "http://127.0.0.1:%u", script->port);
    pthread_create(&script->thread, NULL, script_accept, script);
}

static inline void script_stop(struct script *script)
{
    shutdown(script->listener, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->listener);
    bool serving = true;
    while (serving) {
        pthread_mutex_lock(&script->lock);
        for (uint32_t i = 0; i < SCRIPT_CONNECTIONS_MOST; i++)
            if (script->connections[i] >= 0)
                shutdown(script->connections[i], SHUT_RDWR);
        serving = script->serving > 0;
        pthread_mutex_unlock(&script->lock);
        usleep(1000);
    }
}
