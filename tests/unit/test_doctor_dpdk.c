/* SPDX-License-Identifier: Apache-2.0 */

/* What weir doctor says of DPDK, of cards that the machine at hand does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "app/doctor/dpdk_device.h"
#include "tests/unit/doctor_fixture.h"

#define CARD "0000:3b:00.0"
#define PCI  "/sys/bus/pci/devices/"

#define CONFIGURE(fixture, devices, more)                                                                              \
    configure(fixture, "workers: 2\ninput:\n  backend: dpdk\n  dpdk:\n    devices: " devices "\n" more)

static void link_put(const struct fixture *fixture, const char *path, const char *target)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", fixture->root, path);
    unlink(whole);
    file_put(fixture, path, ""); /* makes the folders */
    assert_int_equal(unlink(whole), 0);
    assert_int_equal(symlink(target, whole), 0);
}

/* A card that a driver of the kernel has; "" for none. */
static void card_put(const struct fixture *fixture, const char *driver)
{
    file_put(fixture, PCI CARD "/vendor", "0x8086\n");
    if (*driver) {
        char target[128];
        snprintf(target, sizeof target, "../../../bus/pci/drivers/%s", driver);
        link_put(fixture, PCI CARD "/driver", target);
    }
}

static void a_card_is_where_dpdk_can_take_it(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[\"3b:00.0,rx_vec_en=1\"]", "");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "there is no device", "dpdk-devbind.py --status-dev net");
    file_put(fixture, PCI CARD "/class", "0x030000\n");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, CARD " is no network card", "dpdk-devbind.py --status-dev");
    file_put(fixture, PCI CARD "/class", "0x020000\n");
    card_put(fixture, "");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, CARD ": no driver has it", "--bind=vfio-pci " CARD);
    card_put(fixture, "ice");
    file_put(fixture, PCI CARD "/net/eth7/mtu", "1500\n");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "driver ice has it, as eth7", "--bind=vfio-pci " CARD);
    card_put(fixture, "igb_uio");
    expect(run(fixture, check_dpdk_devices), FINDING_CHANGE, "anywhere in memory", "--bind=vfio-pci " CARD);
    card_put(fixture, "vfio-pci");
    expect(run(fixture, check_dpdk_devices), FINDING_OK, "bound to vfio-pci", NULL);
}

static void a_card_that_is_shared_stays(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[\"" CARD "\"]", "");
    card_put(fixture, "mlx5_core");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "RDMA's verbs", "modprobe ib_uverbs");
    file_put(fixture, "/sys/class/infiniband_verbs/uverbs0/dev", "231:192\n");
    expect(run(fixture, check_dpdk_devices), FINDING_OK, "stays with the kernel's driver mlx5_core", NULL);
    expect(run(fixture, check_dpdk_iommu), FINDING_OK, "keeps the card", NULL);
}

static void virtual_devices_have_a_driver(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[\"net_af_packet0,iface=no-such,blocksz=4096\"]", "");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "there is no interface no-such", "ip -br link");
    CONFIGURE(fixture, "[\"net_af_packet0,iface=lo\"]", "");
    expect(run(fixture, check_dpdk_devices), FINDING_OK, "a virtual device (net_af_packet) at lo", NULL);
    file_put(fixture, "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_null.so.23.0", "");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "net_af_packet is not installed",
           "apt-get install librte-net-af-packet23");
    CONFIGURE(fixture, "[net_null0]", "");
    expect(run(fixture, check_dpdk_devices), FINDING_OK, "a virtual device (net_null)", NULL);
    card_put(fixture, "vfio-pci");
    CONFIGURE(fixture, "[\"" CARD "\"]", "");
    expect(run(fixture, check_dpdk_devices), FINDING_STOP, "bus_pci is not installed",
           "apt-get install librte-bus-pci23");
    CONFIGURE(fixture, "[net_null0]", "");
    expect(run(fixture, check_dpdk_iommu), FINDING_OK, "virtual", NULL);
}

