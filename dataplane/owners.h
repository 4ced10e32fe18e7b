/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Which worker decodes an address's datagrams: the first one that sees it, so that whatever queue a NIC chooses, all
 * datagrams of an exporter end on one core. Shared by all workers without a lock: an entry is one atomic word that is
 * written once and never removed. Where the table has no room for an address, its owner is the worker that the
 * SO_REUSEPORT program would pick; in each case the answer is the same for every worker and at all times.
 */
struct owners;

/*
 * exporters: most exporters in all. pinned: one worker (0) owns every address, as share_templates needs it. NULL for
 * want of memory.
 */
struct owners *owners_new(uint32_t workers, uint32_t exporters, bool pinned);
void owners_free(struct owners *owners);

/* The owner of the address, which becomes `worker` when it has none yet. Any worker; a few dozen reads at most. */
uint32_t owners_claim(struct owners *owners, const struct address *address, uint32_t worker);

/* The worker that the SO_REUSEPORT program picks (bpf/shared.h). */
uint32_t owners_steered(const struct address *address, uint32_t workers);

/* Counts one exporter more: false at the cap on exporters in all. Any worker. */
bool owners_admit(struct owners *owners);
void owners_dismiss(struct owners *owners);
