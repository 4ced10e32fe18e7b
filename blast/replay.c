/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "blast/capture.h"
#include "blast/put.h"

struct replay {
    struct blast_supply supply;
    struct replay_setup setup;
    struct capture capture;
    int64_t length_ns; /* of a round: to the last datagram, and as long as they are apart on average */
    uint32_t next;
    uint32_t round;
    uint64_t offered;
};

/* Zero stands for a time that is not known, and stays. */
static void moment_move(uint8_t *out, const struct moment *moment, int64_t seconds)
{
    uint8_t *at = out + moment->offset;
    if (moment->kind == MOMENT_MS) {
        if (read_be64(at))
            put_be64(at, read_be64(at) + (uint64_t)seconds * 1000);
    } else if (read_be32(at)) { /* NTP's upper half is seconds, too */
        put_be32(at, read_be32(at) + (uint32_t)seconds);
    }
}

/* Whole seconds, so that all times of a datagram move alike. */
static void times_move(const struct replay *replay, uint8_t *out, const struct captured *from, int64_t utc_ns)
{
    int64_t seconds = (utc_ns - from->at_ns) / NS_PER_S;
    uint32_t offset = version_seconds_offset(from->version);
    if (offset)
        put_be32(out + offset, read_be32(out + offset) + (uint32_t)seconds);
    for (uint32_t i = 0; i < from->moment_count; i++)
        moment_move(out, &replay->capture.moments[from->moment_first + i], seconds);
}

static void sequence_move(const struct replay *replay, uint8_t *out, const struct captured *from)
{
    const struct stream *stream = &replay->capture.streams[from->stream];
    uint32_t offset = version_sequence_offset(from->version);
    if (offset)
        put_be32(out + offset, read_be32(out + offset) + replay->round * (stream->next - stream->first));
}

static void datagram_make(const struct replay *replay, struct blast_datagram *datagram, const struct captured *from,
                          int64_t utc_ns)
{
    memcpy(datagram->payload, replay->capture.bytes + from->offset, from->size_bytes);
    sequence_move(replay, datagram->payload, from);
    if (!replay->setup.keep_times)
        times_move(replay, datagram->payload, from, utc_ns);
    datagram->size_bytes = from->size_bytes;
    datagram->exporter = from->exporter;
    datagram->records = from->records;
    datagram->options = from->options;
    datagram->templates = from->templates;
    datagram->octets = from->octets;
    datagram->packets = from->packets;
    datagram->utc_ns = utc_ns;
}

/* Captures may have packets out of order: they are sent in the capture's order, none before its time. */
static int64_t due_of(const struct replay *replay, const struct captured *datagram)
{
    if (replay->setup.speed <= 0)
        return 0;
    double after_ns = (double)(datagram->at_ns - replay->capture.datagrams[0].at_ns) +
                      (double)replay->round * (double)replay->length_ns;
    return (int64_t)(after_ns / replay->setup.speed);
}

static uint32_t replay_fill(struct blast_supply *supply, struct blast_datagram *datagrams, uint32_t most,
                            const struct blast_clock *now)
{
    struct replay *replay = (struct replay *)supply;
    const struct replay_setup *setup = &replay->setup;
    uint32_t count = 0;
    for (; count < most; count++) {
        supply->ended = replay->round == setup->rounds || (setup->datagrams && replay->offered == setup->datagrams);
        if (supply->ended)
            break;
        const struct captured *from = &replay->capture.datagrams[replay->next];
        supply->due_ns = due_of(replay, from);
        if (supply->due_ns > now->steady_ns)
            break;
        datagram_make(replay, &datagrams[count], from, now->utc_ns);
        replay->offered++;
        if (++replay->next == replay->capture.count) {
            replay->next = 0;
            replay->round++;
        }
    }
    return count;
}

static void replay_free(struct blast_supply *supply)
{
    struct replay *replay = (struct replay *)supply;
    capture_free(&replay->capture);
    free(supply->exporters);
    free(replay);
}

static const struct blast_supply_ops replay_ops = {.fill = replay_fill, .free = replay_free};

static bool exporters_make(struct replay *replay)
{
    const struct capture *capture = &replay->capture;
    struct blast_supply *supply = &replay->supply;
    supply->exporter_count = capture->exporter_count;
    supply->exporters = calloc(capture->exporter_count, sizeof *supply->exporters);
    if (!supply->exporters)
        return false;
    for (uint32_t i = 0; i < capture->exporter_count; i++) {
        supply->exporters[i].endpoint = capture->exporters[i];
        if (replay->setup.sources.count)
            supply->exporters[i].endpoint = sources_endpoint(&replay->setup.sources, i);
        if (!replay->setup.sources.port)
            supply->exporters[i].endpoint.port = capture->exporters[i].port;
    }
    return true;
}

static int64_t round_length_ns(const struct capture *capture)
{
    int64_t length_ns = capture->datagrams[capture->count - 1].at_ns - capture->datagrams[0].at_ns;
    return length_ns > 0 ? length_ns + length_ns / capture->count : NS_PER_MS;
}

struct blast_supply *replay_new(const struct replay_setup *setup)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return NULL;
    replay->supply = (struct blast_supply){.ops = &replay_ops, .run = 1};
    replay->setup = *setup;
    bool good = capture_load(&replay->capture, setup);
    if (good && setup->sources.count && !sources_suffice(&setup->sources, replay->capture.exporter_count)) {
        log_error("the captures have %u exporters, more than there are addresses in --from",
                  replay->capture.exporter_count);
        good = false;
    }
    if (good && exporters_make(replay)) {
        replay->length_ns = round_length_ns(&replay->capture);
        if (replay->capture.left_out)
            log_info("%llu packets of the captures are left out: no flow export, or longer than %u bytes",
                     (unsigned long long)replay->capture.left_out, setup->bytes_most);
        return &replay->supply;
    }
    replay_free(&replay->supply);
    return NULL;
}
