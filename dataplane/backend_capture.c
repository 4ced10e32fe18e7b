/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/backend_capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/backend.h"
#include "dataplane/link.h"
#include "dataplane/reassembly.h"
#include "dataplane/stream/file.h"
#include "decode/transport.h"

#define DATAGRAM_MOST 65535u /* a UDP payload cannot be longer */
#define SLOT_BYTES    66048u /* a datagram with all its headers, and slack; a multiple of 512 */
#define KEPT_BYTES    (SLOT_BYTES - PACKET_SLACK_BYTES)
#define SESSION_NUMBER 1 /* of the file at hand: there is one at a time */
#define HEADER_BYTES  24 /* of a pcap file; a pcapng file's first block is longer */

struct capture_queue {
    struct backend_queue queue;
    struct backend_queue *queues[1];
    struct capture_input *input;
    struct reassembly *reassembly;
    uint8_t *slots; /* BURST_PACKETS of SLOT_BYTES: libpcap's own buffer lasts for one packet */
    uint32_t next_file;
    const char *path;
    pcap_t *capture; /* of the file at hand; NULL: none is open */
    int link_type;
    struct message_file messages;     /* the file at hand; without file: none is open */
    struct transport_session session; /* of it, or of the one before, until the worker has been told of its end */
    bool session_over;
};

/* pcap in both byte orders and both resolutions, or a pcapng section header. */
static bool header_is_capture(const uint8_t *header, size_t size_bytes)
{
    if (size_bytes < HEADER_BYTES)
        return false;
    switch (read_be32(header)) {
    case 0xa1b2c3d4:
    case 0xa1b23c4d:
        return read_be16(header + 4) == 2; /* the only major version there is */
    case 0xd4c3b2a1:
    case 0x4d3cb2a1:
        return header[4] == 2 && header[5] == 0;
    case 0x0a0d0d0a:
        return read_be32(header + 8) == 0x1a2b3c4d || read_be32(header + 8) == 0x4d3c2b1a;
    }
    return false;
}

static void file_fail(struct capture_queue *queue, const char *why)
{
    queue->input->files_failed++;
    log_error("%s: %s", queue->path, why);
}

/* Takes the file over. */
static void capture_start(struct capture_queue *queue, FILE *file)
{
    char why[PCAP_ERRBUF_SIZE];
    queue->capture = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!queue->capture) {
        fclose(file);
        file_fail(queue, why);
        return;
    }
    queue->link_type = pcap_datalink(queue->capture);
    if (link_known(queue->link_type))
        return;
    snprintf(why, sizeof why, "link type %d cannot be read; convert it with editcap -T ether", queue->link_type);
    file_fail(queue, why);
    pcap_close(queue->capture);
    queue->capture = NULL;
}

/* The whole file as one datagram; returns 1, or 0 when it is none. */
static int datagram_read(struct capture_queue *queue, FILE *file, struct packet *packet, uint8_t *slot)
{
    size_t size_bytes = fread(slot, 1, DATAGRAM_MOST + 1, file);
    if (ferror(file)) {
        file_fail(queue, strerror(errno));
        return 0;
    }
    if (size_bytes > DATAGRAM_MOST) {
        file_fail(queue, "neither a pcap or pcapng capture nor one datagram: it is too long for that");
        return 0;
    }
    *packet = (struct packet){.bytes = slot,
                              .size_bytes = (uint32_t)size_bytes,
                              .kind = PACKET_PAYLOAD,
                              .received_ns = clock_utc_ns(),
                              .untimed = true,
                              .source = queue->input->exporter};
    return 1;
}

/* Takes the file over. */
static void messages_start(struct capture_queue *queue, FILE *file)
{
    queue->messages = (struct message_file){.file = file};
    queue->session = (struct transport_session){
        .source = queue->input->exporter, .transport = TRANSPORT_FILE, .number = SESSION_NUMBER};
}

static void messages_end(struct capture_queue *queue, enum message_read how)
{
    char why[80];
    if (how == MESSAGE_FILE_FAILED)
        file_fail(queue, strerror(errno));
    snprintf(why, sizeof why, how == MESSAGE_FILE_BAD ? "no message of IPFIX at byte %llu; what follows is not read"
                                                      : "it ends inside the message at byte %llu",
             (unsigned long long)queue->messages.offset);
    if (how == MESSAGE_FILE_BAD || how == MESSAGE_FILE_CUT)
        file_fail(queue, why);
    fclose(queue->messages.file);
    queue->messages.file = NULL;
    queue->session_over = true;
}

/* The next message of an IPFIX file; returns 1, or 0 at its end. */
static int message_read(struct capture_queue *queue, struct packet *packet, uint8_t *slot)
{
    uint32_t size_bytes = 0;
    enum message_read how = message_file_next(&queue->messages, slot, &size_bytes);
    if (how != MESSAGE_READ) {
        messages_end(queue, how);
        return 0;
    }
    *packet = (struct packet){.bytes = slot,
                              .size_bytes = size_bytes,
                              .kind = PACKET_MESSAGE,
                              .received_ns = clock_utc_ns(),
                              .untimed = true,
                              .source = queue->session.source,
                              .session = &queue->session};
    return 1;
}

