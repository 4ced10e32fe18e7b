# SPDX-License-Identifier: Apache-2.0
"""Several outputs at once: each takes the documents that it is to have, and none suffers from another."""

import json
import struct

import pytest

import lab
from collector import check_ledger, merge, output_of, summary
from harness import HERE
from sent import check_once, key_of

COUNT = 50       # datagrams of each exporter
OPTIONS = 30     # options records
DEAD_PORT = 9299  # nobody listens there


def options_datagrams(count):
    """NetFlow v9 with an options record each: the name of an interface."""
    template = struct.pack(">HHHHH", 1, 18, 257, 4, 4) + struct.pack(">HHHH", 2, 4, 82, 8)
    for number in range(count):
        data = struct.pack(">HHI8s", 257, 16, number, f"if{number}".encode())
        yield struct.pack(">HHIIII", 9, 2, 3600000, 1790000000 + number, number, 7) + template + data


@pytest.fixture
def send_options(place, tmp_path):
    def send(count=OPTIONS):
        path = tmp_path / "options"
        path.write_bytes(b"".join(struct.pack(">I", len(item)) + item for item in options_datagrams(count)))
        place.link.exporter.run("python3", HERE / "send.py", "datagrams", lab.COLLECTOR, 2055, path, "--rate", 200)
    return send


@pytest.fixture
def name(request):
    """Of topics and indices: the test's own."""
    return "o-" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")


def to_kafka(name, port=9092, **more):
    return merge({"type": "kafka", "kafka": {"brokers": [f"127.0.0.1:{port}"], "topic": name}}, more)


def to_search(server, name, **more):
    return merge({"type": server.script, "elasticsearch": {"hosts": [server.url], "index": name}}, more)


def lines(folder):
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()
            if line.strip()]


@pytest.mark.light
@pytest.mark.kafka
def test_each_output_has_its_kind(kafka, opensearch, run, load, send_options, name, tmp_path):
    """Flows to Kafka, options to a file, everything to OpenSearch."""
    files = tmp_path / "files"
    files.mkdir()
    weir = run({"outputs": {"flows": to_kafka(name, kinds="flows"),
                            "about": {"type": "file", "path": f"{files}/options-%i.ndjson", "kinds": "options"},
                            "all": to_search(opensearch, name)}})
    sent = load(count=COUNT, rate=200)
    send_options()
    weir.wait_received(sent.count + OPTIONS)
    weir.wait_done()
    ledger = weir.finish()
    check_once(sent, map(key_of, kafka.documents(name)), weir.said())
    options = lines(files)
    assert sorted(row["netflow"]["scope"]["interface"] for row in options) == list(range(OPTIONS))
    assert opensearch.count(name) == sent.count + OPTIONS
    flows = [row for row in opensearch.documents(name) if "source" in row]
    check_once(sent, map(key_of, flows), weir.said())
    assert opensearch.count(name, {"match": {"event.action": "netflow_options"}}) == OPTIONS
    for output, count in (("flows", sent.count), ("about", OPTIONS), ("all", sent.count + OPTIONS)):
        row = output_of(ledger, output)
        assert (row["received"], row["delivered"], row["waiting"], row["dropped"]) == (count, count, 0, 0), row
    assert lab.counter(ledger, "records_received") == sent.count + OPTIONS
    assert lab.counter(ledger, "records_copied") == sent.count + OPTIONS, summary(ledger)
    assert lab.counter(ledger, "options_records") == OPTIONS


def test_what_no_output_takes_is_counted(kafka, run, load, send_options, name):
    weir = run({"outputs": {"flows": to_kafka(name, kinds="flows")}})
    sent = load(count=10)
    send_options()
    weir.wait_received(sent.count + OPTIONS)
    weir.wait_done()
    ledger = weir.finish()
    assert lab.counter(ledger, "records_no_output") == OPTIONS
    check_once(sent, map(key_of, kafka.documents(name)), weir.said())


def test_a_dead_output_without_spool(kafka, opensearch, run, load, name, tmp_path):
    """The others get everything; what the dead one should have had is dropped by name, and only that."""
    files = tmp_path / "files"
    files.mkdir()
    dead = to_kafka(name, DEAD_PORT, batches=8, flush_timeout="1s")
    weir = run({"output": {"batch_size": "128KiB"}, "outputs": {
        "alive": to_search(opensearch, name), "file": {"type": "file", "path": f"{files}/%i.ndjson"}, "dead": dead}})
    sent = load(count=150, rate=50)
    weir.wait_received(sent.count)
    assert weir.stop(40) in (0, 1), weir.said()
    ledger = weir.ledger()
    check_ledger(ledger, 0, weir.said())
    for output in ("alive", "file"):
        row = output_of(ledger, output)
        assert (row["received"], row["delivered"]) == (sent.count, sent.count), row
    check_once(sent, map(key_of, opensearch.documents(name)), weir.said())
    check_once(sent, map(key_of, lines(files)), weir.said())
    row = output_of(ledger, "dead")
    assert (row["received"], row["delivered"], row["dropped"]) == (sent.count, 0, sent.count), row
    assert lab.counter(ledger, "records_no_batch") + lab.counter(ledger, "records_failed") == sent.count
    assert lab.counter(ledger, "records_no_batch") > 0


def test_a_dead_output_with_a_spool(place, kafka, opensearch, run, load, name, tmp_path):
    """What the dead one should have had waits on the disk; started again with a live one, it is delivered."""
    spool = tmp_path / "spool"
    spool.mkdir()

    def configuration(port):
        dead = to_kafka(name, port, batches=32, flush_timeout="1s", spool={"path": str(spool), "after": "200ms"})
        return {"output": {"batch_size": "128KiB"}, "outputs": {"alive": to_search(opensearch, name), "dead": dead}}

    weir = run(configuration(DEAD_PORT))
    sent = load(count=150, rate=50)
    weir.wait_received(sent.count)
    ledger = weir.finish(sent, waits=sent.count)
    row = output_of(ledger, "dead")
    assert (row["received"], row["delivered"], row["waiting"], row["dropped"]) == (sent.count, 0, sent.count, 0), row
    row = output_of(ledger, "alive")
    assert (row["received"], row["delivered"]) == (sent.count, sent.count), row
    check_once(sent, map(key_of, opensearch.documents(name)), weir.said())
    again = run(configuration(9092))
    again.wait_done()
    ledger = again.finish()
    assert lab.counter(ledger, "records_recovered") == sent.count, summary(ledger)
    assert output_of(ledger, "dead")["delivered"] == sent.count
    check_once(sent, map(key_of, kafka.documents(name)), again.said())
    assert opensearch.count(name) == sent.count
