/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/envelope.h"
#include "blast/supply.h"

struct sender_setup {
    struct blast_target target;
    struct blast_sources sources; /* senders by sockets: local addresses to send from; none: the kernel's choice */
    const char *interface;        /* frames: where they leave */
    uint32_t queue;               /* AF_XDP: of the interface */
    const char *device;           /* DPDK: where they leave */
    const char *path;             /* files */
    const char *ca;               /* TLS, PEM files: of the CA that has to have signed the collector's; NULL: any may */
    const char *certificate;      /* the exporters'; NULL: none */
    const char *key;
    uint8_t target_mac[6];
    bool has_mac;                 /* else the neighbour's, or a file's made-up one */
};

/*
 * A way out for datagrams: one file in blast/ and a row in sender.c. One thread. The order of calls is open, then room
 * and send again and again, then close, also after an open that failed.
 */
struct sender {
    const struct sender_ops *ops;
    const struct sender_setup *setup;
    struct blast_supply *supply;
    void *state;
};

struct sender_ops {
    const char *name;
    const char *help;
    bool spoofs;       /* exporters have the addresses that they are given, whoever has them */
    bool virtual_time; /* nobody waits for what is sent: time is counted, not waited for */
    uint32_t run;          /* datagrams of an exporter in a row that it likes best */
    uint32_t payload_most; /* bytes; 0: BLAST_PAYLOAD_MOST */
    /* Returns 0 or -errno, having logged what to do about it. Sockets fill in the exporters' endpoints. */
    int (*open)(struct sender *sender);
    /* Lends memory for payloads, for `most` datagrams at most; returns for how many. 0: none is free right now. */
    uint32_t (*room)(struct sender *sender, struct blast_datagram *datagrams, uint32_t most);
    /*
     * Sends the first `count` of those. Returns how many of them were taken, or -errno when nothing will ever be. What
     * was not taken is gone, and so are gaps in the numbering of its exporters: as when a network loses it.
     */
    int (*send)(struct sender *sender, struct blast_datagram *datagrams, uint32_t count);
    /* Returns 0, or -errno when something that was taken did not get out. */
    int (*close)(struct sender *sender);
};

/* Ends with NULL. */
extern const struct sender_ops *const senders[];
const struct sender_ops *sender_find(const char *name);

/* BLAST_BURST buffers with room for an envelope; for senders that have none of their own. */
struct sender_buffers;
struct sender_buffers *buffers_new(void);
void buffers_free(struct sender_buffers *buffers);
uint32_t buffers_room(struct sender_buffers *buffers, struct blast_datagram *datagrams, uint32_t most);
