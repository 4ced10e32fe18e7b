/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/queue.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MOST 64
#define READS_MOST  16 /* of a session at a time: records of TLS may be of one byte each */

#define RECORD_MOST 16384 /* plain bytes of a record of DTLS: RFC 6347 4.1, RFC 5246 6.2.1 */

/* --- reading --- */

/* What reading has come to. */
enum reading { READING_MORE, READING_DRY, READING_END, READING_BROKEN };

static enum reading tls_read(struct connection *connection, uint8_t *to, uint32_t room, uint32_t *got)
{
    size_t count = 0;
    ERR_clear_error();
    if (SSL_read_ex(connection->ssl, to, room, &count) == 1) {
        *got = (uint32_t)count;
        return READING_MORE;
    }
    switch (SSL_get_error(connection->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
        return READING_DRY;
    case SSL_ERROR_ZERO_RETURN:
        return READING_END;
    default: /* a peer that makes us write what it does not read (WANT_WRITE) among them */
        return READING_BROKEN;
    }
}

/* Is the next datagram the first of a handshake (RFC 6347 4.3.2): epoch 0, ClientHello? No record of a session is. */
static bool hello_waits(const struct connection *connection)
{
    uint8_t head[14];
    return recv(connection->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT) == sizeof head && head[0] == 22 &&
           head[3] == 0 && head[4] == 0 && head[13] == 1;
}

static enum reading plain_read(struct connection *connection, uint8_t *to, uint32_t room, uint32_t *got)
{
    ssize_t count = recv(connection->fd, to, room, MSG_DONTWAIT);
    if (count > 0) {
        *got = (uint32_t)count;
        return READING_MORE;
    }
    if (count == 0)
        return READING_END;
    return errno == EAGAIN || errno == EINTR ? READING_DRY : READING_BROKEN;
}

/* What is left of a message goes to the front. Nobody looks at the messages before it any more. */
static void buffer_compact(struct connection *connection)
{
    if (!connection->start)
        return;
    memmove(connection->buffer, connection->buffer + connection->start, connection->end - connection->start);
    connection->end -= connection->start;
    connection->start = 0;
}

/* Reads what there is and has room; true when that was anything. */
static bool buffer_fill(struct connection *connection)
{
    enum reading reading = READING_MORE;
    buffer_compact(connection);
    uint32_t before = connection->end;
    for (int i = 0; i < READS_MOST && reading == READING_MORE && connection->end < STREAM_ROOM_BYTES; i++) {
        uint32_t got = 0;
        uint8_t *to = connection->buffer + connection->end;
        reading = connection->ssl ? tls_read(connection, to, STREAM_ROOM_BYTES - connection->end, &got)
                              : plain_read(connection, to, STREAM_ROOM_BYTES - connection->end, &got);
        connection->end += got;
    }
    connection->dry = reading == READING_DRY;
    connection->done = reading == READING_END || reading == READING_BROKEN;
    if (reading == READING_BROKEN)
        connection->why = STREAM_BROKEN;
    return connection->end > before;
}

/* --- messages --- */

/* What stands at the front of what was read and not taken. */
static enum framing buffer_framing(const struct connection *connection, uint32_t *length)
{
    return framing_next(connection->buffer + connection->start, connection->end - connection->start, length);
}

static struct packet packet_of(struct connection *connection, uint32_t at, uint32_t size_bytes, int64_t now_ns)
{
    return (struct packet){.bytes = connection->buffer + at,
                           .size_bytes = size_bytes,
                           .kind = PACKET_MESSAGE,
                           .received_ns = now_ns,
                           .source = connection->session.source,
                           .session = &connection->session};
}

/* Returns how many. Once nothing whole is left, a session that is done has its reason. */
static int messages_take(struct connection *connection, struct packet *packets, int most, int64_t now_ns)
{
    int count = 0;
    for (; count < most; count++) {
        uint32_t length = 0;
        enum framing framing = buffer_framing(connection, &length);
        if (framing == FRAMING_BAD) {
            connection->why = STREAM_BAD_MESSAGE;
            connection->done = true;
            connection->start = connection->end = 0;
        }
        if (framing != FRAMING_WHOLE)
            break;
        packets[count] = packet_of(connection, connection->start, length, now_ns);
        connection->start += length;
    }
    return count;
}

/* For the doorman, who ends what takes too long. Relaxed: times to look at. */
static void times_note(struct connection *connection, bool heard, bool taken)
{
    int64_t now_ns = clock_steady_ns();
    bool part = connection->start < connection->end;
    if (heard)
        atomic_store_explicit(&connection->heard_ns, now_ns, memory_order_relaxed);
    if (!part || taken || !atomic_load_explicit(&connection->begun_ns, memory_order_relaxed))
        atomic_store_explicit(&connection->begun_ns, part ? now_ns : 0, memory_order_relaxed);
}

/*
 * A record of DTLS is as good as a datagram, and may be none of IPFIX: the decoder judges it. When the peer says hello
 * instead, it has begun anew: unless records follow, the session has to make way for its next one.
 */
static int records_take(struct connection *connection, struct packet *packets, int most, int64_t now_ns)
{
    int count = 0;
    uint32_t at = 0;
    enum reading reading = READING_MORE;
    while (count < most && at + RECORD_MOST <= STREAM_ROOM_BYTES && reading == READING_MORE) {
        uint32_t got = 0;
        bool hello = !count && hello_waits(connection);
        reading = tls_read(connection, connection->buffer + at, RECORD_MOST, &got);
        if (hello && !atomic_load_explicit(&connection->begun_ns, memory_order_relaxed))
            atomic_store_explicit(&connection->begun_ns, clock_steady_ns(), memory_order_relaxed);
        if (reading != READING_MORE)
            break;
        packets[count++] = packet_of(connection, at, got, now_ns);
        at += got;
    }
    connection->dry = reading == READING_DRY;
    connection->done = reading == READING_END || reading == READING_BROKEN ||
                       atomic_load_explicit(&connection->order, memory_order_relaxed);
    if (reading == READING_BROKEN)
        connection->why = STREAM_BROKEN;
    if (count)
        times_note(connection, true, true);
    return count;
}

/* Takes messages, and reads where there is none. Views of earlier calls are dead. Returns how many. */
static int stream_visit(struct connection *connection, struct packet *packets, int most, int64_t now_ns)
{
    int count = messages_take(connection, packets, most, now_ns);
    if (count || connection->done)
        return count;
    if (connection->session.transport == TRANSPORT_DTLS)
        return records_take(connection, packets, most, now_ns);
    bool heard = buffer_fill(connection);
    count = messages_take(connection, packets, most, now_ns);
    times_note(connection, heard, count > 0);
    return count;
}

/* --- the queue --- */

static void list_push(struct stream_queue *queue, struct connection *connection)
{
    connection->next = NULL;
    if (queue->first)
        queue->last->next = connection;
    else
        queue->first = connection;
    queue->last = connection;
    connection->waits = true;
}

static struct connection *list_pop(struct stream_queue *queue)
{
    struct connection *connection = queue->first;
    queue->first = connection->next;
    connection->waits = false;
    return connection;
}

static void stream_end(struct stream_queue *queue, struct connection *connection)
{
    enum stream_end order = atomic_load_explicit(&connection->order, memory_order_relaxed);
    if (order)
        connection->why = (uint8_t)order;
    else if (!connection->why)
        connection->why = connection->start < connection->end ? STREAM_CUT : STREAM_CLOSED;
    queue->ends[connection->why]++;
    connection->next = queue->ended;
    queue->ended = connection;
}

/* Edge-triggered: who is told of once is looked at until it is dry. */
static void events_take(struct stream_queue *queue)
{
    struct epoll_event events[EVENTS_MOST];
    int count = epoll_wait(queue->queue.fd, events, EVENTS_MOST, 0);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        /*
         * Pairs with the release of the doorman's who gave it. An event may be older than that: of a session that is
         * over, whose place another worker's has by now.
         */
        if (atomic_load_explicit(&connection->state, memory_order_acquire) != STREAM_OPEN ||
            connection->queue != queue)
            continue;
        connection->dry = false; /* also of one that waits: what it has taken before is not all */
        if (!connection->waits && !connection->done)
            list_push(queue, connection);
    }
}

