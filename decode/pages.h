/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/mman.h>

/* Zeroed memory of which a page is there only once it is touched: for tables sized by a cap that few reach. NULL with
   errno. */
static inline void *pages_take(size_t size_bytes)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

/* pages may be NULL. */
static inline void pages_give(void *pages, size_t size_bytes)
{
    if (pages)
        munmap(pages, size_bytes);
}
