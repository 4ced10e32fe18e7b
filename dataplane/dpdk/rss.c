/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "base/log.h"
#include "dataplane/dpdk/port.h"

/* Headers of flow export; fragments have no ports to be hashed by. */
#define HASH_ADDRESSES                                                                                                 \
    (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6 |                    \
     RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)
#define HASH_UDP (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)

uint64_t rss_choose(const struct rte_eth_dev_info *info, uint16_t queue_count)
{
    uint64_t offered = info->flow_type_rss_offloads;
    if (queue_count < 2)
        return 0;
    if (offered & RTE_ETH_RSS_L3_SRC_ONLY)
        return (offered & (HASH_ADDRESSES | HASH_UDP)) | RTE_ETH_RSS_L3_SRC_ONLY;
    /* By both addresses: the destination is weir's own. Where UDP is a kind of its own, by the ports, too. */
    if (offered & (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6))
        return offered & HASH_ADDRESSES;
    return offered & (HASH_ADDRESSES | HASH_UDP);
}

static bool rule_create(const struct dpdk_port *port, enum rte_flow_item_type network, uint64_t hash)
{
    uint16_t queues[RTE_MAX_QUEUES_PER_PORT];
    for (uint16_t i = 0; i < port->queue_count; i++)
        queues[i] = i;
    struct rte_flow_action_rss rss = {
        .types = hash | RTE_ETH_RSS_L3_SRC_ONLY, .queue_num = port->queue_count, .queue = queues};
    const struct rte_flow_attr attributes = {.ingress = 1};
    const struct rte_flow_item pattern[] = {
        {.type = RTE_FLOW_ITEM_TYPE_ETH}, {.type = network}, {.type = RTE_FLOW_ITEM_TYPE_UDP}, {0}};
    const struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss}, {0}};
    struct rte_flow_error error;
    if (rte_flow_validate(port->id, &attributes, pattern, actions, &error) == 0)
        return rte_flow_create(port->id, &attributes, pattern, actions, &error) != NULL;
    /* Some drivers set the hash alone by such a rule, and take no list of queues. */
    rss.queue_num = 0;
    rss.queue = NULL;
    return rte_flow_validate(port->id, &attributes, pattern, actions, &error) == 0 &&
           rte_flow_create(port->id, &attributes, pattern, actions, &error) != NULL;
}

static const char *spread_name(const struct dpdk_port *port, uint64_t hash)
{
    if (hash & RTE_ETH_RSS_L3_SRC_ONLY)
        return "spreads exporters over its queues by their addresses";
    bool ipv4 = rule_create(port, RTE_FLOW_ITEM_TYPE_IPV4, RTE_ETH_RSS_NONFRAG_IPV4_UDP);
    bool ipv6 = rule_create(port, RTE_FLOW_ITEM_TYPE_IPV6, RTE_ETH_RSS_NONFRAG_IPV6_UDP);
    if (ipv4 && ipv6)
        return "spreads exporters over its queues by their addresses (rte_flow)";
    if (hash && !(hash & HASH_UDP))
        return "hashes by both addresses";
    return "cannot hash by the source address alone: workers hand over what is not theirs";
}

void rss_start(const struct dpdk_port *port, uint64_t hash)
{
    if (port->queue_count > 1)
        log_info("%s: the device %s", port->name, spread_name(port, hash));
}
