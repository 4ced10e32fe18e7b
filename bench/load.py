#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench of load: what a collector takes before it loses something. For each collector, number of cores and number
of exporters it finds the highest rate without loss, and a curve of what is delivered of what is offered. weir blast
offers, over a veth pair between two namespaces; a collector is judged by the sums of what it wrote, which have to be
those that weir blast says it sent. Prints a table, writes bench-load.json and bench-load.svg in the build folder.
docs/bench.md says how to read it."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from collectors import BUILD, COLLECTORS, PORT, ROOT, WEIR, Place, Weir, lab
from load_picture import picture
import shares

SOURCES = "100.64.0.0/10"    # shared address space (RFC 6598): /15s of it, one a queue
SOURCES_EACH = 131071
DATAGRAM_RECORDS = 22        # about, of weir blast's v9
TEMPLATE_SHARE = 0.4         # of a run's datagrams, templates are at most so many
SHORT = 0.95                 # a sender that offers less than that of what it should is the limit
NEAR = 1.05                  # the search ends when loss and no loss are so near
SHARES_AT = 0.8              # of that rate perf looks on: it takes its part, too
CURVE = (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3)
OTHERS = 0.1                 # of the collector's processors: more, and the figures say little
FIRST = 50000                # records a second, to begin with; more where that would take longer than
FIRST_SECONDS = 20           # so long for the exporters' templates and some data
COLUMNS = "{:<20} {:>5} {:>9}  {:>12} {:>12} {:>9} {:>7} {:>7}  {}"


