/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The XDP program on the loopback of a network namespace of its own, and what it says of frames. Behind cmocka.h. */

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xdp/xsk.h>

#include "bpf/shared.h"
#include "dataplane/frame.h"
#include "dataplane/rules.h"
#include "dataplane/xdp_program.h"
#include "tests/unit/frame_build.h"

#define FRAMES 64

/* The program on the loopback, and an AF_XDP socket that gets what the program takes. */
struct rig {
    struct config config;
    struct xdp_program *program;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    uint8_t *frames;
    const char *settings[4]; /* that all rules of a test have in common; NULL: no more */
    struct rules *rules;     /* of the same configuration, for frame_parse() */
    __u64 seen[STEER_VERDICTS];
};

static const struct listen listens[] = {
    {.endpoint = {.port = 2055}, .any = true, .ipv4 = true, .ipv6 = true},
    {.endpoint = {.address = {.bytes = {[10] = 0xff, 0xff, 203, 0, 113, 5}}, .port = 4739}, .ipv4 = true},
};

static inline int socket_make(struct rig *rig)
{
    static struct xsk_ring_prod fill;
    static struct xsk_ring_cons receive, completion;
    const struct xsk_umem_config umem = {
        .fill_size = FRAMES, .comp_size = FRAMES, .frame_size = STEER_FRAME_BYTES};
    const struct xsk_socket_config config = {
        .rx_size = FRAMES, .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD, .bind_flags = XDP_COPY};
    size_t bytes = (size_t)FRAMES * STEER_FRAME_BYTES;
    rig->frames = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int result = xsk_umem__create(&rig->umem, rig->frames, bytes, &fill, &completion, &umem);
    return result ? result : xsk_socket__create(&rig->socket, "lo", 0, rig->umem, &receive, NULL, &config);
}

static inline int rig_close(void **state)
{
    struct rig *rig = *state;
    if (!rig)
        return 0;
    xdp_program_close(rig->program);
    rules_free(rig->rules);
    if (rig->socket)
        xsk_socket__delete(rig->socket);
    if (rig->umem)
        xsk_umem__delete(rig->umem);
    config_fini(&rig->config);
    return 0;
}

/* Skips where the kernel lets us have no program; everything else is a failure. */
static inline struct rig *rig_of(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static inline uint32_t run(struct rig *rig, const uint8_t *bytes, uint32_t size_bytes)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = size_bytes, .repeat = 1);
    assert_int_equal(bpf_prog_test_run_opts(xdp_program_fd(rig->program), &options), 0);
    return options.retval;
}

/* What the program said of the frame: one counter went up by one, and the action fits it. */
static inline enum steer_verdict judge_bytes(struct rig *rig, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t action = run(rig, bytes, size_bytes);
    const __u64 *now = xdp_program_counts(rig->program)->value;
    enum steer_verdict found = STEER_VERDICTS;
    for (int verdict = 0; verdict < STEER_VERDICTS; verdict++) {
        if (now[verdict] == rig->seen[verdict])
            continue;
        assert_int_equal(now[verdict], rig->seen[verdict] + 1);
        assert_int_equal(found, STEER_VERDICTS);
        found = (enum steer_verdict)verdict;
    }
    memcpy(rig->seen, now, sizeof rig->seen);
    assert_in_range(found, 0, STEER_VERDICTS - 1);
    assert_int_equal(action, found == STEER_TAKEN ? XDP_REDIRECT : found >= STEER_NOT_ALLOWED ? XDP_DROP : XDP_PASS);
    return found;
}

static inline enum steer_verdict judge(struct rig *rig, const struct build *build)
{
    return judge_bytes(rig, build->bytes, build->size_bytes);
}

