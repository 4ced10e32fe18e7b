/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sandbox.h"

#include <errno.h>
#include <linux/bpf.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

/*
 * What workers do: receive, sleep and be woken, ask for losses, take memory for templates, log, end. A call that a
 * backend's receive, release or losses makes is to stand here, or the backend is not to say sandboxed. No open, no
 * socket, no exec: who takes a worker over by a datagram has what it already has.
 */
static const int calls[] = {
    /* receive */
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendto), /* wakes a driver that waits for it (AF_XDP) */
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(getsockopt), /* losses, and how full sockets are */
    SCMP_SYS(getrandom),  /* TLS, in what it answers to an alert or a change of keys */
    /* sleep, wake and be woken */
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime), /* where the vDSO has none */
    SCMP_SYS(gettimeofday),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(read),  /* eventfd */
    SCMP_SYS(write), /* eventfd, log */
    SCMP_SYS(writev),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* the thread and its end */
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(tgkill), /* abort() of a failed assertion */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Calls that are right with some arguments alone. */
static const struct {
    int call;
    struct scmp_arg_cmp argument;
} calls_limited[] = {
    /* the count of what the XDP program dropped */
    {SCMP_SYS(bpf), {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = BPF_MAP_LOOKUP_ELEM}},
    {SCMP_SYS(mmap), {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0}},
    {SCMP_SYS(mprotect), {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0}},
};

static int filter_load(uint32_t action)
{
    scmp_filter_ctx filter = seccomp_init(action);
    int result = filter ? 0 : -ENOMEM;
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0] && !result; i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (unsigned i = 0; i < sizeof calls_limited / sizeof calls_limited[0] && !result; i++)
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls_limited[i].call, 1, &calls_limited[i].argument);
    if (!result)
        result = seccomp_load(filter); /* with no_new_privs, of this thread; without TSYNC, for this thread */
    if (filter)
        seccomp_release(filter);
    return result;
}

int sandbox_enter(const struct config *config)
{
    static struct log_cause cause;
    if (config->seccomp == SECCOMP_OFF)
        return 0;
    int result = filter_load(config->seccomp == SECCOMP_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    if (result)
        log_limited(&cause, LOG_LEVEL_WARNING,
                    "seccomp: the kernel refuses the workers' filter (%s): they can make every system call; "
                    "seccomp=off says that this is meant",
                    strerror(-result));
    return result;
}

bool sandbox_built(void)
{
    return true;
}
