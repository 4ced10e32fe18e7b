/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/http/auth.h"
#include "app/http/history.h"
#include "app/http/listener.h"
#include "app/http/page.h"
#include "app/http/request.h"
#include "app/http/talkers.h"
#include "base/clock.h"
#include "base/log.h"

#define LISTENERS_MOST      16
#define CONNECTIONS_MOST    64    /* of each listener */
#define CONNECTIONS_OF_ONE  32    /* address: one that holds connections open leaves some to others */
#define CONNECTION_BYTES    16384 /* for a request's line and headers */
#define IDLE_MOST_S         30    /* without a byte */
#define REQUEST_MOST_NS     (60 * NS_PER_S) /* from the connection, or the request before, to the end of the answer */
#define TICK_MS             500

/* A connection, for the clock. */
struct visit {
    int fd;
    int64_t since_ns; /* steady clock */
    struct visit *next;
    struct visit **link;
};

struct listener {
    struct MHD_Daemon *daemon;
    int fd; /* readable when there is something to do */
};

struct http {
    struct http_site site;
    struct listener listeners[LISTENERS_MOST];
    uint32_t listener_count;
    struct visit *visits;
    char *certificate, *key;
    char said[256];        /* the library's last words, for the message of a failure */
    int stop_fd;
    pthread_t thread;
    bool running;
};

/* ---- what the library calls ---- */

static void library_said(void *argument, const char *format, va_list arguments)
{
    static struct log_cause cause;
    struct http *http = argument;
    vsnprintf(http->said, sizeof http->said, format, arguments);
    http->said[strcspn(http->said, "\n")] = '\0';
    if (http->running) /* what clients do wrong */
        log_limited(&cause, LOG_LEVEL_DEBUG, "http: %s", http->said);
}

static void visit_begin(struct http *http, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct visit *visit = calloc(1, sizeof *visit);
    *context = visit;
    if (!visit || !info) {
        free(visit);
        *context = NULL;
        return; /* the library's own time-out remains */
    }
    *visit = (struct visit){
        .fd = info->connect_fd, .since_ns = clock_steady_ns(), .next = http->visits, .link = &http->visits};
    if (visit->next)
        visit->next->link = &visit->next;
    http->visits = visit;
}

static void visit_end(struct visit *visit)
{
    if (!visit)
        return;
    *visit->link = visit->next;
    if (visit->next)
        visit->next->link = visit->link;
    free(visit);
}

static void connection_notify(void *argument, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        visit_begin(argument, connection, context);
    else
        visit_end(*context);
}

/* The next request of the connection has its own time. */
static void request_completed(void *argument, struct MHD_Connection *connection, void **context,
                              enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct visit *visit = info ? info->socket_context : NULL;
    (void)argument;
    (void)context;
    (void)code;
    if (visit)
        visit->since_ns = clock_steady_ns();
}

/*
 * Called when the headers are there, and again when all of the request is. An answer to the first call ends the
 * connection: right for a body, which no page wants, and which is not waited for.
 */
static enum MHD_Result request_take(void *argument, struct MHD_Connection *connection, const char *path,
                                    const char *method, const char *version, const char *upload, size_t *upload_bytes,
                                    void **context)
{
    struct http *http = argument;
    (void)version;
    (void)upload;
    (void)upload_bytes;
    if (!*context && !request_has_body(connection)) {
        *context = http;
        return MHD_YES;
    }
    return request_answer(&http->site, connection, method, path);
}

/* ---- the thread ---- */

/* Whoever sends or reads byte by byte is cut off: the library limits only the time between two bytes. */
static void visits_limit(const struct http *http)
{
    int64_t now_ns = clock_steady_ns();
    for (const struct visit *visit = http->visits; visit; visit = visit->next)
        if (now_ns - visit->since_ns > REQUEST_MOST_NS)
            shutdown(visit->fd, SHUT_RDWR);
}

/* Milliseconds until the library wants to be called, whatever comes. */
static int wait_ms(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG least = TICK_MS;
    for (uint32_t i = 0; i < http->listener_count; i++) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(http->listeners[i].daemon, &ms) == MHD_YES && ms < least)
            least = ms;
    }
    return (int)least;
}

static void *http_run(void *argument)
{
    struct http *http = argument;
    struct pollfd entries[LISTENERS_MOST + 1];
    uint32_t count = http->listener_count;
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct pollfd){.fd = http->listeners[i].fd, .events = POLLIN};
    entries[count] = (struct pollfd){.fd = http->stop_fd, .events = POLLIN};
    pthread_setname_np(pthread_self(), "weir-http");
    do {
        for (uint32_t i = 0; i < count; i++)
            MHD_run(http->listeners[i].daemon);
        visits_limit(http);
        history_tick(&http->site);
        top_tick(&http->site);
        poll(entries, count + 1, wait_ms(http));
    } while (!entries[count].revents);
    return NULL;
}

