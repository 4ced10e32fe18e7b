# SPDX-License-Identifier: Apache-2.0
"""Datagrams on the wire, in every shape of frame, by every backend: each record is a document, says the ledger."""

import subprocess

import exports
from exports import RECORDS
import frames
from harness import check_stop
import lab
import pytest


@pytest.mark.light
def test_every_record_is_a_document(backend, collect, send):
    count = 300
    weir = collect(**backend)
    send(exports.v9(count), rate=2000)
    send(exports.v5(count), rate=2000)
    send(exports.ipfix(count), port=4739, rate=2000)
    weir.wait_documents(3 * count * RECORDS)
    documents, ledger = check_stop(weir, 3 * count * RECORDS)
    assert lab.counter(ledger, "datagrams_received") == 3 * count
    versions = [document["netflow"]["exporter"]["version"] for document in documents]
    assert {version: versions.count(version) for version in versions} == {5: 3000, 9: 3000, 10: 3000}


@pytest.mark.light
def test_many_exporters(backend, collect, send):
    """Each of many exporters has its own templates, on whichever worker it lands."""
    weir = collect(**backend)
    send(exports.v9(20), sources=32, source_port=21000, rate=200)
    weir.wait_documents(20 * 32 * RECORDS)
    documents, _ = check_stop(weir, 20 * 32 * RECORDS)
    addresses = {document["netflow"]["exporter"]["address"] for document in documents}
    assert addresses == {f"{lab.EXPORTER}:{21000 + number}" for number in range(32)}


def test_over_ipv6(backend, collect, send):
    weir = collect(**backend)
    send(exports.v9(50), host=lab.COLLECTOR6, rate=2000)
    weir.wait_documents(50 * RECORDS)
    documents, _ = check_stop(weir, 50 * RECORDS)
    assert {document["observer"]["ip"][0] for document in documents} == {lab.EXPORTER6}


def export_frames(link, payload):
    """The payload in every kind of frame that weir understands, by name."""
    macs = link.macs()
    ends = (lab.EXPORTER, 40000), (lab.COLLECTOR, 2055)
    ends6 = (lab.EXPORTER6, 40000), (lab.COLLECTOR6, 2055)
    hosts, hosts6 = (lab.EXPORTER, lab.COLLECTOR), (lab.EXPORTER6, lab.COLLECTOR6)
    four = frames.ipv4(*hosts, frames.UDP, frames.udp(*ends, payload))
    six = frames.udp(*ends6, payload)
    hop_by_hop = (0, b"\0\x01\x04\0\0\0\0")          # length 0: eight bytes in all; PadN
    destination = (60, b"\x01\x01\x0c" + bytes(12))  # length 1: sixteen bytes in all
    return {
        "plain": frames.ethernet(macs, four),
        "VLAN": frames.ethernet(macs, four, [(frames.ETHERTYPE_VLAN, 42)]),
        "two VLANs": frames.ethernet(macs, four, [(frames.ETHERTYPE_SERVICE_VLAN, 7), (frames.ETHERTYPE_VLAN, 42)]),
        "IPv4 options": frames.ethernet(macs, frames.ipv4(*hosts, frames.UDP, frames.udp(*ends, payload),
                                                          options=b"\x94\x04\0\0" + b"\x01" * 4)),
        "no UDP checksum": frames.ethernet(macs, frames.ipv4(*hosts, frames.UDP, frames.udp(*ends, payload, False))),
        "Ethernet padding": frames.ethernet(macs, four) + bytes(6),
        "IPv6": frames.ethernet(macs, frames.ipv6(*hosts6, frames.UDP, six)),
        "IPv6 extensions": frames.ethernet(macs, frames.ipv6(*hosts6, frames.UDP, six, [hop_by_hop, destination])),
        "IPv6 in a VLAN": frames.ethernet(macs, frames.ipv6(*hosts6, frames.UDP, six), [(frames.ETHERTYPE_VLAN, 3)]),
    }


