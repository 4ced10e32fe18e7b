/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bpf/shared.h"
#include "bpf/xdp.skel.h"
#include "bpf/xdp_hints.skel.h"
#include "bpf/xdp_nic.skel.h"
#include "dataplane/interface.h"
#include "dataplane/netdev.h"
#include "dataplane/xdp_attach.h"
#include "dataplane/xdp_log.h"
#include "dataplane/xdp_pieces.h"
#include "dataplane/xdp_rules.h"

#define LINK_BYTES_MOST 22  /* Ethernet with two tags */
#ifndef BPF_F_XDP_HAS_FRAGS /* Linux 5.18 */
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif
#ifndef BPF_F_XDP_DEV_BOUND_ONLY /* Linux 6.3 */
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6)
#endif

struct xdp_program {
    struct xdp_bpf *skeleton;
    struct xdp_attachment attachment;
    bool nic;                    /* for this device alone: its driver tells when frames came */
    bool pieces;                 /* loaded as a program that knows of frames in pieces */
    uint32_t generation;         /* value of the local map's entries; refresh removes those of an older one */
    int cpus;                    /* that the counts map has a value for */
    struct steer_counts *counts; /* one a processor: room to read the map into */
    struct steer_counts sums;    /* of the last time that the kernel said */
};

/* --- maps --- */

static struct steer_address steer_address_of(const struct address *address)
{
    struct steer_address key;
    memcpy(key.bytes, address->bytes, sizeof key.bytes);
    return key;
}

static int listen_add(struct xdp_program *program, const struct address *address, uint16_t port)
{
    struct steer_listen key = {.address = steer_address_of(address), .port_be = htons(port)};
    uint8_t present = 1;
    return bpf_map__update_elem(program->skeleton->maps.listen, &key, sizeof key, &present, sizeof present, BPF_ANY);
}

static int listens_add(struct xdp_program *program, const struct listen *listens, int count)
{
    static const uint8_t no_bytes[16];
    const struct address any_ipv4 = address_from_ipv4(no_bytes), any_ipv6 = address_from_ipv6(no_bytes);
    int result = 0;
    for (int i = 0; i < count && !result; i++) {
        const struct listen *listen = &listens[i];
        uint16_t port = listen->endpoint.port;
        if (!listen->any)
            result = listen_add(program, &listen->endpoint.address, port);
        if (!result && listen->any && listen->ipv4)
            result = listen_add(program, &any_ipv4, port);
        if (!result && listen->any && listen->ipv6)
            result = listen_add(program, &any_ipv6, port);
    }
    if (result)
        log_error("interface %s: cannot fill the XDP program's list of ports: %s", program->attachment.interface,
                  strerror(-result));
    return result;
}

