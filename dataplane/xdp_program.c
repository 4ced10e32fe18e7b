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
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/shared.h"
#include "bpf/xdp.skel.h"
#include "dataplane/interface.h"
#include "dataplane/xdp_pieces.h"
#include "dataplane/xdp_rules.h"

#define LINK_BYTES_MOST 22 /* Ethernet with two tags */
#ifndef BPF_F_XDP_HAS_FRAGS /* Linux 5.18 */
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

struct xdp_program {
    struct xdp_bpf *skeleton;
    const char *interface; /* the backend's */
    int interface_index;
    uint32_t flags;        /* XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE */
    int link;              /* of bpf_link; -1: attached by netlink, or not at all */
    bool attached;
    bool pieces;           /* loaded as a program that knows of frames in pieces */
    uint32_t generation;   /* value of the local map's entries; refresh removes those of an older one */
    int cpus;              /* that the counts map has a value for */
    struct steer_counts *counts; /* one a processor: room to read the map into */
    struct steer_counts sums;    /* of the last time that the kernel said */
};

/* Milliseconds to wait for a program or socket of a process that has just died: the kernel clears up behind it. */
#define LEFTOVER_WAIT_MS 3000
#define LEFTOVER_STEP_MS 50

/* What libbpf has to say, the verifier's reasons among it, a line each. */
static int libbpf_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
    char *text = NULL, *rest = NULL;
    int length = level == LIBBPF_DEBUG ? 0 : vasprintf(&text, format, arguments);
    if (length <= 0)
        return 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_debug("%s", line);
    free(text);
    return length;
}

static void sleep_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

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
        log_error("interface %s: cannot fill the XDP program's list of ports: %s", program->interface,
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

/* --- attaching --- */

/* The program on an interface. */
struct occupant {
    uint32_t id;    /* 0: there is none */
    uint32_t flags; /* the mode that it is attached in */
    char name[BPF_OBJ_NAME_LEN + 1];
};

static struct occupant occupant_find(const struct xdp_program *program)
{
    struct occupant occupant = {.name = "?"};
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    if (bpf_xdp_query(program->interface_index, 0, &query) < 0)
        return occupant;
    occupant.id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id ? query.skb_prog_id : query.prog_id;
    occupant.flags = query.drv_prog_id ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    struct bpf_prog_info info = {0};
    uint32_t info_bytes = sizeof info;
    int fd = occupant.id ? bpf_prog_get_fd_by_id(occupant.id) : -1;
    if (fd < 0)
        return occupant;
    if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) == 0)
        snprintf(occupant.name, sizeof occupant.name, "%s", info.name);
    close(fd);
    return occupant;
}

/*
 * Makes room where a program of ours is: one that netlink attached is taken off; one that a link holds goes with its
 * process, which may be dying. True when attaching is worth another try.
 */
static bool occupant_remove(const struct xdp_program *program, int *waited_ms)
{
    struct occupant occupant = occupant_find(program);
    if (occupant.id && strcmp(occupant.name, STEER_PROGRAM_NAME) != 0) {
        log_error(
            "interface %s: the XDP program \"%s\" (id %u) is there already; stop what put it there, or take it off "
            "with: ip link set dev %s xdp off",
            program->interface, occupant.name, occupant.id, program->interface);
        return false;
    }
    if (*waited_ms >= LEFTOVER_WAIT_MS) {
        log_error("interface %s: another weir runs on it; stop that one, or leave the interface to it",
                  program->interface);
        return false;
    }
    *waited_ms += LEFTOVER_STEP_MS;
    if (occupant.id && bpf_xdp_detach(program->interface_index, occupant.flags, NULL) == 0)
        log_info("interface %s: took off the XDP program that an earlier weir left", program->interface);
    else
        sleep_ms(LEFTOVER_STEP_MS);
    return true;
}

