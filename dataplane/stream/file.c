/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/file.h"

#include <string.h>
#include <strings.h>

#include "dataplane/stream/framing.h"

#define HEAD_BYTES 4 /* version and length */

bool message_file_is(const char *path, const uint8_t *header, uint32_t header_bytes, uint64_t size_bytes)
{
    const char *ending = strrchr(path, '.');
    bool named = ending && strcasecmp(ending, ".ipfix") == 0; /* RFC 5655 7.1 */
    uint32_t length;
    if (named && !header_bytes)
        return true; /* an empty one */
    return header_bytes >= HEAD_BYTES && framing_next(header, header_bytes, &length) != FRAMING_BAD &&
           (named || size_bytes > MESSAGE_MOST);
}

enum message_read message_file_next(struct message_file *file, uint8_t *to, uint32_t *size_bytes)
{
    size_t got = fread(to, 1, HEAD_BYTES, file->file);
    uint32_t length = 0;
    if (ferror(file->file))
        return MESSAGE_FILE_FAILED;
    if (!got)
        return MESSAGE_FILE_END;
    if (framing_next(to, got, &length) == FRAMING_BAD)
        return MESSAGE_FILE_BAD;
    if (got == HEAD_BYTES)
        got += fread(to + HEAD_BYTES, 1, length - HEAD_BYTES, file->file);
    if (ferror(file->file))
        return MESSAGE_FILE_FAILED;
    if (got < HEAD_BYTES || got < length)
        return MESSAGE_FILE_CUT;
    file->offset += length;
    *size_bytes = length;
    return MESSAGE_READ;
}
