# SPDX-License-Identifier: Apache-2.0
"""weir blast: what it says that it sent is what documents add up to, exporter by exporter, by every way out."""

import calendar
import collections
import json
import shutil
import signal
import subprocess
import sys
import time

from certificates import make_authority, make_certificate
from harness import DPDK_MODULE, ROOT, check_stop
import lab
import pytest

SPOOFED = "198.18.0.0/15"
SPOOFED6 = "2001:2::/48"
SENDERS = {
    "udp": ["--sender", "udp", "--exporters", 5],
    "gso": ["--sender", "gso", "--exporters", 5],
    "packet": ["--sender", "packet", "--exporters", 300, "--interface", lab.EXPORT_INTERFACE],
    "xdp": ["--sender", "xdp", "--exporters", 300, "--interface", lab.EXPORT_INTERFACE],
    "dpdk": ["--sender", "dpdk", "--exporters", 300, "--interface", lab.EXPORT_INTERFACE,
             "--device", f"net_af_packet0,iface={lab.EXPORT_INTERFACE}"],
}
NOBODY = ("--mac", "02:00:00:00:00:01")  # for devices that nobody listens at
TARGET = f"{lab.COLLECTOR}:2055"
FORMATS = "v1,v5,v6,v7,v8,v9,v9-nbar,ipfix,ipfix-biflow"


def blast_command(*arguments):
    return [*lab.weir_command(), "blast", "--json", "--by-exporter", *map(str, arguments)]


@pytest.fixture
def blast(link):
    """Runs it in the exporter's namespace, whose made-up exporters the collector's kernel would answer to."""
    link.collector.ip("route", "add", SPOOFED, "via", lab.EXPORTER)
    link.collector.ip("-6", "route", "add", SPOOFED6, "via", lab.EXPORTER6)

    def run(*arguments):
        return json.loads(link.exporter.run(*blast_command(*arguments)))

    return run


def said(result):
    """By exporter: flow records, options records, bytes, packets."""
    return {row["exporter"]: (row["records"], row["options_records"], row["bytes"], row["packets"])
            for row in result["exporters"]}


def found(documents):
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for document in documents:
        row = sums[document["netflow"]["exporter"]["address"]]
        if document["event"]["action"] == "netflow_options":
            row[1] += 1
        else:
            row[0] += 1
            row[2] += document["network"].get("bytes", 0)
            row[3] += document["network"].get("packets", 0)
    return {exporter: tuple(row) for exporter, row in sums.items()}


def check_delivered(result, weir):
    count = result["records"] + result["options_records"]
    weir.wait_documents(count)
    documents, ledger = check_stop(weir, count)
    assert found(documents) == said(result)
    for name in ("datagrams_missing", "records_missing", "sequence_resets", "datagrams_stray"):
        assert lab.counter(ledger, name) == 0, f"{name}: {ledger}"
    return documents


def needs_dpdk():
    if not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")


@pytest.mark.parametrize("sender", SENDERS)
def test_truth_is_what_arrives(collect, blast, sender):
    if sender == "dpdk":
        needs_dpdk()
    weir = collect(input__backend="socket", read_buffer="8MiB")
    result = blast(*SENDERS[sender], "--format", FORMATS, "--count", 600, "--per-datagram", 4, "--rate", 3000,
                   TARGET)
    assert result["datagrams"] == 600 and result["refused_datagrams"] == 0
    assert len(result["exporters"]) == SENDERS[sender][3]
    documents = check_delivered(result, weir)
    assert {document["netflow"]["exporter"]["version"] for document in documents} >= {1, 5, 6, 7, 8}


def test_sessions(collect, blast):
    """As fast as it goes: TCP waits for the collector, so nothing is lost."""
    weir = collect(input__backend="socket", input__tcp__listen=":4739", workers="2")
    result = blast("--sender", "tcp", "--exporters", 20, "--format", "ipfix,ipfix-biflow", "--count", 1000,
                   "--per-datagram", 4, f"{lab.COLLECTOR}:4739")
    assert result["datagrams"] == 1000 and len(result["exporters"]) == 20
    check_delivered(result, weir)


def test_sessions_by_tls(collect, blast, tmp_path):
    """Both sides show a certificate; a collector that another CA has signed gets nothing."""
    for name in ("ca", "other"):
        make_authority(tmp_path, name)
    make_certificate(tmp_path, "collector", "weir", f"IP:{lab.COLLECTOR}")
    make_certificate(tmp_path, "router", "router1", "DNS:router1.example.net")
    weir = collect(input__backend="socket", input__tls__listen=":4740", workers="2",
                   input__tls__certificate=tmp_path / "collector.pem", input__tls__key=tmp_path / "collector.key",
                   input__tls__ca=tmp_path / "ca.pem")
    sent = ("--sender", "tls", "--exporters", 5, "--format", "ipfix,ipfix-biflow", "--count", 400, "--per-datagram", 4,
            "--certificate", tmp_path / "router.pem", "--key", tmp_path / "router.key", f"{lab.COLLECTOR}:4740")
    with pytest.raises(RuntimeError, match="no session by TLS: self-signed certificate|unable to get local issuer"):
        blast("--ca", tmp_path / "other.pem", *sent)
    check_delivered(blast("--ca", tmp_path / "ca.pem", *sent), weir)


