# SPDX-License-Identifier: Apache-2.0
"""Jumbo frames: longer than a frame of AF_XDP's memory, and taken off the wire all the same."""

import exports
from harness import BACKENDS, check_stop
import lab
import pytest


def through_sockets(link):
    """UDP datagrams that the kernel has given to sockets."""
    lines = link.collector.run("cat", "/proc/net/snmp").splitlines()
    return int(dict(zip(*(line.split() for line in lines if line.startswith("Udp:"))))["InDatagrams"])


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_jumbo_frames(collect, link, send, mode):
    link.exporter.ip("link", "set", lab.EXPORT_INTERFACE, "mtu", 9000)
    link.collector.ip("link", "set", lab.COLLECT_INTERFACE, "mtu", 9000)
    weir = collect(**BACKENDS[mode])
    assert "come in pieces" in weir.log() and f"AF_XDP in {mode} mode" in weir.log()
    for records in (10, 180, 90, 1):  # of some 45 bytes: one piece, three, two, one
        send(exports.v9(40, records=records))
    weir.wait_documents(40 * 281)
    _, ledger = check_stop(weir, 40 * 281)
    assert through_sockets(link) == 0
    assert lab.counter(ledger, "packets_received") == 160
    assert lab.lost(ledger) == 0
