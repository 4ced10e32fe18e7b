/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "blast/senders.h"

static int none_open(struct sender *sender)
{
    sender->state = buffers_new();
    return sender->state ? 0 : -ENOMEM;
}

static uint32_t none_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    return buffers_room(sender->state, datagrams, most);
}

static int none_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    (void)sender;
    (void)datagrams;
    return (int)count;
}

static int none_close(struct sender *sender)
{
    buffers_free(sender->state);
    return 0;
}

const struct sender_ops sender_none = {
    .name = "none",
    .help = "makes the datagrams and throws them away: what the generator itself can",
    .run = 1,
    .open = none_open,
    .room = none_room,
    .send = none_send,
    .close = none_close,
};
