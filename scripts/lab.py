# SPDX-License-Identifier: Apache-2.0
"""Network namespaces, and weir in one of them: what the demonstration and the end-to-end tests have in common."""

import contextlib
import glob
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

EXPORTER = "10.77.0.1"
COLLECTOR = "10.77.0.2"
EXPORTER6 = "fd77::1"
COLLECTOR6 = "fd77::2"
EXPORT_INTERFACE = "export0"
COLLECT_INTERFACE = "collect0"
READY = "ready: receiving on"  # in the log of weir, once it is


def weir_command():
    return shlex.split(os.environ.get("WEIR", str(ROOT / "build" / "app" / "weir")))


def must(*command, **options):
    """Output of a command that has to succeed."""
    options.setdefault("timeout", 60)
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def lack_of_rights():
    """Why namespaces cannot be made here; None where they can."""
    name = f"weir-try-{os.getpid()}"
    try:
        must("ip", "netns", "add", name)
    except (RuntimeError, FileNotFoundError) as error:
        return f"no network namespaces: {error}"
    try:
        must("ip", "-n", name, "link", "add", "try0", "type", "veth", "peer", "name", "try1")
    except RuntimeError as error:
        return f"no veth pairs: {error}"
    finally:
        must("ip", "netns", "del", name)
    return None


def remove_stale(prefix):
    """Namespaces of processes that ended without taking them along."""
    for path in glob.glob(f"/var/run/netns/{prefix}-*"):
        name = pathlib.Path(path).name
        match = re.match(rf"{re.escape(prefix)}-(\d+)-", name)
        if match and not pathlib.Path("/proc", match.group(1)).exists():
            remove_namespace(name)


def remove_namespace(name):
    """With every process that is still in it: some exporters leave their terminal and their parent behind."""
    pids = subprocess.run(["ip", "netns", "pids", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False).stdout.split()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def last_ledger(log):
    """The last of weir's ledgers in its JSON lines, be it the one at the end or a reading."""
    for line in reversed(log.splitlines()):
        if line.startswith('{"weir":'):
            return json.loads(line)
    raise ValueError(f"no ledger in:\n{log}")


def counter(ledger, name):
    return ledger["counters"][name]


def unbalanced(ledger):
    """What is wrong with a ledger at rest: units whose identity does not hold, or documents that still wait."""
    found = []
    for name, unit in ledger["units"].items():
        if unit["received"] != unit["delivered"] + unit["waiting"] + unit["dropped"]:
            found.append(f"{name}: {unit}")
        elif unit["waiting"]:
            found.append(f"{name}: {unit['waiting']} wait at the end")
    if set(ledger["units"]) != {"packets", "datagrams", "sets", "records"}:
        found.append(f"units: {', '.join(ledger['units'])}")
    return found


def dropped(ledger, unit):
    return ledger["units"][unit]["dropped"]


def lost(ledger):
    """What the kernel and the driver say they dropped before weir."""
    return sum(value for name, value in ledger["counters"].items() if name.startswith("losses_"))


class Namespace:
    def __init__(self, name):
        self.name = name
        self.processes = []
        must("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return must("ip", "-n", self.name, *arguments)

    def inside(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, **options):
        return must(*self.inside(*command), **options)

    def start(self, *command, **options):
        """A process in a session of its own, so that Ctrl-C reaches nobody but us; ended with the namespace."""
        process = subprocess.Popen(self.inside(*command), stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def close(self):
        for process in self.processes:
            end(process)
        remove_namespace(self.name)


def end(process, seconds=5):
    """Asks a process to end, then makes it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class Link:
    """Two namespaces, exporter and collector, joined by a veth pair."""

    def __init__(self, prefix):
        self.exporter = self.collector = None
        stem = f"{prefix}-{os.getpid()}"
        try:
            self.exporter = Namespace(f"{stem}-exporter")
            self.collector = Namespace(f"{stem}-collector")
            self.join()
        except RuntimeError:
            self.close()
            raise

    def join(self, queues=1):
        """Both ends with so many queues each way."""
        many = ("numtxqueues", queues, "numrxqueues", queues)
        must("ip", "-n", self.exporter.name, "link", "add", EXPORT_INTERFACE, *many, "type", "veth",
             "peer", "name", COLLECT_INTERFACE, *many, "netns", self.collector.name)
        for namespace, interface, four, six in ((self.exporter, EXPORT_INTERFACE, EXPORTER, EXPORTER6),
                                                (self.collector, COLLECT_INTERFACE, COLLECTOR, COLLECTOR6)):
            namespace.ip("addr", "add", f"{four}/24", "dev", interface)
            namespace.ip("addr", "add", f"{six}/64", "dev", interface, "nodad")
            namespace.ip("link", "set", interface, "up")

    def rejoin(self, queues):
        self.exporter.ip("link", "del", EXPORT_INTERFACE)
        self.join(queues)

    def spread(self):
        """
        Has the exporter's frames leave by a queue of its processor, and so come in by it: in generic mode by the one
        before, as the kernel counts. Of a processor's two out of four queues the flow's hash chooses.
        """
        for queue, processors in enumerate((0b01, 0b10, 0b01, 0b10)):
            self.exporter.run("sh", "-c", f"echo {processors:x} > "
                              f"/sys/class/net/{EXPORT_INTERFACE}/queues/tx-{queue}/xps_cpus")

    def macs(self):
        """(exporter's, collector's) hardware addresses."""
        return tuple(json.loads(namespace.ip("-j", "link", "show", interface))[0]["address"]
                     for namespace, interface in ((self.exporter, EXPORT_INTERFACE),
                                                  (self.collector, COLLECT_INTERFACE)))

    def close(self):
        for namespace in (self.exporter, self.collector):
            if namespace:
                namespace.close()


class Weir:
    """`weir run`, started by start() (a Namespace's, or any function like Popen), writing files into a folder."""

    log_began = 0  # bytes of the log that are of an earlier run

    log_start = 0  # of what this run says in the log

    def __init__(self, folder, start, settings, file=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = {"output.type": "file", "output.path": f"{self.folder}/documents-%i.ndjson",
                         "output.batch_age": "100ms", "stats_format": "json", **settings}
        self.log_path = self.folder / "weir.log"
        command = [*weir_command(), "run", *(["-c", str(file)] if file else [])]
        for key, value in self.settings.items():
            command += ["-o", f"{key}={value}"]
        with self.log_path.open("ab") as log:
            self.log_start = log.tell()  # a run before may have written there, too
            self.process = start(*command, stdout=log, stderr=log)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_ready(self, seconds=20):
        """Until it receives; RuntimeError with the log when it ends before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if READY.encode() in self.log_path.read_bytes()[self.log_start:]:
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"weir does not receive (status {self.process.poll()}):\n{self.log()}")

    def files(self):
        return sorted(self.folder.glob("documents-*"))

    def documents(self):
        """Every whole line so far."""
        found = []
        for path in self.files():
            text = path.read_bytes()
            found += [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines() if line.strip(b"\0")]
        return found

    def wait_documents(self, count, seconds=20):
        """Until there are as many documents, or time is up; what there is then."""
        until = time.monotonic() + seconds
        while len(found := self.documents()) < count and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def stop(self, seconds=60):
        """SIGTERM; the ledger that it prints, and its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)
        return self.process.returncode

    def ledger(self):
        """The last ledger in the log."""
        return last_ledger(self.log())
