# SPDX-License-Identifier: Apache-2.0
"""
Faults of servers and network under steady load: nothing that was acknowledged is lost, nothing that was received is
unaccounted, and with ids or idempotence nothing is there twice.

Those without the mark "long", and short, by default. `scripts/test faults` runs all, makes each outage FAULT_SECONDS
long, does it FAULT_ROUNDS times, and prints the figures, which go to the file FAULT_TABLE as lines of JSON.
"""

import concurrent.futures
import contextlib
import json
import os
import threading
import time

import pytest

import lab
from collector import merge, output_of, summary
from sent import Balance, key_of
from servers import wait_for

SECONDS = float(os.environ.get("FAULT_SECONDS", "3"))
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
RATE = 50      # datagrams a second of each of four exporters, ten records in each
LEAD = 1.5     # seconds of load before the outage, and after it
BACK = 60 + 2 * SECONDS  # seconds that everything may take to be delivered after the end of an outage


class KafkaTarget:
    """One broker; idempotence is the default."""

    name = "kafka"

    def __init__(self, place, server):
        self.place = place
        self.server = server

    def configuration(self, index, timeout=30):
        properties = {"socket.timeout.ms": str(1000 * timeout), "request.timeout.ms": str(1000 * timeout)}
        return {"type": "kafka", "kafka": {"brokers": [self.server.broker], "topic": index, "properties": properties}}

    def documents(self, index):
        return self.server.documents(index)


class SearchTarget:
    """One node, with ids."""

    def __init__(self, place, server):
        self.name = server.script
        self.place = place
        self.server = server

    def configuration(self, index, timeout=30):
        login = {"username": "weir", "password": "weir-secret", "tls": {"ca": str(self.place.certificate("ca"))}}
        return merge({"type": self.name, "elasticsearch": {
            "hosts": [self.server.url], "index": index, "ids": True, "timeout": f"{timeout}s"}},
            login if self.server.tls else {})

    def documents(self, index):
        return self.server.documents(index)


@pytest.fixture
def target(request, place):
    server = request.getfixturevalue(request.param)
    return (KafkaTarget if request.param == "kafka" else SearchTarget)(place, server)


# --- the faults: what happens from begin to end of the block; `weir` and `target` stand by ---

@contextlib.contextmanager
def killed(target, weir):
    """kill -9 of the server, which comes back with what was on its disk."""
    target.server.kill()
    try:
        yield
    finally:
        target.server.again()


@contextlib.contextmanager
def paused(target, weir):
    """The server hangs: its kernel takes connections, and nobody answers."""
    target.server.pause()
    try:
        yield
    finally:
        target.server.resume()


@contextlib.contextmanager
def cut(target, weir):
    """The network drops every packet from and to the server."""
    target.place.drop(target.server.port)
    try:
        yield
    finally:
        target.place.mend()


@contextlib.contextmanager
def link_down(target, weir):
    """The interface goes down: the server cannot be reached, and the kernel says so."""
    target.place.link.collector.ip("link", "set", "lo", "down")
    try:
        yield
    finally:
        target.place.link.collector.ip("link", "set", "lo", "up")


@contextlib.contextmanager
def half_open(target, weir):
    """The connections of this moment are dead without a word; new ones would do, and weir finds that out by itself."""
    ports = target.place.connections(target.server.port)
    assert ports, f"weir has no connection\n{weir.said()}"
    target.place.drop("{ %s }" % ", ".join(map(str, ports)))
    began = lab.counter(weir.next_reading(), "records_delivered")
    try:
        yield
        wait_for(lambda: f"deliveries by new connections\n{weir.said()}", BACK,
                 lambda: lab.counter(weir.reading(), "records_delivered") > began + 40 * RATE)
    finally:
        target.place.mend()


SILENT = (paused, cut, half_open)  # weir learns of them by its own time-out, which is to be shorter than the short form
FAULTS = [("kafka", killed), ("kafka", half_open), ("elasticsearch", cut), ("elasticsearch", half_open),
          ("opensearch", killed), ("opensearch", paused)]
MORE = [("kafka", cut), ("kafka", paused), ("elasticsearch", killed), ("opensearch", link_down), ("opensearch", cut)]


@pytest.fixture
def figures(request):
    """Rows for the table of the long form."""
    def row(**more):
        path = os.environ.get("FAULT_TABLE")
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(more) + "\n")
    return row


def index_of(request):
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())
    return f"f-{name.strip('-')}"


def figure_row(target, fault, sent, ledger, balance, back, weir):
    """What the table says of one outage."""
    counters = output_of(ledger)["counters"]
    return {"fault": fault, "output": target.name, "sent": sent.count, "acknowledged": output_of(ledger)["delivered"],
            "in spool at most": max(output_of(reading)["spooled"] for reading in weir.readings()),
            "sent again": counters.get("output_retries", 0), "errors": counters.get("output_write_errors", 0),
            "dropped": output_of(ledger)["dropped"], "missing": len(balance.missing), "twice": balance.doubles,
            "delivered s after": round(back, 1)}


