/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_memory.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HUGE_BYTES ((size_t)2 << 20)
#define NODES_MOST 1024

/* -1 where it has none: one node alone, or a device that is none of a bus. */
static int node_of(const char *interface)
{
    char path[sizeof "/sys/class/net//device/numa_node" + IFNAMSIZ];
    int node = -1;
    snprintf(path, sizeof path, "/sys/class/net/%s/device/numa_node", interface);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    if (fscanf(file, "%d", &node) != 1 || node >= NODES_MOST)
        node = -1;
    fclose(file);
    return node;
}

/* Before the first page is there; another node is better than none. */
static bool node_prefer(const struct xdp_memory *memory, int node)
{
    unsigned long mask[NODES_MOST / (8 * sizeof(unsigned long))] = {0};
    mask[(unsigned)node / (8 * sizeof *mask)] = 1ul << (unsigned)node % (8 * sizeof *mask);
    return syscall(SYS_mbind, memory->bytes, memory->mapped_bytes, MPOL_PREFERRED, mask, NODES_MOST + 1ul, 0u) == 0;
}

static bool map(struct xdp_memory *memory, size_t size_bytes, int flags)
{
    void *bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (bytes == MAP_FAILED)
        return false;
    *memory = (struct xdp_memory){.bytes = bytes, .mapped_bytes = size_bytes, .node = -1};
    return true;
}

int xdp_memory_take(struct xdp_memory *memory, const char *interface, size_t size_bytes, bool huge)
{
    *memory = (struct xdp_memory){.node = -1};
    size_t huge_bytes = (size_bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    /* Reserved here: what is missing is known now and not at the first touch. */
    bool is_huge = huge && map(memory, huge_bytes, MAP_HUGETLB | MAP_HUGE_2MB);
    if (!is_huge && !map(memory, size_bytes, 0))
        return -errno;
    memory->huge = is_huge;
    madvise(memory->bytes, memory->mapped_bytes, MADV_DONTFORK); /* pinned pages would be copied for a keeper */
    int node = node_of(interface);
    if (node >= 0 && node_prefer(memory, node))
        memory->node = node;
    return 0;
}

void xdp_memory_give(struct xdp_memory *memory)
{
    if (memory->bytes)
        munmap(memory->bytes, memory->mapped_bytes);
    memory->bytes = NULL;
}
