/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A burst never asks the system for anything: the worker is driven by hand over every golden datagram, from the first
 * template on, while a trap is set on its thread for malloc and its kin and for every system call. The one call allowed
 * is the write of eight bytes to an eventfd that wakes a sleeping output, once a burst at most. The output has a spool,
 * so what a start after a kill must know is written down as well.
 *
 * Not for builds with sanitizers, whose malloc is their own: meson leaves it out there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "config/config.h"
#include "dataplane/backend_memory.h"
#include "dataplane/crew.h"
#include "tests/unit/capture_folder.h"

/* From linux/prctl.h (5.11), which Debian 12's headers have and older ones lack. */
#define DISPATCH_SET   59
#define DISPATCH_OFF   0
#define DISPATCH_ON    1
#define SELECTOR_ALLOW 0
#define SELECTOR_BLOCK 1

#define CALLS_MOST 16

/* Written by the thread under test and its own signal handler. */
static struct {
    volatile char selector;       /* the kernel reads it at every system call */
    uint64_t allocations;
    uint64_t wakeups;
    uint64_t calls;               /* system calls other than wake-ups */
    long numbers[CALLS_MOST];     /* of the first of them */
} trap;

static __thread bool trapped;     /* this thread's calls of malloc count */

/* --- malloc and its kin --- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

void *malloc(size_t size)
{
    trap.allocations += trapped;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    trap.allocations += trapped;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    trap.allocations += trapped;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    trap.allocations += trapped;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    trap.allocations += trapped;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    trap.allocations += trapped && memory;
    __libc_free(memory);
}

/* --- system calls --- */

static bool is_wakeup(long number, const greg_t *registers)
{
    return number == SYS_write && registers[REG_RDX] == 8;
}

/* Notes the call, makes it in the program's stead, and lets the program go on. */
static void on_system_call(int signal_number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    int error = errno;
    trap.selector = SELECTOR_ALLOW;
    if (is_wakeup(info->si_syscall, registers)) {
        trap.wakeups++;
    } else {
        if (trap.calls < CALLS_MOST)
            trap.numbers[trap.calls] = info->si_syscall;
        trap.calls++;
    }
    long result = syscall(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                          registers[REG_R10], registers[REG_R8], registers[REG_R9]);
    registers[REG_RAX] = result < 0 ? -errno : result;
    errno = error;
    /* The way back is a system call as well, so the rest of this burst is not watched: the next one is again. */
}