/* The program and frame_parse() go by the rig's settings and this one. */
static inline void rules_set(struct rig *rig, const char *key, const char *value)
{
    char setting[256];
    const char *settings[5] = {setting};
    struct config_sources sources = {.settings = settings, .setting_count = 1};
    struct config config;
    struct config_problems problems = {0};
    snprintf(setting, sizeof setting, "%s=%s", key, value);
    for (int i = 0; i < 4 && rig->settings[i]; i++)
        settings[sources.setting_count++] = rig->settings[i];
    assert_int_equal(config_load(&config, &sources, &problems), 0);
    config_problems_fini(&problems);
    assert_int_equal(xdp_program_prepare_rules(rig->program, &config), 0);
    xdp_program_use_rules(rig->program);
    rules_free(rig->rules);
    rig->rules = rules_new(&config);
    assert_non_null(rig->rules);
    config_fini(&config);
}

/* The kernel's test runs come from queue 0 of the namespace's loopback. Its MTU is an Ethernet's when the program is
   loaded, so that no frames come in pieces, and its own afterwards. */
static inline int rig_open(void **state)
{
    static struct rig rig;
    struct config_problems problems = {0};
    *state = NULL;
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("no network namespace: %s\n", strerror(errno));
        return 0;
    }
    if (system("ip link set lo up mtu 1500 && ip addr add 198.51.100.9/32 dev lo && "
               "ip addr add 909:909:909:909:909:909:909:909/128 dev lo nodad") != 0)
        return -1;
    const char *settings[] = {"input.xdp_mode=generic", "input.exporter_rate=1", "limits.exporters=1000"};
    const struct config_sources sources = {.settings = settings, .setting_count = 3};
    if (config_load(&rig.config, &sources, &problems))
        return -1;
    const struct xdp_program_setup setup = {.config = &rig.config,
                                            .listens = listens,
                                            .listen_count = sizeof listens / sizeof *listens,
                                            .interface = "lo",
                                            .interface_index = (int)if_nametoindex("lo")};
    int result = xdp_program_open(&rig.program, &setup);
    if (result == -EPERM || result == -EACCES)
        return 0;
    *state = &rig;
    if (system("ip link set lo mtu 65536") != 0)
        return -1;
    if (!result)
        rules_set(&rig, "input.allow", "");
    return result;
}

static inline bool source_is_allowed(struct rig *rig, const struct frame *frame, const uint8_t *bytes,
                                     uint32_t size_bytes)
{
    char text[ADDRESS_TEXT_MOST];
    address_format(&frame->source.address, text);
    rules_set(rig, "input.allow", text);
    bool allowed = judge_bytes(rig, bytes, size_bytes) == STEER_TAKEN;
    rules_set(rig, "input.allow", "203.0.113.77");
    bool refused = judge_bytes(rig, bytes, size_bytes) == STEER_NOT_ALLOWED;
    rules_set(rig, "input.allow", "");
    return allowed && refused;
}

/*
 * What the program takes is for weir alone: frame_parse() finds the datagram in it, of the same sender, or says what is
 * wrong with a length or a PROXY header, which the program does not look at. And what frame_parse() finds in a frame to
 * us is taken.
 */
static inline void assert_agreement(struct rig *rig, const uint8_t *bytes, uint32_t size_bytes, bool sender)
{
    if (size_bytes < 14)
        return; /* the kernel runs no program on less than an Ethernet header */
    struct packet packet = {.bytes = bytes, .size_bytes = size_bytes, .kind = PACKET_ETHERNET};
    struct frame frame;
    memset(&frame, 0, sizeof frame);
    enum frame_verdict read = frame_parse(&packet, &rig->rules->unpack, &frame);
    enum steer_verdict steered = judge_bytes(rig, bytes, size_bytes);
    if (steered == STEER_TAKEN)
        assert_true(read != FRAME_NOT_UDP && read != FRAME_TUNNEL_FRAGMENT);
    if (read == FRAME_DATAGRAM && frame.destination_port == 2055 && steered != STEER_TAKEN)
        assert_int_equal(steered, STEER_FRAGMENT); /* an atomic one: whole, but the kernel's */
    if (sender && steered == STEER_TAKEN && read == FRAME_DATAGRAM)
        assert_true(source_is_allowed(rig, &frame, bytes, size_bytes));
}
