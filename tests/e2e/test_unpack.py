# SPDX-License-Identifier: Apache-2.0
"""Flow export through load balancers: no record lost, none under the balancer's address, nobody else believed."""

import exports
from exports import RECORDS
import frames
from harness import BACKENDS, check_stop
import lab
import pytest

BALANCER, BALANCER6 = "10.77.0.9", "fd77::9"
SERVICE = ("198.18.0.1", 2055), ("fd00:5e::1", 2055)  # the balancer's own: this machine has none of them
EVERYTHING = {"input.unpack": "ipip,gre,gue,proxy", "input.balancers": f"{BALANCER},{BALANCER6}"}
GUE_PORT = 6080
BY_RING_AND_SOCKET = pytest.mark.parametrize("backend", ["native", "socket"], indirect=True)


class Balancer:
    """Puts datagrams of exporters into everything that load balancers send; each shape has an exporter of its own."""

    def __init__(self, link, source=BALANCER, source6=BALANCER6):
        self.macs, self.outer, self.outer6 = link.macs(), (source, lab.COLLECTOR), (source6, lab.COLLECTOR6)
        self.exporters = {}

    def datagram(self, name, payload, ipv6):
        """An IP packet of a new exporter's to the balancer's own address."""
        number = len(self.exporters) + 1
        source = (f"fd00:e::{number}" if ipv6 else f"192.0.2.{number}"), 30000 + number
        self.exporters[name] = source
        return frames.packet(source[0], SERVICE[ipv6][0], frames.UDP, frames.udp(source, SERVICE[ipv6], payload))

    def proxied(self, name, payload, ipv6, more=b""):
        """The payload behind a PROXY header."""
        number = len(self.exporters) + 1
        source = (f"fd00:e::{number}" if ipv6 else f"192.0.2.{number}"), 30000 + number
        self.exporters[name] = source
        return frames.proxy(source, SERVICE[ipv6], more) + payload

    def frame(self, outer, protocol, payload):
        return frames.ethernet(self.macs, frames.packet(*outer, protocol, payload))

    def over_udp(self, outer, port, payload):
        return self.frame(outer, frames.UDP, frames.udp((outer[0], 31000), (outer[1], port), payload))

    def tunnels(self, payload):
        """Frames by name, of what comes to AF_XDP alone."""
        found = {}
        for outer_name, outer in (("4", self.outer), ("6", self.outer6)):
            for ipv6 in (False, True):
                name = f"{6 if ipv6 else 4}in{outer_name}"

                def inner(kind, name=name, ipv6=ipv6):
                    return self.datagram(f"{kind} {name}", payload, ipv6)

                packet = inner("ipip")
                found[f"ipip {name}"] = self.frame(outer, frames.within(packet), packet)
                found[f"gre {name}"] = self.frame(outer, frames.GRE, frames.gre(inner("gre")))
                full = frames.gre(inner("gre full"), key=77, number=3, summed=True)
                found[f"gre full {name}"] = self.frame(outer, frames.GRE, full)
                bridged = frames.gre((self.macs, inner("gre ethernet"), [(frames.ETHERTYPE_VLAN, 5)]), key=1)
                found[f"gre ethernet {name}"] = self.frame(outer, frames.GRE, bridged)
        return found

    def datagrams(self, payload):
        """Frames by name, of what sockets take, too."""
        found = {}
        for outer_name, outer in (("4", self.outer), ("6", self.outer6)):
            for ipv6 in (False, True):
                name = f"{6 if ipv6 else 4}in{outer_name}"
                for kind, variant, words in (("gue 0", 0, 0), ("gue 0 options", 0, 4), ("gue 1", 1, 0)):
                    packet = self.datagram(f"{kind} {name}", payload, ipv6)
                    found[f"{kind} {name}"] = self.over_udp(outer, GUE_PORT, frames.gue(packet, variant, words))
                header = self.proxied(f"proxy {name}", payload, ipv6, b"\x04\0\x02ab" if ipv6 else b"")
                found[f"proxy {name}"] = self.over_udp(outer, 2055, header)
        return found

    def sources(self):
        return {f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                for address, port in self.exporters.values()}


def addresses(documents):
    return {document["netflow"]["exporter"]["address"] for document in documents}


