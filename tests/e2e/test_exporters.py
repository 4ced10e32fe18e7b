# SPDX-License-Identifier: Apache-2.0
"""Real exporters watch known traffic; documents add up to what was sent."""

import shutil
import subprocess
import time

from frames import Traffic, pcap
from harness import check_stop
import lab
import pytest

NO_LOSS = ("datagrams_missing", "records_missing", "datagrams_late", "datagrams_duplicate", "datagrams_stray",
           "datagrams_unfollowed", "sequence_resets", "sequences_distrusted")
VERSIONS = {"1": 1, "5": 5, "7": 7, "9": 9, "10": 10}


def need(program):
    if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
        pytest.skip(f"{program} is not installed")


def capture_of(traffic, tmp_path):
    path = tmp_path / "traffic.pcap"
    path.write_bytes(pcap(traffic.frames, start=int(time.time()) - 60))
    return path


def flows(documents):
    return [document for document in documents if document["netflow"]["type"] == "netflow_flow"]


def sums(documents):
    """(packets, bytes) of all flows."""
    found = flows(documents)
    return (sum(document.get("network", {}).get("packets", 0) for document in found),
            sum(document.get("network", {}).get("bytes", 0) for document in found))


def wait_for(weir, traffic, seconds=30):
    """Until the packets of the traffic are there: exporters end when they think it right."""
    until = time.monotonic() + seconds
    while sums(weir.documents())[0] < traffic.packets and time.monotonic() < until:
        time.sleep(0.2)


def check_sums(weir, traffic):
    """All of the traffic is there, and by the sequence numbers nothing is missing. Returns the documents."""
    wait_for(weir, traffic)
    documents, ledger = check_stop(weir)
    assert sums(documents) == (traffic.packets, traffic.bytes)
    assert {name: ledger["counters"][name] for name in NO_LOSS if ledger["counters"][name]} == {}
    return documents


def check(weir, traffic, version):
    documents = check_sums(weir, traffic)
    assert {document["netflow"]["exporter"]["version"] for document in documents} == {version}
    assert {document["observer"]["ip"][0] for document in documents} == {lab.EXPORTER}
    for document in flows(documents):
        assert document["source"]["ip"] and document["destination"]["ip"] and document["flow"]["id"]
        assert document["network"]["community_id"].startswith("1:")


@pytest.mark.parametrize("version", ["1", "5", "9", "10"])
def test_softflowd(backend, collect, link, tmp_path, version):
    need("softflowd")
    traffic = Traffic(six=version in ("9", "10"))
    weir = collect(**backend)
    link.exporter.run("softflowd", "-r", capture_of(traffic, tmp_path), "-n", f"{lab.COLLECTOR}:2055", "-v", version,
                      "-d", "-p", tmp_path / "pid", "-c", "none")
    check(weir, traffic, VERSIONS[version])


def test_softflowd_over_ipv6(collect, link, tmp_path):
    need("softflowd")
    traffic = Traffic(six=True)
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE)
    link.exporter.run("softflowd", "-r", capture_of(traffic, tmp_path), "-n", f"[{lab.COLLECTOR6}]:4739", "-v", "10",
                      "-d", "-p", tmp_path / "pid", "-c", "none")
    documents = check_sums(weir, traffic)
    assert {document["observer"]["ip"][0] for document in documents} == {lab.EXPORTER6}


def test_softflowd_bidirectional(collect, link, tmp_path):
    """A biflow carries both directions in one document."""
    need("softflowd")
    traffic = Traffic()
    weir = collect(input__backend="socket")
    link.exporter.run("softflowd", "-r", capture_of(traffic, tmp_path), "-n", f"{lab.COLLECTOR}:4739", "-v", "10", "-b",
                      "-d", "-p", tmp_path / "pid", "-c", "none")
    check_sums(weir, traffic)


@pytest.mark.parametrize("version", ["1", "5", "7"])
def test_fprobe(collect, link, send, tmp_path, version):
    """fprobe watches an interface, so the traffic goes over one."""
    need("fprobe")
    traffic = Traffic()
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE)
    exporter = link.exporter
    exporter.ip("link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    for interface in ("lan0", "lan1"):
        exporter.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        exporter.ip("link", "set", interface, "up")
    exporter.start("fprobe", "-i", "lan1", "-n", version, "-s1", "-g1", "-d1", "-e1", "-q", "5000", "-f", "ip",
                   f"{lab.COLLECTOR}:2055", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    send.frames(traffic.frames, interface="lan0", rate=1000)
    check(weir, traffic, VERSIONS[version])


@pytest.mark.parametrize("version", ["5", "9"])
def test_nfreplay(collect, link, tmp_path, version):
    need("nfpcapd")
    need("nfreplay")
    traffic = Traffic(six=version == "9")
    weir = collect(input__backend="socket")
    (tmp_path / "flows").mkdir()
    link.exporter.run("nfpcapd", "-r", capture_of(traffic, tmp_path), "-w", tmp_path / "flows")
    for path in sorted((tmp_path / "flows").glob("nfcapd.[0-9]*")):
        link.exporter.run("nfreplay", "-H", lab.COLLECTOR, "-p", "2055", "-v", version, "-r", path)
    check(weir, traffic, VERSIONS[version])


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_pmacctd(collect, link, tmp_path, version):
    need("pmacctd")
    traffic = Traffic(six=version != "5")
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE)
    (tmp_path / "pmacctd.conf").write_text(f"""daemonize: false
pcap_savefile: {capture_of(traffic, tmp_path)}
aggregate: src_host,dst_host,src_port,dst_port,proto,tos
plugins: nfprobe
nfprobe_receiver: {lab.COLLECTOR}:2055
nfprobe_version: {version}
nfprobe_timeouts: expint=1:maxlife=1
""")
    probe = link.exporter.start("pmacctd", "-f", tmp_path / "pmacctd.conf")
    wait_for(weir, traffic)
    lab.end(probe)
    check(weir, traffic, VERSIONS[version])
