# SPDX-License-Identifier: Apache-2.0
"""
Exporters that send the worst templates and records there are, beside exporters that are honest, on one worker: these
lose nothing, memory stays as it is, and what came of the others' datagrams is counted by name.

    HOSTILE_SECONDS=60 HOSTILE_RATE=0 scripts/test long -- -s -k test_hostile     (0: as fast as the sender can)
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import frames
from harness import BACKENDS, check_stop
import hostile
import lab
import pytest
from test_http import get_json

SEND = pathlib.Path(lab.weir_command()[-1]).parent.parent / "tests" / "tools" / "frames_send"
SECONDS = int(os.environ.get("HOSTILE_SECONDS", "20"))
RATE = int(os.environ.get("HOSTILE_RATE", "0"))
CPUS = sorted(os.sched_getaffinity(0))
HONEST, HONEST_RATE = 10, 1000  # exporters, and their datagrams a second in all: about a tenth of a worker
HONEST_FROM, HOSTILE_FROM = "198.18.0.0/16", "198.51.0.0/16"
DATAGRAMS = 2000  # different ones of each kind
WARM = 0.4  # of the time, until memory has to be as large as it gets
GROWTH_MOST = 8 << 20  # bytes: what allocators and page tables may still take afterwards


class Hostile:
    """The flood of one kind, from so many addresses."""

    def __init__(self, link, tmp_path, kind, sources):
        self.link, self.path = link, tmp_path / "frames"
        macs = link.macs()
        with self.path.open("wb") as file:
            for number, payload in enumerate(hostile.payloads(kind, DATAGRAMS)):
                source = f"198.51.{number % sources // 250}.{1 + number % sources % 250}"
                packet = frames.ipv4(source, lab.COLLECTOR, frames.UDP,
                                     frames.udp((source, 4000 + number % 7), (lab.COLLECTOR, 2055), payload))
                frame = frames.ethernet(macs, packet)
                file.write(len(frame).to_bytes(4, "big") + frame)

    def start(self, seconds, rate):
        return self.link.exporter.start("taskset", "--cpu-list", CPUS[-1], SEND, lab.EXPORT_INTERFACE, self.path,
                                        seconds, rate, stdout=subprocess.PIPE)


def resident(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def processor_seconds(process):
    times = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def schedule(process):
    """Of each thread: for how many seconds it ran, and could have run while others had the processor."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return {path.parent.name: [int(word) / 1e9 for word in path.read_text().split()[:2]] for path in tasks}


def kept_waiting(before, after):
    """The latter, of the one that ran most since: the worker."""
    _, waited = max((ran - before[thread][0], waited - before[thread][1])
                      for thread, (ran, waited) in after.items() if thread in before)
    return waited


def rows_of(link, network):
    answer = get_json(link.collector, f"/api/exporters?limit=10000&network={network}")
    assert answer["matched"] == len(answer["exporters"])
    return answer["exporters"]


def wait_delivered(link, sent):
    """Until the honest exporters' records are acknowledged, or time is up."""
    until = time.monotonic() + 5
    while True:
        rows = rows_of(link, HONEST_FROM)
        if time.monotonic() > until or sum(row["counters"].get("records_delivered", 0) for row in rows) >= sent:
            return rows
        time.sleep(0.1)


def total(rows, name):
    return sum(row["counters"].get(name, 0) for row in rows)


def honest_lost(rows, blast):
    """By exporter: records that are no documents; datagrams that were refused."""
    said = {row["exporter"]: row["records"] + row["options_records"] for row in blast["exporters"]}
    assert len(said) == HONEST
    found = {row["exporter"]: row["counters"].get("records_delivered", 0) for row in rows}
    refused = {row["exporter"]: row["counters"]["datagrams_over_share"] for row in rows
               if "datagrams_over_share" in row["counters"]}
    lost = {name: count - found.get(name, 0) for name, count in said.items() if found.get(name, 0) != count}
    return lost, refused


def reasons(rows):
    """What was counted of the hostile ones, in all."""
    found = {}
    for row in rows:
        for name, count in row["counters"].items():
            found[name] = found.get(name, 0) + count
    return found


# Of each kind, what there has to be: without it the flood would not be what it says.
EXPECTED = {
    "fields": ("templates_changed",), "zero": ("records_received",),
    "lists": ("lists_too_deep", "records_received"), "churn": ("templates_learned", "sets_parked"),
    "options": ("templates_changed", "facts_learned", "facts_over_exporter_cap"), "values": ("records_cut",),
}


