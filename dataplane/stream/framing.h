/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Where an IPFIX message ends in a stream of them: TCP, TLS (RFC 7011 10.4), files (RFC 5655). */

#define MESSAGE_MOST  65535u /* the length in the header has 16 bits */
#define MESSAGE_LEAST 16u    /* a header alone */

enum framing {
    FRAMING_WHOLE,
    FRAMING_PART, /* what is there may be the beginning of a message; nothing at all is, too */
    FRAMING_BAD,  /* no message of IPFIX begins there, and nobody knows where the next one does */
};

/* FRAMING_WHOLE: *length is that of the message at the front. */
static inline enum framing framing_next(const uint8_t *bytes, size_t size_bytes, uint32_t *length)
{
    if (size_bytes >= 1 && bytes[0] != 0)
        return FRAMING_BAD;
    if (size_bytes >= 2 && bytes[1] != 10)
        return FRAMING_BAD;
    if (size_bytes < 4)
        return FRAMING_PART;
    *length = (uint32_t)bytes[2] << 8 | bytes[3];
    if (*length < MESSAGE_LEAST)
        return FRAMING_BAD;
    return *length <= size_bytes ? FRAMING_WHOLE : FRAMING_PART;
}
