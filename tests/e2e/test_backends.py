# SPDX-License-Identifier: Apache-2.0
"""
The same traffic by every way to receive: the same documents, as sets, and a ledger that closes.

TEST_RECORDS, TEST_EXPORTERS and TEST_RECORD_RATE (records a second) say how much: ten million records take a minute or
so for each way.
"""

import errno
import fcntl
import itertools
import json
import os
import pathlib
import subprocess
import time
import urllib.request

from harness import BACKENDS, DPDK_MODULE, dpdk, wander
import lab
import pytest
from servers import inside

RECORDS = int(os.environ.get("TEST_RECORDS", 1_000_000))
EXPORTERS = int(os.environ.get("TEST_EXPORTERS", 1000))
RATE = int(os.environ.get("TEST_RECORD_RATE", 120_000))
FORMATS = "v5,v9,ipfix,v9-nbar,ipfix-biflow"
TARGET = f"{lab.COLLECTOR}:2055"
DOCUMENTS = pathlib.Path(lab.weir_command()[-1]).parent.parent / "tests" / "tools" / "weir-test-documents"
TAP = "weir0"
BATCHES = 1024  # of 1 MiB, of all workers: what a tool that is late for some seconds does not hold up
PIPE = 1 << 20  # bytes
PIECE = 16 << 10  # bytes written to a device that reads a file

# Long rings and buffers: this is not about losses, and nobody knows what else the machine does.
XDP = {"workers": "2", "input.frames": "16384"}
DPDK = {"input.frames": "8192", "input.dpdk.memory": "96MiB"}
WAYS = {
    "socket": {**BACKENDS["socket"], "read_buffer": "64MiB"},
    "xdp native": {**BACKENDS["native"], **XDP},
    "xdp generic": {**BACKENDS["generic"], **XDP},
    "net_af_packet": {**dpdk(f"net_af_packet0,iface={lab.COLLECT_INTERFACE},qpairs=2,blocksz=65536,framecnt=16384"),
                      **DPDK, "workers": "2"},
    # Its driver takes one queue of a veth: half of what comes is handed to the other worker.
    "net_af_xdp": {**dpdk(f"net_af_xdp0,iface={lab.COLLECT_INTERFACE}"), **DPDK, "workers": "2"},
    "net_pcap": {**dpdk("net_pcap0,rx_pcap={fifo}"), **DPDK, "input.dpdk.promiscuous": "true"},
    "net_ring": {**dpdk("net_ring0"), **DPDK, "input.dpdk.promiscuous": "true", "input.dpdk.kernel": "tap",
                 "workers": "1"},
}


class Truth:
    """A capture of what is sent, what blast says of it, and the set of documents that weir decode makes of it."""

    def __init__(self, folder):
        self.capture, self.set = folder / "sent.pcap", folder / "set"
        made = subprocess.run(
            [*lab.weir_command(), "blast", "--json", "--by-exporter", "--write", self.capture, "--format", FORMATS,
             "--exporters", str(EXPORTERS), "--records", str(RECORDS), "--record-rate", str(RATE), TARGET],
            stdout=subprocess.PIPE, check=True)
        self.sent = json.loads(made.stdout)
        self.documents = self.sent["records"] + self.sent["options_records"]
        learned = self.pipe("learn")
        assert learned["documents"] == self.documents
        assert learned["exporters"] == {
            row["exporter"]: [row["records"], row["options_records"], row["bytes"], row["packets"]]
            for row in self.sent["exporters"]}

    def decode(self):
        return subprocess.Popen([*lab.weir_command(), "decode", "-o", "output.envelope=true", self.capture],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def pipe(self, command):
        with self.decode() as decode:
            return json.loads(subprocess.check_output([DOCUMENTS, command, self.set], stdin=decode.stdout))

    def check(self, found):
        """What compare says of the documents; those that differ are shown."""
        assert found["documents"] == self.documents and not found["unexpected"] and not found["missing"], \
            f"{found}\nThese did not come:\n{self.show_missing() if found['missing'] else 'none'}"

    def show_missing(self):
        with self.decode() as decode, subprocess.Popen([DOCUMENTS, "find", f"{self.set}.missing"], text=True,
                                                       stdin=decode.stdout, stdout=subprocess.PIPE) as find:
            return "".join(itertools.islice(find.stdout, 5))


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return Truth(tmp_path_factory.mktemp("truth"))


class Compared:
    """weir whose documents go to the tool that knows the set, and nowhere else."""

    def __init__(self, link, folder, settings, truth):
        self.link, self.truth, self.fifo = link, truth, folder / "fifo"
        os.mkfifo(self.fifo)
        batches = BATCHES // int(settings.get("workers", 1))
        settings = {"output.type": "stdout", "output.batches": str(batches), "stats_interval": "0",
                    **{name: value.replace("{fifo}", str(self.fifo)) for name, value in settings.items()}}
        self.weir = lab.Weir(folder, self.start, settings)

    def start(self, *command, stdout, stderr):
        del stdout
        process = self.link.collector.start(*command, stdout=subprocess.PIPE, stderr=stderr)
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE)
        self.tool = subprocess.Popen([DOCUMENTS, "compare", self.truth.set], stdin=process.stdout,
                                     stdout=subprocess.PIPE)
        process.stdout.close()
        return process

    def ask(self, path):
        with inside(self.link.collector), urllib.request.urlopen(f"http://127.0.0.1:9478{path}", timeout=10) as answer:
            return json.load(answer)

    def delivered(self):
        return lab.counter(self.ask("/api/ledger"), "records_delivered")

    def shares(self):
        """Datagrams that each worker has decoded."""
        return [worker["counters"].get("datagrams_decoded", 0) for worker in self.ask("/api/workers")["workers"]]

    def wait(self):
        """Until all is there, or for five seconds nothing more is."""
        most, until = 0, time.monotonic() + 5
        while most < self.truth.documents and time.monotonic() < until:
            if (now := self.delivered()) > most:
                most, until = now, time.monotonic() + 5
            time.sleep(0.2)

    def close(self):
        """(what the tool says, ledger)"""
        assert self.weir.stop() == 0, self.weir.log()
        return json.loads(self.tool.communicate(timeout=60)[0]), self.weir.ledger()


