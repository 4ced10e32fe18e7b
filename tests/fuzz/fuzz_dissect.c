/* SPDX-License-Identifier: Apache-2.0 */
/* A sampled packet: the first byte says what it begins with, or what comes before it. What is found lies within it. */
#include "decode/dissect.h"
#include "tests/unit/decode_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sums the bytes, so that reading them is not optimized away. */
static unsigned within(const uint8_t *packet, size_t size, const uint8_t *found, size_t length)
{
    unsigned sum = 0;
    if (!found)
        return 0;
    FIXTURE_REQUIRE(found >= packet && found + length <= packet + size);
    for (size_t i = 0; i < length; i++)
        sum += found[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned sum = 0;
    const uint8_t *packet = data + 1;
    struct dissection seen;
    size--;
    unsigned start = data[0] % (DISSECT_STARTS + 1);
    if (start < DISSECT_STARTS)
        dissect(&seen, (enum dissect_start)start, packet, (uint32_t)size);
    else
        dissect_payload(&seen, data[0] / (DISSECT_STARTS + 1), packet, (uint32_t)size);
    FIXTURE_REQUIRE(seen.vlan_count <= DISSECT_VLANS_MOST && seen.label_count <= DISSECT_LABELS_MOST);
    FIXTURE_REQUIRE(seen.tunnel < TUNNELS && (!seen.inner.version || seen.outer.version ||
                                              start == DISSECT_STARTS));
    const struct dissected_ip *const headers[] = {&seen.outer, &seen.inner};
    for (size_t i = 0; i < 2; i++) {
        size_t length = headers[i]->version == 4 ? 4 : 16;
        FIXTURE_REQUIRE(!headers[i]->version == !headers[i]->source);
        sum += within(packet, size, headers[i]->source, length);
        sum += within(packet, size, headers[i]->destination, length);
    }
    sum += within(packet, size, seen.source_mac, 6) + within(packet, size, seen.destination_mac, 6);
    sum += within(packet, size, seen.inner_source_mac, 6) + within(packet, size, seen.inner_destination_mac, 6);
    __asm__ volatile("" : : "r"(sum));
    return 0;
}
