/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "decode/record.h"
#include "export/batch.h"

/*
 * What tells a document from every other: exporter, observation domain, the message's sequence number and times, the
 * record's place in it and the record itself (exporters whose sequence numbers stand still are known). The same record
 * has the same id whenever it is sent again, by whichever weir.
 *
 * Writes the ids of `count` records from `first` on.
 */
void ids_write(struct document_id *ids, const struct chunk *chunk, uint32_t first, uint32_t count);
