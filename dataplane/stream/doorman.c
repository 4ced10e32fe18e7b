/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/doorman_state.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/stream/dtls.h"
#include "dataplane/stream/tls.h"

#define TICK_MS     200 /* how late a time-out may be noticed */
#define EVENTS_MOST 64
#define ACCEPT_MOST 64 /* of a listener at a time */

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed); /* a number to look at */
}

/* --- rules --- */

void doorman_set_rules(struct doorman *doorman, const struct config *config)
{
    struct door_rules rules;
    if (!door_rules_init(&rules, config, doorman->config)) {
        log_error("SIGHUP: input.tls stays as it is, and so does whose sessions are accepted");
        return;
    }
    pthread_mutex_lock(&doorman->lock);
    door_rules_fini(&doorman->news);
    doorman->news = rules;
    doorman->is_news = true;
    pthread_mutex_unlock(&doorman->lock);
    eventfd_write(doorman->over_fd, 1);
}

/* --- a session's way through the door --- */

void stream_close(struct connection *connection)
{
    if (connection->ssl) {
        ERR_clear_error();
        if (SSL_is_init_finished(connection->ssl) && connection->why != STREAM_BROKEN)
            SSL_shutdown(connection->ssl); /* says good-bye where that does not take waiting */
        SSL_free(connection->ssl);
    }
    close(connection->fd); /* first: nobody is told of the bridge's end */
    sctp_bridge_free(connection->bridge);
    connection->bridge = NULL;
    connection->ssl = NULL;
    connection->fd = -1;
    if (connection->queue)
        atomic_fetch_sub_explicit(&connection->queue->given, 1, memory_order_relaxed);
    connection->queue = NULL;
    madvise(connection->buffer, STREAM_BUFFER_BYTES, MADV_DONTNEED);
    atomic_store_explicit(&connection->state, STREAM_FREE, memory_order_relaxed);
}

/* A place that is free and what the caps say, or NULL: counted. */
static struct connection *place_find(struct doorman *doorman, const struct endpoint *source)
{
    struct connection *found = NULL;
    uint32_t of_address = 0;
    for (uint32_t i = 0; i < doorman->used; i++) {
        struct connection *connection = &doorman->streams[i];
        bool is_free = state_of(connection) == STREAM_FREE;
        if (is_free && !found)
            found = connection;
        of_address += !is_free && address_equal(&connection->session.source.address, &source->address);
    }
    if (of_address >= doorman->config->input.streams.per_address) {
        count(&doorman->counts.full_address);
        return NULL;
    }
    if (!found && doorman->used < doorman->config->input.streams.most)
        found = &doorman->streams[doorman->used++];
    if (!found)
        count(&doorman->counts.full);
    return found;
}

static struct stream_queue *queue_choose(const struct doorman *doorman)
{
    struct stream_queue *least = doorman->queues[0];
    for (uint32_t i = 1; i < doorman->queue_count; i++)
        if (atomic_load_explicit(&doorman->queues[i]->given, memory_order_relaxed) <
            atomic_load_explicit(&least->given, memory_order_relaxed))
            least = doorman->queues[i];
    return least;
}

/* When a bridge that was full has room again, the doorman wakes, as for all that has no event of its own. */
static void bridge_watch(struct doorman *doorman, const struct sctp_bridge *bridge)
{
    struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.ptr = doorman};
    epoll_ctl(doorman->epoll_fd, EPOLL_CTL_ADD, sctp_bridge_fd(bridge), &event);
}

