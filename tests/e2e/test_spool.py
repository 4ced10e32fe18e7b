# SPDX-License-Identifier: Apache-2.0
"""The spool: what an output does not take waits on the disk, through ends of every kind, and nothing is unaccounted."""

import time

import pytest

import lab
from collector import before_kill, check_ledger, dropped_by_reason, merge, output_of, summary, waiting
from sent import Balance, check_once, key_of

DEAD_PORT = 9299   # nobody listens there
SMALL = {"batch_size": "72KiB", "flush_timeout": "1s"}  # about 35 documents


@pytest.fixture
def name(request):
    """Of topics and indices: the test's own."""
    return "s-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "spool"
    path.mkdir()
    return path


def to_kafka(name, folder, port=9092, **more):
    return {"output": merge({"type": "kafka", "kafka": {"brokers": [f"127.0.0.1:{port}"], "topic": name},
                             "spool": {"path": str(folder), "after": "200ms"}}, SMALL, more)}


def to_search(server, name, folder, port=None, **more):
    url = server.url.replace(str(server.port), str(port or server.port))
    return {"output": merge({"type": server.script, "elasticsearch": {"hosts": [url], "index": name, "ids": True},
                             "spool": {"path": str(folder), "after": "200ms"}}, SMALL, more)}


def size_of(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def segments(folder):
    """Files of the spool that hold documents."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size >= 4096]


@pytest.mark.parametrize("codec", [pytest.param("lz4", marks=pytest.mark.light), "zstd"])
def test_restart(opensearch, run, load, name, folder, codec):
    """weir ends while the server is gone: all waits on the disk; the next start delivers it beside live traffic."""
    spool = {"compression": codec}
    weir = run(to_search(opensearch, name, folder, DEAD_PORT, spool=spool))
    sent = load(count=100, rate=50)  # which a build with a sanitizer can take, too
    weir.wait_received(sent.count)
    ledger = weir.finish(sent, waits=sent.count)
    assert output_of(ledger)["spooled"] == sent.count
    assert segments(folder)
    again = run(to_search(opensearch, name, folder, spool=spool))
    load(sent, count=100, rate=50)
    again.wait_received(sent.count // 2)
    again.wait_done()
    ledger = again.finish()
    assert lab.counter(ledger, "records_recovered") == sent.count // 2
    assert lab.counter(ledger, "records_delivered") == sent.count
    check_once(sent, map(key_of, opensearch.documents(name)), again.said())
    third = run(to_search(opensearch, name, folder, spool=spool))
    third.next_reading()
    assert lab.counter(third.finish(), "records_recovered") == 0
    assert opensearch.count(name) == sent.count


def test_replay_keeps_the_order(kafka, run, load, name, folder):
    """
    An exporter's documents come out of the spool as they went in; but for those that the sink still had in its hands
    when weir ended, which went in last.
    """
    weir = run(to_kafka(name, folder, DEAD_PORT))
    sent = load(count=200, rate=100)
    weir.wait_received(sent.count)
    weir.finish(sent, waits=sent.count)
    again = run(to_kafka(name, folder))
    again.wait_done()
    assert lab.counter(again.finish(), "records_recovered") == sent.count
    found = [key_of(document) for document in kafka.documents(name)]
    check_once(sent, found, again.said())
    for exporter in sent.exporters:
        numbers = [number for address, number in found if address == exporter]
        begins = [at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1]
        assert len(begins) <= 2, f"{exporter} is out of order: numbers jump at {[numbers[at] for at in begins]}"


def test_kill_during_an_outage(opensearch, run, load, name, folder):
    """kill -9 while the server is gone: what was on the disk and in memory is delivered by the next start."""
    weir = run(to_search(opensearch, name, folder, DEAD_PORT))
    sent = load(count=300, rate=200)
    weir.wait_received(sent.count)
    before = weir.next_reading()
    assert waiting(before) == sent.count, summary(before)
    spooled = output_of(before)["spooled"]
    weir.kill()
    assert spooled > sent.count / 2, f"of {sent.count} documents only {spooled} were on the disk\n{summary(before)}"
    again = run(to_search(opensearch, name, folder))
    again.wait_done()
    ledger = again.finish()
    for counter in ("records_recovered", "records_delivered"):
        assert lab.counter(ledger, counter) == sent.count, f"{summary(ledger)}\n{again.said()}"
    assert before_kill(again) == {"received": sent.count, "delivered": 0, "spooled": spooled, "lost": 0,
                                  "moved": sent.count - spooled}, again.said()
    check_once(sent, map(key_of, opensearch.documents(name)), again.said())


def test_kill_without_memory_for_it(opensearch, run, load, name, folder):
    """Where no memory outlives weir: what was on the disk is delivered."""
    weir = run(to_search(opensearch, name, folder, DEAD_PORT, memory_path="none"))
    sent = load(count=300, rate=200)
    weir.wait_received(sent.count)
    spooled = output_of(weir.next_reading())["spooled"]
    weir.kill()
    again = run(to_search(opensearch, name, folder))
    again.wait_done()
    assert lab.counter(again.finish(), "records_recovered") == spooled > 0
    balance = Balance(sent, map(key_of, opensearch.documents(name)))
    assert balance.found == spooled and not balance.strange and not balance.double, f"{balance}\n{again.said()}"


def test_kill_while_it_is_read_back(opensearch, run, load, name, folder):
    """kill -9 in the midst of the replay: with ids nothing is there twice, and nothing of the disk is lost."""
    weir = run(to_search(opensearch, name, folder, DEAD_PORT))
    sent = load(count=300, rate=200)
    weir.wait_received(sent.count)
    weir.finish(sent, waits=sent.count)
    slow = run(to_search(opensearch, name, folder, spool={"replay_rate": "2MiB"}))
    until = time.monotonic() + 20
    while not 1000 < opensearch.count(name) < sent.count:
        assert time.monotonic() < until, f"{opensearch.count(name)} documents came\n{slow.said()}"
        time.sleep(0.1)
    acknowledged = lab.counter(slow.reading(), "records_delivered")
    slow.kill()
    there = opensearch.count(name)
    assert acknowledged <= there < sent.count
    last = run(to_search(opensearch, name, folder))
    last.wait_done()
    ledger = last.finish()
    assert sent.count - there <= lab.counter(ledger, "records_recovered") <= sent.count, summary(ledger)
    assert lab.counter(ledger, "records_lost_by_kill") == 0, summary(ledger)
    check_once(sent, map(key_of, opensearch.documents(name)), last.said())


def test_damaged_on_disk(kafka, run, load, name, folder):
    """A frame that was changed on the disk is found, counted and left out; the others are delivered."""
    weir = run(to_kafka(name, folder, DEAD_PORT))
    sent = load(count=200, rate=200)
    weir.wait_received(sent.count)
    weir.finish(sent, waits=sent.count)
    path = max(segments(folder), key=lambda path: path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0x5A]))
    again = run(to_kafka(name, folder))
    again.wait_done()
    ledger = again.finish()
    counters = output_of(ledger)["counters"]
    assert counters.get("spool_frames_damaged", 0) >= 1, summary(ledger)
    balance = Balance(sent, map(key_of, kafka.documents(name)))
    assert not balance.strange and not balance.double, balance
    assert sent.count - 200 <= balance.found < sent.count, f"{balance}\n{again.said()}"


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_bounded_by_size(kafka, run, load, name, folder, which):
    """spool.size: the folder stays below it, and what is let go of has its name in the ledger."""
    spool = {"size": "8MiB", "segment_size": "1MiB", "compression": "none", "when_full": which}
    weir = run(to_kafka(name, folder, DEAD_PORT, spool=spool))
    going = load(rate=150)
    most = 0
    for _ in range(40):
        time.sleep(0.1)
        most = max(most, size_of(folder))
    sent = going.stop()
    weir.wait_received(sent.count)
    assert weir.stop(40) in (0, 1), weir.said()
    ledger = weir.ledger()
    row = output_of(ledger)
    check_ledger(ledger, row["waiting"], weir.said())
    most = max(most, size_of(folder))
    assert most <= 8 * 1024 * 1024 + 256 * 1024, f"{most} bytes in the spool's folder"
    dropped = dropped_by_reason(row)
    if which == "oldest":
        assert set(dropped) <= {"records_spool_full", "records_no_batch"} and dropped.get("records_spool_full"), dropped
    else:
        assert row["dropped"] > 0, summary(ledger)
    again = run(to_kafka(name, folder, spool=spool))
    again.wait_done()
    assert lab.counter(again.finish(), "records_recovered") == row["waiting"]
    balance = Balance(sent, map(key_of, kafka.documents(name)))
    assert balance.found == row["waiting"] and not balance.strange and not balance.double, balance
    # The first ones are in the sink's hands or read back already, so they stay in either case; the last ones tell.
    last = [(exporter, number) for exporter, number in balance.missing if number >= sent.of_each - 100]
    if which == "oldest":
        assert not last, f"the newest are gone: {balance}"
    else:
        assert len(last) == 100 * len(sent.exporters), f"of the newest not all are gone: {balance}"


def test_bounded_by_age(kafka, run, load, name, folder):
    """spool.age: what has waited too long is dropped, and counted as that."""
    spool = {"age": "2s", "segment_size": "1MiB"}
    weir = run(to_kafka(name, folder, DEAD_PORT, spool=spool, batches=16))
    sent = load(count=200, rate=200)
    weir.wait_received(sent.count)
    time.sleep(4)
    assert weir.stop(40) in (0, 1), weir.said()
    ledger = weir.ledger()
    check_ledger(ledger, output_of(ledger)["waiting"], weir.said())
    assert lab.counter(ledger, "records_spool_expired") > 0, summary(ledger)


def test_two_do_not_share_a_folder(kafka, run, name, folder):
    """A second weir with the same spool says so, and does not start."""
    run(to_kafka(name, folder, DEAD_PORT))
    second = run(merge(to_kafka(name, folder, DEAD_PORT), {"host": [":3055"]}), folder="second", wait=False)
    assert second.process.wait(20) != 0
    assert "in use by another process, which has the same spool" in second.log(), second.log()
