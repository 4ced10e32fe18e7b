/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_rules.h"

#include <assert.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/address.h"
#include "base/log.h"
#include "bpf/shared.h"
#include "bpf/xdp.skel.h"
#include "dataplane/rules.h"

static_assert((int)UNPACK_IPIP == (int)STEER_UNPACK_IPIP && (int)UNPACK_GRE == (int)STEER_UNPACK_GRE &&
                  (int)UNPACK_GUE == (int)STEER_UNPACK_GUE && (int)UNPACK_PROXY == (int)STEER_UNPACK_PROXY,
              "both sides name what is to be unpacked by the same bits");
static_assert(STEER_SETS == 2, "a set has a map of each kind, and the other is 1 less it");

static uint32_t set_in_use(const struct xdp_bpf *skeleton)
{
    return __atomic_load_n(&skeleton->bss->rules_in_use, __ATOMIC_RELAXED);
}

static struct steer_prefix key_of_prefix(const struct prefix *prefix)
{
    struct steer_prefix key = {.length = prefix->length};
    memcpy(key.address.bytes, prefix->address.bytes, sizeof key.address.bytes);
    return key;
}

static int prefixes_clear(struct bpf_map *map)
{
    struct steer_prefix key;
    int result = 0;
    while (!result && bpf_map__get_next_key(map, NULL, &key, sizeof key) == 0)
        result = bpf_map__delete_elem(map, &key, sizeof key, 0);
    return result;
}

static int prefix_add(struct bpf_map *map, const char *text)
{
    struct prefix prefix;
    if (!prefix_parse(text, &prefix))
        return -EINVAL;
    struct steer_prefix key = key_of_prefix(&prefix);
    uint8_t range = prefix_is_ipv6_over_ipv4(&prefix) ? STEER_RANGE_IPV6 : STEER_RANGE_ONE;
    return bpf_map__update_elem(map, &key, sizeof key, &range, sizeof range, BPF_ANY);
}

/* Makes the list the map's only content. */
static int prefixes_write(struct bpf_map *map, const struct text_list *prefixes, const char *option)
{
    int result = prefixes_clear(map);
    for (uint32_t i = 0; i < prefixes->count && !result; i++) {
        result = prefix_add(map, prefixes->items[i]);
        if (result)
            log_error("%s: cannot give %s to the XDP program: %s; the most are %d prefixes", option,
                      prefixes->items[i], strerror(-result), STEER_PREFIXES_MOST);
    }
    return result;
}

int xdp_rules_prepare(struct xdp_bpf *skeleton, const struct config *config)
{
    uint32_t set = 1 - set_in_use(skeleton);
    struct bpf_map *allow[STEER_SETS] = {skeleton->maps.allow_0, skeleton->maps.allow_1};
    struct bpf_map *balancers[STEER_SETS] = {skeleton->maps.balancers_0, skeleton->maps.balancers_1};
    skeleton->bss->rules[set] = (struct steer_rules){.allow_on = config->input.allow.count != 0,
                                                     .unpack = config->input.unpack,
                                                     .gue_port_be = htons((uint16_t)config->input.gue_port),
                                                     .budget_cost_ns = (uint64_t)rules_budget_cost_ns(config),
                                                     .budget_tolerance_ns =
                                                         (uint64_t)rules_budget_tolerance_ns(config)};
    int result = prefixes_write(allow[set], &config->input.allow, "input.allow");
    return result ? result : prefixes_write(balancers[set], &config->input.balancers, "input.balancers");
}

void xdp_rules_use(struct xdp_bpf *skeleton)
{
    /* release: who reads the number of the set finds it whole */
    __atomic_store_n(&skeleton->bss->rules_in_use, 1 - set_in_use(skeleton), __ATOMIC_RELEASE);
}
