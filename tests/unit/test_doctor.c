/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "app/doctor/checks.h"
#include "app/doctor/nic.h"
#include "dataplane/netdev.h"
#include "tests/unit/doctor_fixture.h"

static void test_numa(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_numa), FINDING_UNKNOWN, "no nodes", NULL);
    file_put(fixture, "/sys/devices/system/node/online", "0\n");
    expect(run(fixture, check_numa), FINDING_OK, "one node", NULL);
    file_put(fixture, "/sys/devices/system/node/online", "0-1\n");
    expect(run(fixture, check_numa), FINDING_UNKNOWN, "no node", NULL);
    file_put(fixture, "/sys/class/net/eth9/device/numa_node", "1\n");
    expect(run(fixture, check_numa), FINDING_UNKNOWN, "node 1", NULL);
    file_put(fixture, "/sys/devices/system/node/node1/cpulist", "8-15,24-31\n");
    expect(run(fixture, check_numa), FINDING_CHANGE, "8-15,24-31", "input.cpus: [8, 9]");
    configure(fixture, "input:\n  cpus: [2, 8, 9, 15]\n");
    expect(run(fixture, check_numa), FINDING_CHANGE, "has 2 of another", "input.cpus: [8, 9]");
    configure(fixture, "input:\n  cpus: [8, 31]\n");
    expect(run(fixture, check_numa), FINDING_OK, "as input.cpus is", NULL);
}

static void test_interrupts(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_interrupts), FINDING_UNKNOWN, "/proc/interrupts", NULL);
    file_put(fixture, "/proc/interrupts",
             "      CPU0  CPU1\n 40:  0  1  PCI-MSI 0-edge  eth9-TxRx-0\n 41:  0  1  PCI-MSI 1-edge  eth9-TxRx-1\n"
             "42: 0  1  PCI-MSI 2-edge  eth9-config\n 43: 0  1  PCI-MSI 3-edge  eth9-event-2\n");
    expect(run(fixture, check_interrupts), FINDING_UNKNOWN, "/sys shows nothing", NULL);
    file_put(fixture, "/sys/class/net/eth9/ifindex", "9\n");
    expect(run(fixture, check_interrupts), FINDING_OK, "none of its own", NULL);
    for (int number = 40; number <= 43; number++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/class/net/eth9/device/msi_irqs/%d", number);
        file_put(fixture, path, "msix\n");
        snprintf(path, sizeof path, "/proc/irq/%d/smp_affinity_list", number);
        file_put(fixture, path, "600\n");
    }
    cpu_set_t allowed;
    processors_allowed(&allowed);
    enum finding_kind kind = CPU_COUNT(&allowed) > 1 ? FINDING_CHANGE : FINDING_OK;
    expect(run(fixture, check_interrupts), kind, kind == FINDING_CHANGE ? "2 queues interrupt" : "2 receiving",
           kind == FINDING_CHANGE ? "weir-nic-setup eth9" : NULL);
    file_put(fixture, "/proc/irq/41/effective_affinity_list", "601\n"); /* stronger than what was asked for */
    expect(run(fixture, check_interrupts), FINDING_OK, "2 receiving, at processors 600-601", NULL);
    file_put(fixture, "/proc/4711/comm", "irqbalance\n");
    expect(run(fixture, check_interrupts), FINDING_CHANGE, "irqbalance", "systemctl disable");
}

/* Files of every processor that there can be: the test does not know on which it may run. */
static void every_processor(const struct fixture *fixture, const char *name, const char *text)
{
    cpu_set_t allowed;
    char path[256];
    processors_allowed(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
        file_put(fixture, path, text);
    }
}

static void test_frequency(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_governor), FINDING_UNKNOWN, "cannot be read", NULL);
    file_put(fixture, "/sys/devices/system/cpu/online", "0-1\n");
    expect(run(fixture, check_governor), FINDING_OK, "nothing to choose", NULL);
    every_processor(fixture, "cpufreq/scaling_governor", "powersave\n");
    expect(run(fixture, check_governor), FINDING_CHANGE, "powersave", "cpupower frequency-set");
    every_processor(fixture, "cpufreq/scaling_governor", "performance\n");
    expect(run(fixture, check_governor), FINDING_OK, "performance", NULL);
}

static void test_idle(void **state)
{
    struct fixture *fixture = *state;
    every_processor(fixture, "cpuidle/state0/latency", "2\n");
    every_processor(fixture, "cpuidle/state0/name", "C1\n");
    expect(run(fixture, check_idle), FINDING_OK, "C1, 2 us", NULL);
    every_processor(fixture, "cpuidle/state1/latency", "133\n");
    every_processor(fixture, "cpuidle/state1/name", "C6\n");
    expect(run(fixture, check_idle), FINDING_CHANGE, "C6 takes 133 us", "cpupower idle-set");
    every_processor(fixture, "cpuidle/state1/disable", "1\n");
    expect(run(fixture, check_idle), FINDING_OK, "C1", NULL);
}

