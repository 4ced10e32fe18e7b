# SPDX-License-Identifier: Apache-2.0
"""What test_faults.py is made of: servers as targets, faults from begin to end, a run under load and its figures."""

import contextlib
import json
import os
import subprocess
import time

import pytest

import lab
from collector import dropped_by_reason, merge, output_of, summary
from sent import Balance, key_of
from servers import PASSWORD, USER, wait_for

SECONDS = float(os.environ.get("FAULT_SECONDS", "3"))
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
RATE = 50      # datagrams a second of each of four exporters, ten records in each
LEAD = 1.5     # seconds of load before the outage, and after it
BACK = 60 + 2 * SECONDS  # seconds that everything may take to be delivered after the end of an outage


# --- the targets ---

class KafkaTarget:
    """One broker; idempotence is the default."""

    name = "kafka"
    refusal = "authentication"  # what weir says of a wrong secret

    def __init__(self, place, server):
        self.title = f"kafka {server.version}"  # in the table
        self.place = place
        self.server = server
        self.login_port = server.sasl_port

    def configuration(self, index, timeout=30):
        properties = {"socket.timeout.ms": str(1000 * timeout), "request.timeout.ms": str(1000 * timeout)}
        return {"type": "kafka", "kafka": {"brokers": [self.server.broker], "topic": index, "properties": properties}}

    def login(self, user, secret):
        """Settings to come in as this user; by SCRAM where this librdkafka can (before 2.6.1 not at Kafka 4)."""
        mechanism = "scram-sha-512" if self.server.version.startswith("3") else "plain"
        return {"username": user, "password": secret,
                "kafka": {"brokers": [f"127.0.0.1:{self.login_port}"], "sasl": mechanism}}

    def documents(self, index):
        return self.server.documents(index)


class SearchTarget:
    """One node, with ids."""

    refusal = "username and password"

    def __init__(self, place, server):
        self.name = self.title = server.script
        self.place = place
        self.server = server
        self.login_port = server.port

    def configuration(self, index, timeout=30):
        secured = {"tls": {"ca": str(self.place.certificate("ca"))}, **self.login(USER, PASSWORD)}
        return merge({"type": self.name, "elasticsearch": {
            "hosts": [self.server.url], "index": index, "ids": True, "timeout": f"{timeout}s"}},
            secured if self.server.tls else {})

    def login(self, user, secret):
        return {"username": user, "password": secret}

    def documents(self, index):
        return self.server.documents(index)


@pytest.fixture
def target(request, place):
    """By the name of a server's fixture."""
    server = request.getfixturevalue(request.param)
    return (KafkaTarget if request.param.startswith("kafka") else SearchTarget)(place, server)


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


@contextlib.contextmanager
def small_disk(path, size):
    """A file system of this size at this folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


# --- who may come in: weir's secret lies in a file, and the server takes it or not ---

class Password:
    """A user of weir's own, by name and password; settings() makes it."""

    user = "flows"
    secret = "Kelp-4-orbit-29-lantern"  # OpenSearch wants it strong

    def __init__(self, target, file):
        self.target = target
        self.file = file
        self.refusal = target.refusal

    def settings(self):
        self.admit()
        self.file.write_text(self.secret)
        return self.target.login(self.user, f"file:{self.file}")

    def refuse(self):
        """Somebody gives the user another password, and those who are in have to come in again."""
        self.target.server.set_password(self.user, self.secret[::-1])
        self.target.place.reset(self.target.login_port)

    def admit(self):
        self.target.server.set_password(self.user, self.secret)


class Key:
    """An API key of Elasticsearch's, that may write or not."""

    refusal = "403"

    def __init__(self, target, file):
        self.server = target.server
        self.file = file

    def settings(self):
        self.file.write_text(self.server.api_key())
        return {"username": "", "password": "", "elasticsearch": {"api_key": f"file:{self.file}"}}

    def refuse(self):
        self.server.allow_key(self.file.read_text(), names=("others-*",))

    def admit(self):
        self.server.allow_key(self.file.read_text())


