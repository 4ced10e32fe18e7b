# SPDX-License-Identifier: Apache-2.0
"""Receiving by DPDK: its virtual devices give what other backends give, and the host stays reachable."""

import json
import shutil
import signal
import subprocess
import sys

import exports
from exports import RECORDS
import frames
from harness import BACKENDS, DPDK_MODULE, ROOT, check_stop, dpdk
import lab
import pytest

AF_XDP = f"net_af_xdp0,iface={lab.COLLECT_INTERFACE}"
TAP = "weir0"


@pytest.fixture(autouse=True)
def module():
    if not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")


def move_addresses(link):
    """What the kernel had at the device it has at the TAP interface now."""
    # Nor must it take there what net_af_packet leaves it.
    link.collector.run("sysctl", "-qw", f"net.ipv4.conf.{lab.COLLECT_INTERFACE}.rp_filter=1",
                       f"net.ipv6.conf.{lab.COLLECT_INTERFACE}.disable_ipv6=1")
    # What a veth passes on without a checksum is whole for the kernel alone.
    link.exporter.run("ethtool", "-K", lab.EXPORT_INTERFACE, "tx", "off")
    link.collector.ip("addr", "flush", "dev", lab.COLLECT_INTERFACE)
    link.collector.ip("addr", "add", f"{lab.COLLECTOR}/24", "dev", TAP)
    link.collector.ip("addr", "add", f"{lab.COLLECTOR6}/64", "dev", TAP, "nodad")


def transmitted(link):
    """Frames that the exporter's end of the link has sent."""
    shown = json.loads(link.exporter.ip("-s", "-j", "link", "show", lab.EXPORT_INTERFACE))
    return shown[0]["stats64"]["tx"]["packets"]


def comparable(documents):
    """Without what depends on when and from which port a datagram came."""
    found = []
    for document in documents:
        document = json.loads(json.dumps(document))
        document["event"].pop("created", None)
        document["netflow"]["exporter"].pop("address")
        found.append(json.dumps(document, sort_keys=True))
    return sorted(found)


def test_same_documents_as_by_other_backends(collect, link, send):
    """Sockets, AF_XDP and DPDK: the same traffic, the same documents."""
    payloads = exports.v9(60) + exports.v5(60) + exports.ipfix(60)
    found = {}
    ways = {"socket": BACKENDS["socket"], "xdp": BACKENDS["native"], "af_packet": BACKENDS["dpdk"],
            "af_xdp": dpdk(AF_XDP)}
    for name, settings in ways.items():
        weir = collect(folder=name, **settings)
        if name == "af_xdp":
            move_addresses(link)
        send(payloads, rate=2000, source_port=31000)
        weir.wait_documents(len(payloads) * RECORDS)
        documents, _ = check_stop(weir, len(payloads) * RECORDS)
        found[name] = comparable(documents)
    assert found["socket"] == found["xdp"] == found["af_packet"] == found["af_xdp"]


def test_huge_pages(collect, send, hugepages):
    weir = collect(**{**BACKENDS["dpdk"], "input.dpdk.hugepages": "true"})
    send(exports.v9(50), rate=2000)
    weir.wait_documents(50 * RECORDS)
    check_stop(weir, 50 * RECORDS)


@pytest.mark.parametrize("queues, workers", [pytest.param(2, "1", marks=pytest.mark.long), (2, "2"), (1, "2")])
def test_queues_and_workers(collect, link, send, queues, workers):
    """The kernel spreads by ports, too, and one queue over nobody: who is not an exporter's worker hands over."""
    device = f"net_af_packet0,iface={lab.COLLECT_INTERFACE},qpairs={queues}"
    weir = collect(**dpdk(device), workers=workers)
    payloads = exports.v9(4)
    for number in range(4):  # fewer in all than the ring from worker to worker holds
        link.exporter.ip("addr", "add", f"10.77.0.{10 + number}/24", "dev", lab.EXPORT_INTERFACE)
        send(payloads, sources=8, rate=200, address=f"10.77.0.{10 + number}")
    weir.wait_documents(4 * 4 * 8 * RECORDS)
    _, ledger = check_stop(weir, 4 * 4 * 8 * RECORDS)
    assert lab.counter(ledger, "packets_received") == 4 * 4 * 8
    assert (lab.counter(ledger, "packets_handed_over") > 0) == (workers == "2")


