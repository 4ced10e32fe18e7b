#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench of sessions: what one worker takes of IPFIX over TCP and TLS, and what a document costs it there, beside
the same datagrams over UDP. weir blast has a session for each exporter and sends as fast as the collector reads; over
UDP it sends at a part of TCP's rate, so that nothing is lost. Documents go to /dev/null. Prints a table, writes
bench-streams.json in the build folder. docs/bench.md says how to read it."""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from collectors import ROOT, WEIR, Place, Weir, lab
from load import machine, numbers, say

PORTS = {"udp": 2055, "tcp": 4739, "tls": 4740}
UDP_SHARE = 0.6  # of what TCP took
DRAIN_SECONDS = 60
SETTLED_SECONDS = 0.3  # so long settle() looks on at its end
COLUMNS = "{:<9} {:>9} {:>12} {:>12} {:>8} {:>7} {:>7}"


class Sessions(Weir):
    """One worker, sockets, and a listener of each transport."""

    def __init__(self, place):
        super().__init__(place)
        certificate, key = place.folder / "certificate.pem", place.folder / "key.pem"
        lab.must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=weir",
                 "-keyout", key, "-out", certificate)
        self.settings = {"input.backend": "socket", "output.path": "/dev/null", "input.tcp.listen": f":{PORTS['tcp']}",
                         "input.tls.listen": f":{PORTS['tls']}", "input.tls.certificate": certificate,
                         "input.tls.key": key, "input.streams.most": 4096, "input.streams.per_address": 4096}

    def delivered(self):
        """Of the ledger, which has to balance: records, and those of options templates among them."""
        ledger = lab.last_ledger(self.log())
        if lab.unbalanced(ledger):
            raise RuntimeError(f"weir's ledger does not balance: {ledger}")
        return ledger["units"]["records"]["delivered"], lab.counter(ledger, "options_records")


def blast(link, transport, exporters, arguments, rate=None):
    limit = ["--record-rate", rate] if rate else []
    command = [*WEIR, "blast", "--json", "--sender", transport, "--format", "ipfix", "--exporters", exporters,
               "--seconds", arguments.seconds, *limit, f"{lab.COLLECTOR}:{PORTS[transport]}"]
    process = link.exporter.start("taskset", "-c", arguments.sender_cpu, *command, stdout=subprocess.PIPE)
    sent = json.loads(process.communicate(timeout=arguments.seconds + 120)[0] or "null")
    if sent is None:
        raise RuntimeError(f"weir blast failed by {transport}")
    return sent


def drain(weir):
    """How long the collector goes on: what was sent over TCP may lie in the buffers of a thousand sockets."""
    began = time.monotonic()
    weir.settle(DRAIN_SECONDS)
    return max(0, time.monotonic() - began - SETTLED_SECONDS)


def row_run(link, transport, exporters, arguments, rate=None):
    """A fresh collector; what it made of what was sent."""
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        weir = Sessions(Place(link.collector, pathlib.Path(folder), [arguments.cpu], exporters)).start()
        try:
            before = weir.cpu_seconds()
            sent = blast(link, transport, exporters, arguments, rate)
            seconds = sent["seconds"] + drain(weir)
            cpu = weir.cpu_seconds() - before
        finally:
            weir.stop()
        delivered, options = weir.delivered()
    return {"transport": transport, "exporters": exporters, "sent": sent["records"] + sent["options_records"],
            "delivered": delivered, "options_records": options, "seconds": seconds, "per_second": delivered / seconds,
            "cpu_ns": cpu * 1e9 / max(1, delivered), "cpu": cpu / seconds}


def row_say(row):
    lost = 1 - row["delivered"] / max(1, row["sent"])
    say(COLUMNS.format(row["transport"], f"{row['exporters']:,}", f"{row['sent']:,}", f"{row['per_second']:,.0f}",
                       f"{row['cpu_ns']:.0f}", f"{row['cpu']:.0%}", "none" if row["sent"] == row["delivered"] else
                       f"{lost:.2%}"))


def bench(link, arguments):
    rows = []
    say(COLUMNS.format("transport", "exporters", "records", "records/s", "CPU ns", "CPU", "lost"))
    for exporters in arguments.exporters:
        for transport in ("tcp", "tls", "udp"):
            rate = UDP_SHARE * rows[-2]["per_second"] if transport == "udp" else None
            rows.append(row_run(link, transport, exporters, arguments, rate))
            row_say(rows[-1])
    return rows


def arguments_read():
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="scripts/bench streams", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of each row (3)")
    parser.add_argument("--exporters", type=numbers, default=[1, 100, 1000], help="N,...: sessions (1,100,1000)")
    parser.add_argument("--cpu", type=int, default=cpus[-1], help="weir's (the last)")
    parser.add_argument("--sender-cpu", type=int, default=cpus[0], help="of weir blast (the first)")
    parser.add_argument("--result", type=pathlib.Path, default=ROOT / "build/bench-streams.json", help="JSON")
    return parser.parse_args()


def main():
    arguments = arguments_read()
    reason = lab.lack_of_rights()
    if reason:
        sys.exit(f"scripts/bench streams: {reason}")
    lab.remove_stale("weir-bench")
    with contextlib.closing(lab.Link("weir-bench")) as link:
        rows = bench(link, arguments)
    arguments.result.write_text(json.dumps({"bench": "streams", "machine": machine(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
