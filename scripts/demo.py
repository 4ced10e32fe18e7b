#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces joined by a wire: in one, traffic and three softflowds that watch it and export NetFlow v5,
NetFlow v9 and IPFIX; in the other, weir on AF_XDP. Prints a document of each, then a line of rates and losses until
Ctrl-C. Where namespaces are not allowed, softflowd reads a generated capture and everything runs on the loopback.
Ends with status 0 only if documents were produced and weir's ledger balances.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import lab

PREFIX = "weir-demo"
SCRIPTS = pathlib.Path(__file__).resolve().parent
VERSIONS = {"5": "NetFlow v5", "9": "NetFlow v9", "10": "IPFIX"}
PORTS = {"5": 2055, "9": 2055, "10": 4739}
SOFTFLOWD = shutil.which("softflowd", path="/usr/sbin:/usr/bin:/usr/local/sbin") or "softflowd"


class Stopped(Exception):
    """A signal asked for the end."""


def say(*words):
    print("demo:", *words, flush=True)


class Wire:
    """Namespaces: weir on AF_XDP, softflowd on the exporter's end of the wire."""

    def __init__(self, folder):
        self.folder = folder
        self.link = lab.Link(PREFIX)
        self.probes = []

    def weir(self):
        say(f"weir runs on AF_XDP on {lab.COLLECT_INTERFACE} in namespace {self.link.collector.name}")
        return lab.Weir(self.folder / "documents", self.link.collector.start,
                        {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "stats_interval": "1s"})

    def export(self):
        say(f"three softflowds ({', '.join(VERSIONS.values())}) watch traffic in namespace {self.link.exporter.name}")
        self.link.collector.start(sys.executable, SCRIPTS / "traffic.py", "serve", lab.COLLECTOR)
        for version in VERSIONS:
            self.probes.append(self.link.exporter.start(
                SOFTFLOWD, "-i", lab.EXPORT_INTERFACE, "-n", f"{lab.COLLECTOR}:{PORTS[version]}", "-v", version, "-d",
                "-t", "maxlife=5", "-t", "expint=1", "-t", "tcp.fin=1", "-t", "udp=2", "-t", "icmp=2",
                "-p", self.folder / f"softflowd-{version}.pid", "-c", "none",
                "not port 2055 and not port 4739", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.link.exporter.start(sys.executable, SCRIPTS / "traffic.py", "ask", lab.COLLECTOR)

    def tick(self):
        """Nothing: exporters and traffic run by themselves."""

    def stop_export(self):
        for probe in self.probes:
            lab.end(probe)  # which sends what it still has

    def close(self):
        self.link.close()


class Loopback:
    """No rights: weir on sockets of the loopback, softflowd reads a capture again and again."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        sys.path.insert(0, str(lab.ROOT / "tests" / "e2e"))
        import frames
        self.capture = folder / "traffic.pcap"
        self.write_capture = lambda: self.capture.write_bytes(
            frames.pcap(frames.Traffic().frames, start=int(time.time()) - 60))
        self.version = 0

    def weir(self):
        say("weir runs on sockets of the loopback, ports 2055 and 4739")
        weir = lab.Weir(self.folder / "documents", self.start,
                        {"host": "127.0.0.1:2055,127.0.0.1:4739", "input.backend": "socket", "stats_interval": "1s"})
        self.process = weir.process
        return weir

    @staticmethod
    def start(*command, **options):
        return subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, start_new_session=True,
                                **options)

    def export(self):
        say("softflowd reads a generated capture, as", ", ".join(VERSIONS.values()))

    def tick(self):
        version = list(VERSIONS)[self.version % len(VERSIONS)]
        self.version += 1
        self.write_capture()
        subprocess.run([SOFTFLOWD, "-r", str(self.capture), "-n", f"127.0.0.1:{PORTS[version]}", "-v", version, "-d",
                        "-p", str(self.folder / "softflowd.pid"), "-c", "none"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       timeout=10)

    def stop_export(self):
        """Nothing: each softflowd ends with its capture."""

    def close(self):
        if self.process:
            lab.end(self.process)


def version_of(document):
    return document["netflow"]["exporter"]["version"]


def show_documents(weir, stage, until):
    """One flow of each version, in the order in which they come."""
    left = {5, 9, 10}
    say("the first documents:")
    while left and time.monotonic() < until:
        stage.tick()
        if weir.process.poll() is not None:
            raise RuntimeError(f"weir ended:\n{weir.log()}")
        for document in weir.documents():
            if version_of(document) in left and document["netflow"]["type"] == "netflow_flow":
                left.discard(version_of(document))
                print(json.dumps(document, indent=2, ensure_ascii=False), flush=True)
        time.sleep(0.5)
    if left and len(left) < 3:
        say("not seen yet:", ", ".join(VERSIONS[str(version)] for version in sorted(left)))


def show_rates(weir, stage, until):
    """A line a second: documents, their rate, and what was lost where."""
    seen, before = len(weir.documents()), time.monotonic()
    fresh = "\r" if sys.stdout.isatty() else ""
    while time.monotonic() < until:
        stage.tick()
        time.sleep(min(1, max(0.1, until - time.monotonic())))
        if weir.process.poll() is not None:
            raise RuntimeError(f"weir ended:\n{weir.log()}")
        try:
            ledger = weir.ledger()
        except ValueError:
            continue
        now, documents = time.monotonic(), lab.counter(ledger, "records_delivered")
        line = (f"{documents:9,} documents  {(documents - seen) / (now - before):7,.0f}/s  "
                f"{lab.counter(ledger, 'datagrams_received'):7,} datagrams  "
                f"dropped: {lab.dropped(ledger, 'datagrams')} datagrams, {lab.dropped(ledger, 'sets')} sets, "
                f"{lab.dropped(ledger, 'records')} records  lost before weir: {lab.lost(ledger)}")
        print(f"{fresh}{line}", end="" if fresh else "\n", flush=True)
        seen, before = documents, now
    print(flush=True)


def conclude(weir, stage):
    """Stops everything in order; the exit status."""
    stage.stop_export()
    time.sleep(1)
    status = weir.stop()
    ledger = weir.ledger()
    documents, faults = weir.documents(), lab.unbalanced(ledger)
    counts = {name: sum(version_of(document) == int(version) for document in documents)
              for version, name in VERSIONS.items()}
    say(f"{len(documents):,} documents:", ", ".join(f"{count:,} of {name}" for name, count in counts.items()))
    if len(documents) != lab.counter(ledger, "records_delivered"):
        faults.append(f"{len(documents)} documents in the files, {lab.counter(ledger, 'records_delivered')} delivered")
    for fault in faults:
        say("the ledger does not balance:", fault)
    if not documents:
        say("no documents; weir said:\n" + weir.log())
    if status:
        say(f"weir ended with status {status}:\n{weir.log()}")
    if documents and not faults and not status:
        say("the ledger balances: received = delivered + dropped, for packets, datagrams, sets and records")
        return 0
    return 1


def stage_for(folder):
    reason = lab.lack_of_rights()
    if reason:
        say(f"{reason}; so this runs on loopback sockets instead of AF_XDP")
        return Loopback(folder)
    lab.remove_stale(PREFIX)
    return Wire(folder)


def run(seconds, folder):
    stage = stage_for(folder)
    try:
        until = time.monotonic() + seconds if seconds else float("inf")
        weir = stage.weir()
        weir.wait_ready()
        try:
            stage.export()
            show_documents(weir, stage, min(until, time.monotonic() + 15))
            show_rates(weir, stage, until)
        except Stopped:
            print()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end is short; a second Ctrl-C must not leave it half done
        return conclude(weir, stage)
    finally:
        stage.close()


def stop(*_):
    raise Stopped


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=0, metavar="N", help="end after so long; default: at Ctrl-C")
    arguments = parser.parse_args()
    # SIGINT too: whoever starts us in the background leaves it ignored, and Python then raises no KeyboardInterrupt
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}-"))
    folder.chmod(0o755)
    try:
        return run(arguments.seconds, folder)
    except Stopped:
        return 130
    except RuntimeError as error:
        say(error)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
