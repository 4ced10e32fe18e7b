# SPDX-License-Identifier: Apache-2.0
"""Collectors that tell each other of templates by a compacted topic: a load balancer sends any exporter to any of them
at any moment, templates are sent once, and nothing is lost or decoded by a wrong one."""

import random
import struct
import subprocess
import sys
import time

import pytest

from collector import Collector, check_ledger
from harness import HERE
import lab
import many
from sent import key_of
from servers import wait_for
from tier import Tier

RECORDS = 10    # in a datagram
EXPORTERS = 60
RATE = 400      # frames a second
PREFIX = "weir-tier"


@pytest.fixture
def tier(kafka, place):
    lab.remove_stale(PREFIX)
    made = Tier(PREFIX, place, 3, kafka.port)
    yield made
    made.close()


@pytest.fixture
def topic(request):
    return "t-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")


@pytest.fixture
def start(tier, topic, tmp_path):
    """Starts weir in a box: start(0)."""
    started = []

    def begin(box, **more):
        templates = {"kafka": {"brokers": ["127.0.0.1:9092"], "topic": topic}, **more.pop("templates", {})}
        folder = tmp_path / f"box{box}-{len(started)}"
        weir = Collector(folder, tier.boxes[box], {
            "workers": 2, "templates": templates, "output": {"path": f"{folder}/documents-%i.ndjson"}, **more})
        started.append(weir)
        return weir.wait_ready(60)

    yield begin
    for weir in started:
        lab.end(weir.process)


@pytest.fixture
def send(tier, tmp_path):
    def frames(pairs, rate=RATE):
        path = tmp_path / "frames"
        path.write_bytes(b"".join(struct.pack(">I", len(frame)) + frame for frame in tier.frames(pairs)))
        tier.exporter.run(sys.executable, HERE / "send.py", "frames", lab.EXPORT_INTERFACE, path, "--rate", rate)

    return frames


def data(exporters, seconds, rate=RATE):
    """Data of these exporters in turn for about so long."""
    return [(exporter, exporter.data(RECORDS)) for _ in range(int(seconds * rate / len(exporters)) or 1)
            for exporter in exporters]


def templates(exporters):
    return [(exporter, exporter.template()) for exporter in exporters]


def layout_change(exporter):
    """The same template id for other fields in another order."""
    exporter.fields = (*exporter.fields[3:], *exporter.fields[:3])


def check(exporters, weirs, undecoded=0):
    """Every record is there once, on one of the boxes, as it was sent. Returns the ledgers."""
    sent = {key for exporter in exporters for key in exporter.keys()}

    def arrived():
        return sum(lab.counter(weir.reading(), "records_received") for weir in weirs) >= len(sent)

    wait_for(lambda: f"{len(sent)} records\n{[weir.said() for weir in weirs]}", 30, arrived)
    ledgers = []
    for weir in weirs:
        assert weir.stop() == 0, weir.said()
        ledgers.append(weir.ledger())
        check_ledger(ledgers[-1], 0, weir.said())
        assert lab.counter(ledgers[-1], "templates_discarded") == 0
    found = [key_of(document) for weir in weirs for document in weir.documents()]
    assert sum(lab.counter(ledger, "sets_without_template") for ledger in ledgers) == undecoded
    assert len(found) == len(set(found)), "documents came twice"
    assert set(found) == sent, f"missing {len(sent - set(found))}, strange {len(set(found) - sent)}"
    return ledgers


def wait_counter(weir, name, count, seconds=30):
    wait_for(lambda: f"{name} of {count}\n{weir.said()}", seconds,
             lambda: lab.counter(weir.reading(), name) >= count)


