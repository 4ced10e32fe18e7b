# SPDX-License-Identifier: Apache-2.0
"""Collectors for the bench of load: each started in the collector's namespace, writing what it writes into a folder,
and summed up from what it left there. A further one is a class here and its row in COLLECTORS."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]
import lab  # noqa: E402

PORT = 2055
BUFFER = 8 << 20  # bytes of receive buffer, for all that can be told so
START_SECONDS = 20
WEIR = lab.weir_command()
BUILD = pathlib.Path(WEIR[-1]).parent.parent
SUMS = BUILD / "bench" / "weir-bench-sums"


@dataclasses.dataclass
class Place:
    """Where a collector runs, and what it is told of the load."""
    namespace: lab.Namespace
    folder: pathlib.Path  # in memory, and empty
    cpus: list
    exporters: int

    @property
    def cores(self):
        return len(self.cpus)

    def start(self, *command):
        with open(self.folder / "log", "ab") as log:
            return self.namespace.start("taskset", "-c", ",".join(map(str, self.cpus)), *command, stdout=log,
                                        stderr=log, cwd=self.folder)


def output_of(*command):
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False).stdout


class Collector:
    """One way to collect. Sums are (records, bytes, packets), from what it wrote."""
    name = program = None
    end = signal.SIGTERM

    def __init__(self, place):
        self.place = place
        self.process = None

    @classmethod
    def lacks(cls):
        """Why it cannot run here; None if it can."""
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    def start(self):
        self.process = self.place.start(*self.command())
        self.wait_ready()
        return self

    def command(self):
        raise NotImplementedError

    def wait_ready(self):
        """Until something listens on the port."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if f":{PORT} " in output_of("ip", "netns", "exec", self.place.namespace.name, "ss", "-Hlnu"):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not start: {(self.place.folder / 'log').read_text()[-600:]}")

    def cpu_seconds(self):
        """Of the processes in its session, the kernel's work on their behalf included."""
        ticks = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def written(self):
        return sum(path.stat().st_size for path in self.place.folder.rglob("*") if path.is_file())

    def settle(self, seconds=5):
        """Until nothing more is written."""
        until, before = time.monotonic() + seconds, None
        while time.monotonic() < until and (now := (self.written(), self.cpu_seconds())) != before:
            before = now
            time.sleep(0.3)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, self.end)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                lab.end(self.process)

    def sums(self):
        raise NotImplementedError


