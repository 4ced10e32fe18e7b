/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Two questions about 32 bytes at a time, answered by a bit for each byte, the first one's lowest.
 *
 *   differ_32(a, b)   which bytes of a and b differ
 *   ends_32(bytes)    which bytes may end a value of JSON: " , ] }
 */
#if defined(LZ_VECTORS_PORTABLE)
#include "export/lz/vector_portable.h"
#elif defined(__AVX2__)
#include "export/lz/vector_avx2.h"
#elif defined(__SSE2__)
#include "export/lz/vector_sse2.h"
#else
#include "export/lz/vector_portable.h"
#endif
