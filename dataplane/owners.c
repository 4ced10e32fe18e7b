/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/owners.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include "bpf/shared.h"

/* Slots that an address may stand in. With the table at most half full, running out of them is a rare accident. */
#define WINDOW_SLOTS 32
#define OWNER_MASK   0xffffu

struct owners {
    uint32_t workers;
    uint32_t exporters_most;
    enum owning owning;
    uint64_t secret[2];               /* constant: senders cannot choose addresses that share a window */
    uint64_t mask;
    _Atomic uint32_t exporters;       /* all workers write and read */
    _Atomic uint64_t *slots;          /* 0, or 48 bits of hash and 16 of owner + 1; any worker writes once, all read */
};

struct owners *owners_new(uint32_t workers, uint32_t exporters, enum owning owning)
{
    struct owners *owners = calloc(1, sizeof *owners);
    if (!owners)
        return NULL;
    uint64_t slots = 1024;
    while (slots < 2 * (uint64_t)exporters)
        slots *= 2;
    *owners = (struct owners){.workers = workers, .exporters_most = exporters, .owning = owning, .mask = slots - 1};
    owners->slots = calloc(slots, sizeof *owners->slots);
    if (!owners->slots || getrandom(owners->secret, sizeof owners->secret, 0) != sizeof owners->secret) {
        owners_free(owners);
        return NULL;
    }
    return owners;
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    free(owners->slots);
    free(owners);
}

/* Keyed mixing by 128-bit products; never 0 in the bits of the fingerprint. */
static uint64_t address_hash(const struct owners *owners, const struct address *address)
{
    uint64_t words[2];
    memcpy(words, address->bytes, sizeof words);
    __uint128_t product = (__uint128_t)(words[0] ^ owners->secret[0]) * (words[1] ^ owners->secret[1]);
    uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64) ^ words[1];
    product = (__uint128_t)(hash ^ owners->secret[1]) * 0x9e3779b97f4a7c15u;
    return ((uint64_t)product ^ (uint64_t)(product >> 64)) | 1ull << 63;
}

static uint32_t address_steer(const struct address *address)
{
    uint32_t words[4] = {0};
    if (address_is_ipv4(address)) {
        memcpy(words, address->bytes + 12, 4);
        return steer_hash(words, 1);
    }
    memcpy(words, address->bytes, sizeof words);
    return steer_hash(words, 4);
}

uint32_t owners_steered(const struct address *address, uint32_t workers)
{
    return address_steer(address) % workers;
}

uint32_t owners_steered_by_port(const struct endpoint *source, uint32_t workers)
{
    return steer_hash_port(address_steer(&source->address), source->port) % workers;
}

uint32_t owners_claim(struct owners *owners, const struct endpoint *source, uint32_t worker)
{
    const struct address *address = &source->address;
    if (owners->owning == OWNING_PINNED || owners->workers == 1)
        return 0;
    if (owners->owning == OWNING_BY_PORT)
        return owners_steered_by_port(source, owners->workers);
    uint64_t hash = address_hash(owners, address);
    uint64_t wanted = hash & ~(uint64_t)OWNER_MASK;
    /* Equal fingerprints of two addresses do no harm: the two share an owner. */
    for (uint32_t i = 0; i < WINDOW_SLOTS; i++) {
        _Atomic uint64_t *slot = &owners->slots[(hash + i) & owners->mask];
        uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);
        /* relaxed: the word itself is all that the entry says */
        if (!seen && atomic_compare_exchange_strong_explicit(slot, &seen, wanted | (worker + 1), memory_order_relaxed,
                                                             memory_order_relaxed))
            return worker;
        if ((seen & ~(uint64_t)OWNER_MASK) == wanted)
            return (uint32_t)(seen & OWNER_MASK) - 1;
    }
    return owners_steered(address, owners->workers);
}

bool owners_admit(struct owners *owners)
{
    uint32_t before = atomic_fetch_add_explicit(&owners->exporters, 1, memory_order_relaxed);
    if (before < owners->exporters_most)
        return true;
    owners_dismiss(owners);
    return false;
}

void owners_dismiss(struct owners *owners)
{
    atomic_fetch_sub_explicit(&owners->exporters, 1, memory_order_relaxed);
}
