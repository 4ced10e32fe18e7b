# SPDX-License-Identifier: Apache-2.0
"""
Every shape of frame by every way to receive, from exporters that go from queue to queue and change their templates: no
record lost, none decoded by a template that is not its own.
"""

import collections
import itertools
import subprocess
import sys

import frames
from harness import BACKENDS, DPDK_MODULE, HERE, check_stop, dpdk, wander
import lab
import many
import pytest
from sent import key_of
from servers import wait_for
from test_http import get_json

EXPORTERS = 16
ROUNDS = 6  # datagrams of each exporter by each of its templates
MTU = 9000
RECORDS, RECORDS_JUMBO = 20, 180  # a datagram
PART = 256  # bytes of a fragment
BALANCER = "10.77.0.9"
SERVICE = "198.18.0.1"  # the balancer's own address: no machine has it
TAP = "weir0"
VLAN, SERVICE_VLAN = 42, 7


def tagged(*tags):
    return lambda shaper, exporter, payload: [shaper.frame(shaper.packet(exporter, payload), tags)]


def fragments(shaper, exporter, payload, tags=()):
    data = frames.udp((exporter.address, exporter.port), (lab.COLLECTOR, 2055), payload)
    shaper.datagrams += 1
    return [shaper.frame(frames.ipv4(
        exporter.address, lab.COLLECTOR, frames.UDP, data[at:at + PART], number=shaper.datagrams & 0xFFFF,
        fragment=(at, at + PART < len(data))), tags) for at in range(0, len(data), PART)]


def tunnel(protocol, wrap):
    def shape(shaper, exporter, payload):
        inner = shaper.packet(exporter, payload, SERVICE)
        return [shaper.frame(frames.ipv4(BALANCER, lab.COLLECTOR, protocol, wrap(inner)))]
    return shape


def over_udp(port, payload):
    return frames.udp((BALANCER, 31000), (lab.COLLECTOR, port), payload)


def proxied(shaper, exporter, payload):
    header = frames.proxy((exporter.address, exporter.port), (SERVICE, 2055))
    return [shaper.frame(frames.ipv4(BALANCER, lab.COLLECTOR, frames.UDP, over_udp(2055, header + payload)))]


SHAPES = {
    "plain": tagged(),
    "VLAN": tagged((frames.ETHERTYPE_VLAN, VLAN)),
    "QinQ": tagged((frames.ETHERTYPE_SERVICE_VLAN, SERVICE_VLAN), (frames.ETHERTYPE_VLAN, VLAN)),
    "fragments": fragments,
    "fragments in a VLAN": lambda *arguments: fragments(*arguments, [(frames.ETHERTYPE_VLAN, VLAN)]),
    "jumbo": tagged(),
    "jumbo in QinQ": tagged((frames.ETHERTYPE_SERVICE_VLAN, SERVICE_VLAN), (frames.ETHERTYPE_VLAN, VLAN)),
    "IPIP": tunnel(frames.IPV4_WITHIN, lambda inner: inner),
    "GRE": tunnel(frames.GRE, lambda inner: frames.gre(inner, key=7, number=1)),
    "GUE": tunnel(frames.UDP, lambda inner: over_udp(6080, frames.gue(inner))),
    "PROXY": proxied,
}
WAYS = {
    "socket": BACKENDS["socket"],
    "native": {**BACKENDS["native"], "workers": "2"},
    "generic": {**BACKENDS["generic"], "workers": "2"},
    "net_af_packet": {**BACKENDS["dpdk"], "workers": "2"},
    "net_af_xdp": {**dpdk(f"net_af_xdp0,iface={lab.COLLECT_INTERFACE}"), "workers": "2"},
    "net_ring": {**dpdk("net_ring0"), "input.dpdk.kernel": "tap", "input.dpdk.promiscuous": "true",
                 "input.dpdk.mtu": "9000", "workers": "2"},
    "net_pcap": {**dpdk("net_pcap0,rx_pcap={capture}"), "input.dpdk.promiscuous": "true", "input.dpdk.mtu": "9000",
                 "workers": "2"},
}
UNPACK = {"input.unpack": "ipip,gre,gue,proxy", "input.balancers": BALANCER}


class Shaper:
    """Puts what exporters send into frames of a shape."""

    def __init__(self, link, shape, macs=None):
        self.shape, self.macs, self.datagrams = shape, macs or link.macs(), 0
        self.records = RECORDS_JUMBO if shape.startswith("jumbo") else RECORDS

    def packet(self, exporter, payload, target=lab.COLLECTOR):
        return frames.ipv4(exporter.address, target, frames.UDP,
                           frames.udp((exporter.address, exporter.port), (target, 2055), payload))

    def frame(self, packet, tags=()):
        return frames.ethernet(self.macs, packet, tags)

    def frames(self, pairs):
        return [frame for pair in pairs for frame in SHAPES[self.shape](self, *pair)]

    def round(self, exporters):
        """Templates, and data of all in turn."""
        templates = [(exporter, exporter.template()) for exporter in exporters]
        data = [(exporter, exporter.data(self.records)) for _ in range(ROUNDS) for exporter in exporters]
        return self.frames(templates), self.frames(data)


def change_templates(exporters):
    """The same template id, the fields in another order."""
    for exporter in exporters:
        exporter.fields = (*exporter.fields[1:], exporter.fields[0])


