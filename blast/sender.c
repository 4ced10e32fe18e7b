/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/sender.h"

#include <stdlib.h>
#include <string.h>

#include "blast/senders.h"

struct sender_buffers {
    uint8_t bytes[BLAST_BURST][ENVELOPE_BYTES + BLAST_PAYLOAD_MOST];
};

const struct sender_ops *const senders[] = {
    &sender_udp, &sender_gso,  &sender_tcp,  &sender_tls,  &sender_packet,
    &sender_xdp, &sender_dpdk, &sender_pcap, &sender_none, NULL,
};

const struct sender_ops *sender_find(const char *name)
{
    for (const struct sender_ops *const *ops = senders; *ops; ops++)
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    return NULL;
}

struct sender_buffers *buffers_new(void)
{
    return calloc(1, sizeof(struct sender_buffers));
}

void buffers_free(struct sender_buffers *buffers)
{
    free(buffers);
}

uint32_t buffers_room(struct sender_buffers *buffers, struct blast_datagram *datagrams, uint32_t most)
{
    uint32_t count = most < BLAST_BURST ? most : BLAST_BURST;
    for (uint32_t i = 0; i < count; i++)
        datagrams[i].payload = buffers->bytes[i] + ENVELOPE_BYTES;
    return count;
}