static bool trap_init(void)
{
    struct sigaction action = {.sa_sigaction = on_system_call, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    return prctl(DISPATCH_SET, DISPATCH_ON, 0, 0, &trap.selector) == 0;
}

static void trap_fini(void)
{
    prctl(DISPATCH_SET, DISPATCH_OFF, 0, 0, 0);
}

static uint32_t worker_trapped_burst(struct worker *worker)
{
    uint64_t wakeups = trap.wakeups;
    trapped = true;
    trap.selector = SELECTOR_BLOCK;
    uint32_t count = worker_burst(worker);
    trap.selector = SELECTOR_ALLOW;
    trapped = false;
    assert_true(trap.wakeups - wakeups <= 1);
    return count;
}

static void assert_nothing_trapped(void)
{
    for (uint64_t i = 0; i < trap.calls && i < CALLS_MOST; i++)
        print_error("system call %ld in a burst\n", trap.numbers[i]);
    if (trap.allocations)
        print_error("%llu calls of malloc and its kin in a burst\n", (unsigned long long)trap.allocations);
    assert_int_equal(trap.calls, 0);
    assert_int_equal(trap.allocations, 0);
}

/* --- datagrams --- */

#define DATAGRAMS_MOST 4096
#define ROUNDS         3 /* in which each of them comes once */

struct load {
    struct capture captures[256];
    size_t capture_count;
    struct memory_datagram datagrams[DATAGRAMS_MOST];
    uint32_t count;
};

/* Every golden case's datagrams, each case from addresses of its own so that none disturbs another's templates. */
static void load_case(struct load *load, const char *folder)
{
    struct capture *capture = &load->captures[load->capture_count];
    capture_read(capture, folder);
    for (size_t i = 0; i < capture->count; i++) {
        struct capture_datagram *item = &capture->items[i];
        assert_true(load->count < DATAGRAMS_MOST);
        struct memory_datagram *datagram = &load->datagrams[load->count++];
        uint8_t *bytes = calloc(1, item->size_bytes + PACKET_SLACK_BYTES);
        memcpy(bytes, item->bytes, item->size_bytes);
        datagram->payload = bytes;
        datagram->size_bytes = (uint32_t)item->size_bytes;
        assert_true(endpoint_parse(item->exporter, &datagram->source));
        datagram->source.address.bytes[15] = (uint8_t)load->capture_count;
    }
    load->capture_count++;
}

static void load_init(struct load *load)
{
    glob_t found;
    const char *folder = getenv("WEIR_GOLDEN");
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%s/*", folder ? folder : "tests/golden");
    assert_int_equal(glob(pattern, GLOB_ONLYDIR, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc && load->capture_count < 255; i++)
        load_case(load, found.gl_pathv[i]);
    globfree(&found);
    assert_true(load->count > 100);
}

static void load_fini(struct load *load)
{
    for (uint32_t i = 0; i < load->count; i++)
        free((void *)load->datagrams[i].payload);
    for (size_t i = 0; i < load->capture_count; i++)
        capture_free(&load->captures[i]);
}

/* --- the worker --- */

struct rig {
    struct config config;
    struct elements *elements;
    struct networks *networks;
    struct outputs *output;
    struct journal *journal;
    struct crew *crew;
    struct memory_input input;
    struct backend backend;
    struct load load;
    char folder[64];
    char path_setting[128];
    char spool_setting[128];
    char journal_setting[128];
};

/* journal: the folder of the journal of templates. */
static void rig_configure(struct rig *rig, const char *profile_setting, const char *journal)
{
    struct config_problems problems = {0};
    strcpy(rig->folder, "/tmp/weir-burst-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->path_setting, sizeof rig->path_setting, "output.path=%s/documents.ndjson", rig->folder);
    snprintf(rig->spool_setting, sizeof rig->spool_setting, "output.spool.path=%s/spool", rig->folder);
    snprintf(rig->journal_setting, sizeof rig->journal_setting, "templates.path=%s", journal);
    const char *settings[] = {profile_setting,
                              rig->path_setting,
                              rig->spool_setting,
                              rig->journal_setting,
                              "output.batch_size=256KiB",
                              "output.batches=256",
                              "detect_sequence_reset=false",
                              "output.batch_age=1ms"};
    struct config_sources sources = {.settings = settings, .setting_count = sizeof settings / sizeof *settings};
    assert_int_equal(config_load(&rig->config, &sources, &problems), 0);
    config_problems_fini(&problems);
}

static void rig_init(struct rig *rig, const char *profile_setting, const char *journal)
{
    struct config_problems problems = {0};
    rig_configure(rig, profile_setting, journal);
    load_init(&rig->load);
    const struct profile *profile = profile_of(rig->config.output.profile);
    rig->elements = elements_new(profile, &rig->config.custom_definitions, &problems);
    rig->networks = networks_new(&rig->config.internal_networks, &problems);
    rig->output = outputs_open(&rig->config, 1);
    assert_true(rig->elements && rig->networks && rig->output);
    assert_int_equal(journal_open(&rig->journal, &rig->config, 1), 0);
    rig->crew = crew_new(&(struct crew_setup){.config = &rig->config, .profile = profile, .elements = rig->elements,
                                              .networks = rig->networks, .outputs = rig->output, .worker_count = 1,
                                              .journal = rig->journal});
    assert_non_null(rig->crew);
    rig->input = (struct memory_input){.datagrams = rig->load.datagrams, .count = rig->load.count, .rounds = ROUNDS};
    rig->backend = (struct backend){.ops = &backend_memory, .state = &rig->input};
    assert_int_equal(backend_memory.open(&rig->backend, &rig->config, 1), 0);
    assert_int_equal(crew_add_backend(rig->crew, &rig->backend), 0);
    trap.calls = trap.allocations = trap.wakeups = 0;
}

static void rig_fini(struct rig *rig)
{
    worker_finish(crew_worker(rig->crew, 0));
    assert_int_equal(outputs_close(rig->output), 0);
    backend_memory.close(&rig->backend);
    crew_free(rig->crew);
    journal_finish(rig->journal);
    journal_free(rig->journal);
    outputs_free(rig->output);
    networks_free(rig->networks);
    elements_free(rig->elements);
    load_fini(&rig->load);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", rig->folder);
    assert_int_equal(system(command), 0);
    config_fini(&rig->config);
}

static uint64_t counted(struct rig *rig, enum counter counter)
{
    return counter_read(&worker_counters(crew_worker(rig->crew, 0))->value[counter]);
}

static void journal_remove(const char *journal)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", journal);
    assert_int_equal(system(command), 0);
}

/* Returns the templates that came from the journal. */
static uint64_t bursts_run(const char *profile_setting, const char *journal)
{
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig_init(&rig, profile_setting, journal);
    struct worker *worker = crew_worker(rig.crew, 0);
    if (!trap_init()) {
        rig_fini(&rig);
        journal_remove(journal);
        skip(); /* no syscall user dispatch: a kernel before 5.11 */
    }
    while (!worker_exhausted(worker))
        worker_trapped_burst(worker);
    trap_fini();
    assert_nothing_trapped();
    assert_int_equal(counted(&rig, COUNTER_packets_received), (uint64_t)ROUNDS * rig.load.count);
    assert_true(counted(&rig, COUNTER_records_received) > 1000);
    assert_true(counted(&rig, COUNTER_programs_compiled) > 100);
    assert_int_equal(counted(&rig, COUNTER_records_no_batch), 0);
    uint64_t restored = counted(&rig, COUNTER_templates_restored);
    rig_fini(&rig);
    return restored;
}

/* Twice: templates are learned in the first run, and taken from the journal in the second. */
static void runs_ask_for_nothing(const char *profile_setting)
{
    char journal[] = "/tmp/weir-burst-journal-XXXXXX";
    assert_non_null(mkdtemp(journal));
    assert_int_equal(bursts_run(profile_setting, journal), 0);
    assert_true(bursts_run(profile_setting, journal) > 50);
    journal_remove(journal);
}

static void profile_weir_asks_for_nothing(void **state)
{
    runs_ask_for_nothing("output.profile=weir");
}

static void profile_elastic_asks_for_nothing(void **state)
{
    runs_ask_for_nothing("output.profile=elastic");
}

/* The trap itself: a test that cannot fail would prove nothing. */
static void trap_catches(void **state)
{
    if (!trap_init())
        skip();
    trap.calls = trap.allocations = trap.wakeups = 0;
    trapped = true;
    trap.selector = SELECTOR_BLOCK;
    long parent = syscall(SYS_getppid);
    trap.selector = SELECTOR_ALLOW;
    void *volatile memory = malloc(100);
    free(memory);
    trapped = false;
    trap_fini();
    assert_int_equal(parent, getppid()); /* the call was made all the same */
    assert_int_equal(trap.calls, 1);
    assert_int_equal(trap.numbers[0], SYS_getppid);
    assert_int_equal(trap.allocations, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trap_catches),
        cmocka_unit_test(profile_weir_asks_for_nothing),
        cmocka_unit_test(profile_elastic_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