static void test_isolation(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_isolation), FINDING_UNKNOWN, "cannot be read", NULL);
    file_put(fixture, "/sys/devices/system/cpu/isolated", "\n");
    expect(run(fixture, check_isolation), FINDING_OK, "no processor is", NULL);
    file_put(fixture, "/sys/devices/system/cpu/isolated", "4-6\n");
    expect(run(fixture, check_isolation), FINDING_CHANGE, "4-6", "input.cpus");
    configure(fixture, "input:\n  cpus: [3, 4]\n");
    expect(run(fixture, check_isolation), FINDING_CHANGE, "processors 3, too", "isolcpus=3");
    configure(fixture, "input:\n  cpus: [5, 4]\n");
    expect(run(fixture, check_isolation), FINDING_OK, "isolated: 4-6", NULL);
}

static void test_memory(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_memory), FINDING_UNKNOWN, "/proc/meminfo", NULL);
    file_put(fixture, "/proc/meminfo", "MemTotal: 2048 kB\nMemAvailable:       1024 kB\n");
    expect(run(fixture, check_memory), FINDING_STOP, "1 MiB are free", "lower workers");
    file_put(fixture, "/proc/meminfo", "MemTotal: 999999999 kB\nMemAvailable:  999999999 kB\n");
    expect(run(fixture, check_memory), FINDING_OK, "are free", NULL);

    expect(run(fixture, check_hugepages), FINDING_UNKNOWN, "shows none", NULL);
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "10\n");
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "3\n");
    expect(run(fixture, check_hugepages), FINDING_CHANGE, "3 of 2 MiB are free", "vm.nr_hugepages=");
    file_put(fixture, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    expect(run(fixture, check_hugepages), FINDING_OK, "transparent", NULL);
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100000\n");
    expect(run(fixture, check_hugepages), FINDING_OK, "100000 of 2 MiB are free", NULL);
}

static void test_kernel_options(void **state)
{
    struct fixture *fixture = *state;
    static const char good[] = "CONFIG_XDP_SOCKETS_DIAG=m\nCONFIG_XDP_SOCKETS=y\nCONFIG_BPF_SYSCALL=y\n"
                               "CONFIG_BPF_JIT=y\nCONFIG_NET_RX_BUSY_POLL=y\nCONFIG_IO_URING=y\n"
                               "CONFIG_SECCOMP_FILTER=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\n";
    char path[LOOK_PATH_MOST];
    expect(run(fixture, check_kernel_options), FINDING_UNKNOWN, "neither /proc/config.gz", NULL);
    FILE *release = fopen("/proc/sys/kernel/osrelease", "r");
    char name[128];
    assert_non_null(release);
    assert_int_equal(fscanf(release, "%127s", name), 1);
    fclose(release);
    snprintf(path, sizeof path, "/boot/config-%s", name);
    file_put(fixture, path, good);
    expect(run(fixture, check_kernel_options), FINDING_OK, "all that weir uses", NULL);
    file_put(fixture, path, good + strlen("CONFIG_XDP_SOCKETS_DIAG=m\nCONFIG_XDP_SOCKETS=y\n"));
    expect(run(fixture, check_kernel_options), FINDING_OK, "all that weir uses", NULL); /* sockets want none of it */
    fixture->machine.xdp = fixture->machine.xdp_must = true;
    expect(run(fixture, check_kernel_options), FINDING_STOP, "CONFIG_XDP_SOCKETS is not set", NULL);
}

static void test_rights(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_capabilities), FINDING_UNKNOWN, "/proc/self/status", NULL);
    fixture->machine.xdp = fixture->machine.xdp_must = true;
    file_put(fixture, "/proc/self/status", "Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t000000c000003000\n");
    expect(run(fixture, check_capabilities), FINDING_OK, "all that AF_XDP needs", NULL);
    file_put(fixture, "/proc/self/status", "Name:\tx\nCapPrm:\tffffffffffffffff\nCapEff:\t0000008000003000\n");
    expect(run(fixture, check_capabilities), FINDING_STOP, "CAP_PERFMON is missing", "AmbientCapabilities");
    assert_int_equal(report_count(&fixture->report, FINDING_STOP), 1 + 0);
    fixture->machine.xdp_must = false;
    expect(run(fixture, check_capabilities), FINDING_CHANGE, "CAP_PERFMON is missing", "AmbientCapabilities");
    file_put(fixture, "/proc/self/status", "CapEff:\t000001ffffffffff\n");
    file_put(fixture, "/proc/self/uid_map", "         0          0 4294967295\n");
    expect(run(fixture, check_capabilities), FINDING_OK, "all that AF_XDP needs", NULL);
    file_put(fixture, "/proc/self/uid_map", "         0       1000          1\n"); /* a container without root */
    expect(run(fixture, check_capabilities), FINDING_CHANGE, "CAP_PERFMON is missing on the host",
           "input.backend: socket");
    file_put(fixture, "/proc/self/uid_map", "");
    expect(run(fixture, check_capabilities), FINDING_CHANGE, "on the host", "user namespace");
}

