# SPDX-License-Identifier: Apache-2.0
"""
Faults of servers, network, secrets and disk under steady load: nothing that was acknowledged is lost, nothing that was
received is unaccounted, and with ids or idempotence nothing is there twice.

Those without the mark "long", and short, by default. `scripts/test faults` runs all, makes each outage FAULT_SECONDS
long, does it FAULT_ROUNDS times, and prints the figures, which go to the file FAULT_TABLE as lines of JSON.
"""

import concurrent.futures
import contextlib
import threading
import time

import pytest

import lab
from collector import before_kill, dropped_by_reason, merge, output_of, summary
from faults import (BACK, LEAD, RATE, ROUNDS, SECONDS, SILENT, Key, Password, SearchTarget, Trial, check_balance,
                    check_quiet, cut, figure_row, half_open, index_of, killed, link_down, paused, small_disk)
from sent import Balance, key_of
from servers import PASSWORD, USER, wait_for


def rows(*short, long=()):
    """Values of a parametrization, with names by what they are; those of `long` only by scripts/test faults."""
    return [pytest.param(*row, id="-".join(getattr(part, "__name__", part).lower() for part in row), marks=marks)
            for some, marks in ((short, ()), (long, pytest.mark.long)) for row in some]


repeated = pytest.mark.parametrize("repetition", range(ROUNDS))


@repeated
@pytest.mark.parametrize("target,fault", rows(
    ("kafka", killed), ("kafka", half_open), ("elasticsearch", cut), ("elasticsearch", half_open),
    ("opensearch", killed), ("opensearch", paused),
    long=[("kafka", cut), ("kafka", paused), ("kafka", link_down), ("elasticsearch", killed), ("elasticsearch", paused),
          ("elasticsearch", link_down), ("opensearch", link_down), ("opensearch", cut), ("opensearch", half_open)]),
    indirect=["target"])
def test_outage(target, fault, repetition, trial):
    """A server or the network fails and comes back: all that was sent is there once, and the ledger knows it."""
    weir = trial.start(timeout=2 if fault in SILENT else 30)
    trial.lead()
    with fault(target, weir):
        time.sleep(SECONDS)
    trial.over()
    trial.settle_whole(fault.__name__.replace("_", " "))


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

    @repeated
    def test_too_many_requests(self, narrow, repetition, request, figures):
        """Others fill the server's queue: each 429 is tried again until the document is there."""
        trial = Trial(narrow, request, figures)
        weir = trial.start({"threads": 2, "elasticsearch": {"connections": 8, "bulk_size": "64KiB"}}, workers=2)
        weir.wait_received(40 * RATE)
        with storm(narrow.server) as refused:
            time.sleep(SECONDS)
        trial.over()
        ledger = trial.settle_whole("429 storm")
        retries = output_of(ledger)["counters"].get("output_retries", 0)
        assert refused[0] and retries, f"no storm: {refused[0]} refusals to others, {retries} retries of weir"

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

@repeated
@pytest.mark.parametrize("target", rows(("elasticsearch",), long=[("opensearch_tls",)]), indirect=True)
def test_certificate_expires(target, repetition, trial):
    """The server shows a certificate that has expired, until someone renews it: then all that waited is delivered."""
    place = target.place
    with place.tls_front(target.server, place.expired(), place.key("server")) as url:
        trial.start({"elasticsearch": {"hosts": [url]}})
        time.sleep(SECONDS + LEAD)
        trial.check_stuck("expired")
        url.certificate.write_text(place.certificate("server").read_text())
        trial.over()
        trial.settle_whole("certificate expired")


@pytest.mark.long
@repeated
@pytest.mark.parametrize("target", ["kafka"], indirect=True)
def test_certificate_of_the_broker_expires(target, repetition, trial, tmp_path):
    """The broker is started with a certificate that has expired, then with a good one."""
    place, broker = target.place, target.server
    usual = broker.arguments
    shown = tmp_path / "expired.pem"
    shown.write_text(place.key("server").read_text() + place.expired())
    try:
        broker.start(*usual, f"ssl.keystore.location={shown}")
        trial.start({"kafka": {"brokers": [f"127.0.0.1:{broker.tls_port}"]},
                     "tls": {"enabled": True, "ca": str(place.certificate("ca"))}})
        time.sleep(SECONDS)
        trial.check_stuck("certificate")
        broker.start(*usual)
        trial.over()
        trial.settle_whole("certificate expired")
    finally:
        broker.start(*usual)


