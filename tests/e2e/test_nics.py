# SPDX-License-Identifier: Apache-2.0
"""weir on network cards with queues and drivers, as VM_NICS=... scripts/vm has them: every way that each allows."""

import collections
import json
import signal
import sys
import time
import urllib.request

import exports
from exports import RECORDS
from harness import DPDK_MODULE, HERE, check_stop
import lab
from nics import MODELS, Wire
import pytest
from servers import inside
from test_doctor import doctor, mend

pytestmark = pytest.mark.long
TAP = "weir0"
VLAN, TAGGED = 42, ("10.78.0.1", "10.78.0.2")
EXPORTERS = [f"10.77.0.{number}" for number in range(10, 18)]
DATAGRAMS = 20  # of each
WAYS = {
    "native": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "native"},
    "generic": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "generic"},
    "socket": {"input.backend": "socket"},
    "dpdk": {"input.backend": "dpdk", "input.dpdk.memory": "96MiB"},
}


@pytest.fixture(params=[*enumerate(MODELS)] or [None], ids=lambda card: "-".join(map(str, card or ["none"])))
def nic(request):
    """(number, model) of a card."""
    if not request.param:
        pytest.skip("no network cards: VM_NICS=... scripts/vm has some")
    return request.param


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def link(rights, nic, way, request):
    if way == "dpdk":
        if not DPDK_MODULE.exists():
            pytest.skip("built without the module for DPDK")
        request.getfixturevalue("hugepages")
    made = Wire("weir-e2e", nic[0], way == "dpdk")
    yield made
    made.close()


class Nic:
    """What tests do with a card: weir on it, exporters behind it."""

    def __init__(self, collect, link, send, way):
        self.collect, self.link, self.send, self.way = collect, link, send, way
        self.settings = {**WAYS[way], "workers": "2", "input.frames": "1024"}
        if way == "dpdk":
            self.settings["input.dpdk.devices"] = f'["{link.card.address}"]'
        self.interface = TAP if way == "dpdk" else lab.COLLECT_INTERFACE

    def start(self, **settings):
        weir = self.collect(**{**self.settings, **{key.replace("__", "."): value for key, value in settings.items()}})
        if self.way == "dpdk":
            self.link.give_addresses(TAP)
        self.link.exporter.run("ping", "-c", "1", "-w", "10", lab.COLLECTOR)  # when the link is up, ARP is done
        return weir

    def add_exporters(self):
        for address in EXPORTERS:
            self.link.exporter.ip("addr", "add", f"{address}/24", "dev", lab.EXPORT_INTERFACE)

    def flood(self, *options, start=None):
        command = (sys.executable, HERE / "flood.py", lab.COLLECTOR, 2055, *options)
        return (start or self.link.exporter.run)(*command)

    def silence(self):
        """Nothing is sent any more but what tests send."""
        exporter = self.link.exporter
        mac = json.loads(exporter.ip("-j", "neigh", "show", lab.COLLECTOR))[0]["lladdr"]
        exporter.ip("neigh", "replace", lab.COLLECTOR, "lladdr", mac, "dev", lab.EXPORT_INTERFACE, "nud", "permanent")
        exporter.run("sysctl", "-qw", f"net.ipv6.conf.{lab.EXPORT_INTERFACE}.disable_ipv6=1")

    def workers(self):
        """Counters of each."""
        address = "http://127.0.0.1:9478/api/workers"
        with inside(self.link.collector), urllib.request.urlopen(address, timeout=10) as answer:
            return [collections.Counter(worker["counters"]) for worker in json.load(answer)["workers"]]

    def wait_rest(self, seconds=30):
        """Until what waits in rings was taken: for a second nothing more has come."""
        before, now, until = -1, 0, time.monotonic() + seconds
        while now != before or not now:
            assert time.monotonic() < until, "weir still receives, or does not begin"
            time.sleep(1)
            before, now = now, sum(worker["packets_received"] for worker in self.workers())

    def doctor(self, status=0):
        """Its findings for this card: (check, verdict): finding."""
        settings = [part for item in self.settings.items() for part in ("-o", "=".join(item))]
        return doctor(self.link, *settings, "-o", "output.type=stdout", "-o", "http.listen=off", status=status)


@pytest.fixture
def card(nic, collect, link, send, way):
    card = Nic(collect, link, send, way)
    if way != "dpdk" and not link.has_interface:
        pytest.skip(f"this kernel has no driver for {nic[1]}")
    if way == "native" and ("xdp", "ok") not in card.doctor(status=None):
        pytest.skip(f"this kernel's driver for {nic[1]} has no native XDP")
    return card


def test_receives(card, nic, way):
    """Each record of several exporters is a document, once; so are IPv6 and what comes in fragments."""
    weir = card.start()
    card.add_exporters()
    for address in EXPORTERS:
        card.send(exports.v9(DATAGRAMS), rate=500, address=address)
    card.send(exports.ipfix(DATAGRAMS), rate=500, host=lab.COLLECTOR6)
    card.send(exports.v9(5, records=100), rate=100)
    count = (len(EXPORTERS) + 1) * DATAGRAMS * RECORDS + 500
    assert len(weir.wait_documents(count)) == count, weir.log()
    workers = card.workers()
    documents, ledger = check_stop(weir, count)
    found = collections.Counter(document["netflow"]["exporter"]["address"].rsplit(":", 1)[0] for document in documents)
    assert [found[address] for address in EXPORTERS] == [DATAGRAMS * RECORDS] * len(EXPORTERS)
    assert lab.lost(ledger) == 0, ledger["counters"]
    assert lab.counter(ledger, "xdp_passed_no_socket") == 0, weir.log()
    if way == "dpdk":
        assert lab.counter(ledger, "packets_to_kernel") > 0
    if (nic[1], way) in (("virtio", "native"), ("virtio", "dpdk"), ("e1000e", "dpdk")):
        # By the card's queues, or from hand to hand where it has one that is used.
        assert all(worker["datagrams_received"] for worker in workers), workers
        assert (lab.counter(ledger, "packets_handed_over") > 0) == (nic[1] == "e1000e"), ledger["counters"]