static void test_sysctls(void **state)
{
    struct fixture *fixture = *state;
    expect(run(fixture, check_sysctls), FINDING_UNKNOWN, "/proc/sys", NULL);
    file_put(fixture, "/proc/sys/net/core/rmem_max", "212992\n");
    expect(run(fixture, check_sysctls), FINDING_CHANGE, "rmem_max is 212992", "sysctl -w net.core.rmem_max=8388608");
    file_put(fixture, "/proc/self/status", "CapEff:\t0000000000001000\n");
    expect(run(fixture, check_sysctls), FINDING_OK, "receive buffers", NULL);
    file_put(fixture, "/proc/sys/net/ipv4/conf/all/rp_filter", "1\n");
    expect(run(fixture, check_sysctls), FINDING_CHANGE, "rp_filter is 1", "rp_filter=2");
}

static void test_folders(void **state)
{
    struct fixture *fixture = *state;
    char text[1024];
    snprintf(text, sizeof text,
             "output:\n  path: %s/out/flows-%%Y.ndjson\n  spool: {path: %s/a/b/spool, size: 1PiB}\n"
             "  memory_path: none\n",
             fixture->root, fixture->root);
    configure(fixture, text);
    expect(run(fixture, check_folders), FINDING_CHANGE, "may be filled with 1073741824 MiB", "df -h");
    assert_int_equal(fixture->report.count, 2);
    expect(&fixture->report.items[0], FINDING_OK, fixture->root, NULL);
    configure(fixture, "output:\n  path: /proc/nowhere/flows.ndjson\n");
    const struct finding *finding = run(fixture, check_folders);
    assert_true(finding->kind == FINDING_STOP || finding->kind == FINDING_OK); /* root may do all that access() asks */
}

static void test_processor_lists(void **state)
{
    static const struct {
        const char *text;
        const char *same;
    } rows[] = {{"0-3,8", "0-3,8"},     {"", ""},   {"7", "7"}, {"1,2,3", "1-3"}, {"x", ""},
                {"5-999999", "5-1023"}, {"3-1", ""}};
    char text[64];
    cpu_set_t set;
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        processors_parse(rows[i].text, &set);
        assert_string_equal(processors_format(&set, text, sizeof text), rows[i].same);
    }
}

/* What the kernel at hand says of the loopback: nothing of a NIC's, and nothing that the checks fall over. */
static void test_loopback(void **state)
{
    struct fixture *fixture = *state;
    char *items[] = {"lo", "weir-nowhere"};
    const struct text_list interfaces = {.items = items, .count = 2};
    configure(fixture, "workers: 2\ninput: {backend: dpdk, dpdk: {devices: [net_null0]}}\n");
    fixture->machine.root = "";
    fixture->machine.xdp = fixture->machine.xdp_must = fixture->machine.dpdk = true;
    checks_run(&fixture->machine, &interfaces, &fixture->report);
    assert_true(fixture->report.count >= check_row_count);
    bool told = false;
    for (uint32_t i = 0; i < fixture->report.count; i++)
        told |= fixture->report.items[i].interface == items[1] && fixture->report.items[i].kind == FINDING_STOP;
    assert_true(told);
    for (uint32_t row = 0; row < check_row_count; row++) {
        bool found = false;
        for (uint32_t i = 0; i < fixture->report.count; i++)
            found |= fixture->report.items[i].check == check_rows[row].name;
        if (!found)
            fail_msg("%s found nothing", check_rows[row].name);
    }
    struct netdev_abilities asked;
    assert_true(netdev_ask(&asked, 1) <= 0);
    assert_true(netdev_ask(&asked, 1 << 30) < 0);
    assert_int_equal(nic_feature("lo", "no-such-feature"), -1);
}

static void test_json(void **state)
{
    struct fixture *fixture = *state;
    char *text = NULL;
    size_t size;
    fixture->report.check = "a";
    report_add(&fixture->report, FINDING_CHANGE, "\"%s\"", "quoted");
    report_remedy(&fixture->report, "do %d", 1);
    fixture->report.interface = "eth9";
    report_add(&fixture->report, FINDING_STOP, "b");
    FILE *stream = open_memstream(&text, &size);
    assert_true(report_print_json(stream, &fixture->report));
    fclose(stream);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    const json_t *first = json_array_get(json_object_get(root, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "found")), "\"quoted\"");
    assert_string_equal(json_string_value(json_object_get(first, "remedy")), "do 1");
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "change");
    assert_true(json_is_null(json_object_get(first, "interface")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "counts"), "stop")), 1);
    json_decref(root);
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_numa),      TEST(test_interrupts), TEST(test_frequency),       TEST(test_idle),
        TEST(test_isolation), TEST(test_memory),     TEST(test_kernel_options),  TEST(test_rights),
        TEST(test_sysctls),   TEST(test_folders),    TEST(test_processor_lists), TEST(test_loopback),
        TEST(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
