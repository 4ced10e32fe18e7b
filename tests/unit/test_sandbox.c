/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/sandbox.h"

/* A worker's thread may do its work and nothing else; the others are as free as before. */

struct seen {
    uint32_t action;
    int entered;
    int open_error;
    int socket_error;
    int exec_error;
    int program_error; /* loading a BPF program */
    int lookup_error;  /* reading a map */
    int code_error;    /* memory that can be executed */
    bool memory;
    bool written;
    int pipe;
};

static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static void *thread_try(void *argument)
{
    static char *const nothing[] = {NULL};
    struct seen *seen = argument;
    struct config config = {.seccomp = seen->action};
    union bpf_attr attributes = {.map_fd = (uint32_t)-1};
    seen->entered = sandbox_enter(&config);
    seen->open_error = error_of(open("/dev/null", O_RDONLY | O_CLOEXEC));
    seen->socket_error = error_of(socket(AF_INET, SOCK_DGRAM, 0));
    seen->exec_error = error_of(execve("/nowhere", nothing, nothing));
    seen->program_error = error_of(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
    seen->lookup_error = error_of(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof attributes));
    seen->code_error =
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
    uint8_t *bytes = malloc((size_t)64 << 20);
    seen->memory = bytes != NULL;
    if (bytes)
        memset(bytes, 1, (size_t)64 << 20);
    free(bytes);
    seen->written = write(seen->pipe, "x", 1) == 1;
    return NULL;
}

/* Runs a thread in the sandbox; what it has seen. */
static struct seen thread_run(uint32_t action)
{
    struct seen seen = {.action = action};
    pthread_t thread;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    seen.pipe = ends[1];
    assert_int_equal(pthread_create(&thread, NULL, thread_try, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(ends[0]);
    close(ends[1]);
    return seen;
}

static void test_error(void **state)
{
    (void)state;
    if (!sandbox_built())
        skip();
    struct seen seen = thread_run(SECCOMP_ERROR);
    assert_int_equal(seen.entered, 0);
    assert_int_equal(seen.open_error, EPERM);
    assert_int_equal(seen.socket_error, EPERM);
    assert_int_equal(seen.exec_error, EPERM);
    assert_int_equal(seen.program_error, EPERM);
    assert_int_equal(seen.code_error, EPERM);
    assert_int_not_equal(seen.lookup_error, 0);
    assert_true(seen.memory && seen.written);
    /* this thread, in the same process */
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

static void test_off(void **state)
{
    (void)state;
    struct seen seen = thread_run(SECCOMP_OFF);
    assert_int_equal(seen.open_error, 0);
    assert_int_equal(seen.socket_error, 0);
    assert_int_equal(seen.exec_error, ENOENT);
    assert_int_equal(seen.code_error, 0);
}

static void test_kill(void **state)
{
    int status;
    (void)state;
    if (!sandbox_built())
        skip();
    pid_t child = fork();
    if (!child) {
        thread_run(SECCOMP_KILL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