class Weir(Collector):
    program = "weir"
    settings = {}

    @classmethod
    def lacks(cls):
        return None

    def command(self):
        settings = {"workers": self.place.cores, "read_buffer": BUFFER, "limits.exporters": 1 << 18,
                    "limits.memory": "2GiB", "http.listen": "off", "stats_format": "json", "output.type": "file",
                    "output.batches": 256, "output.rotate_size": 0, "output.rotate_age": 0,
                    "output.path": self.place.folder / "documents-%i.ndjson", **self.settings}
        return [*WEIR, "run", *(part for key, value in settings.items()
                                                  for part in ("-o", f"{key}={value}"))]

    def wait_ready(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if lab.READY in self.log():
                return
            time.sleep(0.02)
        raise RuntimeError(f"weir does not receive:\n{self.log()}")

    def log(self):
        return (self.place.folder / "log").read_text(errors="replace")

    def sums(self):
        found = json.loads(output_of(SUMS, *self.place.folder.glob("documents-*")) or "null")
        ledger = lab.last_ledger(self.log())
        if lab.unbalanced(ledger):
            raise RuntimeError(f"weir's ledger does not balance: {ledger}")
        return found["documents"] - lab.counter(ledger, "options_records"), found["bytes"], found["packets"]

    def lost(self):
        """Where weir says that it lost something: for the table, not for the judgement."""
        ledger = lab.last_ledger(self.log())
        return {name: value for name, value in ledger["counters"].items()
                if value and re.match("losses_|records_no_batch|records_missing|exporters_refused", name)}


class WeirSocket(Weir):
    name = "weir, sockets"
    settings = {"input.backend": "socket"}


class WeirNative(Weir):
    name = "weir, XDP native"
    settings = {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "native"}


class WeirGeneric(Weir):
    name = "weir, XDP generic"
    settings = {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "generic"}


class WeirDpdk(Weir):
    name = "weir, DPDK"
    settings = {"input.backend": "dpdk", "input.dpdk.devices": f'["net_af_packet0,iface={lab.COLLECT_INTERFACE}"]',
                "input.dpdk.hugepages": "false"}

    @classmethod
    def lacks(cls):
        known = "input.dpdk.devices" in output_of(*WEIR, "docs", "options")
        return None if known else "this weir has no DPDK"


class Nfcapd(Collector):
    """Writes binary files by the time; nfdump reads them."""
    name = program = "nfcapd"

    def command(self):
        (self.place.folder / "flows").mkdir()
        return ["nfcapd", "-w", self.place.folder / "flows", "-p", PORT, "-B", BUFFER, "-t", 3600]

    def sums(self):
        text = output_of("nfdump", "-R", self.place.folder / "flows", "-A", "proto", "-N")
        found = re.search(r"total flows: (\d+), total bytes: (\d+), total packets: (\d+)", text)
        return tuple(map(int, found.groups())) if found else (0, 0, 0)


class Nfacctd(Collector):
    """Adds up in memory, by protocol, and writes that at the end; so it has less to write than the others. Its plugin's
    buffer stays at its default: of a larger one, what is not full at the end is never written."""
    name = program = "nfacctd"
    end = signal.SIGINT  # which makes it write what it has

    def command(self):
        pipe = 64 << 20
        (self.place.folder / "configuration").write_text(
            f"nfacctd_port: {PORT}\nnfacctd_ip: 0.0.0.0\nnfacctd_pipe_size: {BUFFER}\nplugins: print\n"
            f"aggregate: proto, flows\nprint_output: csv\nprint_output_file: {self.place.folder}/sums.csv\n"
            f"print_refresh_time: 3600\nplugin_pipe_size: {pipe}\n"
            "nfacctd_disable_checks: true\n")
        return ["nfacctd", "-f", self.place.folder / "configuration"]

    def sums(self):
        """The last columns are packets, flows and bytes."""
        path = self.place.folder / "sums.csv"
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            return 0, 0, 0
        columns = [name.strip().upper() for name in lines[0].split(",")]
        rows = [dict(zip(columns, line.split(","))) for line in lines[1:] if line[:1].isalnum()]
        return tuple(sum(int(row[name]) for row in rows) for name in ("FLOWS", "BYTES", "PACKETS"))


class Goflow2(Collector):
    """A JSON line a flow, into a file."""
    name = program = "goflow2"

    def command(self):
        return ["goflow2", "-listen", f"netflow://:{PORT}?count={self.place.cores}", "-format", "json", "-transport",
                "file", "-transport.file", self.place.folder / "flows.json", "-addr", ":0"]

    def sums(self):
        count = octets = packets = 0
        for line in (self.place.folder / "flows.json").read_bytes().splitlines():
            try:
                flow = json.loads(line)
            except ValueError:  # its threads write into each other's lines; nobody could read that
                continue
            count, octets, packets = count + 1, octets + flow["bytes"], packets + flow["packets"]
        return count, octets, packets


class Filebeat(Collector):
    """Elastic's netflow input, into files."""
    name = program = "filebeat"

    def command(self):
        (self.place.folder / "filebeat.yml").write_text(json.dumps({
            "filebeat.inputs": [{"type": "netflow", "host": f"0.0.0.0:{PORT}",
                                 "protocols": ["v1", "v5", "v6", "v7", "v8", "v9", "ipfix"],
                                 "read_buffer": f"{BUFFER >> 20}MiB", "max_message_size": "10KiB"}],
            "output.file": {"path": str(self.place.folder), "filename": "documents", "rotate_every_kb": 10 << 20,
                            "number_of_files": 1024}}))
        return ["filebeat", "--strict.perms=false", "--path.data", self.place.folder / "data", "-c",
                self.place.folder / "filebeat.yml"]

    def sums(self):
        count = octets = packets = 0
        for path in self.place.folder.glob("documents*"):
            for line in path.read_bytes().splitlines():
                document = json.loads(line)
                if document["event"]["action"] == "netflow_flow":
                    network = document.get("network", {})
                    count += 1
                    octets, packets = octets + network.get("bytes", 0), packets + network.get("packets", 0)
        return count, octets, packets


COLLECTORS = {"socket": WeirSocket, "native": WeirNative, "generic": WeirGeneric, "dpdk": WeirDpdk, "nfcapd": Nfcapd,
              "nfacctd": Nfacctd, "goflow2": Goflow2, "filebeat": Filebeat}
