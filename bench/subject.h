/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "bench/traffic.h"
#include "config/config.h"
#include "export/batch.h"

/* How much of weir is measured. */
enum depth {
    DEPTH_DECODE, /* exporter table and decoder: records are found and checked, their fields are not looked at */
    DEPTH_READ,   /* and each byte of each field is loaded, as a consumer of records would */
    DEPTH_ENCODE, /* exporter table, decoder and encoder, into batches that are used in turn */
    DEPTH_WORKER, /* a worker of the data plane over the memory backend, its output on a thread of its own */
};

/* Something that datagrams in memory go through, on the calling thread. */
struct subject;

struct subject_setup {
    enum depth depth;
    enum profile_kind profile;
    const char *output_path; /* DEPTH_WORKER; NULL: /dev/null */
    uint32_t batch_bytes;    /* DEPTH_ENCODE; 0: 1 MiB */
};

/* NULL with the reason on standard error. */
struct subject *subject_new(const struct subject_setup *setup);
void subject_free(struct subject *subject);

/* Takes the datagrams as having arrived now. Their memory is read until it returns. */
void subject_take(struct subject *subject, const struct traffic_datagram *datagrams, uint32_t count);

/* Since the start. */
uint64_t subject_records(const struct subject *subject); /* decoded; encoded as well where the depth has it */
uint64_t subject_bytes(const struct subject *subject);   /* of documents; 0 at other depths than DEPTH_ENCODE */
uint64_t subject_templates(const struct subject *subject); /* learned */

/* The documents of DEPTH_ENCODE: the batch that is being filled. */
const struct batch *subject_batch(const struct subject *subject);
