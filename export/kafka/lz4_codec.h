/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Whether the dynamic linker gives other libraries the functions of export/kafka/lz4_codec.c, and librdkafka so
   compresses by them. */
bool kafka_lz4_codec_visible(void);
