/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <inttypes.h>

#include "export/spool_segment.h"

/* What export/spool_segment.c, export/spool_index.c and export/spool_scan.c share. */

#define SEGMENT_NAME_FORMAT "%012" PRIu64 "-%016" PRIx64 ".spool"

/* Fills the segment from the index at the end of its file. False when there is none that is whole and makes sense. */
bool segment_index_read(struct segment *segment, int fd);