@pytest.mark.parametrize("driver", ["af_packet", "af_xdp"])
def test_the_host_stays_reachable(collect, link, send, request, driver):
    """DPDK has the device; ARP, neighbour discovery, ping and TCP go by the TAP interface, and so do fragments."""
    settings = {**BACKENDS["dpdk"], "input.dpdk.kernel": "tap"}
    if driver == "af_xdp":
        request.getfixturevalue("hugepages")  # in others the kernel does not send from where pages meet
        settings = {**dpdk(AF_XDP + ",busy_budget=0"), "input.dpdk.hugepages": "true"}
    weir = collect(**settings)
    move_addresses(link)
    for host in (lab.COLLECTOR, lab.COLLECTOR6):
        link.exporter.run("ping", "-c", "3", "-i", "0.2", "-W", "2", host)
        link.exporter.run("ping", "-c", "1", "-s", "4000", "-W", "2", host)  # in fragments, both ways
    serve = ("import socket\n"
             "t = socket.create_server(('{0}', 8080)); print('up', flush=True)\n"
             "c, _ = t.accept(); c.sendall(b'x' * 1000000); c.close()\n").format(lab.COLLECTOR)
    server = link.collector.start("python3", "-c", serve, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    fetch = ("import socket\n"
             "c = socket.create_connection(('{}', 8080), 5); c.settimeout(5)\n"
             "print(sum(iter(lambda: len(c.recv(65536)), 0)))").format(lab.COLLECTOR)
    assert link.exporter.run("python3", "-c", fetch, timeout=30).strip() == "1000000"
    server.stdout.close()
    send(exports.v5(5), rate=100)
    send(exports.v9(5, records=200), rate=100)  # in fragments, which the kernel puts together
    send(exports.v5(5), host=lab.COLLECTOR6, rate=100)
    weir.wait_documents(10 * RECORDS + 1000)
    _, ledger = check_stop(weir, 10 * RECORDS + 1000)
    assert lab.counter(ledger, "packets_to_kernel") > 100
    assert lab.lost(ledger) == 0, ledger["counters"]


@pytest.mark.parametrize("device", [
    AF_XDP, pytest.param(f"net_af_packet0,iface={lab.COLLECT_INTERFACE},framecnt=512", marks=pytest.mark.long)])
def test_overload_is_counted(collect, link, send, device):
    """While weir stands still the ring runs over: what was sent was received or lost, to the frame."""
    link.exporter.ip("neigh", "replace", lab.COLLECTOR, "lladdr", link.macs()[1], "dev", lab.EXPORT_INTERFACE)
    for namespace, interface in ((link.collector, lab.COLLECT_INTERFACE), (link.exporter, lab.EXPORT_INTERFACE)):
        namespace.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")  # whose ends talk by themselves
    before = transmitted(link)
    weir = collect(**{**dpdk(device), "input.frames": "512"})
    send(exports.v5(1))
    weir.wait_documents(RECORDS)
    weir.process.send_signal(signal.SIGSTOP)
    send(exports.v5(6000), rate=20000)
    weir.process.send_signal(signal.SIGCONT)
    send(exports.v5(100), rate=1000)
    _, ledger = check_stop(weir)
    received, others, lost = (lab.counter(ledger, name)
                              for name in ("packets_received", "packets_to_kernel", "losses_ring"))
    assert lost > 1000, weir.log()
    assert received + others + lost == transmitted(link) - before, ledger["counters"]


def test_capture_by_net_pcap(collect, link, tmp_path):
    """A file of frames, two of them fragments of one datagram, gives what weir decode makes of it."""
    macs = ("02:00:00:00:00:01", "02:00:00:00:00:02")
    ends, hosts = ((lab.EXPORTER, 40000), (lab.COLLECTOR, 2055)), (lab.EXPORTER, lab.COLLECTOR)
    packets = [frames.ethernet(macs, frames.ipv4(*hosts, frames.UDP, frames.udp(*ends, payload)),
                               [(frames.ETHERTYPE_VLAN, 7)] if number % 2 else [])
               for number, payload in enumerate(exports.v9(40) + exports.v5(40))]
    data = frames.udp(*ends, exports.v5(1, 30)[0])
    packets += [frames.ethernet(macs, frames.ipv4(*hosts, frames.UDP, data[at:at + 512], number=9,
                                                  fragment=(at, at + 512 < len(data))))
                for at in range(0, len(data), 512)]
    capture = tmp_path / "capture.pcap"
    capture.write_bytes(frames.pcap(packets))
    count = 80 * RECORDS + 30
    decoded = link.collector.run(*lab.weir_command(), "decode", "-o", "output.envelope=true", capture)
    weir = collect(**dpdk(f"net_pcap0,rx_pcap={capture}"), input__dpdk__promiscuous="true")
    weir.wait_documents(count)
    documents, ledger = check_stop(weir, count)
    assert comparable(documents) == comparable(map(json.loads, decoded.splitlines()))
    assert lab.counter(ledger, "packets_not_udp") == len(packets) - 81  # fragments but the last


def test_ring_in_a_loop(collect, link, send, tmp_path):
    """net_ring brings back what is sent: what this host sends to the TAP interface comes to weir."""
    weir = collect(**dpdk("net_ring0"), input__dpdk__kernel="tap", input__dpdk__promiscuous="true", workers="1")
    link.collector.ip("addr", "add", "192.0.2.1/24", "dev", TAP)
    link.collector.ip("neigh", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", TAP)
    items = tmp_path / "items"
    items.write_bytes(b"".join(len(item).to_bytes(4, "big") + item for item in exports.ipfix(50)))
    link.collector.run(sys.executable, ROOT / "tests/e2e/send.py", "datagrams", "192.0.2.2", 4739, items,
                       "--rate", 1000)
    weir.wait_documents(50 * RECORDS)
    check_stop(weir, 50 * RECORDS)


def start_fails(program, *settings):
    command = [str(program), "run", "-o", "input.backend=dpdk"]
    for setting in settings:
        command += ["-o", setting]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False)
    assert done.returncode == 1
    return done.stderr


def test_what_is_missing_is_said(tmp_path):
    """No module, one of another build, no device, none that DPDK knows: the start stops and says which."""
    program = tmp_path / "weir"
    shutil.copy(lab.weir_command()[-1], program)
    settings = ["input.dpdk.devices=net_null0", "input.dpdk.hugepages=false", "http.listen=", "input.dpdk.memory=64MiB",
                f"output.path={tmp_path}/out"]
    assert "there is no weir-dpdk.so beside the program" in start_fails(program, *settings)
    source = "struct { unsigned a, b; const char *v; void *o; } weir_dpdk_module = {1, 2, \"0.0\", 0};"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", tmp_path / "weir-dpdk.so"], input=source,
                   text=True, check=True)
    assert "is of another build than this program" in start_fails(program, *settings)
    (tmp_path / "weir-dpdk.so").write_bytes(b"no module")
    assert "librte-ethdev23" in start_fails(program, *settings)
    shutil.copy(DPDK_MODULE, tmp_path)
    assert "add input.dpdk.devices" in start_fails(program, *settings[1:])
    unknown = start_fails(program, "input.dpdk.devices=net_nothing0", *settings[1:])
    assert "net_nothing0" in unknown and "DPDK does not start" in unknown