static void local_add(struct xdp_program *program, const struct sockaddr *address)
{
    struct steer_address key;
    if (address->sa_family == AF_INET) {
        struct address ipv4 = address_from_ipv4(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
        key = steer_address_of(&ipv4);
    } else {
        memcpy(&key, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof key);
    }
    bpf_map__update_elem(program->skeleton->maps.local, &key, sizeof key, &program->generation,
                         sizeof program->generation, BPF_ANY);
}

/* Removes the addresses that the refresh at hand did not see. */
static void local_sweep(struct xdp_program *program)
{
    struct bpf_map *map = program->skeleton->maps.local;
    struct steer_address key, next;
    bool more = bpf_map__get_next_key(map, NULL, &next, sizeof next) == 0;
    while (more) {
        uint32_t generation = program->generation;
        key = next;
        more = bpf_map__get_next_key(map, &key, &next, sizeof next) == 0;
        bpf_map__lookup_elem(map, &key, sizeof key, &generation, sizeof generation, 0);
        if (generation != program->generation)
            bpf_map__delete_elem(map, &key, sizeof key, 0);
    }
}

void xdp_program_refresh(struct xdp_program *program)
{
    struct ifaddrs *addresses;
    if (getifaddrs(&addresses) < 0)
        return; /* what was known last stays */
    program->generation++;
    for (const struct ifaddrs *at = addresses; at; at = at->ifa_next)
        if (at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
            local_add(program, at->ifa_addr);
    freeifaddrs(addresses);
    local_sweep(program);
}

/* --- loading --- */

/* The map takes its memory at once: none to speak of where there are no budgets. */
static int budgets_size(struct xdp_program *program, const struct config *config)
{
    uint32_t exporters = config->input.exporter_rate ? config->limits.exporters : 1;
    return bpf_map__set_max_entries(program->skeleton->maps.budgets, exporters);
}

/* The objects have the same maps and programs, so one skeleton is for all. */
static struct xdp_bpf *skeleton_open(bool hints, bool nic)
{
    struct xdp_bpf *skeleton = calloc(1, sizeof *skeleton);
    int result = skeleton ? xdp_bpf__create_skeleton(skeleton) : -ENOMEM;
    if (!result && nic)
        skeleton->skeleton->data = xdp_nic_bpf__elf_bytes(&skeleton->skeleton->data_sz);
    else if (!result && hints)
        skeleton->skeleton->data = xdp_hints_bpf__elf_bytes(&skeleton->skeleton->data_sz);
    if (!result)
        result = bpf_object__open_skeleton(skeleton->skeleton, NULL);
    if (!result)
        return skeleton;
    xdp_bpf__destroy(skeleton);
    errno = -result;
    return NULL;
}

static void flags_set(struct xdp_program *program)
{
    struct bpf_program *steer = program->skeleton->progs.weir_steer;
    uint32_t flags = bpf_program__flags(steer);
    program->skeleton->rodata->pieces_on = program->pieces;
    if (program->nic)
        bpf_program__set_ifindex(steer, (uint32_t)program->attachment.interface_index);
    bpf_program__set_flags(steer, flags | (program->pieces ? BPF_F_XDP_HAS_FRAGS : 0) |
                                      (program->nic ? BPF_F_XDP_DEV_BOUND_ONLY : 0));
}

static int program_load(struct xdp_program *program, const struct config *config)
{
    program->skeleton = skeleton_open(config->input.xdp_hints, program->nic);
    if (!program->skeleton)
        return -errno;
    program->cpus = libbpf_num_possible_cpus();
    program->counts = program->cpus > 0 ? calloc((size_t)program->cpus, sizeof *program->counts) : NULL;
    if (!program->counts)
        return -ENOMEM;
    flags_set(program);
    int result = budgets_size(program, config);
    return result ? result : xdp_attachment_load(&program->attachment, config, program->skeleton);
}

/* Only where there are such frames: some drivers' zero-copy has one piece a frame. */
static bool pieces_wanted(const struct xdp_program *program)
{
    uint32_t mtu = interface_mtu(program->attachment.interface);
    if (mtu + LINK_BYTES_MOST <= STEER_PACKET_MOST)
        return false;
    bool can = xdp_pieces_supported();
    log_info("interface %s: MTU %u: frames longer than %d bytes %s", program->attachment.interface, mtu,
             STEER_PACKET_MOST,
             can ? "come in pieces" : "come through a socket, for this kernel's AF_XDP has one piece a frame");
    return can;
}

/* A program for one device can be in no dispatcher, and not in the kernel's stack. */
static bool nic_wanted(const struct xdp_program *program, const struct config *config)
{
    struct netdev_abilities asked;
    const struct xdp_attachment *attachment = &program->attachment;
    if (!config->input.xdp_hints)
        return false;
    bool native = !attachment->beside && config->input.xdp_mode != XDP_MODE_GENERIC;
    bool tells = netdev_ask(&asked, attachment->interface_index) == 0 && asked.hints & NETDEV_HINT_TIME;
    log_info("interface %s: frames come with %s", attachment->interface,
             native && tells ? "the NIC's time, where it has one, or the kernel's"
             : native        ? "the kernel's time: the driver tells none (Linux 6.6 and newer say)"
                             : "the kernel's time: the NIC's takes native mode and no dispatcher");
    return native && tells;
}

int xdp_program_open(struct xdp_program **opened, const struct xdp_program_setup *setup)
{
    struct xdp_program *program = calloc(1, sizeof *program);
    if (!program)
        return -ENOMEM;
    program->attachment = XDP_ATTACHMENT_NONE;
    program->attachment.interface = setup->interface;
    program->attachment.interface_index = setup->interface_index;
    program->pieces = pieces_wanted(program);
    xdp_log_open();
    int result = xdp_attachment_choose(&program->attachment, setup->config);
    program->nic = !result && nic_wanted(program, setup->config);
    if (!result)
        result = program_load(program, setup->config);
    if (!result)
        result = listens_add(program, setup->listens, setup->listen_count);
    if (!result)
        result = xdp_rules_prepare(program->skeleton, setup->config);
    if (!result) {
        xdp_rules_use(program->skeleton);
        xdp_program_refresh(program);
        result = xdp_attachment_make(&program->attachment, setup->config, program->skeleton);
    }
    if (result) {
        if (setup->config->input.xdp_hints)
            log_error("interface %s: input.xdp_hints=false takes a program that changes no frame: for any device, and "
                      "for any dispatcher", program->attachment.interface);
        xdp_program_close(program);
        return result;
    }
    *opened = program;
    return 0;
}

void xdp_program_close(struct xdp_program *program)
{
    if (!program)
        return;
    xdp_attachment_end(&program->attachment);
    xdp_bpf__destroy(program->skeleton);
    free(program->counts);
    free(program);
}

bool xdp_program_takes_pieces(const struct xdp_program *program)
{
    return program->pieces;
}

bool xdp_program_native(const struct xdp_program *program)
{
    return program->attachment.flags & XDP_FLAGS_DRV_MODE;
}

int xdp_program_add_socket(struct xdp_program *program, uint32_t queue, int socket)
{
    return bpf_map__update_elem(program->skeleton->maps.sockets, &queue, sizeof queue, &socket, sizeof socket, BPF_ANY);
}

int xdp_program_prepare_rules(struct xdp_program *program, const struct config *config)
{
    return xdp_rules_prepare(program->skeleton, config);
}

void xdp_program_use_rules(struct xdp_program *program)
{
    xdp_rules_use(program->skeleton);
}

int xdp_program_fd(const struct xdp_program *program)
{
    return bpf_program__fd(program->skeleton->progs.weir_steer);
}

const struct steer_counts *xdp_program_counts(struct xdp_program *program)
{
    uint32_t only = 0;
    if (bpf_map__lookup_elem(program->skeleton->maps.counts, &only, sizeof only, program->counts,
                             (size_t)program->cpus * sizeof *program->counts, 0) < 0)
        return &program->sums;
    struct steer_counts sums = {.budgets_begun = 0};
    for (int cpu = 0; cpu < program->cpus; cpu++) {
        for (int verdict = 0; verdict < STEER_VERDICTS; verdict++)
            sums.value[verdict] += program->counts[cpu].value[verdict];
        sums.budgets_begun += program->counts[cpu].budgets_begun;
    }
    program->sums = sums;
    return &program->sums;
}