def test_moved_every_second(tier, start, send):
    """All exporters change places every second; some come late, some give their id to another layout."""
    weirs = [start(0), start(1)]
    tier.balance(0, 1)
    exporters = [many.Exporter(number) for number in range(EXPORTERS)]
    early, late = exporters[:40], exporters[40:]
    shuffled = random.Random(5)
    send(templates(early) + data(early, 0.5))
    known = list(early)
    for turn in range(12):
        tier.balance(*((1, 0) if turn % 2 == 0 else (0, 1)))
        moved = time.monotonic()
        send(data(known, 0.3))
        if turn < 10:  # they tell it once, to the box that has them at the moment
            new, changed = late[2 * turn:2 * turn + 2], shuffled.sample(known, 3)
            for exporter in changed:
                layout_change(exporter)
            send(templates(new + changed))
            known += new
        send(data(known, 0.4))
        time.sleep(max(0, moved + 1 - time.monotonic()))
    ledgers = check(exporters, weirs)
    for ledger in ledgers:
        assert lab.counter(ledger, "templates_shared") >= EXPORTERS / 4
        assert lab.counter(ledger, "template_topic_applied") >= EXPORTERS / 4
        assert lab.counter(ledger, "template_topic_refused") == 0
        assert lab.counter(ledger, "template_topic_waiting") == 0


def test_names_move_too(tier, start, send):
    """What options records told one box, once, explains the flows that go to the other."""
    weirs = [start(0), start(1)]
    exporters = [many.Named(number) for number in range(10)]
    tier.balance(0, 1)
    send(templates(exporters) + [(exporter, exporter.names()) for exporter in exporters] + data(exporters, 0.1))
    for weir in weirs:
        wait_counter(weir, "template_topic_applied", 1)
    wait_for("all that is to be told", 30,
             lambda: all(lab.counter(weir.reading(), "template_topic_waiting") == 0 for weir in weirs))
    time.sleep(1)  # what one has published, the other reads
    tier.balance(1, 0)
    send(data(exporters, 0.1))
    total = sum(exporter.sent for exporter in exporters) + len(exporters)
    wait_for(lambda: f"{total} records\n{[weir.said() for weir in weirs]}", 30,
             lambda: sum(lab.counter(weir.reading(), "records_received") for weir in weirs) >= total)
    for weir in weirs:
        assert weir.stop() == 0, weir.said()
        assert lab.counter(weir.ledger(), "template_topic_refused") == 0
        assert lab.counter(weir.ledger(), "facts_shared") >= 1
    by_name = {exporter.name: exporter for exporter in exporters}
    flows = [one for weir in weirs for one in weir.documents() if one["event"]["action"] == "netflow_flow"]
    assert len(flows) == total - len(exporters)
    assert all(by_name[one["netflow"]["exporter"]["address"]].is_named(one) for one in flows)


def test_data_before_the_news(tier, start, send):
    """An exporter is moved right behind its template: its data waits on the other box until the news is there."""
    weirs = [start(0), start(1)]
    exporters = [many.Exporter(number) for number in range(20)]
    tier.balance(0)
    send(templates(exporters), rate=100000)
    tier.balance(1)
    send(data(exporters, 0.2), rate=100000)
    ledgers = check(exporters, weirs)
    assert lab.counter(ledgers[1], "templates_shared") == len(exporters)
    assert lab.counter(ledgers[1], "records_received") == sum(exporter.sent for exporter in exporters)


def test_late_start(tier, start, send, kafka, topic):
    """A box that starts late has read the topic before it receives, whatever else lies in it."""
    first = start(0)
    tier.balance(0)
    exporters = [many.Exporter(number) for number in range(EXPORTERS)]
    send(templates(exporters) + data(exporters, 0.2))
    wait_counter(first, "template_topic_published", EXPORTERS)
    garbage(kafka, topic)
    third = start(2)
    tier.balance(2)
    send(data(exporters, 1))
    ledgers = check(exporters, [first, third])
    assert lab.counter(ledgers[1], "templates_shared") == EXPORTERS
    assert lab.counter(ledgers[1], "sets_parked") == 0
    assert lab.counter(ledgers[1], "template_topic_refused") == GARBAGE
    # what bears its own mark is its own to the first one, which looks no further
    assert 42 <= lab.counter(ledgers[0], "template_topic_refused") < GARBAGE


GARBAGE = 2 + 3 * 40