# --- secrets ---

@repeated
@pytest.mark.parametrize("target,login", rows(
    ("kafka_3", Password), ("elasticsearch", Password), long=[("elasticsearch", Key), ("opensearch_tls", Password)]),
    indirect=["target"])
def test_locked_out(target, login, repetition, trial, tmp_path):
    """The server does not take weir's secret any more, until somebody mends that there: weir goes on by itself."""
    secret = login(target, tmp_path / "secret")
    weir = trial.start({"batches": 16}, secret.settings())  # of which the output holds half
    trial.lead()
    secret.refuse()
    time.sleep(SECONDS)
    before = weir.next_reading()
    assert output_of(before)["spooled"] > 0 and secret.refusal in weir.said().lower(), f"{summary(before)}{weir.said()}"
    assert lab.counter(weir.next_reading(), "records_delivered") == lab.counter(before, "records_delivered")
    secret.admit()
    trial.over()
    trial.settle_whole(f"{login.__name__.lower()} refused")


@repeated
@pytest.mark.parametrize("target,setting", rows(
    ("kafka", "password"), ("elasticsearch", "password"),
    long=[("kafka_3", "password"), ("elasticsearch", "api_key"), ("opensearch_tls", "password")]), indirect=["target"])
def test_wrong_secret(target, setting, repetition, trial, tmp_path):
    """weir is started with a wrong secret, so all waits; started with the right one it delivers all, and goes on."""
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    login = target.login(USER, f"file:{secret}")
    if setting == "api_key":
        login = {"username": "", "password": "", "elasticsearch": {"api_key": f"file:{secret}"}}
    trial.start(login, {"flush_timeout": "1s"})
    time.sleep(SECONDS + LEAD)
    trial.check_stuck(target.refusal)
    trial.interrupt()
    secret.write_text(PASSWORD if setting == "password" else target.server.api_key())
    trial.over()
    trial.start(login)
    trial.settle_whole(f"wrong {setting.replace('_', ' ')}, restarted")


# --- the disk of the spool ---

def is_over_full(row, lets_go):
    """True when the output has lost records to a full disk; by letting go of its oldest segment, if it is to."""
    return row["counters"].get("records_spool_full") if lets_go else row["dropped"]


@repeated
@pytest.mark.parametrize("target,fault,when_full,segment", rows(
    ("opensearch", paused, "oldest", "1MiB"),
    long=[("kafka", killed, "newest", "1MiB"), ("kafka", cut, "oldest", "1MiB"),
          ("elasticsearch", killed, "oldest", "1MiB"), ("opensearch", paused, "oldest", "64MiB")]), indirect=["target"])
