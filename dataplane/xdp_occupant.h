/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define XDP_NAME_BYTES  17 /* BPF_OBJ_NAME_LEN and a zero */
#define XDP_JOINED_MOST 10 /* programs that libxdp's dispatcher has room for */

enum xdp_occupant_kind {
    XDP_OCCUPANT_NONE,
    XDP_OCCUPANT_ALONE,      /* one program, which leaves no room */
    XDP_OCCUPANT_DISPATCHER, /* libxdp's, which calls several in turn */
    XDP_OCCUPANT_STRANGE,    /* a dispatcher whose programs are not pinned where libxdp looks (LIBXDP_BPFFS), or that
                                is of another version */
};

struct xdp_joined {
    uint32_t id;
    uint32_t priority; /* lower ones are called earlier */
    char name[XDP_NAME_BYTES];
};

/* What XDP runs on an interface. */
struct xdp_occupant {
    enum xdp_occupant_kind kind;
    bool native;               /* in the driver, or in the kernel's stack */
    uint32_t id;               /* of the program, or the dispatcher */
    char name[XDP_NAME_BYTES]; /* "" where only CAP_SYS_ADMIN may know */
    uint32_t count;            /* of the dispatcher's programs, in the order in which they run */
    struct xdp_joined joined[XDP_JOINED_MOST];
};

/* Returns 0 or -errno. Looks for pins where there is somebody alone. */
int xdp_occupant_find(struct xdp_occupant *occupant, int interface_index);

/* weir's own in the dispatcher, or NULL. */
const struct xdp_joined *xdp_occupant_own(const struct xdp_occupant *occupant);

#define XDP_OTHERS_BYTES (XDP_JOINED_MOST * (XDP_NAME_BYTES + 2))

/* The names of the others in the dispatcher, as "one, two"; returns text. */
const char *xdp_occupant_others(const struct xdp_occupant *occupant, char text[XDP_OTHERS_BYTES]);