# --- how the traffic gets there ---

def replay(namespace, interface, mac, truth):
    """
    By frames of a packet socket, at the times of the capture; the exporters' addresses are nobody's here. The sender
    goes from processor to processor, and so do all exporters from queue to queue, again and again.
    """
    sender = namespace.start(*lab.weir_command(), "blast", "--json", "--replay", truth.capture, "--keep-times",
                             "--interface", interface, "--mac", mac, TARGET, stdout=subprocess.PIPE)
    wander(sender, 0.02)
    said = json.loads(sender.communicate()[0])
    assert (said["datagrams"], said["refused_datagrams"]) == (truth.sent["datagrams"], 0)


def by_wire(compared, truth):
    replay(compared.link.exporter, lab.EXPORT_INTERFACE, compared.link.macs()[1], truth)


def by_tap(compared, truth):
    compared.link.collector.ip("link", "set", TAP, "txqueuelen", 10000)
    replay(compared.link.collector, TAP, "02:00:00:00:00:02", truth)


def open_read(path, process):
    """The end of a FIFO to write to, once the process has opened the other."""
    while process.poll() is None:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            time.sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return open(descriptor, "wb")
    raise RuntimeError("nobody reads the file")


def by_file(compared, truth):
    """The capture, no faster than it was made: the driver itself knows no times."""
    with truth.capture.open("rb") as capture, open_read(compared.fifo, compared.weir.process) as out:
        started, size = time.monotonic(), truth.capture.stat().st_size
        while piece := capture.read(PIECE):
            out.write(piece)
            due = capture.tell() / size * truth.sent["records"] / RATE
            time.sleep(max(0, started + due - time.monotonic()))


HANDED_OVER = ("xdp native", "xdp generic", "net_af_xdp")
SENDERS = {"net_pcap": by_file, "net_ring": by_tap}


def prepare(link, way):
    if way != "net_af_xdp":
        link.rejoin(queues=4)
        link.spread()
    for name in ("all", lab.COLLECT_INTERFACE):  # the kernel is to take for its sockets what comes from anywhere
        link.collector.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
    link.collector.ip("route", "add", "198.18.0.0/15", "via", lab.EXPORTER)


PAGES = ("small pages", "huge pages")
CASES = [pytest.param(way, pages, id=f"{way}-{pages}" if "net_" in way else way)
         for way in WAYS for pages in (PAGES if "net_" in way else PAGES[:1])]


@pytest.mark.long
@pytest.mark.parametrize("way, pages", CASES)
def test_same_documents(link, tmp_path, truth, request, way, pages):
    settings = dict(WAYS[way])
    if settings["input.backend"] == "dpdk" and not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")
    if pages == "huge pages":
        request.getfixturevalue("hugepages")
        settings["input.dpdk.hugepages"] = "true"
    prepare(link, way)
    compared = Compared(link, tmp_path, settings, truth)
    try:
        began = time.monotonic()
        if way != "net_pcap":  # which is ready when somebody has opened the file
            compared.weir.wait_ready()
        SENDERS.get(way, by_wire)(compared, truth)
        compared.wait()
        seconds, shares = time.monotonic() - began, compared.shares()
        found, ledger = compared.close()
    finally:
        lab.end(compared.weir.process)
    handed = lab.counter(ledger, "packets_handed_over")
    print(f"{way}, {pages}: {found['documents']} documents in {seconds:.1f} s, unexpected {found['unexpected']}, "
          f"missing {found['missing']}; packets {lab.counter(ledger, 'packets_received')}, datagrams of each worker "
          f"{shares}, handed over {handed}, sets parked {lab.counter(ledger, 'sets_parked')}, lost {lab.lost(ledger)}")
    assert lab.unbalanced(ledger) == [], ledger
    refused = {unit: lab.dropped(ledger, unit) for unit in ledger["units"] if lab.dropped(ledger, unit)}
    assert not refused, ledger["counters"]
    truth.check(found)
    assert lab.counter(ledger, "records_received") == lab.counter(ledger, "records_delivered") == truth.documents
    assert lab.counter(ledger, "datagrams_decoded") == truth.sent["datagrams"]
    assert lab.lost(ledger) == 0, ledger["counters"]
    assert min(shares) > 0 and (handed > 0 or way not in HANDED_OVER), shares