def test_disk_full(target, fault, when_full, segment, repetition, trial):
    """The spool has the last of its disk: weir goes on, counts what it cannot keep, and delivers what it could."""
    spool = {"compression": "none", "when_full": when_full, "segment_size": segment}
    # With more than one segment on the disk the oldest is let go of; batches may have run out a moment before that.
    lets_go = (when_full, segment) == ("oldest", "1MiB")
    with small_disk(trial.spool, "8m"):
        timeout = 2 if fault is cut else 60 + int(SECONDS)  # what is paused answers each request in the end
        weir = trial.start({"batch_size": "72KiB", "batches": 16, "spool": spool}, timeout=timeout)
        trial.lead()
        with fault(target, weir):
            time.sleep(SECONDS)
            wait_for(lambda: f"a full disk; {summary(weir.reading())}\n{weir.said()}", 20,
                     lambda: is_over_full(output_of(weir.reading()), lets_go))
            assert weir.process.poll() is None, weir.said()
        trial.over()
        wait_for(lambda: f"an empty spool; {summary(weir.reading())}\n{weir.said()}", BACK,
                 lambda: not output_of(weir.reading())["spooled"])
        good = lab.counter(weir.reading(), "records_received")
        ledger, balance = trial.settle(f"disk full, {when_full} of {segment} goes ({fault.__name__})")
    text = f"{balance}\n{summary(ledger)}\n{weir.said()}"
    row = output_of(ledger)
    assert set(dropped_by_reason(row)) <= {"records_spool_full", "records_no_batch"}, text
    assert row["delivered"] + row["dropped"] == balance.sent, text
    # What the server had taken without being able to say so may have been let go of since.
    assert not balance.strange and not balance.double and len(balance.missing) <= row["dropped"], text
    assert fault is not paused or len(balance.missing) == row["dropped"], text
    late = [number for _, number in balance.missing if number >= good // 4 + 10]
    assert not late, f"dropped when the disk had room again: {text}"
    check_quiet(weir)


# --- weir itself ---

@pytest.mark.parametrize("repetition", range(ROUNDS))
@pytest.mark.parametrize("target", ["kafka", "elasticsearch"], indirect=True)
def test_weir_is_killed(target, repetition, run, load, memory, tmp_path, request, figures):
    """kill -9 of weir while the server is gone: all that it had, on disk and in memory, the next start delivers."""
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
    acknowledged, waited = output_of(before)["delivered"], output_of(before)["waiting"]
    in_memory = waited - output_of(before)["spooled"]
    row["acknowledged"] += acknowledged
    row["in spool at most"] = output_of(before)["spooled"]
    row["in memory at the kill"] = in_memory
    figures(**row)
    text = f"{balance}; before: {summary(before)}; after: {summary(ledger)}\n{again.said()}"
    assert lab.counter(ledger, "records_recovered") == waited == sent.count - acknowledged > in_memory > 0, text
    assert lab.counter(ledger, "records_lost_by_kill") == 0, text
    assert before_kill(again) == {"received": sent.count, "delivered": acknowledged, "moved": in_memory, "lost": 0,
                                  "spooled": waited - in_memory}, text
    assert not balance.missing and not balance.strange, text
    # Kafka's producer cannot know what its predecessor had sent; the answers to that were lost with the network.
    assert balance.doubles <= (in_memory if target.name == "kafka" else 0), text
    assert not list(memory.iterdir()), text


@pytest.mark.long
@repeated
@pytest.mark.parametrize("target", ["kafka", "elasticsearch"], indirect=True)
def test_weir_is_killed_under_load(target, repetition, run, load, memory, tmp_path, request, figures):
    """kill -9 again and again while the server takes what comes: each record that any run had received is accounted."""
    index = index_of(request)
    (tmp_path / "spool").mkdir()
    configuration = {"workers": 2, "output": merge(target.configuration(index), {
        "batch_size": "72KiB", "spool": {"path": str(tmp_path / "spool"), "after": "200ms"}})}
    weir = run(configuration)
    going = load(rate=2 * RATE)
    runs = []
    for number in range(6):
        time.sleep(0.7 + number * 0.171)
        weir.kill()
        weir = run(configuration)
        runs.append(before_kill(weir))
    sent = going.stop()
    weir.wait_done(BACK)
    ledger = weir.finish()
    balance = Balance(sent, map(key_of, target.documents(index)))
    moved, lost = (sum(row[name] for row in runs) for name in ("moved", "lost"))
    received = sum(row["received"] for row in runs) + lab.counter(ledger, "records_received")
    figures(**{"fault": "weir killed 6 times under load", "output": target.title, "sent": sent.count,
               "received": received, "in memory at the kills": moved, "lost": lost, "found": balance.found,
               "twice": balance.doubles})
    text = f"{balance}; received {received} by runs: {runs}; the last one: {summary(ledger)}\n{weir.said()}"
    assert moved > 0 and not balance.strange, text
    assert lost == 0 and balance.found == received, text
    assert balance.doubles <= (moved if target.name == "kafka" else 0), text
    assert not list(memory.iterdir()), text
