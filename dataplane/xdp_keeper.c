/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/xdp_dispatcher.h"

#define CLAIM_WAIT_MS 3000
#define CLAIM_STEP_MS 50

/* The same interface number means another interface in another network namespace. */
static int claim_path(char path[PATH_MAX], int interface_index)
{
    struct stat status;
    if (stat("/proc/self/ns/net", &status) < 0)
        return -errno;
    int size = snprintf(path, PATH_MAX, "%s/weir-%llu-%d", xdp_dispatcher_folder(), (unsigned long long)status.st_ino,
                        interface_index);
    return size < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Whoever had it may have removed the folder since it was opened. */
static bool is_at(int fd, const char *path)
{
    struct stat opened, there;
    return fstat(fd, &opened) == 0 && stat(path, &there) == 0 && opened.st_ino == there.st_ino;
}

/* The lock, or -EWOULDBLOCK: somebody has it, or -errno. */
static int claim_try(const char *path)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -EWOULDBLOCK : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_at(fd, path))
        return fd;
    close(fd);
    return -EWOULDBLOCK;
}

int xdp_keeper_claim(struct xdp_keeper *keeper, int interface_index)
{
    char path[PATH_MAX];
    int result = claim_path(path, interface_index);
    if (result)
        return result;
    result = claim_try(path);
    for (int waited_ms = 0; result == -EWOULDBLOCK && waited_ms < CLAIM_WAIT_MS; waited_ms += CLAIM_STEP_MS) {
        poll(NULL, 0, CLAIM_STEP_MS);
        result = claim_try(path);
    }
    keeper->lock = result;
    return result >= 0 ? 0 : result == -EWOULDBLOCK ? -EBUSY : result;
}

int xdp_keeper_is_claimed(int interface_index)
{
    char path[PATH_MAX];
    int result = claim_path(path, interface_index);
    if (result)
        return result;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    bool claimed = flock(fd, LOCK_EX | LOCK_NB) < 0;
    close(fd);
    return claimed;
}

static void claim_give(struct xdp_keeper *keeper, int interface_index)
{
    char path[PATH_MAX];
    if (keeper->lock < 0)
        return;
    if (claim_path(path, interface_index) == 0)
        rmdir(path);
    close(keeper->lock);
    keeper->lock = -1;
}

/* --- the process --- */

/* What else weir has open, its sockets above all, must go when weir goes. */
static void others_close(int first, int second)
{
    int low = first < second ? first : second, high = first < second ? second : first;
    if (low > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
    if (high > low + 1)
        close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0u, 0);
}

/* Ends by weir's end alone: what is sent to all of weir's processes would have it go before. */
static _Noreturn void keeper_run(struct xdp_keeper *keeper, int end, int interface_index, uint32_t program_id)
{
    sigset_t all;
    char byte;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "weir-keeper");
    others_close(end, keeper->lock);
    if (chdir("/") < 0)
        log_debug("the keeper of the XDP program stays in its folder: %s", strerror(errno));
    while (read(end, &byte, 1) > 0)
        ;
    int result = xdp_dispatcher_leave(interface_index, program_id);
    if (result)
        log_error("cannot take weir's XDP program (id %u) out of libxdp's dispatcher: %s; the next start tries again",
                  program_id, strerror(-result));
    claim_give(keeper, interface_index);
    _exit(result ? EXIT_FAILURE : EXIT_SUCCESS);
}

int xdp_keeper_start(struct xdp_keeper *keeper, int interface_index, uint32_t program_id)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    keeper->process = fork();
    if (keeper->process == 0)
        keeper_run(keeper, ends[0], interface_index, program_id);
    int error = errno;
    close(ends[0]);
    keeper->order = ends[1];
    if (keeper->process > 0)
        return 0;
    close(ends[1]);
    keeper->order = -1;
    return -error;
}

int xdp_keeper_end(struct xdp_keeper *keeper, int interface_index)
{
    int status = 0;
    if (keeper->order < 0) {
        claim_give(keeper, interface_index);
        return 0;
    }
    close(keeper->order);
    keeper->order = -1;
    close(keeper->lock); /* the keeper has it, and gives it when the program is off */
    keeper->lock = -1;
    while (waitpid(keeper->process, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status ? -EIO : 0;
}
