# SPDX-License-Identifier: Apache-2.0
"""Queues and workers: an exporter that comes in by any of them, and one that several decode."""

import collections
import json
import struct
import time
import urllib.request

from harness import BACKENDS, check_stop
import lab
import pytest
from servers import inside

PORTS = 8
BYTES, SOURCE, DESTINATION = (1, 4), (8, 4), (12, 4)
FIRST, SECOND = (SOURCE, DESTINATION, BYTES), (BYTES, SOURCE, DESTINATION)  # of one length: only the order differs


def message(sets, number):
    now = int(time.time())
    return struct.pack(">HHIIII", 9, 1, 3600000, now, number, 7) + sets


def template(fields, number=0):
    body = b"".join(struct.pack(">HH", *field) for field in fields)
    return message(struct.pack(">HHHH", 0, 8 + len(body), 256, len(fields)) + body, number)


def data(fields, numbers):
    """A record each: its number is the source address and, times 1000, the bytes."""
    found = []
    for number in numbers:
        values = {BYTES: 1000 * number, SOURCE: 0x0A000000 + number, DESTINATION: 0xC6336401}
        found.append(message(struct.pack(">HHIII", 256, 16, *(values[field] for field in fields)), number))
    return found


def workers(link):
    with inside(link.collector), urllib.request.urlopen("http://127.0.0.1:9478/api/workers", timeout=10) as answer:
        return [collections.Counter(worker["counters"]) for worker in json.loads(answer.read())["workers"]]


@pytest.mark.parametrize("name, journal", [("native", False), ("socket", True)])
def test_templates_are_shared(collect, link, send, tmp_path, name, journal):
    more = {"templates__path": tmp_path / "templates"} if journal else {}
    weir = collect(**{**BACKENDS[name], "workers": 2, "input__rss": "source-port", **more})
    send(data(FIRST, range(1, 21)), sources=PORTS, source_port=21000, rate=500)  # waits for its template
    send([template(FIRST)], source_port=21000)
    send(data(FIRST, range(21, 41)), sources=PORTS, source_port=21000, rate=500)
    weir.wait_documents(40 * PORTS)
    send([template(SECOND, 1)], source_port=21000 + PORTS - 1)
    time.sleep(0.5)  # until all have heard
    send(data(SECOND, range(41, 61)), sources=PORTS, source_port=21000, rate=500)
    weir.wait_documents(60 * PORTS)
    shares = workers(link)
    documents, ledger = check_stop(weir, 60 * PORTS)
    assert lab.counter(ledger, "sets_parked") >= 20 * PORTS
    assert all(worker["datagrams_received"] > 60 for worker in shares), shares
    assert lab.counter(ledger, "packets_handover_full") == 0
    if name == "socket":  # the kernel knows the owner
        assert lab.counter(ledger, "packets_handed_over") == 0
    else:  # one queue, and so one worker that hands over
        assert lab.counter(ledger, "packets_handed_over") == shares[1]["datagrams_received"]
    found = collections.Counter((document["source"]["ip"], document["network"]["bytes"]) for document in documents)
    assert found == {(f"10.0.0.{number}", 1000 * number): PORTS for number in range(1, 61)}


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_an_exporter_on_many_queues(collect, link, send, mode):
    """A device's datagrams land on any queue, by port here; one worker has them all, in the order that they came in."""
    count, ports = 100, 20  # on one worker's queues by accident: once in half a million times
    link.rejoin(queues=4)
    weir = collect(**BACKENDS[mode], workers=2)
    assert "4 queues" in weir.log()
    payloads = [template(FIRST), *data(FIRST, range(1, count + 1))]
    send(payloads, sources=ports, source_port=21000, rate=300)
    weir.wait_documents(count * ports)
    shares = workers(link)
    documents, ledger = check_stop(weir, count * ports)
    handed = lab.counter(ledger, "packets_handed_over")
    assert 0 < handed == lab.counter(ledger, "packets_from_other_workers")
    assert sorted(worker["datagrams_received"] for worker in shares) == [0, len(payloads) * ports]
    assert all(worker["packets_received"] for worker in shares), "all landed on one worker"
    for reason in ("packets_handover_full", "datagrams_late", "datagrams_missing", "sets_parked"):
        assert lab.counter(ledger, reason) == 0, reason
    assert len({document["netflow"]["exporter"]["address"] for document in documents}) == ports