def test_spoofed_frames_reach_af_xdp(collect, blast, link):
    """IPv4 and IPv6 exporters mixed, by AF_XDP on both ends of the wire."""
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE)
    result = blast(*SENDERS["xdp"], "--mac", link.macs()[1], "--format", "v9,ipfix", "--from",
                   f"{SPOOFED},{SPOOFED6}", "--count", 900, "--per-datagram", 4, "--rate", 3000, TARGET,
                   f"[{lab.COLLECTOR6}]:2055")
    assert sum(row["exporter"].startswith("[2001:2::") for row in result["exporters"]) == 150
    check_delivered(result, weir)


def test_dpdk_writes_a_capture(blast, tmp_path):
    """By net_pcap: weir decodes from it what blast says that it sent. The other devices take as much."""
    needs_dpdk()
    sent = ("--format", "v9,ipfix", "--exporters", 20, "--count", 3000, *NOBODY, TARGET)
    result = blast("--device", f"net_pcap0,tx_pcap={tmp_path}/out.pcap", *sent)
    for device in ("net_null0", "net_ring0"):
        other = blast("--device", device, *sent)
        assert other["sender"] == "dpdk" and said(other) == said(result)
    done = subprocess.run([*lab.weir_command(), "decode", "-o", "output.path=/dev/null", "-o", "stats_format=json",
                           tmp_path / "out.pcap"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          check=True)
    ledger = lab.last_ledger(done.stderr)
    assert lab.counter(ledger, "datagrams_received") == result["datagrams"] == 3000
    assert lab.counter(ledger, "records_received") == result["records"] + result["options_records"]
    assert lab.counter(ledger, "records_missing") == 0


def test_rate_and_time(blast):
    """Nobody listens, so the kernel says so again and again; the rate holds all the same."""
    result = blast("--rate", 5000, "--count", 5000, TARGET)
    assert result["datagrams"] == 5000 and result["refused_datagrams"] == 0
    assert result["seconds"] > 0.999


def test_a_signal_ends_it_with_the_sums(link):
    process = link.exporter.start(*blast_command("--endless", "--rate", 1000, TARGET), stdout=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0 and json.loads(out)["datagrams"] > 100


# --- files ---

def write(path, *arguments, formats=FORMATS):
    done = subprocess.run(blast_command("--write", path, "--format", formats, "--exporters", 40, *arguments, TARGET),
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def capture(tmp_path):
    """A capture of a second, and what is in it."""
    path = tmp_path / "blast.pcap"
    return path, write(path, "--seconds", 1, "--rate", 500, "--per-datagram", 4)


def decoded(path):
    done = subprocess.run([*lab.weir_command(), "decode", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_captures_are_the_same_again(capture, tmp_path):
    path, result = capture
    assert result["datagrams"] == 500
    assert found(decoded(path)) == said(result)
    assert write(tmp_path / "again.pcap", "--seconds", 1, "--rate", 500, "--per-datagram", 4) == result
    assert (tmp_path / "again.pcap").read_bytes() == path.read_bytes()
    write(tmp_path / "other.pcap", "--seconds", 1, "--rate", 500, "--per-datagram", 4, "--seed", 2)
    assert (tmp_path / "other.pcap").read_bytes() != path.read_bytes()


def tshark(path, *arguments):
    done = subprocess.run(["tshark", "-r", str(path), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True, text=True)
    return done.stdout


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_tshark_finds_the_same(tmp_path):
    path = tmp_path / "flows.pcap"
    result = write(path, "--count", 500, formats="v5,v9,ipfix")
    text = tshark(path, "-d", "udp.port==2055,cflow", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
                  "-T", "fields", "-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "_ws.malformed",
                  "-e", "cflow.octets", "-e", "cflow.packets")
    rows = [line.split("\t") for line in text.splitlines()]
    assert [row[:3] for row in rows] == [["1", "1", ""]] * 500
    octets, packets = ([int(value) for row in rows for value in row[column].split(",") if value] for column in (3, 4))
    assert (len(octets), sum(octets), sum(packets)) == (result["records"], result["bytes"], result["packets"])


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_tshark_reads_sflow(tmp_path):
    path = tmp_path / "samples.pcap"
    result = write(path, "--count", 200, formats="sflow")
    text = tshark(path, "-d", "udp.port==2055,sflow", "-T", "fields", "-e", "_ws.malformed", "-e",
                  "sflow_245.numsamples", "-e", "sflow_245.header.frame_length")
    rows = [line.split("\t") for line in text.splitlines()]
    assert not any(row[0] for row in rows)
    assert sum(int(row[1]) for row in rows) == result["records"] + result["options_records"]
    assert sum(int(value) for row in rows for value in row[2].split(",")) == result["bytes"]


# --- replay ---

def test_replay(collect, blast, capture):
    """Twice as fast, two rounds, from other addresses, with the times of today."""
    path, result = capture
    weir = collect(input__backend="socket", read_buffer="8MiB")
    replayed = blast("--replay", path, "--speed", 2, "--rounds", 2, "--sender", "packet", "--interface",
                     lab.EXPORT_INTERFACE, "--from", "198.19.0.0/16", TARGET)
    assert replayed["seconds"] > 0.99
    for name in ("datagrams", "records", "bytes", "packets"):
        assert replayed[name] == 2 * result[name], name
    twice = {exporter.replace("198.18.0.", "198.19.0."): tuple(2 * value for value in row)
             for exporter, row in said(result).items()}
    assert said(replayed) == twice
    documents = check_delivered(replayed, weir)
    begin = time.time() - 120
    for document in documents:
        if document["netflow"]["exporter"]["version"] == 10 and "event" in document and "end" in document["event"]:
            stamp = time.strptime(document["event"]["end"][:19], "%Y-%m-%dT%H:%M:%S")
            assert begin < calendar.timegm(stamp) < time.time() + 2, document["event"]


def test_replay_of_foreign_captures_into_a_file(tmp_path, capture):
    """Nothing changed: times kept, addresses kept."""
    path, result = capture
    copy = tmp_path / "copy.pcap"
    done = subprocess.run(blast_command("--replay", path, "--keep-times", "--time", "2026-01-01T00:00:00Z", "--write",
                                        copy, TARGET), stdout=subprocess.PIPE, check=True)
    assert said(json.loads(done.stdout)) == said(result)
    assert copy.read_bytes() == path.read_bytes()


# --- what it refuses ---

@pytest.mark.parametrize("arguments, problem", [
    (("--count", "1", "--sender", "tcp", "--format", "v9", "127.0.0.1:9"), "v9 has no framing for streams"),
    (("--count", "1", "--sender", "tls", "--format", "v5", "127.0.0.1:9"), "v5 has no framing for streams; tls takes"),
    (("--count", "1", "--sender", "tls", "--key", "k.pem", "127.0.0.1:9"), "needs --certificate and --key together"),
    (("--count", "1", "--sender", "tcp", "--format", "ipfix", "127.0.0.1:9"), "cannot send there: Connection refused"),
    ((TARGET,), "how much?"),
    (("--count", "1"), "sender udp needs a target"),
    (("--count", "1", "--sender", "packet", TARGET), "needs --interface"),
    (("--count", "1", "--sender", "dpdk", TARGET), "sender dpdk needs --device"),
    (("--count", "1", "--device", "net_null0", TARGET), "needs --mac, or --interface"),
    (("--count", "1", "--interface", "none0", TARGET), "there is none of that name"),
    (("--count", "many", TARGET), "--count many is no number"),
    (("--count", "1", "--format", "v10", TARGET), "--format v10 is no format"),
    (("--count", "1", "--from", "2001:2::/48", TARGET), "IPv6 addresses, and no target is one"),
    (("--count", "1", "--from", "198.18.0.0/30", "--exporters", "4", TARGET), "fewer addresses than"),
    (("--endless", "--write", "/dev/null", TARGET), "a file has an end"),
    (("--replay", "/dev/null", TARGET), "no flow export is in the captures"),
    (("--count", "1", TARGET, TARGET), "second of another family"),
])
def test_what_is_wrong_is_said(arguments, problem):
    done = subprocess.run([*lab.weir_command(), "blast", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode in (1, 2) and problem in done.stderr, done.stderr
    assert done.stdout == ""


# --- the bench that is made of it ---

@pytest.mark.long
def test_bench_load_finds_a_rate(rights, tmp_path):
    """Short, at one exporter: a rate without loss that is no accident, a picture, and every point's sums."""
    path = tmp_path / "load"
    subprocess.run([sys.executable, ROOT / "bench" / "load.py", "socket", "nfcapd", "--seconds", "0.5",
                    "--exporters", "5", "--result", path], check=True)
    result = json.loads(path.with_suffix(".json").read_text())
    assert [series["collector"] for series in result["series"]] == ["socket", "nfcapd"]
    for series in result["series"]:
        assert series["most"] > 10000
        assert all(point["lossless"] or point["delivered"] < point["offered"] for point in series["points"])
    assert path.with_suffix(".svg").read_text().count("<polyline") == 4
