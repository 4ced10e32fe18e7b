/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

enum owning {
    OWNING_BY_ADDRESS,
    OWNING_BY_PORT, /* by address and port (input.rss: source-port) */
    OWNING_PINNED,  /* one worker (0) owns everything, as share_templates needs it */
};

/*
 * Which worker decodes an address's datagrams: the first one that sees it, so that whatever queue a NIC chooses, all
 * datagrams of an exporter end on one core. Shared by all workers without a lock: an entry is one atomic word that is
 * written once and never removed. Where the table has no room for an address, its owner is the worker that the
 * SO_REUSEPORT program would pick; in each case the answer is the same for every worker and at all times.
 * By port it is that worker from the first: were it the first that sees it, a NIC that goes by addresses alone would
 * split no exporter.
 */
struct owners;

/* exporters: most exporters in all. NULL for want of memory. */
struct owners *owners_new(uint32_t workers, uint32_t exporters, enum owning owning);
void owners_free(struct owners *owners);

/* The owner of the source, which becomes `worker` when it has none yet. Any worker; a few dozen reads at most. */
uint32_t owners_claim(struct owners *owners, const struct endpoint *source, uint32_t worker);

/* The worker that the SO_REUSEPORT program picks (bpf/shared.h). */
uint32_t owners_steered(const struct address *address, uint32_t workers);
uint32_t owners_steered_by_port(const struct endpoint *source, uint32_t workers);

/* Counts one exporter more: false at the cap on exporters in all. Any worker. */
bool owners_admit(struct owners *owners);
void owners_dismiss(struct owners *owners);
