/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/ethtool.h"

/* As drivers name them, those that must not count among them. */
static void drivers_statistics(void **state)
{
    static const struct {
        const char *driver, *name;
        enum ethtool_meaning meaning;
    } rows[] = {
        {"mlx5_core", "rx_out_of_buffer", ETHTOOL_LOST},
        {"mlx5_core", "rx_discards_phy", ETHTOOL_LOST},
        {"mlx5_core", "rx0_xdp_drop", ETHTOOL_NONE},
        {"vmxnet3", "  pkts rx OOB", ETHTOOL_LOST},
        {"vmxnet3", "  pkts rx err", ETHTOOL_NONE},
        {"vmxnet3", "    xdp drops", ETHTOOL_NONE},
        {"veth", "rx_queue_0_drops", ETHTOOL_TWICE},
        {"veth", "rx_queue_0_xdp_drops", ETHTOOL_TWICE},
        {"virtio_net", "rx_queue_0_drops", ETHTOOL_NONE}, /* Linux 6.1 */
        {"virtio_net", "rx_queue_0_xdp_drops", ETHTOOL_TWICE},
        {"virtio_net", "rx_queue_12_xdp_drops", ETHTOOL_TWICE},
        {"virtio_net", "rx_drops", ETHTOOL_NONE}, /* Linux 6.12 */
        {"virtio_net", "rx_xdp_drops", ETHTOOL_NONE},
        {"virtio_net", "rx0_drops", ETHTOOL_NONE},
        {"virtio_net", "rx0_xdp_drops", ETHTOOL_TWICE},
        {"virtio_net", "rx12_xdp_drops", ETHTOOL_TWICE},
        {"ice", "rx_queue_0_xdp_drops", ETHTOOL_NONE},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ethtool_meaning(rows[i].driver, rows[i].name), rows[i].meaning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(drivers_statistics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
