/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_dispatcher.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <xdp/libxdp.h>

#include "base/log.h"

const char *xdp_dispatcher_folder(void)
{
    const char *folder = secure_getenv(XDP_BPFFS_ENVVAR);
    return folder && *folder ? folder : "/sys/fs/bpf";
}

bool xdp_dispatcher_possible(char reason[XDP_REASON_BYTES])
{
    struct statfs status;
    const char *folder = xdp_dispatcher_folder();
    if (statfs(folder, &status) < 0 || status.f_type != BPF_FS_MAGIC) {
        snprintf(
            reason, XDP_REASON_BYTES,
            "libxdp's dispatcher has to be pinned, and %s is no file system for that: mount -t bpf bpf %s makes it "
            "one, or " XDP_BPFFS_ENVVAR " in the environment of all who use it names another",
            folder, folder);
        return false;
    }
    /* libxdp would attach the program alone, which nobody else could join. */
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) == 1)
        return true;
    snprintf(reason, XDP_REASON_BYTES,
             "libxdp's dispatcher needs root, and a kernel that lets one program replace a part of another (Linux 5.10 "
             "on x86-64); with input.xdp_dispatcher=off weir runs where it is alone");
    return false;
}

/* The second try is with the same struct: the object can be loaded once. */
static int modes_try(struct xdp_program *program, const struct xdp_seat *seat, bool *native)
{
    int result = -EOPNOTSUPP;
    *native = seat->native;
    if (seat->native)
        result = xdp_program__attach(program, seat->interface_index, XDP_MODE_NATIVE, 0);
    if (!result || !seat->generic)
        return result;
    if (seat->native)
        log_info("no native XDP for libxdp's dispatcher (%s), taking generic mode", strerror(-result));
    *native = false;
    return xdp_program__attach(program, seat->interface_index, XDP_MODE_SKB, 0);
}

int xdp_dispatcher_join(struct bpf_object *object, const struct xdp_seat *seat, struct xdp_seated *seated)
{
    DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = object, .prog_name = seat->program);
    struct xdp_program *program = xdp_program__create(&options);
    if (!program)
        return -errno;
    int result = xdp_program__set_run_prio(program, seat->priority);
    if (!result)
        result = modes_try(program, seat, &seated->native);
    seated->id = xdp_program__id(program);
    xdp_program__close(program);
    return result;
}

int xdp_dispatcher_leave(int interface_index, uint32_t id)
{
    struct xdp_program *program = xdp_program__from_id(id);
    int result = (int)libxdp_get_error(program);
    if (result)
        return result == -ENOENT ? 0 : result;
    /* Not XDP_MODE_UNSPEC: the kernel would put the dispatcher without it into native mode. */
    enum xdp_attach_mode mode = xdp_program__is_attached(program, interface_index);
    if (mode != XDP_MODE_UNSPEC)
        result = xdp_program__detach(program, interface_index, mode, 0);
    xdp_program__close(program);
    return result == -ENOENT ? 0 : result;
}
