/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "export/encode/derive.h"

#define RANKED_MOST 8

/* A few short texts, the usual case: each one's place is the number of smaller ones. No branch depends on the texts. */
static void rank_short(struct derived *derived)
{
    uint32_t count = derived->related_count, ranks[RANKED_MOST] = {0}, repeats[RANKED_MOST] = {0};
    unsigned __int128 keys[RANKED_MOST];
    for (uint32_t i = 0; i < count; i++)
        keys[i] = (unsigned __int128)derived->related[i]->key[0] << 64 | derived->related[i]->key[1];
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t j = 0; j < i; j++) {
            uint32_t before = keys[i] < keys[j];
            ranks[j] += before;
            ranks[i] += !before;
            repeats[i] |= keys[i] == keys[j];
        }
    const struct slot *sorted[RANKED_MOST];
    for (uint32_t i = 0; i < count; i++)
        sorted[ranks[i]] = repeats[i] ? NULL : derived->related[i];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        derived->related[kept] = sorted[i];
        kept += sorted[i] != NULL;
    }
    derived->related_count = kept;
}

static int slots_compare(const struct slot *one, const struct slot *other)
{
    uint64_t shared = one->size_bytes < other->size_bytes ? one->size_bytes : other->size_bytes;
    int order = memcmp(one->text, other->text, shared);
    return order ? order : (int)one->size_bytes - (int)other->size_bytes;
}

static void insert_sorted(struct derived *derived)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < derived->related_count; i++) {
        const struct slot *slot = derived->related[i];
        uint32_t place = kept;
        int order = 1;
        while (place > 0 && (order = slots_compare(slot, derived->related[place - 1])) < 0)
            place--;
        if (place > 0 && order == 0)
            continue;
        memmove(&derived->related[place + 1], &derived->related[place], (kept - place) * sizeof *derived->related);
        derived->related[place] = slot;
        kept++;
    }
    derived->related_count = kept;
}

void derive_related(struct derived *derived)
{
    bool all_short = derived->related_count <= RANKED_MOST;
    for (uint32_t i = 0; i < derived->related_count; i++)
        all_short &= derived->related[i]->size_bytes <= 16;
    if (all_short)
        rank_short(derived);
    else
        insert_sorted(derived);
}