@pytest.mark.parametrize("repetition", range(ROUNDS))
@pytest.mark.parametrize("target,fault", [*FAULTS, *(pytest.param(*row, marks=pytest.mark.long) for row in MORE)],
                         indirect=["target"], ids=[f"{target}-{fault.__name__}" for target, fault in [*FAULTS, *MORE]])
def test_outage(target, fault, repetition, run, load, tmp_path, request, figures):
    """A server or the network fails and comes back: all that was sent is there once, and the ledger knows it."""
    index = index_of(request)
    (tmp_path / "spool").mkdir()
    spool = {"path": str(tmp_path / "spool"), "after": "500ms"}
    timeout = 2 if fault in SILENT else 30
    weir = run({"output": merge(target.configuration(index, timeout), {"spool": spool})})
    going = load(rate=RATE)
    weir.wait_received(int(LEAD * 40 * RATE))
    with fault(target, weir):
        time.sleep(SECONDS)
    ended = time.monotonic()
    time.sleep(LEAD)
    sent = going.stop()
    weir.wait_received(sent.count)
    weir.wait_done(BACK)
    back = time.monotonic() - ended
    ledger = weir.finish(sent)
    balance = Balance(sent, map(key_of, target.documents(index)))
    figures(**figure_row(target, fault.__name__.replace("_", " "), sent, ledger, balance, back, weir))
    check_balance(balance, ledger, weir)
    assert output_of(ledger)["delivered"] == sent.count, summary(ledger)
    check_quiet(weir)


def check_balance(balance, ledger, weir):
    """All is there, once."""
    good = not balance.missing and not balance.strange and not balance.double
    assert good, f"{balance}\n{summary(ledger)}\n{weir.said()}"


def check_quiet(weir):
    """The log tells of changes, not of each try."""
    lines = [line for line in weir.said().splitlines() if "warning" in line.lower() or "error" in line.lower()]
    assert len(lines) <= 20 + SECONDS, "\n".join(lines)


# --- too much for the server ---

@pytest.fixture(scope="class")
def narrow(request, place):
    """A server that takes little at a time: hardly a queue, and no long bodies."""
    server = getattr(place, request.param)
    usual = ("--tls",) if request.param == "elasticsearch" else ()
    server.start(*usual, "thread_pool.write.queue_size=1", "http.max_content_length=300kb")
    return SearchTarget(place, server)


@contextlib.contextmanager
def storm(server, threads=6):
    """Others who write as fast as they can; yields a list that in the end has the number of their 429s."""
    ended, refused = threading.Event(), []
    body = b"".join(b'{"create":{}}\n{"text":"%s"}\n' % (b"x" * 1000) for _ in range(250))

    def press():
        count = 0
        while not ended.is_set():
            status, answer = server.request("POST", "/storm/_bulk", body, fail=False, kind="application/x-ndjson")
            if status == 429 or (isinstance(answer, dict) and answer.get("errors")):
                count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(press) for _ in range(threads)]
        try:
            yield refused
        finally:
            ended.set()
            refused.append(sum(job.result() for job in jobs))


@pytest.mark.parametrize("narrow", ["opensearch", pytest.param("elasticsearch", marks=pytest.mark.long)],
                         indirect=True)
class TestNarrow:
    """Too many requests, and too large ones."""

    @pytest.mark.parametrize("repetition", range(ROUNDS))
    def test_too_many_requests(self, narrow, repetition, run, load, tmp_path, request, figures):
        """Others fill the server's queue: each 429 is tried again until the document is there."""
        index = index_of(request)
        (tmp_path / "spool").mkdir()
        crowd = {"threads": 2, "elasticsearch": {"connections": 8, "bulk_size": "64KiB"},
                 "spool": {"path": str(tmp_path / "spool"), "after": "500ms"}}
        weir = run({"workers": 2, "output": merge(narrow.configuration(index), crowd)})
        going = load(rate=RATE)
        weir.wait_received(40 * RATE)
        with storm(narrow.server) as refused:
            time.sleep(SECONDS)
        ended = time.monotonic()
        sent = going.stop()
        weir.wait_received(sent.count)
        weir.wait_done(BACK)
        back = time.monotonic() - ended
        ledger = weir.finish(sent)
        balance = Balance(sent, map(key_of, narrow.documents(index)))
        figures(**figure_row(narrow, "429 storm", sent, ledger, balance, back, weir))
        check_balance(balance, ledger, weir)
        retries = output_of(ledger)["counters"].get("output_retries", 0)
        assert refused[0] and retries, f"no storm: {refused[0]} refusals to others, {retries} retries of weir"
        check_quiet(weir)

    def test_a_body_that_is_too_large(self, narrow, run, load, request):
        """413: the body is made smaller until the server takes it."""
        index = index_of(request)
        weir = run({"output": merge(narrow.configuration(index), {
            "compression": "none", "batch_age": "1s", "elasticsearch": {"bulk_size": "5MiB"}})})
        sent = load(count=50, rate=200)
        weir.wait_received(sent.count)
        weir.wait_done()
        ledger = weir.finish(sent)
        check_balance(Balance(sent, map(key_of, narrow.documents(index))), ledger, weir)


# --- certificates ---