class Wire:
    """Two namespaces and the veth pair between, with as many queues as there are cores."""

    def __init__(self, cores):
        self.link = lab.Link("weir-bench")
        try:
            self.prepare(cores)
        except RuntimeError:
            self.close()
            raise

    def prepare(self, cores):
        self.link.collector.ip("route", "add", SOURCES, "via", lab.EXPORTER)
        for namespace, interface in ((self.link.exporter, lab.EXPORT_INTERFACE),
                                     (self.link.collector, lab.COLLECT_INTERFACE)):
            if cores > 1:
                namespace.run("ethtool", "-L", interface, "rx", cores, "tx", cores)
        self.mac = self.link.macs()[1]

    def close(self):
        self.link.close()


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        now = datetime.datetime.now(datetime.timezone.utc)
        self.result = {"bench": "load", "time": now.isoformat(timespec="seconds"),
                       "machine": machine(), "format": arguments.format, "seconds": arguments.seconds, "series": []}

    # --- one point ---

    def seconds_of(self, rate, exporters):
        """Long enough for data to follow templates."""
        return max(self.arguments.seconds, exporters / TEMPLATE_SHARE / (rate / DATAGRAM_RECORDS))

    def blast(self, wire, series, rate):
        """One sender a core, each with a queue and a part of the exporters. Returns the sums of all."""
        count = min(series["cores"], series["exporters"])
        seconds = self.seconds_of(rate, series["exporters"])
        started = []
        for number in range(count):
            exporters = series["exporters"] // count + (number < series["exporters"] % count)
            command = [*WEIR, "blast", "--json", "--sender", self.arguments.sender, "--interface",
                       lab.EXPORT_INTERFACE, "--mac", wire.mac, "--format", self.arguments.format, "--seed", number + 1,
                       "--exporters", exporters, "--from", f"100.{64 + 2 * number}.0.0/15", "--templates", "4G",
                       "--template-seconds", "1M", "--record-rate", rate / count, "--seconds", seconds,
                       f"{lab.COLLECTOR}:{PORT}"]
            if self.arguments.sender == "xdp":
                command += ["--queue", number]
            command = ["taskset", "-c", ",".join(map(str, self.arguments.sender_cpus)), *command]
            started.append(wire.link.exporter.start(*command, stdout=subprocess.PIPE))
        said = [json.loads(process.communicate(timeout=seconds + 120)[0] or "null") for process in started]
        if None in said:
            raise RuntimeError("weir blast failed")
        sums = {key: sum(part[key] for part in said) for key in ("records", "bytes", "packets", "datagrams",
                                                                 "template_datagrams", "refused_datagrams")}
        return sums | {"seconds": max(part["seconds"] for part in said)}

    def point(self, wire, series, rate, perf=False):
        """Offers so much to a fresh collector; what it made of it, and with perf, where its cycles went."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-", dir=self.arguments.folder))
        collector = COLLECTORS[series["collector"]](Place(wire.link.collector, folder, self.cpus_of(series["cores"]),
                                                          series["exporters"]))
        try:
            collector.start()
            before, busy = collector.cpu_seconds(), busy_seconds(collector.place.cpus)
            recording = shares.Recording(collector.process.pid, folder / "perf.data") if perf else None
            sent = self.blast(wire, series, rate)
            parts = recording.shares(BUILD) if perf else {}
            cpu = collector.cpu_seconds() - before
            others = max(0, busy_seconds(collector.place.cpus) - busy - cpu) / series["cores"]
            collector.settle()
            collector.stop()
            records, octets, packets = collector.sums()
        finally:
            if collector.process:
                collector.stop()
            where = collector.lost() if hasattr(collector, "lost") and sys.exc_info()[0] is None else {}
            shutil.rmtree(folder)
        full = sent["seconds"] * (1 - sent["template_datagrams"] / max(1, sent["datagrams"]))
        return {"asked": rate, "offered": sent["records"] / full, "delivered": records / full, "sent": sent,
                "found": {"records": records, "bytes": octets, "packets": packets},
                "lossless": (records, octets, packets) == (sent["records"], sent["bytes"], sent["packets"]),
                "cpu": cpu / sent["seconds"], "others": others / sent["seconds"], "lost": where, "shares": parts}

    def cpus_of(self, cores):
        return self.arguments.cpus[:cores]

    # --- a series ---

    def try_rate(self, wire, series, rate, tries=1):
        """The best of some tries: what else runs on a machine costs a collector, too."""
        points = []
        while len(points) < tries and not (points and points[-1]["lossless"]):
            points.append(self.point(wire, series, rate))
        point = max(points, key=lambda found: (found["lossless"], found["delivered"]))
        series["points"].append(point)
        series["sender_short"] |= point["offered"] < SHORT * rate
        where = " ".join(f"{key}={value}" for key, value in point["lost"].items())
        say(COLUMNS.format("", "", "", f"{point['offered']:,.0f}", f"{point['delivered']:,.0f}",
                           "none" if point["lossless"] else f"{loss(point):.2%}", f"{point['cpu']:.0%}",
                           f"{point['others']:.0%}", where))
        return point

    def search(self, wire, series):
        """Doubles until something is lost, then halves the distance."""
        good, bad, rate = 0, None, first_rate(series["exporters"])
        while not series["sender_short"] and (bad is None or bad / max(good, 1) > NEAR) and rate >= 1000:
            if self.try_rate(wire, series, rate, self.arguments.tries)["lossless"]:
                good = rate
            else:
                bad = rate
            rate = 2 * good if bad is None else (good + bad) / 2 if good else bad / 4
        lossless = [point for point in series["points"] if point["lossless"]]
        series["most"] = max((point["offered"] for point in lossless), default=0)

    def curve(self, wire, series):
        most = series["most"] or first_rate(series["exporters"])
        for share in () if self.arguments.no_curve else CURVE:
            if share * most not in [point["asked"] for point in series["points"]]:
                self.try_rate(wire, series, share * most)
        series["points"].sort(key=lambda point: point["offered"])

    def profile(self, wire, series):
        """Only of weir is it known what its functions are for."""
        if self.arguments.shares and issubclass(COLLECTORS[series["collector"]], Weir) and series["most"]:
            point = self.point(wire, series, SHARES_AT * series["most"], perf=True)
            series["shares"], series["shares_lossless"] = point["shares"], point["lossless"]

    def series(self, name, cores, exporters):
        series = {"collector": name, "name": COLLECTORS[name].name, "cores": cores, "exporters": exporters,
                  "points": [], "sender_short": False, "most": 0}
        say(COLUMNS.format(series["name"], cores, f"{exporters:,}", "", "", "", "", "", ""))
        try:
            self.measure(series)
        except RuntimeError as error:  # the others can do without it
            say(f"{series['name']} is left out: {error}")
        else:
            self.result["series"].append(series)

    def measure(self, series):
        with contextlib.closing(Wire(series["cores"])) as wire:
            self.search(wire, series)
            series["sender_limit"] = series["sender_short"]
            self.curve(wire, series)
            self.profile(wire, series)

    def run(self):
        say(COLUMNS.format("collector", "cores", "exporters", "offered/s", "delivered/s", "lost", "CPU", "others",
                           "where"))
        for cores in self.arguments.cores:
            for exporters in self.arguments.exporters:
                for name in self.arguments.collectors:
                    self.series(name, cores, exporters)
        return self.result


def first_rate(exporters):
    return max(FIRST, exporters / TEMPLATE_SHARE * DATAGRAM_RECORDS / FIRST_SECONDS)


def busy_seconds(cpus):
    """Of these processors, whatever they did."""
    ticks = 0
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name in {f"cpu{number}" for number in cpus}:
            user, nice, system, _, _, interrupts, soft = map(int, values[:7])
            ticks += user + nice + system + interrupts + soft
    return ticks / os.sysconf("SC_CLK_TCK")


def others_note(result):
    most = max((point["others"] for series in result["series"] for point in series["points"]), default=0)
    if most <= OTHERS:
        return ""
    return f"\nOthers had up to {most:.0%} of the collector's processors: on a quiet machine it takes more.\n"


def loss(point):
    return 1 - point["found"]["records"] / max(1, point["sent"]["records"])


def say(text):
    print(text.rstrip(), flush=True)


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    return {"processor": next(iter(re.findall(r"model name\s*: (.*)", text)), platform.machine()),
            "processors": os.cpu_count(), "kernel": platform.release(),
            "load": os.getloadavg()[0]}


def table(result):
    """What was found, in Markdown."""
    lines = ["| collector | cores | exporters | records/s without loss | at twice that, delivered | CPU at the most |",
             "|---|---|---|---|---|---|"]
    for series in result["series"]:
        most = max((point for point in series["points"] if point["lossless"]), key=lambda point: point["offered"],
                   default=None)
        over = [point["delivered"] for point in series["points"]
                if 1.8 < point["offered"] / (series["most"] or 1) < 2.2]
        lines.append(f"| {series['name']} | {series['cores']} | {series['exporters']:,} | {series['most']:,.0f}"
                     f"{' (the sender has no more)' if series['sender_limit'] else ''} | "
                     f"{figure(over)} | {percent(most)} |")
    return "\n".join(lines)


def profiles(result):
    """Where the cycles went, a column a series."""
    columns = [(f"{series['name']}, {series['cores']} x {series['exporters']:,}", series["shares"])
               for series in result["series"] if series.get("shares")]
    return f"\n{shares.table(columns)}\n" if columns else ""


def figure(values):
    return f"{max(values):,.0f}" if values else "-"


def percent(point):
    return f"{point['cpu']:.0%}" if point else "-"


def numbers(text):
    return [int(part) for part in text.split(",")]


def arguments_read():
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="scripts/bench load", description=__doc__.split("\n\n")[0])
    parser.add_argument("collectors", nargs="*", help=f"of {', '.join(COLLECTORS)}; default: all that are here")
    parser.add_argument("--seconds", type=float, default=3, help="of each point (3)")
    parser.add_argument("--tries", type=int, default=2, help="of a rate, until it is held to lose (2)")
    parser.add_argument("--exporters", type=numbers, default=[1000], help="N,...: 1 to 100000 (1000)")
    parser.add_argument("--cores", type=numbers, default=[1], help="N,...: of the collector (1)")
    parser.add_argument("--cpus", type=numbers, default=list(reversed(cpus)),
                        help="the collector's, in order (the last)")
    parser.add_argument("--sender-cpus", type=numbers, default=cpus[:1], help="of weir blast (the first)")
    parser.add_argument("--sender", choices=("packet", "xdp"), default="packet", help="of weir blast (packet)")
    parser.add_argument("--format", default="v9", help="of weir blast (v9)")
    parser.add_argument("--no-curve", action="store_true", help="the highest rates alone")
    parser.add_argument("--shares", action="store_true", help="of weir, where its cycles go, by perf")
    parser.add_argument("--folder", type=pathlib.Path, default="/dev/shm", help="where collectors write (/dev/shm)")
    parser.add_argument("--result", type=pathlib.Path, default=ROOT / "build/bench-load", help="without suffix")
    arguments = parser.parse_args()
    strange = [name for name in arguments.collectors if name not in COLLECTORS]
    if strange:
        parser.error(f"{strange[0]} is none of {', '.join(COLLECTORS)}")
    if max(arguments.cores) > len(arguments.cpus):
        parser.error(f"{max(arguments.cores)} cores, and --cpus has {len(arguments.cpus)}")
    if max(arguments.exporters) > SOURCES_EACH:
        parser.error(f"at most {SOURCES_EACH} exporters")
    return arguments


def choose(arguments):
    """Those asked for, or all, without what is not here; says why."""
    chosen = []
    for name in arguments.collectors or COLLECTORS:
        reason = COLLECTORS[name].lacks()
        if reason:
            say(f"{name} is left out: {reason}")
        else:
            chosen.append(name)
    return chosen


def main():
    arguments = arguments_read()
    reason = lab.lack_of_rights()
    if reason:
        sys.exit(f"scripts/bench load: {reason}")
    if arguments.shares and shares.lacks():
        sys.exit(f"scripts/bench load: {shares.lacks()}")
    lab.remove_stale("weir-bench")
    arguments.collectors = choose(arguments)
    bench = Bench(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = bench.run()
    except KeyboardInterrupt:
        result = bench.result
    arguments.result.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    arguments.result.with_suffix(".svg").write_text(picture(result))
    say(f"\n{table(result)}\n{profiles(result)}{others_note(result)}\n{arguments.result}.json, {arguments.result}.svg")


if __name__ == "__main__":
    main()