def garbage(kafka, topic):
    """What nobody of the tier has written: under keys of nobody's, and under those of templates."""
    def produce(*arguments, given):
        subprocess.run(kafka.namespace.inside("kcat", "-b", kafka.broker, "-P", "-t", topic, *arguments), input=given,
                       check=True, timeout=60)

    raw = kafka.kcat("-C", "-e", "-q", "-o", "beginning", "-t", topic, "-f", "%K:%k%S:%s", "-c", "1")
    key_bytes, _, rest = raw.partition(b":")
    key = rest[:int(key_bytes)]
    value = rest[int(key_bytes):].partition(b":")[2]
    assert len(key) == 28 and value[:3] == b"WTT"
    shuffled = random.Random(7)
    produce("-k", "nobody", given=b"nothing at all")
    produce(given=b"without a key")
    stem = kafka.where.folder / "garbage"
    for number in range(40):
        turned = bytearray(value)
        turned[16 + shuffled.randrange(len(value) - 16)] ^= 1 << shuffled.randrange(8)
        for content in (bytes(turned), value[:shuffled.randrange(1, len(value))], shuffled.randbytes(200)):
            stem.write_bytes(content)
            produce("-k", f"key {number}", stem, given=b"")


def test_kafka_restarted(tier, start, send, kafka):
    """What is learned while Kafka is gone is told when it is back; a box without it goes on with what it knows."""
    weirs = [start(0), start(1)]
    tier.balance(0)
    exporters = [many.Exporter(number) for number in range(30)]
    old, new = exporters[:15], exporters[15:]
    send(templates(old) + data(old, 0.2))
    wait_counter(weirs[1], "template_topic_applied", len(old))
    kafka.stop()
    send(templates(new) + data(exporters, 0.2))
    for exporter in new[:5]:
        layout_change(exporter)
    send(templates(new[:5]) + data(exporters, 0.2))
    tier.balance(1)
    send(data(old, 0.2))
    kafka.again()
    wait_counter(weirs[1], "template_topic_applied", len(exporters), 60)
    send(data(exporters, 0.5))
    ledgers = check(exporters, weirs)
    assert lab.counter(ledgers[0], "template_topic_waiting") == 0
    assert lab.counter(ledgers[1], "templates_shared") == len(exporters)


def test_without_kafka_at_the_start(tier, start, send, tmp_path):
    """The start waits only so long; the journal has what was known, and the topic follows once there is a way to it."""
    settings = {"templates": {"path": str(tmp_path / "journal"), "kafka.wait": "2s"}}
    tier.balance(0)
    exporters = [many.Exporter(number) for number in range(20)]
    first = start(0, **settings)
    send(templates(exporters) + data(exporters, 0.2))
    first.wait_received(sum(exporter.sent for exporter in exporters))
    assert first.stop() == 0, first.said()
    tier.relays[0].cut()
    second = start(0, **settings)
    assert "the topic was not reached" in second.log()
    send(data(exporters, 0.2))
    new = [many.Exporter(number) for number in range(20, 30)]
    send(templates(new) + data(new, 0.1))
    tier.relays[0].mend()
    wait_counter(second, "template_topic_published", len(new), 60)
    third = start(1)
    tier.balance(1)
    send(data(exporters + new, 0.2))
    ledgers = check_runs(exporters + new, [first, second, third])
    assert lab.counter(ledgers[1], "templates_restored") == len(exporters)
    assert lab.counter(ledgers[2], "templates_shared") == len(exporters + new)


def check_runs(exporters, weirs):
    """As check(), where the first run has ended."""
    sent = {key for exporter in exporters for key in exporter.keys()}
    done = lab.counter(weirs[0].ledger(), "records_received")
    wait_for(lambda: f"{len(sent)} records\n{[weir.said() for weir in weirs]}", 30, lambda: done + sum(
        lab.counter(weir.reading(), "records_received") for weir in weirs[1:]) >= len(sent))
    for weir in weirs[1:]:
        assert weir.stop() == 0, weir.said()
    found = [key_of(document) for weir in weirs for document in weir.documents()]
    assert len(found) == len(set(found)) and set(found) == sent
    return [weir.ledger() for weir in weirs]
