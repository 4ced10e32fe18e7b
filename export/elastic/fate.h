/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "export/elastic/bulk_answer.h"

/* What a server's finding on a document means for it. */
enum elastic_fate {
    ELASTIC_DELIVERED,
    ELASTIC_REFUSED, /* for good */
    ELASTIC_AGAIN,   /* the server could not now */
    ELASTIC_MEND,    /* somebody must put something right; then it will be taken */
    ELASTIC_FATES
};

/* ids: the document has our _id. remedy: what to do, for ELASTIC_MEND; else "". */
enum elastic_fate elastic_fate_of(const struct bulk_item *item, bool ids, const char **remedy);
