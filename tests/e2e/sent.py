# SPDX-License-Identifier: Apache-2.0
"""Flows on their way: what load.py has sent, and what was found again behind an output."""

import collections
import ipaddress
import json
import signal
import subprocess
import sys
import time

from harness import HERE
import lab
import load

ADDRESSES = [f"10.77.0.{100 + number}" for number in range(8)]  # of exporters, in the exporter's namespace


class Sent:
    """The records that exporters have sent: numbers from 0 on, the same for each exporter, in datagrams of one time."""

    def __init__(self, exporters=4, records=10, began=None):
        self.began = int(time.time()) if began is None else began
        self.addresses = ADDRESSES[:exporters]
        self.exporters = [f"{address}:{load.SOURCE_PORT}" for address in self.addresses]
        self.records_a_datagram = records
        self.datagrams = 0  # of each exporter

    @property
    def of_each(self):
        return self.datagrams * self.records_a_datagram

    @property
    def count(self):
        return len(self.exporters) * self.of_each

    def sums(self):
        """By exporter: documents, bytes, packets."""
        numbers = range(self.of_each)
        row = (len(numbers), sum(map(load.bytes_of, numbers)), sum(map(load.packets_of, numbers)))
        return {exporter: row for exporter in self.exporters}

    def keys(self):
        return {(exporter, number) for exporter in self.exporters for number in range(self.of_each)}


class Load:
    """load.py at work in the exporter's namespace, going on from where `sent` is."""

    def __init__(self, namespace, sent, rate=50, count=0):
        self.sent = sent
        self.process = namespace.start(
            sys.executable, HERE / "load.py", lab.COLLECTOR, 2055, *sent.addresses, "--rate", rate, "--count", count,
            "--first", sent.datagrams, "--records", sent.records_a_datagram, "--began", sent.began,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self, seconds=120):
        """Until it has sent everything; adds that to `sent`, which it returns."""
        out, error = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, f"load.py: {error.decode()}"
        self.sent.datagrams += json.loads(out)["datagrams"]
        return self.sent

    def stop(self):
        """Ends it. Stopping twice is harmless."""
        if self.process.returncode is not None:
            return self.sent
        self.process.send_signal(signal.SIGTERM)
        return self.wait()


# --- what was found ---

def key_of(document):
    """(exporter, number) of a document; its values have to be those of that number."""
    number = int(ipaddress.IPv4Address(document["source"]["ip"])) - 0x0A000000
    values = document["network"]["bytes"], document["network"]["packets"]
    wanted = load.bytes_of(number), load.packets_of(number)
    assert values == wanted, f"record {number} has bytes and packets {values}, sent were {wanted}: {document}"
    return document["netflow"]["exporter"]["address"], number


def ranges(numbers):
    """Numbers as text: "3-7, 9"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    text = ", ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in parts[:8])
    return text + (f" and {len(parts) - 8} more ranges" if len(parts) > 8 else "")


def by_exporter(keys):
    found = collections.defaultdict(list)
    for exporter, number in keys:
        found[exporter].append(number)
    return "; ".join(f"{exporter}: {ranges(numbers)}" for exporter, numbers in sorted(found.items()))


class Balance:
    """What was sent against what was found."""

    def __init__(self, sent, keys):
        counts = collections.Counter(keys)
        wanted = sent.keys()
        self.sent, self.found = len(wanted), len(counts)
        self.missing = wanted - counts.keys()
        self.strange = counts.keys() - wanted
        self.double = {key for key, count in counts.items() if count > 1}
        self.doubles = sum(counts.values()) - len(counts)

    def __str__(self):
        parts = [f"sent {self.sent}, found {self.found}"]
        for name in ("missing", "strange", "double"):
            keys = getattr(self, name)
            if keys:
                parts.append(f"{name} {len(keys)} ({by_exporter(keys)})")
        return "; ".join(parts)


def check_once(sent, keys, say=""):
    """Every record sent is there once, and nothing else."""
    balance = Balance(sent, keys)
    assert not balance.missing and not balance.strange and not balance.double, f"{balance}\n{say}"
    return balance


def check_kept(sent, keys, say=""):
    """Every record sent is there at least once, and nothing else."""
    balance = Balance(sent, keys)
    assert not balance.missing and not balance.strange, f"{balance}\n{say}"
    return balance