/* ---- opening and closing ---- */

/* Takes over the socket. Returns 0, or -errno logged. */
static int daemon_start(struct http *http, int socket, const char *address)
{
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, http->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (http->certificate ? MHD_USE_TLS : 0);
    struct listener *listener = &http->listeners[http->listener_count];
    *http->said = '\0';
    /* clang-format off */
    listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, request_take, http,
                                        MHD_OPTION_EXTERNAL_LOGGER, library_said, http,
                                        MHD_OPTION_LISTEN_SOCKET, socket,
                                        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MOST,
                                        MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_OF_ONE,
                                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
                                        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_MOST_S,
                                        MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, http,
                                        MHD_OPTION_NOTIFY_COMPLETED, request_completed, http,
                                        MHD_OPTION_ARRAY, http->certificate ? tls : tls + 3,
                                        MHD_OPTION_END);
    /* clang-format on */
    if (!listener->daemon) {
        log_error("http.listen: cannot serve on %s: %s%s", address, *http->said ? http->said : strerror(errno),
                  http->certificate ? "; are http.tls.certificate and http.tls.key PEM files that belong together?"
                                    : "");
        close(socket);
        return -EINVAL;
    }
    listener->fd = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    http->listener_count++;
    return 0;
}

/* Returns 0, also where the default address cannot be had, or -errno logged. */
static int listener_add(struct http *http, const char *address)
{
    bool chosen = http->site.config->http.chosen;
    int socket = listener_socket(address);
    if (socket >= 0) {
        log_info("http: metrics, health and API on %s://%s", http->certificate ? "https" : "http", address);
        return daemon_start(http, socket, address);
    }
    if (chosen)
        log_error("http.listen: %s: %s; %s", address, strerror(-socket), listener_remedy(-socket));
    else if (socket == -EADDRINUSE)
        log_warning("http.listen: %s is taken by another program: nothing is served there; write another address, or "
                    "off",
                    address);
    return chosen ? socket : 0;
}

static int files_read(struct http *http)
{
    const struct config *config = http->site.config;
    if (!*config->http.tls.certificate)
        return 0;
    http->certificate = listener_file("http.tls.certificate", config->http.tls.certificate);
    http->key = listener_file("http.tls.key", config->http.tls.key);
    return http->certificate && http->key ? 0 : -EINVAL;
}

static int listeners_open(struct http *http)
{
    const struct text_list *listen = &http->site.config->http.listen;
    int error = files_read(http);
    if (listen->count > LISTENERS_MOST) {
        log_error("http.listen: at most %d addresses", LISTENERS_MOST);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < listen->count && !error; i++)
        error = listener_add(http, listen->items[i]);
    return error;
}

/* The thread takes no signals: they are the main thread's. */
int http_start(struct http *http)
{
    sigset_t all, before;
    if (!http)
        return 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&http->thread, NULL, http_run, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    http->running = !error;
    if (error)
        log_error("http: cannot start a thread: %s", strerror(error));
    return -error;
}

int http_open(struct http **result, struct collector *collector)
{
    const struct config *config = collector->config;
    *result = NULL;
    if (!config->http.listen.count)
        return 0;
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return -ENOMEM;
    http->site.collector = collector;
    http->site.config = config;
    http->stop_fd = eventfd(0, EFD_CLOEXEC);
    auth_digest(config->http.token, http->site.token_digest);
    http->site.history = history_new();
    http->site.top = top_new();
    int error = http->stop_fd < 0 ? -errno : http->site.history && http->site.top ? listeners_open(http) : -ENOMEM;
    if (error || !http->listener_count)
        http_close(http);
    else
        *result = http;
    return error;
}

void http_enter(struct http *http, enum http_phase phase)
{
    if (http)
        atomic_store_explicit(&http->site.phase, phase, memory_order_release); /* see site_phase() */
}

void http_close(struct http *http)
{
    if (!http)
        return;
    if (http->running) {
        eventfd_write(http->stop_fd, 1);
        pthread_join(http->thread, NULL);
    }
    for (uint32_t i = 0; i < http->listener_count; i++)
        MHD_stop_daemon(http->listeners[i].daemon);
    while (http->visits)
        visit_end(http->visits);
    if (http->stop_fd >= 0)
        close(http->stop_fd);
    if (http->key)
        explicit_bzero(http->key, strlen(http->key));
    history_free(http->site.history);
    top_free(http->site.top);
    free(http->certificate);
    free(http->key);
    free(http);
}
