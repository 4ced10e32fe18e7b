/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "blast/device.h"
#include "blast/senders.h"
#include "config/config.h"
#include "dataplane/dpdk/module.h"

#define FRAME_BYTES (ENVELOPE_BYTES + BLAST_PAYLOAD_MOST)

struct dpdk_sender {
    const struct dpdk_transmit_ops *ops;
    struct dpdk_transmit *transmit;
    struct envelope envelope;
    uint8_t *lent[DPDK_LENT_MOST];
    struct dpdk_frame frames[DPDK_LENT_MOST];
};

static_assert(BLAST_BURST <= DPDK_LENT_MOST, "a burst is lent at once");

static uint32_t dpdk_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    struct dpdk_sender *state = sender->state;
    uint32_t count = state->ops->room(state->transmit, state->lent, most);
    for (uint32_t i = 0; i < count; i++)
        datagrams[i].payload = state->lent[i] + ENVELOPE_BYTES;
    return count;
}

static int dpdk_send(struct sender *sender, struct blast_datagram *datagrams, uint32_t count)
{
    struct dpdk_sender *state = sender->state;
    for (uint32_t i = 0; i < count; i++) {
        const struct endpoint *from = &sender->supply->exporters[datagrams[i].exporter].endpoint;
        uint32_t bytes = envelope_close(&state->envelope, &datagrams[i], from);
        state->frames[i] =
            (struct dpdk_frame){.offset = ENVELOPE_BYTES + datagrams[i].size_bytes - bytes, .size_bytes = bytes};
    }
    return (int)state->ops->send(state->transmit, state->frames, count);
}

/* A card has a colon in its address, and needs huge pages; virtual devices do without. The environment may say more:
   WEIR_INPUT_DPDK_EAL. */
static int config_make(struct config *config, const char *device)
{
    char devices[512];
    bool card = memchr(device, ':', strcspn(device, ",")) != NULL;
    const char *settings[] = {devices, "input.backend=dpdk"};
    const char *presets[] = {card ? "input.dpdk.hugepages=true" : "input.dpdk.hugepages=false",
                             "input.dpdk.memory=64MiB"};
    const struct config_sources sources = {
        .settings = settings, .setting_count = 2, .presets = presets, .preset_count = 2};
    struct config_problems problems = {0};
    if (strchr(device, '"') ||
        snprintf(devices, sizeof devices, "input.dpdk.devices=[\"%s\"]", device) >= (int)sizeof devices)
        return -EINVAL;
    int result = config_load(config, &sources, &problems);
    config_problems_fini(&problems);
    return result ? -EINVAL : 0;
}

static int transmit_open(struct dpdk_sender *state, const struct sender_setup *setup, uint8_t own[6])
{
    struct config config;
    if (config_make(&config, setup->device)) {
        log_error("--device %s: DPDK has no such device; write 0000:3b:00.0, or net_af_packet0,iface=eth1",
                  setup->device);
        return -EINVAL;
    }
    int result = state->ops->open(&state->transmit, &config, FRAME_BYTES, own);
    config_fini(&config);
    return result;
}

static int dpdk_open(struct sender *sender)
{
    uint8_t own[6];
    struct dpdk_sender *state = calloc(1, sizeof *state);
    sender->state = state;
    if (!state)
        return -ENOMEM;
    state->ops = dpdk_module_transmit();
    int result = state->ops ? transmit_open(state, sender->setup, own) : -ENOENT;
    if (result)
        return result;
    if (!sender->setup->has_mac)
        return device_open(sender->setup, &state->envelope) < 0 ? -EHOSTUNREACH : 0;
    envelope_init(&state->envelope, &sender->setup->target, own, sender->setup->target_mac);
    return 0;
}

static int dpdk_close(struct sender *sender)
{
    struct dpdk_sender *state = sender->state;
    int result = state && state->transmit ? state->ops->close(state->transmit) : 0;
    free(state);
    return result;
}

const struct sender_ops sender_dpdk = {
    .name = "dpdk",
    .help = "frames by DPDK's driver of --device; --mac is the collector's, or --interface finds it",
    .spoofs = true,
    .run = 1,
    .open = dpdk_open,
    .room = dpdk_room,
    .send = dpdk_send,
    .close = dpdk_close,
};
