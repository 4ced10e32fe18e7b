#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The bench of the outputs: for each kind of file and server how many documents a second it takes, what they cost weir
and the server in CPU time, the most that a tool of the server's own gets into it, and whose limit it is; and the CPU
time of a document from the wire to the acknowledgement. Prints a table, and writes bench-result.json in the build
folder. docs/bench.md says how to read it."""

import argparse
import contextlib
import dataclasses
import datetime
import json
import mmap
import os
import pathlib
import platform
import shutil
import signal
import sys
import threading
import time

from servers import NAMES, ROOT, SERVERS, Trouble, Usage, documents_join, environment, missing, on_cpus, run

DOCUMENTS = 3840        # as many as weir-bench-output makes
RECORDS = 24            # of a datagram of weir-bench
RATE_MOST = 25000       # datagrams a second: what one sender offers with time to spare
PACE = 0.6              # of the rate at full speed: with room for what others do on this machine
MESSAGE_BYTES = 262144  # of Kafka's messages of lines: the default of output.kafka.message_size
BUSY = 0.85             # of a processor: the limit is here
SERVER_SECONDS = 40     # to start and warm a server
GROUPS = ("null", "file", "kafka", "elasticsearch", "opensearch")
TARGETS = {("kafka", "lines", "lz4", "all"): 1600, ("elasticsearch", None, "gzip", None): 2000}


@dataclasses.dataclass
class Lengths:
    """Seconds of each part of a row, and of the whole."""
    full: float
    wire: float
    tool: float
    warm: float
    whole: float


FULL = Lengths(full=2.5, wire=2.5, tool=2.5, warm=14, whole=600)
QUICK = Lengths(full=1.5, wire=1.5, tool=1.5, warm=6, whole=180)


def rows_make(quick):
    """{group: rows}; a row is what its settings and tool need to know."""
    def row(group, name, **more):
        return {"group": group, "name": name, "message": None, "acks": None, "compression": "none"} | more
    methods = ("none", "lz4") if quick else ("none", "lz4", "zstd", "snappy", "gzip")
    rows = {"null": [row("null", "/dev/null")],
            "file": [row("file", f"file, {method}", compression=method) for method in methods if method != "snappy"],
            "kafka": [row("kafka", f"Kafka, {message}, {method}, acks {acks}", message=message, compression=method,
                          acks=acks)
                      for message in ("document", "lines") for method in methods
                      for acks in (("all",) if quick else ("leader", "all"))]}
    for group in ("elasticsearch", "opensearch"):
        rows[group] = [row(group, f"{NAMES[group]}, {method}", compression=method)
                       for method in (("gzip",) if quick else ("gzip", "none"))]
    return rows


def settings_of(row, server, folder):
    if row["group"] == "null":
        return ["output.type=file", "output.path=/dev/null"]
    if row["group"] == "file":
        return ["output.type=file", f"output.path={folder}/%i.ndjson", f"output.compression={row['compression']}"]
    words = [f"output.type={row['group']}", f"output.compression={row['compression']}", *server.settings()]
    if row["group"] == "kafka":
        words += [f"output.kafka.message={row['message']}", f"output.kafka.acks={row['acks']}"]
    return words


# --- the disk's own limit ---

def disk_measure(folder, documents, seconds):
    """Bytes a second that the disk takes past the page cache: the documents' text, four writes of 1 MiB at a time."""
    size, threads, count = 1 << 20, 4, [0] * 4
    buffer = mmap.mmap(-1, size)  # aligned, as O_DIRECT wants it
    text = documents.read_bytes()
    buffer.write((text * (size // len(text) + 1))[:size])
    path = folder / "disk"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o666)
    except OSError:
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)  # a file system that has no such thing
    until = time.monotonic() + seconds

    def write(number):
        offset = number
        while time.monotonic() < until:
            count[number] += os.pwrite(file, buffer, offset * size)
            offset += threads
    workers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    begin = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - begin
    os.close(file)
    path.unlink()
    return sum(count) / took


# --- a row ---

class Bench:
    def __init__(self, arguments):
        cpus = sorted(os.sched_getaffinity(0))
        self.lengths = QUICK if arguments.quick else FULL
        self.weir_cpu = cpus[-1]
        self.server_cpus = cpus[:1]
        self.until = time.monotonic() + self.lengths.whole
        self.extra = arguments.setting
        self.build = arguments.build
        self.folder = self.build / "bench-output"  # the servers' is bench-servers
        self.files = self.folder / "files"
        self.documents = self.folder / "documents.ndjson"
        self.disk = None
        self.results = []

    def prepare(self):
        self.remove()
        self.files.mkdir(parents=True)
        text = run([self.program("weir-bench-output"), "--print", DOCUMENTS], 60, "weir-bench-output",
                   env=environment())
        self.documents.write_text(text, encoding="utf-8")
        documents_join(self.documents, MESSAGE_BYTES)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name):
        return self.build / "bench" / name

    def full_speed(self, row, settings, server):
        words = [word for setting in settings for word in ("-o", setting)]
        command = on_cpus([self.weir_cpu], self.program("weir-bench-output"), "--json", "--seconds",
                          self.lengths.full, *words)
        with Usage(server) as usage:
            result = json.loads(run(command, self.lengths.full + 60, row["name"], env=environment()))
        result["others"] = usage.others
        if server:
            result["server_busy"] = min(1.0, usage.server_seconds / result["seconds"] / len(server.cpus))
            result["server_ns"] = usage.server_seconds * 1e9 / result["documents"]
        return result

    def wire(self, row, settings, documents_per_second):
        words = [word for setting in settings for word in ("-o", setting)]
        rate = max(20, min(RATE_MOST, PACE * documents_per_second / RECORDS))
        path = self.folder / "wire.json"
        run([self.program("weir-bench"), "output", "--json", path, "--cpu", self.weir_cpu, "--sender-cpu",
             self.server_cpus[0], "--wire-seconds", self.lengths.wire, "--file-rate", f"{rate:.0f}", *words], 120,
            row["name"], env=environment())
        result = json.loads(path.read_text(encoding="utf-8"))["output"][-1]
        result["documents_per_second"] = result["records_delivered"] / result["seconds"]
        return result

    def own_tool(self, row, server, full):
        if row["group"] == "null":
            return None
        if row["group"] == "file":
            self.disk = self.disk or disk_measure(self.files, self.documents, self.lengths.tool)
            return {"documents_per_second": self.disk / full["sent_bytes"], "bytes_per_second": self.disk}
        return server.tool(self.documents, row, full["documents_per_second"] * self.lengths.tool, self.lengths.tool)

    def measure(self, row, server):
        settings = settings_of(row, server, self.files) + self.extra
        result = dict(row)
        result["full"] = self.full_speed(row, settings, server)
        files_remove(self.files)
        result["tool"] = self.own_tool(row, server, result["full"])
        result["limit"] = limit_of(result)
        result["wire"] = self.wire(row, settings, result["full"]["documents_per_second"])
        files_remove(self.files)
        self.results.append(result)
        row_print(result)

    def rows_measure(self, rows, server):
        for row in rows:
            if time.monotonic() > self.until:
                print(f"{row['name']}: left out, for the time is over")
                continue
            try:
                self.measure(row, server)
            except Trouble as trouble:
                print(f"{row['name']}: failed: {trouble}", flush=True)
                self.results.append(row | {"error": str(trouble)})

    def group_measure(self, group, rows):
        if group not in SERVERS:
            self.rows_measure(rows, None)
            return
        lacking = missing()
        if lacking:
            raise Trouble(f"{NAMES[group]}: left out, for this machine lacks {', '.join(lacking)}")
        if time.monotonic() + SERVER_SECONDS > self.until:
            raise Trouble(f"{NAMES[group]}: left out, for the time is over")
        with SERVERS[group](group, self.build, self.server_cpus, self.weir_cpu) as server:
            server.warm(self.documents, self.lengths.warm)
            self.rows_measure(rows, server)


