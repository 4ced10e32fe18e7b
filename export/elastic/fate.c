/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/fate.h"

#include <stddef.h>
#include <string.h>

/* Errors that say nothing against the document, whatever their status: they go away when the server is set right. */
static const struct {
    const char *type;
    const char *reason; /* how it begins; "" = any */
    const char *remedy;
} mendable[] = {
    {"security_exception", "",
     "give the user, or API key, the privileges create_doc and auto_configure on the index or data stream"},
    {"cluster_block_exception", "", "the index is blocked: make room on the server's disks, or take the block away"},
    {"index_create_block_exception", "", "the cluster creates no index: make room on the server's disks"},
    {"index_not_found_exception", "", "create it, or let the server create it (action.auto_create_index)"},
    {"index_closed_exception", "", "open the index"},
    {"invalid_index_name_exception", "", "correct elasticsearch.index"},
    {"validation_exception", "", "the cluster has as many shards as it may: add nodes, or delete old indices"},
    {"illegal_argument_exception", "pipeline with id [",
     "create the ingest pipeline, or correct elasticsearch.pipeline"},
    {"illegal_argument_exception", "no write index is defined", "the alias needs an index to write to"},
};

enum elastic_fate elastic_fate_of(const struct bulk_item *item, bool ids, const char **remedy)
{
    *remedy = "";
    if (item->status < 300)
        return ELASTIC_DELIVERED;
    /* It is there already: an earlier try got through whose answer did not. */
    if (item->status == 409 && ids)
        return ELASTIC_DELIVERED;
    for (size_t i = 0; i < sizeof mendable / sizeof *mendable; i++) {
        if (strcmp(mendable[i].type, item->type) != 0 ||
            strncmp(mendable[i].reason, item->reason, strlen(mendable[i].reason)) != 0)
            continue;
        *remedy = mendable[i].remedy;
        return ELASTIC_MEND;
    }
    if (item->status == 401 || item->status == 403) {
        *remedy = mendable[0].remedy;
        return ELASTIC_MEND;
    }
    return item->status == 429 || item->status >= 500 ? ELASTIC_AGAIN : ELASTIC_REFUSED;
}