static int mode_attach_once(struct xdp_program *program, uint32_t flags)
{
    int fd = bpf_program__fd(program->skeleton->progs.weir_steer);
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    int link = bpf_link_create(fd, program->interface_index, BPF_XDP, &options);
    if (link >= 0) {
        program->link = link;
        return 0;
    }
    if (link != -EINVAL)
        return link;
    /* Kernels before 5.9 know no XDP links. */
    return bpf_xdp_attach(program->interface_index, fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
}

static int mode_attach(struct xdp_program *program, uint32_t flags)
{
    int waited_ms = 0, result;
    do
        result = mode_attach_once(program, flags);
    while ((result == -EBUSY || result == -EEXIST) && occupant_remove(program, &waited_ms));
    program->attached = !result;
    program->flags = flags;
    return result;
}

static const char *refusal_help(int error)
{
    switch (-error) {
    case EPERM:
    case EACCES: /* the verifier trusts only CAP_PERFMON with offsets that packets give */
        return "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON";
    case EOPNOTSUPP:
        return "the driver has no XDP; set input.xdp_mode to generic or auto";
    default:
        return "a large MTU or LRO can be the reason: try ip link set mtu 1500, or input.xdp_mode=generic";
    }
}

static int program_attach(struct xdp_program *program, enum xdp_mode mode)
{
    int result = -EOPNOTSUPP;
    if (mode != XDP_MODE_GENERIC)
        result = mode_attach(program, XDP_FLAGS_DRV_MODE);
    if (result == -EBUSY || result == -EEXIST)
        return -EBUSY;
    if (result && mode == XDP_MODE_AUTO)
        log_info("interface %s: no native XDP (%s), taking generic mode", program->interface, strerror(-result));
    if (result && mode != XDP_MODE_NATIVE)
        result = mode_attach(program, XDP_FLAGS_SKB_MODE);
    if (result && result != -EBUSY && result != -EEXIST)
        log_error("interface %s: cannot attach the XDP program: %s; %s", program->interface, strerror(-result),
                  refusal_help(result));
    return result;
}

/* The map takes its memory at once: none to speak of where there are no budgets. */
static int budgets_size(struct xdp_program *program, const struct config *config)
{
    uint32_t exporters = config->input.exporter_rate ? config->limits.exporters : 1;
    return bpf_map__set_max_entries(program->skeleton->maps.budgets, exporters);
}

static int program_load(struct xdp_program *program, const struct config *config)
{
    libbpf_set_print(libbpf_log);
    program->skeleton = xdp_bpf__open();
    if (!program->skeleton)
        return -errno;
    program->cpus = libbpf_num_possible_cpus();
    program->counts = program->cpus > 0 ? calloc((size_t)program->cpus, sizeof *program->counts) : NULL;
    if (!program->counts)
        return -ENOMEM;
    program->skeleton->rodata->pieces_on = program->pieces;
    if (program->pieces)
        bpf_program__set_flags(program->skeleton->progs.weir_steer, BPF_F_XDP_HAS_FRAGS);
    int result = budgets_size(program, config);
    if (!result)
        result = xdp_bpf__load(program->skeleton);
    if (result)
        log_error("interface %s: the kernel refuses the XDP program: %s; %s", program->interface, strerror(-result),
                  result == -EPERM || result == -EACCES ? refusal_help(result)
                                                        : "Linux 5.10 or newer is needed; log.level=debug says more");
    return result;
}

/* Only where there are such frames: some drivers' zero-copy has one piece a frame. */
static bool pieces_wanted(const struct xdp_program *program)
{
    uint32_t mtu = interface_mtu(program->interface);
    if (mtu + LINK_BYTES_MOST <= STEER_PACKET_MOST)
        return false;
    bool can = xdp_pieces_supported();
    log_info("interface %s: MTU %u: frames longer than %d bytes %s", program->interface, mtu, STEER_PACKET_MOST,
             can ? "come in pieces" : "come through a socket, for this kernel's AF_XDP has one piece a frame");
    return can;
}

int xdp_program_open(struct xdp_program **opened, const struct xdp_program_setup *setup)
{
    struct xdp_program *program = calloc(1, sizeof *program);
    if (!program)
        return -ENOMEM;
    program->link = -1;
    program->interface = setup->interface;
    program->interface_index = setup->interface_index;
    program->pieces = pieces_wanted(program);
    int result = program_load(program, setup->config);
    if (!result)
        result = listens_add(program, setup->listens, setup->listen_count);
    if (!result)
        result = xdp_rules_prepare(program->skeleton, setup->config);
    if (!result) {
        xdp_rules_use(program->skeleton);
        xdp_program_refresh(program);
        result = program_attach(program, setup->config->input.xdp_mode);
    }
    if (result) {
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
    if (program->link >= 0)
        close(program->link);
    else if (program->attached)
        bpf_xdp_detach(program->interface_index, program->flags, NULL);
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
    return program->flags & XDP_FLAGS_DRV_MODE;
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
