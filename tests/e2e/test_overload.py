# SPDX-License-Identifier: Apache-2.0
"""More than a core can take, by every backend: what is missing is in the ledger, to the datagram."""

import collections
import concurrent.futures
import functools
import itertools
import json
import os
import sys
import time
import urllib.request

from flood import RECORDS
from harness import BACKENDS, DPDK_MODULE, HERE, dpdk
import lab
import pytest
from servers import inside

EXPORTERS = 4
CPU = min(os.sched_getaffinity(0))  # of worker and sender: on any machine the sender is the faster one
TAP, BEHIND_TAP = "weir0", "192.0.2.2"
# Further ways to receive. What is sent to net_ring's interface comes back by it.
DEVICES = {
    "net_af_xdp": dpdk(f"net_af_xdp0,iface={lab.COLLECT_INTERFACE}"),
    "net_ring": {**dpdk("net_ring0"), "input.dpdk.kernel": "tap", "input.dpdk.promiscuous": "true"},
}


class Overload:
    """weir on one worker with short rings and documents to nowhere, and what was sent to it so far."""

    def __init__(self, link, weir):
        self.link, self.weir = link, weir
        self.sender, self.host = link.exporter, lab.COLLECTOR
        self.offered = self.refused = self.first = 0
        self.sent = {}
        self.in_a_loop = weir.settings.get("input.dpdk.devices") == DEVICES["net_ring"]["input.dpdk.devices"]
        self.silence()

    def silence(self):
        """Nothing is sent but what is offered; a device of DPDK's answers no ARP by itself."""
        link = self.link
        for namespace, interface in ((link.collector, lab.COLLECT_INTERFACE), (link.exporter, lab.EXPORT_INTERFACE)):
            namespace.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        link.exporter.ip("neigh", "replace", lab.COLLECTOR, "lladdr", link.macs()[1], "dev", lab.EXPORT_INTERFACE)
        if self.in_a_loop:
            self.sender, self.host = link.collector, BEHIND_TAP
            link.collector.run("sysctl", "-qw", f"net.ipv6.conf.{TAP}.disable_ipv6=1")
            link.collector.ip("addr", "add", "192.0.2.1/24", "dev", TAP)
            link.collector.ip("neigh", "add", BEHIND_TAP, "lladdr", "02:00:00:00:00:02", "dev", TAP)

    def count_loop(self):
        """What the interface of the loop dropped before weir read it was not sent either."""
        if self.in_a_loop:
            shown = json.loads(self.link.collector.ip("-s", "-j", "link", "show", TAP))
            self.refused += shown[0]["stats64"]["tx"]["dropped"]

    def flood(self, *options):
        command = ("taskset", "--cpu-list", CPU, sys.executable, HERE / "flood.py", self.host, 2055)
        out = json.loads(self.sender.run(*command, "--exporters", EXPORTERS, "--first", self.first, *options))
        self.offered += out["offered"]
        self.refused += out["refused"]
        self.sent = out["sent"]
        self.first = next(iter(self.sent.values()))
        return out

    def ask(self, path):
        with inside(self.link.collector), urllib.request.urlopen(f"http://127.0.0.1:9478{path}", timeout=10) as answer:
            return answer.read()

    def show(self):
        self.link.collector.run(*lab.weir_command(), "top", "--once")

    def probe(self, seconds):
        """How long each way to look at weir took at most, and how often it was asked, for so many seconds."""
        asks = {path: functools.partial(self.ask, path) for path in ("/livez", "/metrics", "/api/ledger")}
        asks["top"] = self.show
        longest, until = dict.fromkeys(asks, 0), time.monotonic() + seconds
        for count in itertools.count(1):
            for name, ask in asks.items():
                began = time.monotonic()
                ask()
                longest[name] = max(longest[name], time.monotonic() - began)
            if time.monotonic() > until:
                return longest, count
            time.sleep(0.05)

    def records(self):
        return lab.counter(json.loads(self.ask("/api/ledger")), "records_received")

    def wait_rest(self, seconds):
        """Until nothing is received any more, for a fifth of a second."""
        until, before = time.monotonic() + seconds, 0
        while not (now := self.records()) or now != before:
            assert time.monotonic() < until, f"weir still receives: {before}, {now}"
            before = now
            time.sleep(0.2)
        return now


def check_workers(workers):
    """A worker's packets and datagrams: received = delivered + dropped, as nothing waits there."""
    for worker in workers:
        counters = collections.Counter(worker["counters"])  # those of 0 are left out
        dropped = sum(value for name, value in counters.items() if name.startswith("packets_") and name in DROPPED)
        assert counters["packets_received"] + counters["packets_from_other_workers"] == \
            counters["packets_with_datagram"] + counters["packets_handed_over"] + dropped, worker
        assert counters["datagrams_received"] == counters["packets_with_datagram"], worker


