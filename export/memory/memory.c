/* SPDX-License-Identifier: Apache-2.0 */
#include "export/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/processor.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
#define SHARED_MEMORY   "/dev/shm"
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; not in every libc's headers */
#endif

/* ---- where ---- */

bool memory_outlives(const struct config *config)
{
    bool spooled = false;
    for (uint32_t i = 0; i < config->output_count; i++)
        spooled |= config->outputs[i].spool.path && *config->outputs[i].spool.path;
    return spooled && config->output.memory_path && strcmp(config->output.memory_path, "none") != 0;
}

static bool is_auto(const struct config *config)
{
    return strcmp(config->output.memory_path, "auto") == 0;
}

uint32_t memory_folders(const struct config *config, const char *folders[MEMORY_FOLDERS_MOST])
{
    const char *runtime = getenv("RUNTIME_DIRECTORY"); /* systemd's, of one folder as the unit has it */
    uint32_t count = 0;
    if (!memory_outlives(config))
        return 0;
    if (!is_auto(config))
        folders[count++] = config->output.memory_path;
    if (runtime && *runtime)
        folders[count++] = runtime;
    folders[count++] = SHARED_MEMORY;
    return count;
}

/* ---- mapping ---- */

/* Where a mapping of huge pages may begin. */
static uint8_t *address_reserve(size_t bytes)
{
    uint8_t *all = mmap(NULL, bytes + HUGE_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)all & (HUGE_PAGE_BYTES - 1);
    if (before)
        munmap(all, before);
    munmap(all + before + bytes, HUGE_PAGE_BYTES - before);
    return all + before;
}

static bool map(struct memory *memory, int fd)
{
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    size_t bytes = memory->layout.total;
    uint8_t *base = fd < 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0) : MAP_FAILED;
    if (base != MAP_FAILED) { /* reserved huge pages */
        memory->base = base;
        return true;
    }
    uint8_t *at = address_reserve(bytes);
    if (!at)
        return false;
    base = mmap(at, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
    if (base == MAP_FAILED) {
        munmap(at, bytes);
        return false;
    }
    memory->base = base;
    madvise(base, bytes, MADV_HUGEPAGE);
    return true;
}

/* tmpfs has small pages unless it was mounted otherwise: the kernel puts those that are there together. */
static void pages_collapse(const struct memory *memory)
{
    if (madvise(memory->base, memory->layout.total, MADV_COLLAPSE) < 0)
        log_debug("memory of batches: no huge pages: %s", strerror(errno));
}

/* ---- the file ---- */