static bool file_is_messages(const struct capture_queue *queue, FILE *file, const uint8_t *header, size_t header_bytes)
{
    struct stat status;
    uint64_t size_bytes = fstat(fileno(file), &status) == 0 ? (uint64_t)status.st_size : 0;
    return message_file_is(queue->path, header, (uint32_t)header_bytes, size_bytes);
}

/*
 * Opens the next file: a capture and an IPFIX file stay open, a datagram is read at once. Returns the number of
 * packets, 0 or 1.
 */
static int file_start(struct capture_queue *queue, struct packet *packet, uint8_t *slot)
{
    uint8_t header[HEADER_BYTES];
    int count = 0;
    queue->path = queue->input->files[queue->next_file++];
    FILE *file = fopen(queue->path, "rbe");
    if (!file) {
        file_fail(queue, strerror(errno));
        return 0;
    }
    size_t header_bytes = fread(header, 1, sizeof header, file);
    rewind(file);
    if (header_is_capture(header, header_bytes)) {
        capture_start(queue, file);
        return 0;
    }
    if (file_is_messages(queue, file, header, header_bytes)) {
        messages_start(queue, file);
        return 0;
    }
    count = datagram_read(queue, file, packet, slot);
    fclose(file);
    return count;
}

/* The capture's next packet; returns 1, or 0 at its end. */
static int packet_read(struct capture_queue *queue, struct packet *packet, uint8_t *slot)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int result = pcap_next_ex(queue->capture, &header, &bytes);
    if (result != 1) {
        if (result != PCAP_ERROR_BREAK)
            file_fail(queue, pcap_geterr(queue->capture));
        pcap_close(queue->capture);
        queue->capture = NULL;
        return 0;
    }
    uint32_t size_bytes = header->caplen < KEPT_BYTES ? header->caplen : KEPT_BYTES;
    memcpy(slot, bytes, size_bytes);
    *packet = (struct packet){.bytes = slot,
                              .size_bytes = size_bytes,
                              .cut = size_bytes < header->len,
                              /* with nanosecond precision, tv_usec holds nanoseconds */
                              .received_ns = header->ts.tv_sec * NS_PER_S + header->ts.tv_usec};
    link_strip(queue->link_type, packet);
    return 1;
}

static int capture_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct capture_queue *queue = base->state;
    int count = 0;
    while (count < most) {
        uint8_t *slot = queue->slots + (size_t)count * SLOT_BYTES;
        if (queue->capture) {
            if (!packet_read(queue, &packets[count], slot))
                continue;
            reassembly_take(queue->reassembly, &packets[count], slot);
            count++;
        } else if (queue->messages.file) {
            count += message_read(queue, &packets[count], slot);
        } else if (queue->session_over) {
            break; /* the worker hears of its end before the next one begins */
        } else if (queue->next_file < queue->input->file_count) {
            count += file_start(queue, &packets[count], slot);
        } else {
            base->ended = true;
            break;
        }
    }
    return count;
}

static void capture_release(struct backend_queue *base)
{
    (void)base; /* the next receive writes over the slots */
}

static struct exporter *capture_ended(struct backend_queue *base)
{
    struct capture_queue *queue = base->state;
    if (!queue->session_over)
        return NULL;
    queue->session_over = false;
    return queue->session.exporter;
}

static void capture_losses(struct backend_queue *base, struct losses *losses)
{
    (void)base;
    *losses = (struct losses){0};
}

static void queue_free(struct capture_queue *queue)
{
    if (queue->capture)
        pcap_close(queue->capture);
    if (queue->messages.file)
        fclose(queue->messages.file);
    if (queue->slots != MAP_FAILED)
        munmap(queue->slots, (size_t)BURST_PACKETS * SLOT_BYTES);
    reassembly_free(queue->reassembly);
    free(queue);
}

static void capture_close(struct backend *backend)
{
    if (backend->queue_count)
        queue_free(backend->queues[0]->state);
    *backend = (struct backend){.ops = backend->ops};
}

static int capture_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    struct capture_queue *queue = calloc(1, sizeof *queue);
    (void)config;
    (void)queues;
    if (!queue)
        return -ENOMEM;
    queue->input = backend->state;
    queue->reassembly = reassembly_new();
    queue->slots = mmap(NULL, (size_t)BURST_PACKETS * SLOT_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!queue->reassembly || queue->slots == MAP_FAILED) {
        queue_free(queue);
        return -ENOMEM;
    }
    queue->queue = (struct backend_queue){.backend = backend, .fd = -1, .finite = true, .state = queue};
    queue->queues[0] = &queue->queue;
    backend->queues = queue->queues;
    backend->queue_count = 1;
    return 0;
}

const struct backend_ops backend_capture = {
    .name = "capture",
    .open = capture_open,
    .receive = capture_receive,
    .release = capture_release,
    .ended = capture_ended,
    .losses = capture_losses,
    .close = capture_close,
};
