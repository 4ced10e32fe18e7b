/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/shared.h"
#include "bpf/xdp.skel.h"
#include "dataplane/xdp_dispatcher.h"
#include "dataplane/xdp_occupant.h"

/* Milliseconds to wait for a program of a process that has just died: the kernel clears up behind it. */
#define LEFTOVER_WAIT_MS 3000
#define LEFTOVER_STEP_MS 50

static void sleep_ms(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static const char *refusal_help(int error)
{
    switch (-error) {
    case EPERM:
    case EACCES: /* the verifier trusts only CAP_PERFMON with offsets that packets give */
        return "run as root of the host, or with its CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON";
    case EOPNOTSUPP:
        return "the driver has no XDP; set input.xdp_mode to generic or auto";
    default:
        return "a large MTU or LRO can be the reason: try ip link set mtu 1500, or input.xdp_mode=generic";
    }
}

static void another_log(const struct xdp_attachment *attachment)
{
    log_error("interface %s: another weir runs on it; stop that one, or leave the interface to it",
              attachment->interface);
}

/* --- who is there --- */

static int occupant_look(const struct xdp_attachment *attachment, struct xdp_occupant *occupant)
{
    int result = xdp_occupant_find(occupant, attachment->interface_index);
    if (result)
        log_error("interface %s: cannot ask for its XDP program: %s", attachment->interface, strerror(-result));
    return result;
}

static void stranger_log(const struct xdp_attachment *attachment, const struct xdp_occupant *occupant)
{
    if (!*occupant->name)
        log_error("interface %s: an XDP program (id %u) is there already, and only root (CAP_SYS_ADMIN) may see which; "
                  "run weir as root, or stop what put it there: ip link set dev %s xdp off takes it off",
                  attachment->interface, occupant->id, attachment->interface);
    else if (occupant->kind == XDP_OCCUPANT_STRANGE)
        log_error("interface %s: libxdp's dispatcher (id %u) is there, but its programs are not pinned in %s, or it is "
                  "of another version; start weir with the LIBXDP_BPFFS of those who loaded it, or unload them "
                  "(xdp-loader unload %s --all)",
                  attachment->interface, occupant->id, xdp_dispatcher_folder(), attachment->interface);
    else
        log_error(
            "interface %s: the XDP program \"%s\" (id %u) is there, without libxdp's dispatcher, and so leaves "
            "no room for weir's; load it by xdp-loader or libxdp for both to run, stop what put it there, or take "
            "it off with: ip link set dev %s xdp off",
            attachment->interface, occupant->name, occupant->id, attachment->interface);
}

/*
 * Makes room where a program of ours is alone: one that netlink attached is taken off; one that a link holds goes with
 * its process, which may be dying. True when it is worth another look.
 */
static bool leftover_remove(const struct xdp_attachment *attachment, const struct xdp_occupant *occupant,
                            int *waited_ms)
{
    if (strcmp(occupant->name, STEER_PROGRAM_NAME) != 0) {
        stranger_log(attachment, occupant);
        return false;
    }
    if (*waited_ms >= LEFTOVER_WAIT_MS) {
        another_log(attachment);
        return false;
    }
    *waited_ms += LEFTOVER_STEP_MS;
    if (bpf_xdp_detach(attachment->interface_index, occupant->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE, NULL) ==
        0)
        log_info("interface %s: took off the XDP program that an earlier weir left", attachment->interface);
    else
        sleep_ms(LEFTOVER_STEP_MS);
    return true;
}

/* Until no program is alone on it that is ours. */
static int leftovers_remove(const struct xdp_attachment *attachment, struct xdp_occupant *occupant)
{
    int waited_ms = 0, result = occupant_look(attachment, occupant);
    while (!result && occupant->kind == XDP_OCCUPANT_ALONE)
        result = leftover_remove(attachment, occupant, &waited_ms) ? occupant_look(attachment, occupant) : -EBUSY;
    return result;
}

/* --- the way --- */

static int claim(struct xdp_attachment *attachment)
{
    int result = xdp_keeper_claim(&attachment->keeper, attachment->interface_index);
    if (result == -EBUSY)
        another_log(attachment);
    else if (result)
        log_error("interface %s: cannot make a folder for its lock in %s: %s; run weir as root", attachment->interface,
                  xdp_dispatcher_folder(), strerror(-result));
    return result;
}

/* With the claim, what is ours in the dispatcher has nobody. Looks again behind it. */
static int stale_remove(const struct xdp_attachment *attachment, struct xdp_occupant *occupant)
{
    const struct xdp_joined *own;
    int result = 0, removed = 0;
    while (!result && (own = xdp_occupant_own(occupant)) && removed++ < XDP_JOINED_MOST) {
        uint32_t id = own->id;
        result = xdp_dispatcher_leave(attachment->interface_index, id);
        if (!result)
            log_info("interface %s: took the XDP program (id %u) that a killed weir left out of libxdp's dispatcher",
                     attachment->interface, id);
        else
            log_error("interface %s: cannot take the XDP program (id %u) that a killed weir left out of libxdp's "
                      "dispatcher: %s; xdp-loader unload %s --id %u does",
                      attachment->interface, id, strerror(-result), attachment->interface, id);
        if (!result)
            result = occupant_look(attachment, occupant);
    }
    return result;
}

static int dispatcher_suits(const struct xdp_attachment *attachment, const struct config *config,
                            const struct xdp_occupant *occupant)
{
    char others[XDP_OTHERS_BYTES];
    xdp_occupant_others(occupant, others);
    if (config->input.xdp_dispatcher == DISPATCHER_OFF) {
        log_error("interface %s: libxdp's dispatcher is there with %s, and input.xdp_dispatcher=off has weir not join; "
                  "auto would",
                  attachment->interface, others);
        return -EBUSY;
    }
    if (occupant->count == XDP_JOINED_MOST) {
        log_error("interface %s: libxdp's dispatcher is full with %s; unload one of them", attachment->interface,
                  others);
        return -EBUSY;
    }
    if (config->input.xdp_mode != XDP_MODE_AUTO && (config->input.xdp_mode == XDP_MODE_NATIVE) != occupant->native) {
        log_error("interface %s: libxdp's dispatcher with %s is in %s mode; set input.xdp_mode to auto or %s",
                  attachment->interface, others, occupant->native ? "native" : "generic",
                  occupant->native ? "native" : "generic");
        return -EBUSY;
    }
    return 0;
}

static int beside_choose(struct xdp_attachment *attachment, const struct config *config, struct xdp_occupant *occupant)
{
    char reason[XDP_REASON_BYTES];
    if (!xdp_dispatcher_possible(reason)) {
        log_error("interface %s: %s", attachment->interface, reason);
        return -EOPNOTSUPP;
    }
    int result = claim(attachment);
    if (!result)
        result = stale_remove(attachment, occupant);
    if (!result && occupant->kind == XDP_OCCUPANT_DISPATCHER)
        result = dispatcher_suits(attachment, config, occupant);
    if (result)
        return result;
    attachment->beside = occupant->kind == XDP_OCCUPANT_DISPATCHER || config->input.xdp_dispatcher == DISPATCHER_ON;
    if (!attachment->beside)
        return xdp_keeper_end(&attachment->keeper, attachment->interface_index);
    if (occupant->kind == XDP_OCCUPANT_DISPATCHER)
        attachment->flags = occupant->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    return 0;
}

static uint32_t modes_of(const struct config *config)
{
    switch (config->input.xdp_mode) {
    case XDP_MODE_NATIVE:
        return XDP_FLAGS_DRV_MODE;
    case XDP_MODE_GENERIC:
        return XDP_FLAGS_SKB_MODE;
    default:
        return XDP_FLAGS_DRV_MODE | XDP_FLAGS_SKB_MODE;
    }
}

int xdp_attachment_choose(struct xdp_attachment *attachment, const struct config *config)
{
    struct xdp_occupant occupant;
    attachment->flags = modes_of(config);
    int result = leftovers_remove(attachment, &occupant);
    if (!result && occupant.kind == XDP_OCCUPANT_STRANGE) {
        stranger_log(attachment, &occupant);
        result = -EBUSY;
    }
    if (!result && (occupant.kind == XDP_OCCUPANT_DISPATCHER || config->input.xdp_dispatcher == DISPATCHER_ON))
        result = beside_choose(attachment, config, &occupant);
    return result;
}

/* --- beside others --- */

/* What xdp_bpf__load() does behind bpf_object__load(), which libxdp calls: the program's variables, shared with it. */
static int variables_map(struct xdp_bpf *skeleton)
{
    size_t size_bytes = 0;
    bpf_map__initial_value(skeleton->maps.bss, &size_bytes);
    void *mapped = mmap(skeleton->bss, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        bpf_map__fd(skeleton->maps.bss), 0);
    return mapped == MAP_FAILED ? -errno : 0;
}

static int beside_load(struct xdp_attachment *attachment, const struct config *config, struct xdp_bpf *skeleton)
{
    const struct xdp_seat seat = {.program = STEER_PROGRAM_NAME,
                                  .interface_index = attachment->interface_index,
                                  .priority = config->input.xdp_priority,
                                  .native = attachment->flags & XDP_FLAGS_DRV_MODE,
                                  .generic = attachment->flags & XDP_FLAGS_SKB_MODE};
    struct xdp_seated seated = {.id = 0};
    struct xdp_occupant occupant;
    char others[XDP_OTHERS_BYTES];
    int result = xdp_dispatcher_join(skeleton->obj, &seat, &seated);
    if (result) {
        log_error("interface %s: cannot join libxdp's dispatcher: %s; %s", attachment->interface, strerror(-result),
                  result == -EPERM || result == -EACCES ? "run as root: it takes CAP_SYS_ADMIN" : refusal_help(result));
        return result;
    }
    attachment->flags = seated.native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    result = xdp_keeper_start(&attachment->keeper, attachment->interface_index, seated.id);
    if (result) {
        log_error("interface %s: no process to take the XDP program off again: %s", attachment->interface,
                  strerror(-result));
        xdp_dispatcher_leave(attachment->interface_index, seated.id);
        return result;
    }
    xdp_occupant_find(&occupant, attachment->interface_index);
    log_info("interface %s: in libxdp's dispatcher with priority %u, beside %s", attachment->interface, seat.priority,
             *xdp_occupant_others(&occupant, others) ? others : "nobody yet");
    return variables_map(skeleton);
}

int xdp_attachment_load(struct xdp_attachment *attachment, const struct config *config, struct xdp_bpf *skeleton)
{
    if (attachment->beside)
        return beside_load(attachment, config, skeleton);
    int result = xdp_bpf__load(skeleton);
    if (result)
        log_error("interface %s: the kernel refuses the XDP program: %s; %s", attachment->interface, strerror(-result),
                  result == -EPERM || result == -EACCES ? refusal_help(result)
                                                        : "Linux 5.10 or newer is needed; log.level=debug says more");
    return result;
}

/* --- alone --- */

static int mode_attach_once(struct xdp_attachment *attachment, int program, uint32_t flags)
{
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
    int link = bpf_link_create(program, attachment->interface_index, BPF_XDP, &options);
    if (link >= 0) {
        attachment->link = link;
        return 0;
    }
    if (link != -EINVAL)
        return link;
    /* Kernels before 5.9 know no XDP links. */
    int result = bpf_xdp_attach(attachment->interface_index, program, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
    attachment->attached = !result;
    return result;
}

/* Somebody may have come since the way was chosen. */
static int mode_attach(struct xdp_attachment *attachment, int program, uint32_t flags)
{
    struct xdp_occupant occupant;
    int waited_ms = 0, result;
    while ((result = mode_attach_once(attachment, program, flags)) == -EBUSY || result == -EEXIST) {
        if (occupant_look(attachment, &occupant) || !leftover_remove(attachment, &occupant, &waited_ms))
            return -EBUSY;
    }
    if (!result)
        attachment->flags = flags;
    return result;
}

int xdp_attachment_make(struct xdp_attachment *attachment, const struct config *config, struct xdp_bpf *skeleton)
{
    int program = bpf_program__fd(skeleton->progs.weir_steer), result = -EOPNOTSUPP;
    if (attachment->beside)
        return 0;
    if (config->input.xdp_mode != XDP_MODE_GENERIC)
        result = mode_attach(attachment, program, XDP_FLAGS_DRV_MODE);
    if (result == -EBUSY)
        return result;
    if (result && config->input.xdp_mode == XDP_MODE_AUTO)
        log_info("interface %s: no native XDP (%s), taking generic mode", attachment->interface, strerror(-result));
    if (result && config->input.xdp_mode != XDP_MODE_NATIVE)
        result = mode_attach(attachment, program, XDP_FLAGS_SKB_MODE);
    if (result && result != -EBUSY)
        log_error("interface %s: cannot attach the XDP program: %s; %s", attachment->interface, strerror(-result),
                  refusal_help(result));
    return result;
}

void xdp_attachment_end(struct xdp_attachment *attachment)
{
    if (attachment->link >= 0)
        close(attachment->link);
    if (attachment->attached)
        bpf_xdp_detach(attachment->interface_index, attachment->flags, NULL);
    if (xdp_keeper_end(&attachment->keeper, attachment->interface_index))
        log_error("interface %s: weir's XDP program is still in libxdp's dispatcher; the next start takes it out",
                  attachment->interface);
    attachment->link = -1;
    attachment->attached = false;
}