static bool within_limit(uint64_t bytes)
{
    struct rlimit limit; /* beyond it a signal would end the process */
    return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

/* All its room, that of each worker near the worker's processor. Returns 0 or an errno. */
static int file_fill(int fd, const struct memory_layout *layout, const struct config *config)
{
    for (uint32_t i = 0; i < layout->shape.workers; i++) {
        struct processor_visit visit;
        processor_visit(&visit, config_worker_cpu(config, i));
        uint64_t at = layout->workers + i * layout->worker_bytes;
        int error = posix_fallocate(fd, (off_t)at, (off_t)layout->worker_bytes);
        processor_return(&visit);
        if (error)
            return error;
    }
    return posix_fallocate(fd, 0, (off_t)layout->total);
}

/* A file without a name, locked and with all its room. Returns the descriptor or -errno. */
static int file_make(const char *folder, const struct memory_layout *layout, const struct config *config)
{
    struct statfs system;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = fstatfs(fd, &system) < 0 ? errno : system.f_type != TMPFS_MAGIC ? EMEDIUMTYPE : 0;
    if (!error && flock(fd, LOCK_EX | LOCK_NB) < 0)
        error = errno;
    if (!error)
        error = within_limit(layout->total) ? file_fill(fd, layout, config) : EFBIG;
    if (error)
        close(fd);
    return error ? -error : fd;
}

/* The file gets its name, and with it everything that is in it. Returns 0 or -errno. */
static int file_name(struct memory *memory, const char *folder)
{
    char from[64];
    uint64_t run;
    if (getrandom(&run, sizeof run, 0) != sizeof run)
        return -EIO;
    snprintf(from, sizeof from, "/proc/self/fd/%d", memory->fd);
    if (asprintf(&memory->path, "%s/" MEMORY_FILE_START "%016llx" MEMORY_FILE_END, folder,
                 (unsigned long long)run) < 0) {
        memory->path = NULL;
        return -ENOMEM;
    }
    if (linkat(AT_FDCWD, from, AT_FDCWD, memory->path, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    int error = -errno;
    free(memory->path);
    memory->path = NULL;
    return error;
}

static int open_shared(struct memory *memory, const struct config *config, const char *folder)
{
    int fd = file_make(folder, &memory->layout, config);
    if (fd < 0)
        return fd;
    memory->fd = fd;
    int error = map(memory, fd) ? 0 : -ENOMEM;
    if (!error)
        error = memory_header_fill((struct memory_header *)memory->base, &memory->layout.shape, config);
    if (!error)
        error = file_name(memory, folder);
    if (error) {
        memory_close(memory);
        return error;
    }
    pages_collapse(memory);
    return 0;
}

static int open_anonymous(struct memory *memory)
{
    memory->fd = -1;
    return map(memory, -1) ? 0 : -ENOMEM;
}

static const char *remedy_of(int error)
{
    return error == -ENOSPC        ? "make that file system larger, or lower output.batches or output.batch_size"
           : error == -EMEDIUMTYPE ? "write a folder on a tmpfs, as /dev/shm"
           : error == -EFBIG       ? "raise the limit on the size of files (ulimit -f)"
                                   : "write a folder on a tmpfs that can be written to";
}

/* Without it, weir runs as well: a kill costs more. Who has asked for it is not to learn so by a kill. */
static int shared_failed(struct memory *memory, const struct config *config, const char *folder, int error)
{
    const char *what = error == -EMEDIUMTYPE ? "it is not in memory" : strerror(-error);
    unsigned long long mebibytes = (memory->layout.total + (1 << 20) - 1) >> 20;
    if (!is_auto(config)) {
        log_error("output.memory_path: cannot keep %llu MiB of batches in %s: %s; %s", mebibytes, folder, what,
                  remedy_of(error));
        return error;
    }
    log_warning("a kill of weir will cost what is only in memory: cannot keep %llu MiB of batches in %s: %s; %s, or "
                "set output.memory_path",
                mebibytes, folder, what, remedy_of(error));
    return open_anonymous(memory);
}

int memory_open(struct memory *memory, const struct config *config, uint32_t workers)
{
    const char *folders[MEMORY_FOLDERS_MOST];
    struct memory_shape shape = memory_shape_of(config, workers);
    *memory = (struct memory){.fd = -1};
    if (!memory_layout_of(&shape, &memory->layout))
        return -ENOMEM;
    if (!memory_folders(config, folders))
        return open_anonymous(memory);
    int error = open_shared(memory, config, folders[0]);
    return error ? shared_failed(memory, config, folders[0], error) : 0;
}

int memory_open_bare(struct memory *memory, uint32_t batches, uint32_t batch_bytes)
{
    struct memory_shape shape = {.workers = 1, .batches = batches, .batch_bytes = batch_bytes};
    memory_shape_fit(&shape);
    *memory = (struct memory){.fd = -1};
    return memory_layout_of(&shape, &memory->layout) ? open_anonymous(memory) : -ENOMEM;
}

void memory_close(struct memory *memory)
{
    if (memory->path) {
        struct memory_header *header = (struct memory_header *)memory->base;
        atomic_store_explicit(&header->ended, 1, memory_order_release);
        unlink(memory->path);
        free(memory->path);
    }
    if (memory->base)
        munmap(memory->base, memory->layout.total);
    if (memory->layout.total && memory->fd >= 0)
        close(memory->fd);
    memory->path = NULL;
    memory->base = NULL;
    memory->fd = -1;
}
