/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's bytes, cut anywhere: what comes out is what one look at all of them would find, and the decoder takes it.
 * The first byte says how the others are cut, and by which transport they come.
 */
#include "tests/unit/decode_fixture.h"
#include "tests/unit/stream_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fixture *fixture_get(void)
{
    static struct fixture fixture;
    if (!fixture.elements) {
        fixture_init(&fixture, PROFILE_WEIR);
        fixture_open(&fixture);
    }
    return &fixture;
}

/* Where the next message is, by the bytes as a whole. */
static bool message_expected(const uint8_t *data, size_t size, size_t *at, uint32_t *length)
{
    if (framing_next(data + *at, size - *at, length) != FRAMING_WHOLE)
        return false;
    *at += *length;
    return true;
}

struct check {
    const uint8_t *data;
    size_t size, at;
    struct exporter *exporter;
};

/* All that is at hand, or one burst of it: what comes then meets a session that waits for its turn. */
static void bursts_check(struct stream_rig *rig, struct check *check, bool all)
{
    struct packet packets[BURST_PACKETS];
    do {
        int count = stream_queue_receive(&rig->queue.queue, packets, BURST_PACKETS);
        for (int i = 0; i < count; i++) {
            size_t before = check->at;
            uint32_t length = 0;
            bool expected = message_expected(check->data, check->size, &check->at, &length);
            FIXTURE_REQUIRE(expected && packets[i].size_bytes == length);
            FIXTURE_REQUIRE(memcmp(packets[i].bytes, check->data + before, length) == 0);
            fixture_feed(fixture_get(), check->exporter, packets[i].bytes, length);
        }
        stream_queue_release(&rig->queue.queue);
    } while (all && rig->queue.queue.unread);
}

static void ends_check(struct stream_rig *rig, const struct check *check, const struct connection *connection)
{
    uint32_t length = 0;
    enum framing rest = framing_next(check->data + check->at, check->size - check->at, &length);
    enum stream_end why = rest == FRAMING_BAD            ? STREAM_BAD_MESSAGE
                          : check->at < check->size ? STREAM_CUT
                                                         : STREAM_CLOSED;
    FIXTURE_REQUIRE(rest != FRAMING_WHOLE);
    FIXTURE_REQUIRE(stream_queue_ended(&rig->queue.queue) == check->exporter && connection->why == why);
    FIXTURE_REQUIRE(!stream_queue_ended(&rig->queue.queue));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum transport transports[] = {TRANSPORT_TCP, TRANSPORT_SCTP, TRANSPORT_DTLS, TRANSPORT_FILE};
    struct fixture *fixture = fixture_get();
    struct stream_rig rig;
    struct stream_end_pair pair;
    if (size < 1)
        return 0;
    struct endpoint source = {.port = 4739};
    struct check check = {.data = data + 1, .size = size - 1};
    size_t step = data[0] & 0x3f ? data[0] & 0x3f : 60000;
    check.exporter = exporters_add_stream(fixture->exporters, &source, transports[data[0] >> 6], 1);
    stream_rig_init(&rig);
    stream_pair_open(&rig, &pair, 1);
    pair.connection.session.exporter = check.exporter;
    for (size_t sent = 0; sent < check.size;) {
        size_t part = step < check.size - sent ? step : check.size - sent;
        ssize_t done = send(pair.peer, check.data + sent, part, MSG_NOSIGNAL);
        bursts_check(&rig, &check, done <= 0);
        if (done <= 0 && pair.connection.done)
            break;
        sent += done > 0 ? (size_t)done : 0;
    }
    stream_pair_hang_up(&pair);
    bursts_check(&rig, &check, true);
    ends_check(&rig, &check, &pair.connection);
    stream_pair_close(&rig, &pair);
    stream_rig_fini(&rig);
    decoder_forget(fixture->decoder, check.exporter);
    exporters_remove(fixture->exporters, check.exporter);
    return 0;
}