def make_way(link, way, shape):
    """Interfaces for VLANs where the kernel has to put something together or to deliver it, and for long frames."""
    if way in ("native", "generic", "net_af_packet", "socket"):
        link.rejoin(queues=4)
        link.spread()
    for namespace, interface in ((link.exporter, lab.EXPORT_INTERFACE), (link.collector, lab.COLLECT_INTERFACE)):
        if not (way == "net_af_xdp" and not shape.startswith("jumbo")):
            namespace.ip("link", "set", interface, "mtu", MTU)
    for name in ("all", "default", lab.COLLECT_INTERFACE):
        link.collector.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
    link.collector.ip("route", "add", "10.78.0.0/16", "via", lab.EXPORTER)


def needs_vlans(way, shape):
    """Does a kernel deliver what is tagged, or put it together?"""
    if shape == "fragments in a VLAN":
        return way not in ("net_af_packet", "net_pcap")
    return way == "socket" and ("VLAN" in shape or "QinQ" in shape)


def make_vlans(link, below):
    """Of the collector's kernel, on the interface whose frames it takes."""
    for name, on, kind, number in (("single", below, "802.1Q", VLAN), ("service", below, "802.1ad", SERVICE_VLAN),
                                   ("double", "service", "802.1Q", VLAN)):
        try:
            link.collector.ip("link", "add", "link", on, "name", name, "type", "vlan", "proto", kind, "id", number)
        except RuntimeError as error:
            pytest.skip(f"a kernel without VLANs: {error}")
        link.collector.ip("link", "set", name, "up")


def applies(way, shape):
    """Sockets get no tunnels, and a device of DPDK's by AF_XDP no long frames: its pages are one frame each."""
    return not (way == "socket" and shape in ("IPIP", "GRE")) and not (way == "net_af_xdp" and "jumbo" in shape)


class Way:
    """Frames on their way to weir."""

    def __init__(self, link, way, folder):
        self.link, self.way, self.path = link, way, folder / "frames"
        self.namespace, self.interface = link.exporter, lab.EXPORT_INTERFACE
        if way == "net_ring":
            self.namespace, self.interface = link.collector, TAP

    def send(self, items):
        self.path.write_bytes(b"".join(len(item).to_bytes(4, "big") + item for item in items))
        sender = self.namespace.start(sys.executable, HERE / "send.py", "frames", self.interface, self.path, "--rate",
                                      2000, stderr=subprocess.PIPE)
        wander(sender, 0.01)
        assert sender.returncode == 0, sender.stderr.read()


def received(link):
    return get_json(link.collector, "/api/ledger")["units"]["datagrams"]["received"]


def send_rounds(link, weir, rounds, way, count):
    """
    Each round when what was before is there, and its data when its templates are: what comes by two queues has no
    order. On a slow machine a template is behind data that was sent 8 ms later.
    """
    for number, (templates, data) in enumerate(rounds):
        way.send(templates)
        expected = number * EXPORTERS * (1 + ROUNDS) + EXPORTERS
        wait_for("templates", 20, lambda wanted=expected: received(link) >= wanted)
        way.send(data)
        found = len(weir.wait_documents((number + 1) * count))
        assert found == (number + 1) * count, f"{found} of {(number + 1) * count}\n{weir.log()}"


def start(link, collect, way, shape, capture):
    settings = {name: value.replace("{capture}", str(capture)) for name, value in {**WAYS[way], **UNPACK}.items()}
    weir = collect(**settings)
    if way in ("net_af_xdp", "net_ring"):
        link.collector.run("sysctl", "-qw", f"net.ipv6.conf.{TAP}.disable_ipv6=1")
    if way == "net_ring":  # which has no address of its own: frames are to the one that the kernel is to take, too
        link.collector.ip("link", "set", TAP, "address", link.macs()[1])
    if way == "net_af_xdp":  # what the kernel had at the device it has at the TAP interface now
        link.collector.ip("addr", "flush", "dev", lab.COLLECT_INTERFACE)
        link.collector.ip("addr", "add", f"{lab.COLLECTOR}/24", "dev", TAP)
        link.collector.ip("route", "replace", "10.78.0.0/16", "via", lab.EXPORTER)
    if needs_vlans(way, shape):
        make_vlans(link, TAP if way in ("net_af_xdp", "net_ring") else lab.COLLECT_INTERFACE)
    return weir


def check(weir, exporters, count):
    weir.wait_documents(count)
    documents, ledger = check_stop(weir)
    keys = collections.Counter(map(key_of, documents))
    expected = {key for exporter in exporters for key in exporter.keys()}
    assert set(keys) == expected and len(documents) == count, (len(expected - set(keys)), len(set(keys) - expected))
    assert lab.lost(ledger) == 0, ledger["counters"]
    return ledger


@pytest.mark.long
@pytest.mark.parametrize("way, shape", [(way, shape) for way, shape in itertools.product(WAYS, SHAPES)
                                        if applies(way, shape)])
def test_shapes(link, collect, tmp_path, way, shape):
    if way.startswith("net_") and not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")
    exporters = [many.Exporter(number) for number in range(EXPORTERS)]
    make_way(link, way, shape)
    shaper = Shaper(link, shape)
    count = EXPORTERS * ROUNDS * shaper.records
    rounds = [shaper.round(exporters)]
    change_templates(exporters)
    rounds.append(shaper.round(exporters))
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(frames.pcap([frame for part in rounds for items in part for frame in items]))
    weir = start(link, collect, way, shape, capture)
    if way != "net_pcap":
        send_rounds(link, weir, rounds, Way(link, way, tmp_path), count)
    ledger = check(weir, exporters, 2 * count)
    print(f"{way}, {shape}: {2 * count} records, {lab.counter(ledger, 'packets_received')} datagrams, handed over "
          f"{lab.counter(ledger, 'packets_handed_over')}, unpacked {lab.counter(ledger, 'packets_unpacked')}")