def trial(collect, link, tmp_path, backend, kind, **how):
    """Honest exporters all the time, hostile ones after a moment of it."""
    seconds, rate = how["seconds"], how["rate"]
    for namespace, network in ((link.collector, HONEST_FROM), (link.collector, HOSTILE_FROM)):
        namespace.ip("route", "add", network, "via", lab.EXPORTER)
    flood = Hostile(link, tmp_path, kind, how["sources"])
    rings = {"socket": {"read_buffer": "64MiB"}, "native": {"input.frames": "32768"}}[backend]
    weir = collect(**{**BACKENDS[backend], **rings, "workers": "1"}, output__path="/dev/null",
                   input__cpus=f"[{CPUS[0]}]", templates__path=tmp_path / "templates", stats_interval="0",
                   limits__facts_per_exporter=1024)
    honest = link.exporter.start("taskset", "--cpu-list", CPUS[-1], *lab.weir_command(), "blast", "--json",
                                 "--by-exporter", "--format", "v9", "--exporters", HONEST, "--from", HONEST_FROM,
                                 "--rate", HONEST_RATE, "--seconds", seconds + 3, "--sender", "packet", "--interface",
                                 lab.EXPORT_INTERFACE, f"{lab.COLLECTOR}:2055", stdout=subprocess.PIPE)
    time.sleep(0.5)
    idle = processor_seconds(weir.process)
    time.sleep(1)
    before = resident(weir.process), processor_seconds(weir.process)
    usual = before[1] - idle
    scheduled = schedule(weir.process)
    sender, sizes, began = flood.start(seconds, rate), [], time.monotonic()
    while sender.poll() is None:
        sizes.append((time.monotonic() - began, resident(weir.process)))
        time.sleep(0.1)
    spent = processor_seconds(weir.process) - before[1]
    waited = kept_waiting(scheduled, schedule(weir.process))
    sent, blast = int(sender.stdout.read()), json.loads(honest.communicate(timeout=seconds + 20)[0])
    rows = wait_delivered(link, blast["records"] + blast["options_records"])
    lost, refused = honest_lost(rows, blast)
    missing, no_batch = total(rows, "datagrams_missing"), total(rows, "records_no_batch")
    counts = reasons(rows_of(link, HOSTILE_FROM))
    _, ledger = weir.stop(), weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    late = [size for at, size in sizes if at > WARM * seconds]
    arrived = counts.get("datagrams_received", 0)
    decoded = arrived - counts.get("datagrams_over_share", 0)
    print(f"\n{backend} {kind}: hostile sent {sent} ({sent / seconds:.0f}/s), arrived {arrived}, decoded {decoded}, "
          f"over share {counts.get('datagrams_over_share', 0)}, lost on the way {lab.lost(ledger)}; honest sent "
          f"{blast['records']} records, lost {lost or 'none'}, refused {refused or 'none'}; {missing} datagrams "
          f"missing, {no_batch} records without batch; others had the worker's processor for {waited:.2f} s; "
          f"CPU {spent / seconds:.2f} of a core, {usual:.2f} before, "
          f"{(spent - usual * seconds) / max(arrived, 1) * 1e6:.1f} us a datagram that arrived; resident "
          f"{before[0] >> 20} MiB before, {late[0] >> 20} to {max(late) >> 20} MiB\n  "
          f"{ {name: count for name, count in sorted(counts.items()) if not name.startswith('reported')} }",
          file=sys.stderr)
    if rate:
        assert not lost and not refused
    else:  # as fast as it goes: from the first datagram on, but for some that came while others had the processor
        assert not refused and missing <= HONEST_RATE * waited / 10
        assert no_batch <= blast["records"] / 200
    assert max(late) - late[0] <= GROWTH_MOST
    assert all(counts.get(name) for name in EXPECTED[kind]), counts


@pytest.mark.parametrize("kind", ["fields", "lists"])
def test_hostile_for_a_moment(collect, link, tmp_path, kind):
    trial(collect, link, tmp_path, "socket", kind, seconds=2, rate=2000, sources=2)


@pytest.mark.long
def test_hostile_sources(collect, link, tmp_path):
    """From two thousand addresses, which nobody can tell from honest ones: at a rate that a worker can take."""
    trial(collect, link, tmp_path, "socket", "churn", seconds=SECONDS, rate=5000, sources=DATAGRAMS)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["socket", "native"])
@pytest.mark.parametrize("kind", hostile.KINDS)
def test_hostile(collect, link, tmp_path, backend, kind):
    trial(collect, link, tmp_path, backend, kind, seconds=SECONDS, rate=RATE, sources=3)