static void vfio_has_an_iommu(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[\"" CARD "\"]", "");
    card_put(fixture, "vfio-pci");
    expect(run(fixture, check_dpdk_iommu), FINDING_STOP, "there is none", "intel_iommu=on");
    file_put(fixture, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
    expect(run(fixture, check_dpdk_iommu), FINDING_CHANGE, "does without", "intel_iommu=on");
    file_put(fixture, "/sys/class/iommu/dmar0/x", "");
    expect(run(fixture, check_dpdk_iommu), FINDING_OK, "it is on (dmar0)", NULL);
}

/* A bridge and what vfio has are no strangers in a group; a disk is. */
static void a_group_is_the_cards_alone(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[\"" CARD "\"]", "");
    card_put(fixture, "vfio-pci");
    file_put(fixture, "/sys/class/iommu/dmar0/x", "");
    file_put(fixture, PCI CARD "/iommu_group/devices/" CARD, "");
    file_put(fixture, PCI CARD "/iommu_group/devices/0000:3a:00.0", "");
    link_put(fixture, PCI "0000:3a:00.0/driver", "../../bus/pci/drivers/pcieport");
    expect(run(fixture, check_dpdk_iommu), FINDING_OK, "it is on", NULL);
    file_put(fixture, PCI CARD "/iommu_group/devices/0000:3b:00.1", "");
    link_put(fixture, PCI "0000:3b:00.1/driver", "../../bus/pci/drivers/nvme");
    expect(run(fixture, check_dpdk_iommu), FINDING_STOP, "in one group of the IOMMU with 0000:3b:00.1",
           "--bind=vfio-pci 0000:3b:00.1");
}

static void memory_is_in_huge_pages(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[net_null0]", "    memory: 256MiB\n");
    expect(run(fixture, check_dpdk_memory), FINDING_UNKNOWN, "shows no huge pages", NULL);
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "100\n");
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "64\n");
    expect(run(fixture, check_dpdk_memory), FINDING_STOP, "128 MiB of huge pages are free",
           "sysctl -w vm.nr_hugepages=165");
    file_put(fixture, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
    expect(run(fixture, check_dpdk_memory), FINDING_OK, "1152 MiB of huge pages are free", NULL);
    CONFIGURE(fixture, "[net_null0]", "    hugepages: false\n");
    expect(run(fixture, check_dpdk_memory), FINDING_OK, "do without", NULL);
    card_put(fixture, "vfio-pci");
    CONFIGURE(fixture, "[\"" CARD "\"]", "    hugepages: false\n");
    expect(run(fixture, check_dpdk_memory), FINDING_STOP, "need huge pages", "input.dpdk.hugepages: true");
    CONFIGURE(fixture, "[net_null0]", "    memory: 64MiB\n  frames: 16384\n");
    expect(run(fixture, check_dpdk_memory), FINDING_STOP, "the buffers of 2 queues take some 80 MiB",
           "input.dpdk.memory: 101MiB");
}

static void status_put(const struct fixture *fixture, const char *capabilities)
{
    char text[64];
    snprintf(text, sizeof text, "CapEff:\t%s\n", capabilities);
    file_put(fixture, "/proc/self/status", text);
}

static void rights_are_by_driver(void **state)
{
    struct fixture *fixture = *state;
    status_put(fixture, "0000000000000000");
    CONFIGURE(fixture, "[net_null0]", "");
    expect(run(fixture, check_dpdk_rights), FINDING_OK, "all that these devices need", NULL);
    CONFIGURE(fixture, "[\"net_af_packet0,iface=lo\"]", "");
    expect(run(fixture, check_dpdk_rights), FINDING_STOP, "CAP_NET_RAW is missing", "AmbientCapabilities=CAP_NET_RAW");
    CONFIGURE(fixture, "[net_null0]", "    kernel: tap\n");
    expect(run(fixture, check_dpdk_rights), FINDING_STOP, "there is no /dev/net/tun", "modprobe tun");
    status_put(fixture, "ffffffffffffffff");
    file_put(fixture, "/dev/net/tun", "");
    expect(run(fixture, check_dpdk_rights), FINDING_OK, "all that", NULL);
}

static void vfio_has_files(void **state)
{
    struct fixture *fixture = *state;
    status_put(fixture, "ffffffffffffffff");
    file_put(fixture, "/dev/net/tun", "");
    card_put(fixture, "vfio-pci");
    CONFIGURE(fixture, "[\"" CARD "\"]", "");
    expect(run(fixture, check_dpdk_rights), FINDING_STOP, "there is no /dev/vfio/vfio", "modprobe vfio-pci");
    file_put(fixture, "/dev/vfio/vfio", "");
    link_put(fixture, PCI CARD "/iommu_group", "../../../kernel/iommu_groups/17");
    expect(run(fixture, check_dpdk_rights), FINDING_STOP, "there is no /dev/vfio/17", "chown weir");
    file_put(fixture, "/dev/vfio/17", "");
    expect(run(fixture, check_dpdk_rights), FINDING_OK, "all that", NULL);
}

static void arguments_are_not_weirs_own(void **state)
{
    struct fixture *fixture = *state;
    CONFIGURE(fixture, "[net_null0]", "");
    expect(run(fixture, check_dpdk_eal), FINDING_OK, "no further arguments", NULL);
    CONFIGURE(fixture, "[net_null0]", "    eal: [\"--iova-mode=va\", \"--log-level=lib.eal:8\"]\n");
    expect(run(fixture, check_dpdk_eal), FINDING_OK, "none of the further arguments", NULL);
    CONFIGURE(fixture, "[net_null0]", "    eal: [\"--lcores=0-3\"]\n");
    expect(run(fixture, check_dpdk_eal), FINDING_CHANGE, "--lcores=0-3 is weir's own", "input.cpus");
    CONFIGURE(fixture, "[net_null0]", "    eal: [\"-m512\"]\n");
    expect(run(fixture, check_dpdk_eal), FINDING_CHANGE, "-m512 is weir's own", "input.dpdk.memory");
    CONFIGURE(fixture, "[net_null0]", "    eal: [\"--proc-type=secondary\"]\n");
    expect(run(fixture, check_dpdk_eal), FINDING_STOP, "shares no memory", "without it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_card_is_where_dpdk_can_take_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_card_that_is_shared_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(virtual_devices_have_a_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(vfio_has_an_iommu, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_is_the_cards_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_in_huge_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(rights_are_by_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(vfio_has_files, setup, teardown),
        cmocka_unit_test_setup_teardown(arguments_are_not_weirs_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