def files_remove(folder):
    for path in folder.iterdir():
        path.unlink()


def limit_of(result):
    """Who cannot go faster: weir, the disk or server, both, or neither of the two is busy."""
    full, tool = result["full"], result["tool"]
    weir = full["busy"] >= BUSY
    if not tool:
        return "weir"
    if result["group"] == "file":
        other, name = full["documents_per_second"] >= BUSY * tool["documents_per_second"], "disk"
    else:
        other, name = full["server_busy"] >= BUSY, "server"
    if weir or other:
        return "both" if weir and other else "weir" if weir else name
    return "waiting" if full["others"] < 1 - BUSY else "others"


# --- the table ---

HEADING = """
weir on processor {weir}, servers and the sender on {servers}; documents of v9, {size} bytes
  full speed: documents acknowledged a second, CPU time of a document in weir (without decoding and encoding) and in
              the server, bytes sent of a document, how busy both are (of one processor)
  own tool:   the most that the server's own tool gets in: the same documents, messages, compression, acks; the disk's
              plain writing for files; how busy the tool and the server are
  limit:      who is busy at full speed
  wire:       weir run, from the socket to the acknowledgement, at a pace without loss: CPU time of a document, of it in
              the worker, the output's thread, librdkafka's threads, the rest
"""

# heading above, heading, width, where the value is in a result, how it is shown
COLUMNS = (
    ("full speed", "rate/s", 9, ("full", "documents_per_second"), "{:.0f}"),
    ("", "weir ns", 8, ("full", "cpu_ns"), "{:.0f}"),
    ("", "serv. ns", 9, ("full", "server_ns"), "{:.0f}"),
    ("", "bytes", 7, ("full", "sent_bytes"), "{:.1f}"),
    ("", "weir", 5, ("full", "busy"), "{:.0%}"),
    ("", "serv.", 5, ("full", "server_busy"), "{:.0%}"),
    ("own tool", "rate/s", 10, ("tool", "documents_per_second"), "{:.0f}"),
    ("", "tool", 5, ("tool", "busy"), "{:.0%}"),
    ("", "serv.", 5, ("tool", "server_busy"), "{:.0%}"),
    ("", "limit", 8, ("limit",), "{}"),
    ("wire", "rate/s", 8, ("wire", "documents_per_second"), "{:.0f}"),
    ("", "CPU ns", 7, ("wire", "cpu_ns"), "{:.0f}"),
    ("", "worker", 7, ("wire", "worker_ns"), "{:.0f}"),
    ("", "output", 7, ("wire", "output_ns"), "{:.0f}"),
    ("", "rdkafka", 7, ("wire", "kafka_ns"), "{:.0f}"),
    ("", "rest", 6, ("wire", "others_ns"), "{:.0f}"),
)
NAME_WIDTH = 35


