/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What this build was made for, as constants: no #ifdef where they are used. */
#ifdef __AVX2__
#define BUILD_NEEDS_AVX2 1
#else
#define BUILD_NEEDS_AVX2 0
#endif