/* Each session that waits has one turn, so that none keeps others from theirs. */
int stream_queue_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct stream_queue *queue = base->state;
    int count = 0;
    if (!atomic_load_explicit(&queue->given, memory_order_relaxed))
        return 0;
    events_take(queue);
    base->unread = queue->first != NULL;
    if (!base->unread)
        return 0;
    int64_t now_ns = clock_utc_ns();
    uint32_t length;
    struct connection *last = queue->last, *connection = NULL;
    while (queue->first && count < most && connection != last) {
        connection = list_pop(queue);
        count += stream_visit(connection, packets + count, most - count, now_ns);
        bool whole = buffer_framing(connection, &length) != FRAMING_PART;
        if (connection->done && !whole)
            stream_end(queue, connection);
        else if (whole || !connection->dry)
            list_push(queue, connection);
    }
    base->unread = queue->first != NULL;
    return count;
}

void stream_queue_release(struct backend_queue *base)
{
    (void)base; /* a session's next visit writes over its buffer */
}

struct exporter *stream_queue_ended(struct backend_queue *base)
{
    struct stream_queue *queue = base->state;
    while (queue->ended) {
        struct connection *connection = queue->ended;
        struct exporter *exporter = connection->session.exporter;
        queue->ended = connection->next;
        connection->session.exporter = NULL;
        /* pairs with the acquire of the doorman, whose it is from here on */
        atomic_store_explicit(&connection->state, STREAM_OVER, memory_order_release);
        eventfd_write(queue->over_fd, 1);
        if (exporter)
            return exporter;
    }
    return NULL;
}

int stream_queue_init(struct stream_queue *queue, struct backend *backend, uint32_t number, int over_fd)
{
    *queue = (struct stream_queue){.over_fd = over_fd};
    queue->queue = (struct backend_queue){.backend = backend, .number = number, .state = queue};
    queue->queue.fd = epoll_create1(EPOLL_CLOEXEC);
    return queue->queue.fd < 0 ? -errno : 0;
}

void stream_queue_fini(struct stream_queue *queue)
{
    if (queue->queue.fd >= 0)
        close(queue->queue.fd);
}