def heading_print(bench):
    print(HEADING.format(weir=bench.weir_cpu, servers=",".join(map(str, bench.server_cpus)),
                         size=os.path.getsize(bench.documents) // DOCUMENTS))
    for line in (0, 1):
        print(" " * NAME_WIDTH + " ".join(f"{column[line]:>{column[2]}}" for column in COLUMNS), flush=True)


def row_print(result):
    cells = []
    for _above, _heading, width, path, form in COLUMNS:
        value = result
        for key in path:
            value = (value or {}).get(key)
        cells.append(f"{'-' if value is None else form.format(value):>{width}}")
    print(f"{result['name']:{NAME_WIDTH}}" + " ".join(cells), flush=True)


def targets_print(results):
    verdicts = []
    for result in results:
        most = TARGETS.get(tuple(result[key] for key in ("group", "message", "compression", "acks")))
        if most is None or "error" in result:
            continue
        value = result["wire"]["cpu_ns"]
        verdict = "met" if value <= most else "missed"
        name = f"from the wire to {result['name']}, CPU of a document"
        print(f"{name:64} {value:9.2f} of at most {most:7.2f} ns       {verdict if verdict == 'met' else 'MISSED'}")
        verdicts.append({"name": name, "value": value, "most": most, "unit": "ns", "verdict": verdict})
    return verdicts


def noise_print(results):
    others = [result["full"]["others"] for result in results if "full" in result]
    if others:
        print(f"other work on this machine meanwhile: {sum(others) / len(others):.0%} of a processor, at most "
              f"{max(others):.0%}")


def processor():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def result_write(path, results, verdicts):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine = {"date": now, "kernel": platform.release(), "processor": processor()}
    text = json.dumps({"machine": machine, "output": results, "targets": verdicts}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def arguments_read():
    parser = argparse.ArgumentParser(prog="scripts/bench output", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all without one")
    parser.add_argument("--quick", action="store_true", help="fewer rows and shorter runs: below three minutes")
    parser.add_argument("-o", dest="setting", action="append", default=[], metavar="KEY=VALUE",
                        help="a setting of weir, for all rows")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder (build)")
    parser.add_argument("--json", type=pathlib.Path,
                        help="where the result goes: bench-result.json in the build folder")
    arguments = parser.parse_args()
    arguments.json = arguments.json or arguments.build / "bench-result.json"
    unknown = set(arguments.groups) - set(GROUPS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: groups are {', '.join(GROUPS)}")
    return arguments


def main():
    arguments = arguments_read()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    bench = Bench(arguments)
    rows = rows_make(arguments.quick)
    try:
        bench.prepare()
        heading_print(bench)
        for group in arguments.groups or GROUPS:
            try:
                bench.group_measure(group, rows[group])
            except Trouble as trouble:
                print(trouble, flush=True)
                bench.results.append({"group": group, "error": str(trouble)})
    except KeyboardInterrupt:
        return 130
    finally:
        bench.remove()
    print("\ntargets")
    verdicts = targets_print(bench.results)
    noise_print(bench.results)
    result_write(arguments.json, bench.results, verdicts)
    return 1 if any("error" in result for result in bench.results) else 0


if __name__ == "__main__":
    sys.exit(main())
