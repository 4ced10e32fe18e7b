# SPDX-License-Identifier: Apache-2.0
"""weir beside the servers: its configuration as a file, its ledger of each output, what it says while it runs."""

import functools
import json
import os
import pathlib
import re
import signal
import time

import lab
from servers import wait_for

COMMON = {"input": {"backend": "socket"}, "workers": 1, "read_buffer": "16MiB", "stats_format": "json",
          "stats_interval": "200ms"}
OUTPUT = {"batch_age": "100ms"}


def merge(*maps):
    """Later ones win; maps within are merged, too."""
    found = {}
    for row in maps:
        for key, value in row.items():
            old = found.get(key)
            found[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found


class Collector(lab.Weir):
    """`weir run` with a configuration of this shape: {"output": {...}, "outputs": {...}}."""

    def __init__(self, folder, namespace, configuration, environment=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = merge(COMMON, {"output": OUTPUT}, configuration)
        path = self.folder / "weir.yml"
        path.write_text(json.dumps(self.settings, indent=1))  # JSON is YAML
        self.log_path = self.folder / f"weir-{len(list(self.folder.glob('weir-*.log')))}.log"
        start = functools.partial(namespace.start, env={**os.environ, **(environment or {})})
        with self.log_path.open("wb") as log:
            self.process = start(*lab.weir_command(), "run", "-c", path, stdout=log, stderr=log)

    def said(self):
        """The log without ledgers, for the message of a failure."""
        return "\n".join(line for line in self.log().splitlines() if not line.startswith('{"weir":'))[-6000:]

    def lines(self):
        """All ledgers that it has printed, as text."""
        return [line for line in self.log().splitlines() if line.startswith('{"weir":') and line.endswith("}")]

    def readings(self):
        return [json.loads(line) for line in self.lines()]

    def reading(self):
        """The last one."""
        return json.loads(wait_for(lambda: f"a reading of weir\n{self.said()}", 10, self.lines)[-1])

    def next_reading(self, seconds=20):
        """One of which no part is older than this call: the next one but one."""
        count = len(self.lines())
        return json.loads(wait_for(lambda: f"readings of weir\n{self.said()}", seconds,
                                   lambda: self.lines()[count + 1:])[0])

    def wait_received(self, count, seconds=30):
        """Until so many records have arrived."""
        def arrived():
            lines = self.lines()
            return lines and lab.counter(json.loads(lines[-1]), "records_received") >= count
        wait_for(lambda: f"{count} records in weir; {summary(self.reading())}\n{self.said()}", seconds, arrived)

    def wait_done(self, seconds=60):
        """Until nothing waits any more, in no output; returns the seconds that it took."""
        started = time.monotonic()
        while waiting(reading := self.next_reading()):
            late = time.monotonic() > started + seconds
            assert not late, f"documents still wait: {summary(reading)}\n{self.said()}"
        return time.monotonic() - started

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def finish(self, sent=None, waits=0, status=0):
        """
        Ends it with this exit status; returns the ledger, which has to balance exactly, in all and for each output:
        so many documents may wait (in a spool). sent: a Sent whose records all have to have arrived.
        """
        assert self.stop() == status, f"exit status {self.process.returncode}, expected {status}\n{self.said()}"
        ledger = self.ledger()
        check_ledger(ledger, waits, self.said())
        if sent is not None:
            arrived = lab.counter(ledger, "records_received")
            assert arrived == sent.count, f"received {arrived}, sent {sent.count}, lost on the way {lab.lost(ledger)}"
        return ledger


KILLED = re.compile(r"output (\S+): the run before was killed after (\d+) documents, (\d+) of them delivered; "
                    r"(\d+) were in its spool, (\d+) in memory are there now, (\d+) are lost")


def before_kill(weir, name="default"):
    """What the start after a kill says of the run before: documents that it had received, delivered, and so on."""
    found = [row for row in KILLED.findall(weir.log()) if row[0] == name]
    assert len(found) == 1, weir.said()
    return dict(zip(("received", "delivered", "spooled", "moved", "lost"), map(int, found[0][1:])))


def waiting(ledger):
    return ledger["units"]["records"]["waiting"]


def output_of(ledger, name="default"):
    found = [row for row in ledger["outputs"] if row["output"] == name]
    assert found, f"no output {name} in the ledger: {ledger['outputs']}"
    return found[0]


def dropped_by_reason(row):
    """Of a row of output_of(): what was dropped, by counter; together it is what the row says."""
    kept = ("records_received", "records_copied", "records_recovered", "records_inherited", "records_delivered")
    found = {name: count for name, count in row["counters"].items()
             if count and name.startswith("records_") and name not in kept}
    assert sum(found.values()) == row["dropped"], row
    return found


def summary(ledger):
    """What a ledger says of records and outputs, in short."""
    outputs = [{key: value for key, value in row.items() if value} for row in ledger.get("outputs", [])]
    counters = {key: value for key, value in ledger["counters"].items()
                if value and key.startswith(("records_", "losses_", "spool_", "output_"))}
    return json.dumps({"units": ledger["units"]["records"], "counters": counters, "outputs": outputs})


def check_ledger(ledger, waits=0, say=""):
    """received + copied + recovered + inherited = delivered + waiting + dropped: in all, for each output and unit."""
    text = f"{summary(ledger)}\n{say}"
    for name, unit in ledger["units"].items():
        assert unit["received"] == unit["delivered"] + unit["waiting"] + unit["dropped"], f"{name} differ: {text}"
        assert unit["waiting"] == (waits if name == "records" else 0), f"{name} waiting, expected {waits}: {text}"
    records, counters = ledger["units"]["records"], ledger["counters"]
    into = sum(counters[name] for name in ("records_received", "records_copied", "records_recovered",
                                           "records_inherited"))
    assert records["received"] == into, f"received, copied, recovered and inherited are {into}: {text}"
    for row in ledger["outputs"]:
        assert row["received"] == row["delivered"] + row["waiting"] + row["dropped"], f"{row['output']}: {text}"
    for part in ("delivered", "waiting"):
        parts = sum(row[part] for row in ledger["outputs"])
        assert records[part] == parts, f"{part}: all outputs together have {parts}: {text}"
