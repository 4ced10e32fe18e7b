/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Golden folders as C sees them: the datagrams of one case, in order, each with the exporter that sent it. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct capture_datagram {
    char exporter[64]; /* address:port */
    uint8_t *bytes;
    size_t size_bytes;
};

struct capture {
    struct capture_datagram *items;
    size_t count;
};

/* The whole file with a NUL behind it, NULL when there is none. The caller frees it. */
static inline char *file_text(const char *folder, const char *name, size_t *size_bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = malloc(1U << 20);
    size_t size = fread(text, 1, (1U << 20) - 1, file);
    fclose(file);
    text[size] = 0;
    if (size_bytes)
        *size_bytes = size;
    return text;
}

static inline void capture_add(struct capture *capture, const char *exporter, const uint8_t *bytes, size_t size_bytes)
{
    capture->items = realloc(capture->items, (capture->count + 1) * sizeof *capture->items);
    struct capture_datagram *item = &capture->items[capture->count++];
    snprintf(item->exporter, sizeof item->exporter, "%s", exporter);
    item->bytes = malloc(size_bytes + 1);
    item->size_bytes = size_bytes;
    memcpy(item->bytes, bytes, size_bytes);
}

/* A UDP datagram in an Ethernet frame without options, as these captures have them. */
static inline void capture_add_frame(struct capture *capture, const uint8_t *frame)
{
    const uint8_t *ip = frame + 14;
    bool four = ip[0] >> 4 == 4;
    const uint8_t *udp = ip + (four ? 20 : 40);
    char exporter[64];
    if (four) {
        snprintf(exporter, sizeof exporter, "%u.%u.%u.%u:%u", ip[12], ip[13], ip[14], ip[15], read_be16(udp));
    } else {
        char *at = exporter + snprintf(exporter, sizeof exporter, "[");
        for (int i = 0; i < 8; i++)
            at += sprintf(at, "%x%s", read_be16(ip + 8 + 2 * i), i < 7 ? ":" : "");
        sprintf(at, "]:%u", read_be16(udp));
    }
    capture_add(capture, exporter, udp + 8, (size_t)read_be16(udp + 4) - 8);
}

/* Classic pcap of this machine's byte order. */
static inline void capture_add_pcap(struct capture *capture, const uint8_t *bytes, size_t size_bytes)
{
    for (size_t at = 24; at + 16 <= size_bytes;) {
        uint32_t captured;
        memcpy(&captured, bytes + at + 8, sizeof captured);
        capture_add_frame(capture, bytes + at + 16);
        at += 16 + captured;
    }
}

static inline int capture_wanted(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && (strcmp(dot, ".dat") == 0 || strcmp(dot, ".pcap") == 0);
}

static inline void capture_read(struct capture *capture, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, capture_wanted, alphasort);
    *capture = (struct capture){0};
    for (int i = 0; i < count; i++) {
        size_t size_bytes = 0;
        char *text = file_text(folder, entries[i]->d_name, &size_bytes);
        if (strstr(entries[i]->d_name, ".pcap"))
            capture_add_pcap(capture, (uint8_t *)text, size_bytes);
        else
            capture_add(capture, "192.0.2.1:4444", (uint8_t *)text, size_bytes);
        free(text);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static inline void capture_free(struct capture *capture)
{
    for (size_t i = 0; i < capture->count; i++)
        free(capture->items[i].bytes);
    free(capture->items);
    *capture = (struct capture){0};
}
