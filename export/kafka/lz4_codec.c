/* SPDX-License-Identifier: Apache-2.0 */

/*
 * librdkafka compresses message sets by liblz4's frame functions. These are the six of them that it calls, under their
 * own names: in a program that defines them the dynamic linker gives librdkafka these, and documents take less than
 * half of the time (export/lz/finder.h). A librdkafka that was linked with liblz4 statically goes on with its own.
 * liblz4's lz4frame.h says what they are to do; what librdkafka's preferences leave out is not here.
 */
#include "export/kafka/lz4_codec.h"

#include <dlfcn.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "export/lz/lz4_frame.h"

#define DIRECT_LEAST_BYTES 32768        /* a piece of so many becomes blocks where it lies; smaller ones are gathered */
#define GATHERED_BYTES     (2 * LZ4_FRAME_BLOCK_BYTES) /* two blocks are quicker than one and one */
#define FAILED             ((size_t)-1) /* LZ4F_isError() */

struct LZ4F_cctx_s {
    struct lz4_framer framer;
    bool begun;
    size_t gathered_bytes;
    uint8_t gathered[GATHERED_BYTES];
};

LZ4F_errorCode_t LZ4F_createCompressionContext(LZ4F_cctx **context, unsigned version)
{
    (void)version; /* of the interface: there has been one */
    *context = malloc(sizeof **context);
    if (!*context)
        return FAILED;
    (*context)->begun = false;
    (*context)->framer.state = NULL;
    return 0;
}

LZ4F_errorCode_t LZ4F_freeCompressionContext(LZ4F_cctx *context)
{
    if (context)
        lz4_framer_fini(&context->framer);
    free(context);
    return 0;
}

size_t LZ4F_compressBegin(LZ4F_cctx *context, void *out, size_t room_bytes, const LZ4F_preferences_t *preferences)
{
    lz4_framer_fini(&context->framer);
    if (room_bytes < LZ4_FRAME_HEAD_BYTES ||
        lz4_framer_init(&context->framer, preferences ? preferences->compressionLevel : 0, false) < 0)
        return FAILED;
    context->begun = true;
    context->gathered_bytes = 0;
    return lz4_frame_head(&context->framer, out);
}

size_t LZ4F_compressBound(size_t size_bytes, const LZ4F_preferences_t *preferences)
{
    (void)preferences;
    return lz4_frame_bound(size_bytes + GATHERED_BYTES) + LZ4_FRAME_END_BYTES;
}

static size_t gathered_put(LZ4F_cctx *context, uint8_t *out)
{
    size_t size_bytes = context->gathered_bytes;
    context->gathered_bytes = 0;
    return lz4_frame_blocks(&context->framer, context->gathered, size_bytes, out);
}

static size_t gather(LZ4F_cctx *context, uint8_t *out, const uint8_t *bytes, size_t size_bytes)
{
    size_t room_bytes = sizeof context->gathered - context->gathered_bytes;
    size_t part = size_bytes < room_bytes ? size_bytes : room_bytes, done = 0;
    memcpy(context->gathered + context->gathered_bytes, bytes, part);
    context->gathered_bytes += part;
    if (context->gathered_bytes == sizeof context->gathered)
        done = gathered_put(context, out);
    memcpy(context->gathered + context->gathered_bytes, bytes + part, size_bytes - part);
    context->gathered_bytes += size_bytes - part;
    return done;
}

size_t LZ4F_compressUpdate(LZ4F_cctx *context, void *out, size_t room_bytes, const void *bytes, size_t size_bytes,
                           const LZ4F_compressOptions_t *options)
{
    (void)options;
    if (!context->begun || room_bytes < lz4_frame_bound(size_bytes + context->gathered_bytes))
        return FAILED;
    if (size_bytes < DIRECT_LEAST_BYTES)
        return gather(context, out, bytes, size_bytes);
    size_t done = gathered_put(context, out);
    return done + lz4_frame_blocks(&context->framer, bytes, size_bytes, (uint8_t *)out + done);
}

size_t LZ4F_compressEnd(LZ4F_cctx *context, void *out, size_t room_bytes, const LZ4F_compressOptions_t *options)
{
    (void)options;
    if (!context->begun || room_bytes < lz4_frame_bound(context->gathered_bytes) + LZ4_FRAME_END_BYTES)
        return FAILED;
    size_t done = gathered_put(context, out);
    context->begun = false;
    return done + lz4_frame_end((uint8_t *)out + done);
}

bool kafka_lz4_codec_visible(void)
{
    return dlsym(RTLD_DEFAULT, "LZ4F_compressUpdate") == (void *)LZ4F_compressUpdate;
}