DROPPED = {f"packets_{name}" for name in ("malformed", "not_udp", "other_port", "not_allowed", "too_large",
                                          "handover_full", "no_exporter")}


def check_losses(overload, ledger):
    """
    What was offered is what arrived and what was dropped on the way. Frames for which a namespace's wire had no room
    are known to the sender; if it was the receiver's backlog that had none, the receiver's interface has counted them,
    too.
    """
    counters = ledger["counters"]
    lost = lab.lost(ledger) + counters["packets_unsent"]
    unseen = overload.refused - counters["losses_nic"]
    arrived = counters["packets_received"]
    assert unseen >= 0 and overload.offered == arrived + lost + unseen, \
        f"offered {overload.offered}, refused {overload.refused}, arrived {arrived}, lost " \
        f"{ {name: value for name, value in counters.items() if name.startswith('losses_')} }"
    return lost


def check_exporters(overload, ledger):
    """
    What came from each, and that its sequence numbers never claim more than what is missing: less they may, where a gap
    is so long that it could be a restart.
    """
    rows = ledger["exporters"]
    for row in rows:
        counters = collections.Counter(row["counters"])
        sent = overload.sent[row["exporter"].rsplit(":", 1)[1]] * RECORDS
        assert counters["datagrams_received"] == counters["datagrams_decoded"], row
        assert counters["records_received"] == counters["datagrams_received"] * RECORDS, row
        assert counters["records_received"] == counters["records_delivered"] + counters["records_no_batch"], row
        assert counters["records_received"] + counters["records_missing"] <= sent, row
    assert len(rows) == EXPORTERS
    arrived = sum(row["counters"]["datagrams_received"] for row in rows)
    assert arrived == ledger["counters"]["packets_received"]


def overload_for(link, collect, settings, seconds, nice=0):
    weir = collect(**{**settings, "workers": 1, "read_buffer": "512KiB", "input__frames": 256,
                      "output__path": "/dev/null", "input__cpus": CPU})
    overload = Overload(link, weir)
    overload.flood("--count", 50, "--rate", 1000)  # exporters make themselves known; a ring has room for all of it
    warm = overload.wait_rest(5)
    assert warm == overload.offered * RECORDS
    with concurrent.futures.ThreadPoolExecutor() as pool:
        probe = pool.submit(overload.probe, seconds)
        flood = overload.flood("--seconds", seconds, "--nice", nice)
        longest, looks = probe.result()
    time.sleep(1)
    recovered = overload.records()
    calm = overload.flood("--count", 50, "--rate", 500)
    rest = overload.wait_rest(5)
    assert rest == recovered + calm["offered"] * RECORDS, "a second after the flood, datagrams are still lost"
    assert all(value < (2 if name == "top" else 1) for name, value in longest.items()) and looks > seconds / 2, longest
    overload.count_loop()
    check_workers(json.loads(overload.ask("/api/workers"))["workers"])
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    lost = check_losses(overload, ledger)
    assert lost + overload.refused > 0, "this was no overload"
    check_exporters(overload, ledger)
    taken = (recovered - warm) / RECORDS
    print(f"offered {flood['offered']} in {flood['seconds']} s, {flood['offered'] / taken:.1f} times what was taken; "
          f"lost {lost}, not on the wire {overload.refused}; longest of {looks} answers in ms:",
          ", ".join(f"{name} {1000 * value:.0f}" for name, value in longest.items()))


def test_every_loss_is_counted(backend, link, collect):
    overload_for(link, collect, backend, 1)


@pytest.mark.long
@pytest.mark.parametrize("nice", [-2, -4, -7])  # the more the sender has of the processor, the less weir has
@pytest.mark.parametrize("way", [*BACKENDS, *DEVICES])
def test_every_loss_is_counted_for_long(link, collect, way, nice):
    settings = {**BACKENDS, **DEVICES}[way]
    if settings["input.backend"] == "dpdk" and not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")
    overload_for(link, collect, settings, 5, nice)


def test_drops_of_the_interface_are_counted(collect, link, send):
    """Frames that nothing in the kernel takes: its interface says that it dropped them."""
    weir = collect(input__backend="socket", workers=1)
    source, target = (bytes.fromhex(mac.replace(":", "")) for mac in link.macs())
    send.frames([target + source + b"\x88\xb5" + bytes(50)] * 7)  # an EtherType for experiments (IEEE 802)
    assert weir.stop() == 0, weir.log()
    assert lab.counter(weir.ledger(), "losses_nic") == 7