def path_filter_off(link):
    """The path filter of the collector's kernel must not drop what is sent in other names."""
    link.collector.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                       f"net.ipv4.conf.{lab.COLLECT_INTERFACE}.rp_filter=0")


@BY_RING_AND_SOCKET
def test_exporters_behind_a_balancer(backend, collect, link, send):
    """Each shape is a datagram of v9 with its template; the allow-list has the exporters, and not the balancer."""
    payload = exports.v9(1)[0]
    balancer = Balancer(link)
    xdp = backend["input.backend"] == "xdp"
    shapes = {**balancer.datagrams(payload), **(balancer.tunnels(payload) if xdp else {})}
    path_filter_off(link)
    weir = collect(**backend, **EVERYTHING, input__allow="192.0.2.0/24,fd00:e::/64")
    send.frames(list(shapes.values()), rate=500)
    weir.wait_documents(len(shapes) * RECORDS)
    documents, ledger = check_stop(weir, len(shapes) * RECORDS)
    assert addresses(documents) == balancer.sources()
    assert lab.counter(ledger, "packets_unpacked") == len(shapes)
    assert ("ipip and gre do not come to sockets" in weir.log()) == (not xdp)


@BY_RING_AND_SOCKET
def test_others_are_not_believed(backend, collect, link, send):
    """A tunnel or a PROXY header from somebody else: dropped and counted, or the kernel's."""
    payload = exports.v9(1)[0]
    liar = Balancer(link, "10.77.0.8", "fd77::8")
    path_filter_off(link)
    weir = collect(**backend, **EVERYTHING)
    lies = liar.datagrams(payload)
    send.frames([*lies.values(), *liar.tunnels(payload).values()], rate=500)
    send(exports.v9(1))
    weir.wait_documents(RECORDS)
    documents, ledger = check_stop(weir, RECORDS)
    assert all(address.startswith(lab.EXPORTER + ":") for address in addresses(documents))
    assert lab.counter(ledger, "packets_not_balancer") == len(lies)
    assert lab.counter(ledger, "packets_unpacked") == 0


def test_what_is_in_the_tunnel_instead(collect, link, send):
    """Fragments and other protocols within a tunnel go to the kernel, and are counted there."""
    balancer = Balancer(link)
    weir = collect(**BACKENDS["native"], **EVERYTHING)
    part = frames.ipv4("192.0.2.1", SERVICE[0][0], frames.UDP, bytes(64), fragment=(0, True))
    other = frames.ipv4("192.0.2.1", SERVICE[0][0], frames.TCP, bytes(64))
    send.frames([balancer.frame(balancer.outer, frames.IPV4_WITHIN, packet) for packet in (part, part, other)])
    send(exports.v5(1))
    weir.wait_documents(RECORDS)
    _, ledger = check_stop(weir, RECORDS)
    assert lab.counter(ledger, "xdp_passed_fragments") == 2
    assert lab.counter(ledger, "packets_received") == 1


@pytest.mark.parametrize("shape", ["gue", "proxy"])
def test_exporters_of_one_balancer_spread(collect, link, send, shape):
    """Over workers by their own addresses, in the kernel: nobody hands anything over."""
    payload = exports.v5(1)[0]
    balancer = Balancer(link)
    path_filter_off(link)
    weir = collect(**BACKENDS["socket"], **EVERYTHING)
    items = []
    for number in range(64):
        if shape == "gue":
            datagram = frames.gue(balancer.datagram(number, payload, number % 2 == 1), number % 4 // 2)
        else:
            datagram = balancer.proxied(number, payload, number % 2 == 1)
        items += [balancer.over_udp(balancer.outer, GUE_PORT if shape == "gue" else 2055, datagram)] * 2
    send.frames(items)
    weir.wait_documents(128 * RECORDS)
    metrics = link.collector.run("curl", "-s", "http://127.0.0.1:9478/metrics")
    received = [float(line.split()[-1]) for line in metrics.splitlines()
                if line.startswith("weir_packets_received_total{")]
    assert len(received) == 2 and sum(received) == 128 and min(received) >= 30, received
    documents, ledger = check_stop(weir, 128 * RECORDS)
    assert addresses(documents) == balancer.sources()
    assert lab.counter(ledger, "packets_handed_over") == 0


def test_balancers_have_to_be_named(collect):
    with pytest.raises(RuntimeError, match="nothing says which load balancers are believed"):
        collect(input__unpack="proxy")
