/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_occupant.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "bpf/shared.h"

#define DISPATCHER_NAME "xdp_dispatcher"

static void name_find(uint32_t id, char name[XDP_NAME_BYTES])
{
    struct bpf_prog_info info = {0};
    uint32_t info_bytes = sizeof info;
    int fd = bpf_prog_get_fd_by_id(id);
    if (fd < 0)
        return;
    if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) == 0)
        snprintf(name, XDP_NAME_BYTES, "%s", info.name);
    close(fd);
}

static void joined_find(struct xdp_occupant *occupant, int interface_index)
{
    struct xdp_multiprog *multiprog = xdp_multiprog__get_from_ifindex(interface_index);
    occupant->kind = XDP_OCCUPANT_STRANGE;
    if (libxdp_get_error(multiprog))
        return;
    if (!xdp_multiprog__is_legacy(multiprog))
        occupant->kind = XDP_OCCUPANT_DISPATCHER;
    for (struct xdp_program *at = NULL;
         occupant->count < XDP_JOINED_MOST && (at = xdp_multiprog__next_prog(at, multiprog));) {
        struct xdp_joined *joined = &occupant->joined[occupant->count++];
        *joined = (struct xdp_joined){.id = xdp_program__id(at), .priority = xdp_program__run_prio(at)};
        snprintf(joined->name, sizeof joined->name, "%s", xdp_program__name(at));
    }
    xdp_multiprog__close(multiprog);
}

int xdp_occupant_find(struct xdp_occupant *occupant, int interface_index)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    *occupant = (struct xdp_occupant){.kind = XDP_OCCUPANT_NONE};
    int result = bpf_xdp_query(interface_index, 0, &query);
    if (result < 0)
        return result;
    occupant->id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id ? query.skb_prog_id : query.prog_id;
    if (!occupant->id)
        return 0;
    occupant->kind = XDP_OCCUPANT_ALONE;
    occupant->native = query.drv_prog_id;
    name_find(occupant->id, occupant->name);
    if (strcmp(occupant->name, DISPATCHER_NAME) == 0)
        joined_find(occupant, interface_index);
    return 0;
}

const struct xdp_joined *xdp_occupant_own(const struct xdp_occupant *occupant)
{
    for (uint32_t i = 0; i < occupant->count; i++)
        if (strcmp(occupant->joined[i].name, STEER_PROGRAM_NAME) == 0)
            return &occupant->joined[i];
    return NULL;
}

const char *xdp_occupant_others(const struct xdp_occupant *occupant, char text[XDP_OTHERS_BYTES])
{
    size_t size = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < occupant->count; i++)
        if (strcmp(occupant->joined[i].name, STEER_PROGRAM_NAME) != 0)
            size += (size_t)snprintf(text + size, XDP_OTHERS_BYTES - size, "%s%s", size ? ", " : "",
                                     occupant->joined[i].name);
    return text;
}
