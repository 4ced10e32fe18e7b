# SPDX-License-Identifier: Apache-2.0
"""Who may send: rules that change while datagrams come, and what the XDP program did with every frame."""

import itertools
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
BY_RING_AND_SOCKET = pytest.mark.parametrize("backend", ["native", "socket", "dpdk"], indirect=True)
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
    if backend["input.backend"] != "xdp":
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
    count, records = 1500, 1
    weir = ruled(allow=[FOUR])
    items = tmp_path / "stream"
    items.write_bytes(b"".join(len(item).to_bytes(4, "big") + item for item in exports.v5(count, records)))
    sender = link.exporter.start(sys.executable, HERE / "send.py", "datagrams", lab.COLLECTOR, 2055, items,
                                 "--rate", 1000)
    changes = 0
    while sender.poll() is None:
        weir.change(allow=[[FOUR, SIX], [], ["10.0.0.0/8"], [FOUR]][changes % 4])
        changes += 1
    assert changes >= 4
    weir.weir.wait_documents(count * records)
    _, ledger = weir.close(count * records)
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
    weir.change("SIGHUP: input.busy_poll has changed", allow=["::/0"], busy_poll=7)
    datagrams(weir, False, True)
    weir.change(allow=["0.0.0.0/0"])
    datagrams(weir, True, False)
    _, ledger = weir.close(sent)
    assert refused(ledger) == 3 * 5
    check_verdicts(backend, ledger)


@pytest.mark.parametrize("backend", ["native"], indirect=True)
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


class Flood:
    """Datagrams from many addresses that are nobody's, beside an exporter that is known."""

    def __init__(self, link, tmp_path, count):
        macs, (payload,) = link.macs(), exports.v5(1)
        frame = frames.ethernet(macs, frames.ipv4("0.0.0.0", lab.COLLECTOR, frames.UDP, frames.udp(
            ("0.0.0.0", 40000), (lab.COLLECTOR, 2055), payload, False)))
        size = len(frame).to_bytes(4, "big")
        self.count, self.link, self.path = count, link, tmp_path / "flood"
        link.collector.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                           f"net.ipv4.conf.{lab.COLLECT_INTERFACE}.rp_filter=0")
        with self.path.open("wb") as file:
            for number in range(count):
                head = frame[14:24] + bytes(2) + (0x0B000000 + number).to_bytes(4, "big") + frame[30:34]
                file.write(size + frame[:14] + frames.with_checksum(head, 10) + frame[34:])

    def start(self, rate):
        return self.link.exporter.start(sys.executable, HERE / "send.py", "frames", lab.EXPORT_INTERFACE, self.path,
                                        "--rate", rate)


def known_during(flood, send, between=lambda: None):
    """Sends what the known exporter has while the flood lasts; returns how many datagrams."""
    going, sent = flood.start(20_000), 0
    while going.poll() is None:
        send(exports.v5(50), rate=500, source_port=30000)
        sent += 50
        between()
    assert going.returncode == 0 and sent >= 100
    return sent


FLOODS = pytest.mark.parametrize("backend, count", [
    ("native", 20_000),
    pytest.param("native", 1_000_000, marks=pytest.mark.long),
    pytest.param("generic", 1_000_000, marks=pytest.mark.long),
    pytest.param("socket", 1_000_000, marks=pytest.mark.long),
    pytest.param("dpdk", 1_000_000, marks=pytest.mark.long),
], indirect=["backend"])


def overflowed(ledger):
    """What the ring or the socket had no room for, whose ever it was."""
    return lab.lost(ledger) - lab.counter(ledger, "losses_filter") - lab.counter(ledger, "losses_budget")


def check_flood(backend, weir, count, sent):
    """All that was sent is either a stranger's, and refused, or a document, or did not fit into the ring."""
    time.sleep(0.5)
    weir.wait_documents(sent * RECORDS, 2)
    documents, ledger = check_stop(weir)
    lost = overflowed(ledger)
    print(f"{count} strangers, refused {refused(ledger)}; sent {sent} of the known one, received "
          f"{len(documents) // RECORDS}; lost {lost}; exporters learned {lab.counter(ledger, 'exporters_learned')}")
    assert refused(ledger) + len(documents) // RECORDS + lost == count + sent
    assert len(documents) % RECORDS == 0 and refused(ledger) <= count
    assert lab.counter(ledger, "exporters_learned") == 1
    check_verdicts(backend, ledger)


@FLOODS
def test_flood_of_strangers(backend, collect, link, send, tmp_path, count):
    """Those who are not listed cost those who are nothing."""
    flood = Flood(link, tmp_path, count)
    weir = collect(**backend, input__allow=FOUR)
    check_flood(backend, weir, count, known_during(flood, send))


@pytest.mark.long
@pytest.mark.parametrize("backend", ["native", "generic", "socket", "dpdk"], indirect=True)
def test_lists_change_in_a_flood(backend, ruled, link, send, tmp_path):
    """Lists come and go that all have the known exporter, and none a stranger."""
    flood = Flood(link, tmp_path, 200_000)
    weir = ruled(allow=[FOUR])
    lists = itertools.cycle([[FOUR, SIX], ["10.77.0.0/16"], [FOUR, "192.0.2.0/24"], [FOUR]])
    sent = known_during(flood, send, lambda: weir.change(allow=next(lists)))
    print(f"{weir.weir.log().count('SIGHUP: the rules of')} changes")
    check_flood(backend, weir.weir, flood.count, sent)


@FLOODS
def test_flood_without_a_list(backend, collect, link, send, tmp_path, count):
    """The table of exporters stays within its cap; whom it has goes on, within a budget of its own."""
    flood = Flood(link, tmp_path, count)
    weir = collect(**backend, limits__exporters=1000, input__exporter_rate=1000, input__exporter_burst=200)
    send(exports.v5(1), source_port=30000)
    weir.wait_documents(RECORDS)
    sent = 1 + known_during(flood, send)
    send(exports.v5(600), rate=0, source_port=30000)  # as fast as it goes: over the budget
    time.sleep(0.5)
    documents, ledger = check_stop(weir)
    lost = overflowed(ledger)
    over = lab.counter(ledger, "losses_budget") + lab.counter(ledger, "packets_over_budget")
    known = sum(document["netflow"]["exporter"]["address"] == f"{lab.EXPORTER}:30000" for document in documents)
    print(f"{count} addresses, {lab.counter(ledger, 'packets_no_exporter')} datagrams of those over the cap; sent "
          f"{sent + 600} of the known one, received {known // RECORDS}, over its budget {over}; lost {lost}")
    assert lab.counter(ledger, "exporters_learned") == 1000
    assert lab.counter(ledger, "packets_no_exporter") + 999 + lost >= count
    assert known + (over + lost) * RECORDS >= (sent + 600) * RECORDS and over > 0
    assert known >= (sent + 200) * RECORDS - lost * RECORDS
    if backend["input.backend"] == "xdp":
        assert lab.counter(ledger, "xdp_budgets") >= count
    check_verdicts(backend, ledger)