@pytest.mark.light
@pytest.mark.parametrize("mode", ["native", "generic"])
def test_shapes_of_frames(collect, link, send, mode):
    """AF_XDP sees frames as they are: tagged, with options, with extension headers."""
    payload = exports.v5(1)[0]
    shapes = export_frames(link, payload)
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE, input__xdp_mode=mode)
    for count, (name, frame) in enumerate(shapes.items(), 1):
        send.frames([frame])
        found = len(weir.wait_documents(count * RECORDS, 5))
        assert found == count * RECORDS, f"{name}: {found} documents\n{weir.log()}"
    check_stop(weir, len(shapes) * RECORDS)


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_fragments(collect, link, send, mode):
    """A datagram in fragments reaches AF_XDP's collector through the kernel and a socket."""
    payload = b"".join(exports.v5(1, 30))
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE, input__xdp_mode=mode)
    data = frames.udp((lab.EXPORTER, 40000), (lab.COLLECTOR, 2055), payload)
    parts = [frames.ethernet(link.macs(), frames.ipv4(
        lab.EXPORTER, lab.COLLECTOR, frames.UDP, data[at:at + 512], fragment=(at, at + 512 < len(data)), number=99))
        for at in range(0, len(data), 512)]
    assert len(parts) > 2
    send.frames(parts)
    weir.wait_documents(30)
    documents, _ = check_stop(weir, 30)
    assert {document["netflow"]["exporter"]["address"] for document in documents} == {f"{lab.EXPORTER}:40000"}


def test_large_datagrams(backend, collect, send):
    """Longer than the link takes: the sender's kernel fragments, the collector's puts together."""
    weir = collect(**backend)
    send(exports.v9(20, records=200), rate=500)
    weir.wait_documents(20 * 200)
    check_stop(weir, 20 * 200)


def test_what_is_no_flow_export_is_counted(backend, collect, send):
    weir = collect(**backend)
    send([b"\0\x2a" + bytes(30), b"\0", *exports.v5(1), exports.v5(1)[0][:60]], rate=100)
    weir.wait_documents(RECORDS)
    _, ledger = check_stop(weir, RECORDS)
    assert lab.counter(ledger, "datagrams_received") == 4
    assert lab.counter(ledger, "datagrams_unknown_version") == 1
    assert lab.counter(ledger, "datagrams_too_short") == 1
    assert lab.counter(ledger, "datagrams_short_records") == 1


def test_other_exporters_are_left_out(backend, collect, send):
    weir = collect(**backend, input__allow=f"{lab.EXPORTER6}/128")
    send(exports.v5(5), rate=100)
    send(exports.v5(3), host=lab.COLLECTOR6, rate=100)
    weir.wait_documents(3 * RECORDS)
    _, ledger = check_stop(weir, 3 * RECORDS)
    assert lab.counter(ledger, "losses_filter") + lab.counter(ledger, "packets_not_allowed") == 5


def test_the_host_stays_reachable(backend, collect, link, send):
    """While weir has the interface, ping and TCP go through it, and so does UDP to other ports."""
    weir = collect(**backend)
    for host in (lab.COLLECTOR, lab.COLLECTOR6):
        link.exporter.run("ping", "-c", "3", "-i", "0.2", "-W", "2", host)
    serve = ("import socket\n"
             "t = socket.create_server(('{0}', 8080)); u = socket.socket(type=socket.SOCK_DGRAM)\n"
             "u.bind(('{0}', 9999)); u.settimeout(10); print('up', flush=True)\n"
             "c, _ = t.accept(); c.sendall(b'x' * 1000000); c.close()\n"
             "print(len(u.recv(65536)), flush=True)").format(lab.COLLECTOR)
    server = link.collector.start("python3", "-c", serve, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    fetch = ("import socket\n"
             "c = socket.create_connection(('{}', 8080), 5); c.settimeout(5)\n"
             "print(sum(iter(lambda: len(c.recv(65536)), 0)))").format(lab.COLLECTOR)
    assert link.exporter.run("python3", "-c", fetch, timeout=30).strip() == "1000000"
    send([bytes(77)], port=9999)
    assert server.stdout.readline() == b"77\n"
    server.stdout.close()
    send(exports.v5(2), rate=100)
    weir.wait_documents(2 * RECORDS)
    check_stop(weir, 2 * RECORDS)
