# SPDX-License-Identifier: Apache-2.0
"""Who may send: rules that change while datagrams come, and what the XDP program did with every frame."""

import json
import signal
import sys
import time

import exports
from exports import RECORDS
import frames
from harness import HERE, check_stop
import lab
import pytest

# Generic mode differs from native in where the same program runs.
BY_RING_AND_SOCKET = pytest.mark.parametrize("backend", ["native", "socket"], indirect=True)
FOUR, SIX = f"{lab.EXPORTER}/32", f"{lab.EXPORTER6}/128"


class Ruled:
    """weir with a configuration file that is rewritten, and read anew by SIGHUP."""

    def __init__(self, collect, path, settings, **rules):
        self.path, self.changes = path, 0
        self.write(rules)
        self.weir = collect(file=path, **settings)

    def write(self, rules):
        self.path.write_text(json.dumps({"input": rules}))  # JSON is YAML

    def change(self, expected="SIGHUP: the rules of", **rules):
        self.write(rules)
        before = self.weir.log().count(expected)
        self.weir.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while self.weir.log().count(expected) == before:
            assert time.monotonic() < until, self.weir.log()
            time.sleep(0.02)
        time.sleep(0.05)  # workers take the rules at their next burst

    def close(self, documents):
        return check_stop(self.weir, documents)


@pytest.fixture
def ruled(backend, collect, tmp_path):
    return lambda **rules: Ruled(collect, tmp_path / "weir.yml", backend, **rules)


def check_verdicts(backend, ledger, others=0):
    """Each frame that went to a ring was received or is lost there, where all came by rings."""
    if backend["input.backend"] == "socket":
        assert lab.counter(ledger, "xdp_redirected") == 0
        return
    redirected = lab.counter(ledger, "packets_received") + lab.counter(ledger, "losses_ring") - others
    assert lab.counter(ledger, "xdp_redirected") == redirected, ledger["counters"]
    assert lab.counter(ledger, "xdp_passed_no_socket") == 0


def refused(ledger):
    return lab.counter(ledger, "losses_filter") + lab.counter(ledger, "packets_not_allowed")


@BY_RING_AND_SOCKET
def test_rules_change_under_load(backend, ruled, link, tmp_path):
    """Whom every list has in it loses nothing while lists come and go."""
    count = 3000
    weir = ruled(allow=[FOUR])
    items = tmp_path / "stream"
    items.write_bytes(b"".join(len(item).to_bytes(4, "big") + item for item in exports.v5(count)))
    sender = link.exporter.start(sys.executable, HERE / "send.py", "datagrams", lab.COLLECTOR, 2055, items,
                                 "--rate", 2000)
    changes = 0
    while sender.poll() is None:
        weir.change(allow=[[FOUR, SIX], [], ["10.0.0.0/8"], [FOUR]][changes % 4])
        changes += 1
    assert changes >= 4
    weir.weir.wait_documents(count * RECORDS)
    _, ledger = weir.close(count * RECORDS)
    assert refused(ledger) == 0 and lab.counter(ledger, "datagrams_received") == count
    check_verdicts(backend, ledger)


@BY_RING_AND_SOCKET
def test_rules_hold_from_one_datagram_to_the_next(backend, ruled, link, send):
    """For exporters that are known already, too; a configuration with errors changes nothing."""
    sent = 0

    def datagrams(weir, four, six):
        """Three of each family; so many more documents come of those that are listed."""
        nonlocal sent
        send(exports.v5(3), rate=200, source_port=30000)
        send(exports.v5(3), host=lab.COLLECTOR6, rate=200, source_port=30000)
        sent += 3 * RECORDS * (four + six)
        found = len(weir.weir.wait_documents(sent, 5))
        assert found == sent, weir.weir.log()

    weir = ruled(allow=[FOUR])
    for host in (lab.COLLECTOR, lab.COLLECTOR6):  # the neighbour is known before the first datagram
        link.exporter.run("ping", "-c", "1", "-W", "2", host)
    datagrams(weir, True, False)
    weir.change(allow=[])
    datagrams(weir, True, True)
    weir.change(allow=[SIX])
    datagrams(weir, False, True)
    weir.change("SIGHUP: the configuration has errors", allow=["10.77.0.300"])
    datagrams(weir, False, True)
    assert '"10.77.0.300"' in weir.weir.log()
    weir.change("SIGHUP: input.frames has changed", allow=["::/0"], frames=8192)
    datagrams(weir, False, True)
    weir.change(allow=["0.0.0.0/0"])
    datagrams(weir, True, False)
    _, ledger = weir.close(sent)
    assert refused(ledger) == 3 * 5
    check_verdicts(backend, ledger)


@pytest.mark.parametrize("backend", ["native", "generic"], indirect=True)
def test_what_goes_to_the_kernel_is_counted(backend, collect, link, send):
    """Other ports and fragments: no loss, and told apart from what is."""
    weir = collect(**backend)
    ends = (lab.EXPORTER, 40000), (lab.COLLECTOR, 9999)
    other = frames.ipv4(lab.EXPORTER, lab.COLLECTOR, frames.UDP, frames.udp(*ends, bytes(77)))
    send.frames([frames.ethernet(link.macs(), other)] * 5)
    long = exports.v9(3, records=200)  # longer than the link takes: 1,480 bytes behind each IPv4 header
    send(long, rate=100)
    send(exports.v5(4), rate=100)
    weir.wait_documents(3 * 200 + 4 * RECORDS)
    _, ledger = check_stop(weir, 3 * 200 + 4 * RECORDS)
    assert lab.counter(ledger, "xdp_passed_other") >= 5
    assert lab.counter(ledger, "xdp_passed_fragments") == sum(-(-(8 + len(item)) // 1480) for item in long)
    assert lab.counter(ledger, "xdp_redirected") == 4
    assert lab.lost(ledger) == 0
