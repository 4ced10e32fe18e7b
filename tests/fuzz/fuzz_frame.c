/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet of any kind, with and without what load balancers put around it. The first byte chooses: what the packet
 * begins with, what is unpacked, and whether its sender is believed.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CHOOSE_KIND = 3,
    CHOOSE_NOTHING = 4, /* is unpacked */
    CHOOSE_NOBODY = 8,  /* is believed */
    CHOOSE_SOME = 0x10, /* only some is unpacked: the upper three bits */
};

static const struct allow *everybody(void)
{
    static struct allow *allow;
    struct text_list list = {.count = 0};
    if (!allow)
        allow = allow_new(&list);
    return allow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t kinds[] = {PACKET_ETHERNET, PACKET_IP, PACKET_PAYLOAD, PACKET_GUE};
    if (size < 1)
        return 0;
    uint32_t bytes = (uint32_t)size - 1;
    uint8_t *copy = malloc(bytes ? bytes : 1); /* ends where its memory ends */
    memcpy(copy, data + 1, bytes);
    struct unpack unpack = {.kinds = data[0] & CHOOSE_NOTHING ? 0 : data[0] & CHOOSE_SOME ? data[0] >> 5 : 15,
                            .gue_port = 6080,
                            .balancers = data[0] & CHOOSE_NOBODY ? NULL : everybody()};
    struct packet packet = {.bytes = copy, .size_bytes = bytes, .kind = kinds[data[0] & CHOOSE_KIND]};
    struct frame frame;
    enum frame_verdict verdict = frame_parse(&packet, &unpack, &frame);
    if (verdict == FRAME_DATAGRAM) {
        assert(frame.payload >= copy && frame.payload + frame.size_bytes <= copy + bytes);
        assert(!frame.unpacked || (unpack.balancers && (unpack.kinds || packet.kind == PACKET_GUE)));
    } else {
        assert(unpack.kinds || verdict == FRAME_MALFORMED || verdict == FRAME_NOT_UDP || packet.kind == PACKET_GUE);
    }
    free(copy);
    return 0;
}