/* From here on the session is its worker's, whose epoll tells it at once of what has come already. */
static void stream_give(struct doorman *doorman, struct connection *connection)
{
    struct stream_queue *queue = queue_choose(doorman);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (connection->ssl)
        epoll_ctl(doorman->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
    if (connection->bridge)
        bridge_watch(doorman, connection->bridge);
    connection->queue = queue;
    count(&doorman->counts.accepted);
    atomic_store_explicit(&connection->heard_ns, clock_steady_ns(), memory_order_relaxed);
    atomic_store_explicit(&connection->begun_ns, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&queue->given, 1, memory_order_relaxed);
    /* pairs with the acquire of the worker, who learns of it by the epoll */
    atomic_store_explicit(&connection->state, STREAM_OPEN, memory_order_release);
    if (epoll_ctl(queue->queue.fd, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        stream_close(connection); /* for want of memory: the worker never saw it */
}

static void handshake_fail(struct doorman *doorman, struct connection *connection, const char *why)
{
    static struct log_cause cause;
    char text[ENDPOINT_TEXT_MOST];
    endpoint_format(&connection->session.source, text);
    log_limited(&cause, LOG_LEVEL_WARNING, "input.%s: %s: the handshake failed: %s",
                transport_name(connection->session.transport), text, why);
    count(&doorman->counts.handshake_failed);
    stream_close(connection);
}

static void handshake_go_on(struct doorman *doorman, struct connection *connection)
{
    char why[TLS_WHY_MOST];
    enum tls_step step = tls_handshake(connection->ssl, why);
    struct epoll_event event = {.events = step == TLS_WANTS_WRITE ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
    if (step == TLS_FAILED)
        handshake_fail(doorman, connection, why);
    else if (step != TLS_DONE)
        epoll_ctl(doorman->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    else if (!tls_peer_is_named(connection->ssl, &doorman->rules.names))
        handshake_fail(doorman, connection, "the certificate has none of input.tls.names");
    else
        stream_give(doorman, connection);
}

static bool tls_begin(struct doorman *doorman, struct connection *connection)
{
    connection->ssl = SSL_new(doorman->rules.tls);
    return connection->ssl && SSL_set_fd(connection->ssl, connection->fd) == 1;
}

/* By DTLS it has begun with the cookie. */
static void handshake_begin(struct doorman *doorman, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if ((!connection->ssl && !tls_begin(doorman, connection)) ||
        epoll_ctl(doorman->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) < 0) {
        handshake_fail(doorman, connection, "no memory");
        return;
    }
    handshake_go_on(doorman, connection);
}

static void stream_begin(struct doorman *doorman, struct connection *connection, enum transport transport)
{
    connection->session.transport = (uint8_t)transport;
    connection->since_ns = clock_steady_ns();
    connection->start = connection->end = 0;
    connection->dry = connection->done = connection->waits = false;
    connection->why = STREAM_GOES_ON;
    atomic_store_explicit(&connection->order, STREAM_GOES_ON, memory_order_relaxed);
    atomic_store_explicit(&connection->state, STREAM_HANDSHAKE, memory_order_relaxed);
    if (transport == TRANSPORT_TCP || transport == TRANSPORT_TLS)
        stream_keep_alive(connection->fd); /* SCTP has heartbeats of its own */
    if (transport == TRANSPORT_TLS || transport == TRANSPORT_DTLS)
        handshake_begin(doorman, connection);
    else
        stream_give(doorman, connection);
}

/* --- accepting --- */

static void listeners_watch(struct doorman *doorman, bool watch)
{
    if (doorman->accepting == watch)
        return;
    doorman->accepting = watch;
    for (int i = 0; i < doorman->listener_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &doorman->listeners[i]};
        if (doorman->listeners[i].fd >= 0)
            epoll_ctl(doorman->epoll_fd, watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, doorman->listeners[i].fd, &event);
    }
}

/* Somebody at the door. */
struct arriving {
    int fd;
    SSL *ssl;                   /* DTLS */
    struct sctp_bridge *bridge; /* SCTP in user space */
    struct endpoint source;
};

/* The descriptor, or -errno. */
static int arriving_accept(struct doorman *doorman, struct stream_listener *listener, struct arriving *arriving)
{
    if (listener->sctp)
        return sctp_here_accept(listener->sctp, &arriving->source, &arriving->bridge);
    if (listener->transport == TRANSPORT_DTLS)
        return dtls_accept(listener, doorman->rules.dtls, &arriving->source, &arriving->ssl);
    return stream_accept(listener, &arriving->source);
}

static void connection_take(struct doorman *doorman, enum transport transport, const struct arriving *arriving)
{
    struct connection *connection = NULL;
    if (!allow_contains(doorman->rules.allow, &arriving->source.address))
        count(&doorman->counts.not_allowed);
    else
        connection = place_find(doorman, &arriving->source);
    if (!connection) {
        SSL_free(arriving->ssl);
        sctp_bridge_free(arriving->bridge);
        close(arriving->fd);
        return;
    }
    connection->fd = arriving->fd;
    connection->ssl = arriving->ssl;
    connection->bridge = arriving->bridge;
    connection->session.source = arriving->source;
    stream_begin(doorman, connection, transport);
}

/* Without a free descriptor a connection stays with the kernel until the next tick. */
static void listener_accept(struct doorman *doorman, struct stream_listener *listener)
{
    static struct log_cause cause;
    for (int i = 0; i < ACCEPT_MOST; i++) {
        struct arriving arriving = {.ssl = NULL};
        int fd = arriving.fd = arriving_accept(doorman, listener, &arriving);
        if (fd >= 0) {
            connection_take(doorman, listener->transport, &arriving);
        } else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
            log_limited(&cause, LOG_LEVEL_WARNING, "cannot accept sessions: %s; raise the limit of open files "
                        "(ulimit -n)", strerror(-fd));
            listeners_watch(doorman, false);
            return;
        } else if (fd == -EAGAIN) {
            return;
        }
    }
}

/* --- what takes too long, and what is over --- */

static void stream_order(struct connection *connection, enum stream_end why)
{
    if (atomic_load_explicit(&connection->order, memory_order_relaxed))
        return;
    atomic_store_explicit(&connection->order, why, memory_order_relaxed); /* the shutdown brings it to the worker */
    shutdown(connection->fd, SHUT_RDWR);
}

static void open_judge(struct doorman *doorman, struct connection *connection, int64_t now_ns)
{
    const struct config *config = doorman->config;
    int64_t begun_ns = atomic_load_explicit(&connection->begun_ns, memory_order_relaxed);
    int64_t idle_ns = now_ns - atomic_load_explicit(&connection->heard_ns, memory_order_relaxed);
    if (begun_ns && now_ns - begun_ns > (int64_t)config->input.streams.message_timeout)
        stream_order(connection, STREAM_STALLED);
    else if (config->input.streams.idle_timeout && idle_ns > (int64_t)config->input.streams.idle_timeout)
        stream_order(connection, STREAM_IDLE);
}

static void handshake_judge(struct doorman *doorman, struct connection *connection, int64_t now_ns)
{
    if (now_ns - connection->since_ns <= (int64_t)doorman->config->input.streams.handshake_timeout) {
        if (connection->session.transport == TRANSPORT_DTLS)
            dtls_timeout(connection->ssl);
        return;
    }
    count(&doorman->counts.handshake_late);
    stream_close(connection);
}

static void bridge_look(struct connection *connection)
{
    bool broken;
    if (sctp_bridge_carry(connection->bridge, &broken))
        return;
    if (broken && !atomic_load_explicit(&connection->order, memory_order_relaxed))
        atomic_store_explicit(&connection->order, STREAM_BROKEN, memory_order_relaxed); /* the end brings it */
    sctp_bridge_end(connection->bridge);
}

static void streams_look(struct doorman *doorman, bool tick)
{
    int64_t now_ns = clock_steady_ns();
    for (uint32_t i = 0; i < doorman->used; i++) {
        struct connection *connection = &doorman->streams[i];
        enum stream_state state = state_of(connection);
        if (state == STREAM_OPEN && connection->bridge)
            bridge_look(connection);
        if (state == STREAM_OVER)
            stream_close(connection);
        else if (tick && state == STREAM_OPEN)
            open_judge(doorman, connection, now_ns);
        else if (tick && state == STREAM_HANDSHAKE)
            handshake_judge(doorman, connection, now_ns);
    }
}

static void rules_adopt(struct doorman *doorman)
{
    pthread_mutex_lock(&doorman->lock);
    bool is_news = doorman->is_news;
    if (is_news) {
        door_rules_fini(&doorman->rules);
        doorman->rules = doorman->news;
        doorman->news = (struct door_rules){0};
        doorman->is_news = false;
    }
    pthread_mutex_unlock(&doorman->lock);
    for (uint32_t i = 0; is_news && i < doorman->used; i++) {
        struct connection *connection = &doorman->streams[i];
        bool allowed = allow_contains(doorman->rules.allow, &connection->session.source.address);
        if (!allowed && state_of(connection) == STREAM_OPEN)
            stream_order(connection, STREAM_NOT_ALLOWED);
    }
}

/* --- the thread --- */

static void event_take(struct doorman *doorman, void *what)
{
    struct stream_listener *listener = what;
    if (what == doorman)
        return; /* the eventfd, or a bridge: see doorman_run() */
    if (listener >= doorman->listeners && listener < doorman->listeners + STREAM_LISTENERS_MOST)
        listener_accept(doorman, listener);
    else if (state_of(what) == STREAM_HANDSHAKE)
        handshake_go_on(doorman, what);
}

/* They have no descriptors. */
static void sctp_listeners_accept(struct doorman *doorman)
{
    for (int i = 0; i < doorman->listener_count; i++)
        if (doorman->listeners[i].sctp)
            listener_accept(doorman, &doorman->listeners[i]);
}

static void *doorman_run(void *argument)
{
    struct doorman *doorman = argument;
    pthread_setname_np(pthread_self(), "weir-streams");
    listeners_watch(doorman, true);
    while (!atomic_load_explicit(&doorman->stopping, memory_order_relaxed)) {
        struct epoll_event events[EVENTS_MOST];
        eventfd_t written;
        int events_count = epoll_wait(doorman->epoll_fd, events, EVENTS_MOST, TICK_MS);
        eventfd_read(doorman->over_fd, &written);
        rules_adopt(doorman);
        for (int i = 0; i < events_count; i++)
            event_take(doorman, events[i].data.ptr);
        sctp_listeners_accept(doorman);
        int64_t now_ns = clock_steady_ns();
        bool tick = now_ns >= doorman->tick_ns;
        if (tick) {
            doorman->tick_ns = now_ns + TICK_MS * NS_PER_MS;
            listeners_watch(doorman, true);
        }
        streams_look(doorman, tick);
    }
    return NULL;
}

int doorman_start(struct doorman *doorman, struct stream_queue *const *queues, uint32_t queue_count)
{
    sigset_t all, before;
    doorman->queues = queues;
    doorman->queue_count = queue_count;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int error = pthread_create(&doorman->thread, NULL, doorman_run, doorman);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    doorman->running = !error;
    if (error)
        log_error("streams: cannot start a thread: %s", strerror(error));
    return -error;
}
