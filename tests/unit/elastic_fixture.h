/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of the sink for Elasticsearch and OpenSearch share: an output's options, and batches of documents. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/sink.h"

#define TEST_SHARES_MOST 64

struct test_batch {
    struct batch batch;
    struct share shares[TEST_SHARES_MOST];
};

static struct exporter test_exporters[TEST_SHARES_MOST];

static inline struct output_config test_output(char **hosts, uint32_t host_count)
{
    struct output_config output = {.name = "test", .kind = OUTPUT_ELASTICSEARCH, .namespace = "default"};
    output.compression = COMPRESSION_GZIP;
    output.username = output.password = "";
    output.tls.ca = output.tls.ca_fingerprint = output.tls.certificate = output.tls.key = output.tls.key_password = "";
    output.elastic.hosts = (struct text_list){.items = hosts, .count = host_count};
    output.elastic.index = "logs-netflow.log-%{namespace}";
    output.elastic.api_key = output.elastic.token = output.elastic.pipeline = output.elastic.dead_letter = "";
    output.elastic.connections = 4;
    output.elastic.bulk_size = 5U << 20;
    output.elastic.timeout = 30 * NS_PER_S;
    return output;
}

/* A batch with room for so many documents of at most 64 KiB in all for each 16. */
static inline struct test_batch *test_batch_new(uint32_t most)
{
    struct test_batch *test = calloc(1, sizeof *test);
    struct batch *batch = &test->batch;
    batch->capacity_bytes = (most / 16 + 1) * 65536;
    batch->bytes = malloc(batch->capacity_bytes);
    batch->ends = calloc(most, sizeof *batch->ends);
    batch->ids = calloc(most, sizeof *batch->ids);
    batch->verdicts = calloc(most, 1);
    batch->most = most;
    batch->shares = test->shares;
    batch->share_most = TEST_SHARES_MOST;
    batch->sealed_ns = 1767225600 * NS_PER_S; /* 2026-01-01 */
    batch_clear(batch);
    return test;
}

static inline void test_batch_free(struct test_batch *test)
{
    free(test->batch.bytes);
    free(test->batch.ends);
    free(test->batch.ids);
    free(test->batch.verdicts);
    free(test);
}

/* A document of an exporter, which says its number, is given without its newline. */
static inline void test_batch_add(struct test_batch *test, uint32_t exporter, const char *document)
{
    struct batch *batch = &test->batch;
    size_t size = strlen(document);
    assert_true(batch->count < batch->most && batch->size_bytes + size < batch->capacity_bytes);
    memcpy(batch->bytes + batch->size_bytes, document, size);
    batch->size_bytes += (uint32_t)size;
    batch->bytes[batch->size_bytes++] = '\n';
    batch->ids[batch->count] = (struct document_id){{exporter, batch->count}};
    batch->ends[batch->count++] = batch->size_bytes;
    test_exporters[exporter].endpoint.address = address_from_ipv4((const uint8_t[]){192, 0, 2, (uint8_t)exporter});
    assert_true(batch_share(batch, &test_exporters[exporter], 1));
}

static inline void test_batch_fill(struct test_batch *test, uint32_t exporter, uint32_t count)
{
    char document[64];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(document, sizeof document, "{\"n\":%u,\"x\":\"%0*u\"}", test->batch.count, (int)(i % 23), i);
        test_batch_add(test, exporter, document);
    }
}
