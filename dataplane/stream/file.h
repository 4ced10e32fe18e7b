/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* An IPFIX file (RFC 5655): messages end to end, of one session. */
struct message_file {
    FILE *file;
    uint64_t offset; /* of the message that is read next */
};

enum message_read {
    MESSAGE_READ,
    MESSAGE_FILE_END,
    MESSAGE_FILE_CUT,    /* it ends inside a message */
    MESSAGE_FILE_BAD,    /* no message of IPFIX begins at the offset */
    MESSAGE_FILE_FAILED, /* errno says why */
};

/*
 * Is it one of those, by its first bytes, its name (.ipfix) and its size? Any file that is too long for a datagram and
 * begins with a message is; shorter ones are datagrams, unless they are named so.
 */
bool message_file_is(const char *path, const uint8_t *header, uint32_t header_bytes, uint64_t size_bytes);

/* Reads the next message to `to`, which has room for MESSAGE_MOST bytes. */
enum message_read message_file_next(struct message_file *file, uint8_t *to, uint32_t *size_bytes);