@pytest.mark.parametrize("repetition", range(ROUNDS))
def test_certificate_expires(place, repetition, elasticsearch, run, load, tmp_path, request, figures):
    """The server shows a certificate that has expired, until someone renews it: then all that waited is delivered."""
    index = index_of(request)
    target = SearchTarget(place, elasticsearch)
    (tmp_path / "spool").mkdir()
    with place.tls_front(elasticsearch, place.expired(), place.key("server")) as url:
        weir = run({"output": merge(target.configuration(index), {
            "elasticsearch": {"hosts": [url]}, "spool": {"path": str(tmp_path / "spool"), "after": "500ms"}})})
        going = load(rate=RATE)
        time.sleep(SECONDS + LEAD)
        assert lab.counter(weir.reading(), "records_delivered") == 0, "it trusted an expired certificate"
        assert "expired" in weir.said(), weir.said()
        url.certificate.write_text(place.certificate("server").read_text())
        ended = time.monotonic()
        time.sleep(LEAD)
        sent = going.stop()
        weir.wait_received(sent.count)
        weir.wait_done(BACK)
        back = time.monotonic() - ended
        ledger = weir.finish(sent)
    balance = Balance(sent, map(key_of, elasticsearch.documents(index)))
    figures(**figure_row(target, "certificate expired", sent, ledger, balance, back, weir))
    check_balance(balance, ledger, weir)
    check_quiet(weir)


@pytest.mark.long
@pytest.mark.parametrize("repetition", range(ROUNDS))
def test_certificate_of_the_broker_expires(place, repetition, kafka, run, load, tmp_path, request, figures):
    """The broker is started with a certificate that has expired, then with a good one."""
    index = index_of(request)
    target = KafkaTarget(place, kafka)
    usual = kafka.arguments
    shown = tmp_path / "expired.pem"
    shown.write_text(place.key("server").read_text() + place.expired())
    (tmp_path / "spool").mkdir()
    try:
        kafka.start(*usual, f"ssl.keystore.location={shown}")
        configuration = merge(target.configuration(index), {
            "kafka": {"brokers": [f"127.0.0.1:{kafka.tls_port}"]}, "tls": {
                "enabled": True, "ca": str(place.certificate("ca"))},
            "spool": {"path": str(tmp_path / "spool"), "after": "500ms"}})
        weir = run({"output": configuration})
        going = load(rate=RATE)
        time.sleep(SECONDS)
        assert lab.counter(weir.reading(), "records_delivered") == 0, "it trusted an expired certificate"
        assert "certificate" in weir.said(), weir.said()
        kafka.start(*usual)
        ended = time.monotonic()
        time.sleep(LEAD)
        sent = going.stop()
        weir.wait_received(sent.count)
        weir.wait_done(BACK)
        back = time.monotonic() - ended
        ledger = weir.finish(sent)
    finally:
        kafka.start(*usual)
    balance = Balance(sent, map(key_of, kafka.documents(index)))
    figures(**figure_row(target, "certificate expired", sent, ledger, balance, back, weir))
    check_balance(balance, ledger, weir)
    check_quiet(weir)


# --- weir itself ---

@pytest.mark.parametrize("repetition", range(ROUNDS))
@pytest.mark.parametrize("target", ["kafka", "elasticsearch"], indirect=True)
def test_weir_is_killed(target, repetition, run, load, tmp_path, request, figures):
    """kill -9 of weir while the server is gone: what the spool has is delivered by the next start."""
    index = index_of(request)
    (tmp_path / "spool").mkdir()
    configuration = {"output": merge(target.configuration(index), {
        "batch_size": "72KiB", "spool": {"path": str(tmp_path / "spool"), "after": "200ms"}})}
    weir = run(configuration)
    going = load(rate=RATE)
    weir.wait_received(int(LEAD * 40 * RATE))
    target.place.drop(target.server.port)
    try:
        time.sleep(SECONDS)
        sent = going.stop()
        weir.wait_received(sent.count)
        before = weir.next_reading()
        weir.kill()
    finally:
        target.place.mend()
    again = run(configuration)
    ended = time.monotonic()
    again.wait_done(BACK)
    back = time.monotonic() - ended
    ledger = again.finish()
    balance = Balance(sent, map(key_of, target.documents(index)))
    row = figure_row(target, "weir killed", sent, ledger, balance, back, again)
    acknowledged = output_of(before)["delivered"]
    row["acknowledged"] += acknowledged
    row["in spool at most"] = output_of(before)["spooled"]
    figures(**row)
    recovered = lab.counter(ledger, "records_recovered")
    held = output_of(before)["waiting"] - output_of(before)["spooled"]
    text = f"{balance}; before: {summary(before)}; after: {summary(ledger)}"
    assert recovered == output_of(before)["spooled"] > 0, text
    assert balance.found >= acknowledged + recovered, f"acknowledged documents are missing: {text}"
    assert len(balance.missing) <= held, f"more is missing than was in memory ({held}): {text}"
    assert not balance.strange, text
    if target.name != "kafka":  # whose producer cannot know what its predecessor had sent: at least once
        assert not balance.double, text