def test_vlan(card, link):
    """What is tagged is received as well, and ARP in that VLAN works."""
    weir = card.start()
    for namespace, below, address in ((link.exporter, lab.EXPORT_INTERFACE, TAGGED[0]),
                                      (link.collector, card.interface, TAGGED[1])):
        namespace.ip("link", "add", "link", below, "name", "tagged", "type", "vlan", "id", VLAN)
        namespace.ip("addr", "add", f"{address}/24", "dev", "tagged")
        namespace.ip("link", "set", "tagged", "up")
    weir.process.send_signal(signal.SIGHUP)
    link.exporter.run("ping", "-c", "1", "-w", "10", TAGGED[1])
    card.send(exports.v9(50), rate=500, host=TAGGED[1])
    weir.wait_documents(50 * RECORDS)
    _, ledger = check_stop(weir, 50 * RECORDS)
    assert lab.lost(ledger) == 0, ledger["counters"]


def test_losses(card, nic, way):
    """While weir stands still a ring or a buffer runs over: each datagram was received, or lost once."""
    if way == "dpdk" and nic[1] != "vmxnet3":
        pytest.skip(f"QEMU's {nic[1]} holds back what finds no descriptor, or its host has lost it")
    weir = card.start(workers="1", input__frames="512", read_buffer="256KiB")
    card.silence()
    weir.process.send_signal(signal.SIGSTOP)
    sent = json.loads(card.flood("--count", 1500, "--rate", 4000))
    weir.process.send_signal(signal.SIGCONT)
    card.wait_rest()
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    assert lab.lost(ledger) > 1000 and sent["refused"] == 0
    assert lab.counter(ledger, "packets_received") + lab.lost(ledger) == sent["offered"], ledger["counters"]


def test_honest_beside_a_flood(card, nic, way, link):
    """One address floods: an honest one loses nothing, as long as nobody but weir refuses anything."""
    if (nic[1], way) != ("e1000e", "dpdk"):
        pytest.skip("rings of emulated cards overflow while the emulation does other things")
    weir = card.start(workers="1", output__path="/dev/null")
    card.add_exporters()
    link.exporter.run("tc", "qdisc", "replace", "dev", lab.EXPORT_INTERFACE, "root", "pfifo", "limit", 20000)
    flood = card.flood("--seconds", 8, "--exporters", 1, start=link.exporter.start)
    card.send(exports.v5(250), rate=40, source_port=20000, address=EXPORTERS[0])
    assert flood.wait(60) == 0
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    rows = {row["exporter"]: collections.Counter(row["counters"]) for row in ledger["exporters"]}
    honest, flooding = rows[f"{EXPORTERS[0]}:20000"], rows[f"{lab.EXPORTER}:21000"]
    print(f"flood: {flooding['datagrams_received']}, refused {flooding['datagrams_over_share']}; honest "
          f"{honest['datagrams_received']}, refused {honest['datagrams_over_share']}")
    assert lab.lost(ledger) == 0, ledger["counters"]
    assert flooding["datagrams_over_share"] > 0
    assert honest["datagrams_decoded"] == 250 and honest["datagrams_over_share"] == 0


def test_killed(card, way):
    """The card is weir's again after kill -9."""
    weir = card.start()
    weir.process.kill()
    weir.process.wait()
    again = card.start(folder="again")
    card.send(exports.v5(DATAGRAMS), rate=500)
    again.wait_documents(DATAGRAMS * RECORDS)
    check_stop(again, DATAGRAMS * RECORDS)


def test_without_rights(card, tmp_path):
    """The card is received from, its losses are read and it is stopped without any."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    for folder in tmp_path, *list(tmp_path.parents)[:2]:
        folder.chmod(folder.stat().st_mode | 0o111)
    weir = card.start(user="nobody")
    card.send(exports.v5(DATAGRAMS), rate=500)
    weir.wait_documents(DATAGRAMS * RECORDS)
    check_stop(weir, DATAGRAMS * RECORDS)


def advised(card, check):
    """The commands that it has for a check; an ethtool that the driver refuses says so, and ends well."""
    finding = card.doctor().get((check, "change"))
    return [] if not finding else [finding["remedy"], finding["remedy"].replace(" s    #", " sd    #")]


def test_doctor(card, link, way):
    """Nothing stops weir; what is advised for the card can be done, and there is nothing to advise then."""
    card.settings["input.frames"] = "1024" if way == "dpdk" else "8192"
    found = card.doctor()
    if way == "dpdk":
        assert all((f"dpdk-{check}", "ok") in found for check in ("devices", "iommu", "memory", "rights")), found
        link.card.bind()
        stopped = card.doctor(status=1)["dpdk-devices", "stop"]["found"]
        assert "no driver has it" in stopped or "and does not share it" in stopped
        return
    for check in ("queues", "rings", "offloads", "rss"):
        for _ in range(2):  # IPv4 and IPv6
            for remedy in advised(card, check):
                mend(link, {"remedy": remedy})
        assert (check, "change") not in card.doctor(), check
    weir = card.start()
    card.send(exports.v5(DATAGRAMS), rate=500)
    weir.wait_documents(DATAGRAMS * RECORDS)
    check_stop(weir, DATAGRAMS * RECORDS)
