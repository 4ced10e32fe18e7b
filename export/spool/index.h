/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <inttypes.h>

#include "export/spool/segment.h"

/* What export/spool/segment.c, export/spool/index.c and export/spool/scan.c share. */

#define SEGMENT_NAME_FORMAT "%012" PRIu64 "-%016" PRIx64 ".spool"

/* Fills the segment from the index at the end of its file. False when there is none that is whole and makes sense. */
bool segment_index_read(struct segment *segment, int fd);