# --- weir under load, and the table ---

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
    output = output_of(ledger)
    counters = output["counters"]
    reasons = ", ".join(f"{count:,} {name}" for name, count in dropped_by_reason(output).items())
    return {"fault": fault, "output": target.title, "sent": sent.count, "acknowledged": output["delivered"],
            "in spool at most": max(output_of(reading)["spooled"] for reading in weir.readings()),
            "sent again": counters.get("output_retries", 0), "errors": counters.get("output_write_errors", 0),
            "dropped": reasons or 0, "missing": len(balance.missing), "twice": balance.doubles,
            "delivered s after": round(back, 1)}


class Trial:
    """weir with a spool under steady load, from its start until all is delivered; `weir` and `load` are the tests'."""

    def __init__(self, target, request, figures):
        self.target, self.figures = target, figures
        self.run, self.load = request.getfixturevalue("run"), request.getfixturevalue("load")
        self.index = index_of(request)
        self.spool = request.getfixturevalue("tmp_path") / "spool"
        self.spool.mkdir()
        self.weir = self.going = self.ended = self.earlier = None

    def start(self, *more, timeout=30, **settings):
        """weir with the target as its output, and load on it, going on from where an earlier run ended."""
        spool = {"spool": {"path": str(self.spool), "after": "500ms"}}
        output = merge(self.target.configuration(self.index, timeout), spool, *more)
        self.weir = self.run({"output": output, **settings})
        self.going = self.load(self.going and self.going.sent, rate=RATE)
        return self.weir

    def lead(self):
        """Until documents have gone their way for a while."""
        self.weir.wait_received(int(LEAD * 40 * RATE))

    def check_stuck(self, word):
        """weir lives, has delivered nothing so far, and says why."""
        assert self.weir.process.poll() is None, self.weir.said()
        assert lab.counter(self.weir.reading(), "records_delivered") == 0, self.weir.said()
        assert word.lower() in self.weir.said().lower(), self.weir.said()

    def over(self):
        """The outage ends now."""
        self.ended = time.monotonic()

    def interrupt(self):
        """An orderly end of weir while everything waits: all of it is in the spool."""
        sent = self.going.stop()
        self.weir.wait_received(sent.count)
        ledger = self.weir.finish(sent, waits=sent.count)
        self.earlier = figure_row(self.target, "", sent, ledger, Balance(sent, ()), 0, self.weir)

    def settle(self, fault):
        """Load for a while longer, then until nothing waits; (ledger, balance) of the end, and a row for the table."""
        before = self.earlier["sent"] if self.earlier else 0
        time.sleep(LEAD)
        sent = self.going.stop()
        self.weir.wait_received(sent.count - before)
        self.weir.wait_done(BACK)
        back = time.monotonic() - self.ended
        ledger = self.weir.finish()
        assert lab.counter(ledger, "records_recovered") == before, summary(ledger)
        arrived = lab.counter(ledger, "records_received") + before
        assert arrived == sent.count, f"received {arrived}, sent {sent.count}, lost on the way {lab.lost(ledger)}"
        balance = Balance(sent, map(key_of, self.target.documents(self.index)))
        row = figure_row(self.target, fault, sent, ledger, balance, back, self.weir)
        if self.earlier:
            row["in spool at most"] = max(row["in spool at most"], self.earlier["in spool at most"])
            row.update({name: row[name] + self.earlier[name] for name in ("sent again", "errors")})
        self.figures(**row)
        return ledger, balance

    def settle_whole(self, fault):
        """As settle(), and nothing may be dropped, missing or twice, nor the log be full of it."""
        ledger, balance = self.settle(fault)
        check_balance(balance, ledger, self.weir)
        assert output_of(ledger)["delivered"] == balance.sent, summary(ledger)
        check_quiet(self.weir)
        return ledger


@pytest.fixture
def trial(request, target, figures):
    return Trial(target, request, figures)


def check_balance(balance, ledger, weir):
    """All is there, once."""
    good = not balance.missing and not balance.strange and not balance.double
    assert good, f"{balance}\n{summary(ledger)}\n{weir.said()}"


def check_quiet(weir):
    """The log tells of changes, not of each try."""
    lines = [line for line in weir.said().splitlines() if "warning" in line.lower() or "error" in line.lower()]
    assert len(lines) <= 20 + SECONDS, "\n".join(lines)
