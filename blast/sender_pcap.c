/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "blast/senders.h"

#define SNAPLEN 65535

struct file_state {
    struct sender_buffers *buffers;
    struct envelope envelope;
    pcap_t *format;
    pcap_dumper_t *file;
};

static uint32_t file_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct file_state *state = sender->state;
    return buffers_room(state->buffers, datagrams, most);
}

static int file_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct file_state *state = sender->state;
    for (uint32_t i = 0; i < count; i++) {
        struct blast_datagram *datagram = &datagrams[i];
        const struct endpoint *from = &sender->supply->exporters[datagram->exporter].endpoint;
        uint32_t frame_bytes = envelope_close(&state->envelope, datagram, from);
        struct pcap_pkthdr header = {.caplen = frame_bytes, .len = frame_bytes};
        header.ts.tv_sec = datagram->utc_ns / NS_PER_S;
        header.ts.tv_usec = datagram->utc_ns % NS_PER_S; /* nanoseconds, in a file of that precision */
        pcap_dump((u_char *)state->file, &header, datagram->payload + datagram->size_bytes - frame_bytes);
    }
    if (!ferror(pcap_dump_file(state->file)))
        return (int)count;
    log_error("%s: %s", sender->setup->path, strerror(errno));
    return -EIO;
}

static int file_open(struct sender *sender)
{
    static const uint8_t exporter_mac[6] = {2, 0, 0, 0, 0, 1}, collector_mac[6] = {2, 0, 0, 0, 0, 2};
    const struct sender_setup *setup = sender->setup;
    struct file_state *state = calloc(1, sizeof *state);
    sender->state = state;
    if (!state)
        return -ENOMEM;
    envelope_init(&state->envelope, &setup->target, exporter_mac, setup->has_mac ? setup->target_mac : collector_mac);
    state->buffers = buffers_new();
    state->format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
    if (!state->buffers || !state->format)
        return -ENOMEM;
    state->file = pcap_dump_open(state->format, setup->path);
    if (!state->file)
        log_error("%s", pcap_geterr(state->format));
    return state->file ? 0 : -EIO;
}

static int file_close(struct sender *sender)
{
    struct file_state *state = sender->state;
    int result = 0;
    if (!state)
        return 0;
    if (state->file) {
        if (pcap_dump_flush(state->file)) {
            log_error("%s: %s", sender->setup->path, strerror(errno));
            result = -EIO;
        }
        pcap_dump_close(state->file);
    }
    if (state->format)
        pcap_close(state->format);
    buffers_free(state->buffers);
    free(state);
    return result;
}

const struct sender_ops sender_pcap = {
    .name = "pcap",
    .help = "a capture file, --write; time is counted from --time on, not waited for",
    .spoofs = true,
    .virtual_time = true,
    .run = 1,
    .open = file_open,
    .room = file_room,
    .send = file_send,
    .close = file_close,
};
