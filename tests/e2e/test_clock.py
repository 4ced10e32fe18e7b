# SPDX-License-Identifier: Apache-2.0
"""Exporters whose clock is off: told of in metrics and API, and corrected where that is asked for."""

import datetime
import re
import sys
import time

import flowwire
from flowcases.clocks import ABSOLUTE, UPTIMES, WRAP, flow
from flowcases.common import V4, v4_rows
from harness import BACKENDS, HERE, check_stop
import lab
import pytest
from test_http import get_json, metrics
from test_streams import SOCKET, Dtls, Sctp, connect, identity, wait_counter, with_dtls  # noqa: F401
from test_top import tables

HOUR = 3600
MESSAGES, RATE = 192, 32  # a bunch each half of a second, for six: an estimate takes three to four and a half
RIGHT, LATE = 0, 1  # exporters, and by how many seconds they are behind
BEHIND = {RIGHT: 0, LATE: HOUR}
PORTS = {"reported": 2055, "corrected": 2056}


def source_port(collector, exporter):
    return 30000 + 10 * list(PORTS).index(collector) + exporter


def names_of(collector):
    return [f"{lab.EXPORTER}:{source_port(collector, exporter)}" for exporter in BEHIND]


def messages(began, behind):
    """v9 with one flow each, whose header says when they are to be sent by a clock that is so many seconds behind."""
    values = flowwire.Values("clock")
    template = flowwire.flow_set(0, flowwire.template_record(256, V4, ipfix=False))
    for number in range(MESSAGES):
        seconds = int(began + number / RATE) - behind
        yield flowwire.v9(template, flowwire.flow_set(256, *v4_rows(values, 1), pad=-len(V4) % 4), sequence=number,
                          seconds=seconds)


def send_all(link, tmp_path):
    """Both exporters to both collectors, at once."""
    began, senders = time.time() + 0.5, []
    for exporter, behind in BEHIND.items():
        path = tmp_path / f"items-{exporter}"
        path.write_bytes(b"".join(len(item).to_bytes(4, "big") + item for item in messages(began, behind)))
        for collector, port in PORTS.items():
            senders.append(link.exporter.start(
                sys.executable, HERE / "send.py", "datagrams", lab.COLLECTOR, port, path, "--rate", RATE,
                "--source-port", source_port(collector, exporter)))
    assert [sender.wait(30) for sender in senders] == [0] * len(senders)


def skew(document):
    return document["netflow"]["exporter"].get("clock_skew_millis")


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def exporter_of(document):
    return document["netflow"]["exporter"]["address"]


def check_times(document, off):
    """Of a flow that ended a second before its message, by a clock that is off by so many seconds."""
    event, exporter = document["event"], document["netflow"]["exporter"]
    created, moved = when(event["created"]), (skew(document) or 0) / 1000
    assert abs(created - off - when(exporter["timestamp"])) < 20  # as exported, always
    assert when(document["@timestamp"]) == pytest.approx(when(exporter["timestamp"]) - moved)
    assert when(event["end"]) == pytest.approx(when(document["@timestamp"]) - 1)
    assert when(event["start"]) == pytest.approx(when(document["@timestamp"]) - 10)
    if skew(document) is not None:
        assert abs(moved + HOUR) < 20 and abs(created - when(document["@timestamp"])) < 20


def check_documents(documents, names, correct):
    """The estimate is there after three windows of a second."""
    late = [document for document in documents if exporter_of(document) == names[LATE]]
    assert len(late) == MESSAGES and len(documents) == 2 * MESSAGES
    for document in documents:
        check_times(document, HOUR if document in late else 0)
    corrected = [document for document in documents if skew(document) is not None]
    assert all(document in late for document in corrected)
    assert len(corrected) >= MESSAGES // 8 if correct else not corrected
    return len(corrected)


def check_top(namespace, base, names):
    """The one that is off most comes first, and its column says by how much."""
    text = namespace.run(*lab.weir_command(), "top", "--once", "--sort", "clock", "--url", base)
    found = tables(text)
    assert list(found)[-2:] == [names[LATE], names[RIGHT]], text
    assert re.fullmatch(r"-(1h00m|59m[45]\ds)", found[names[LATE]]["*CLOCK"]), text
    assert re.fullmatch(r"[-+](\d+ms|\d+\.\ds)|0s", found[names[RIGHT]]["*CLOCK"]), text


def check_told(namespace, base, names):
    """Metrics, API and weir top have both exporters' skews, and which of them is off."""
    check_top(namespace, base, names)
    found = metrics(namespace, base)
    skews = found["weir_exporter_clock_skew_seconds"]
    assert set(skews) == {f'exporter="{name}"' for name in names}
    assert abs(skews[f'exporter="{names[RIGHT]}"']) < 3
    assert abs(skews[f'exporter="{names[LATE]}"'] + HOUR) < 20
    assert sum(found["weir_exporters_clock_off"].values()) == 1
    assert list(found["weir_exporter_messages_clock_off_total"]) == [f'exporter="{names[LATE]}"']
    listed = get_json(namespace, "/api/exporters?sort=clock_skew_ms", base=base)["exporters"]
    rows = {row["exporter"]: row for row in listed}
    assert list(rows) == [names[LATE], names[RIGHT]]
    assert rows[names[LATE]]["clock_off"] and abs(rows[names[LATE]]["clock_skew_ms"] + HOUR * 1000) < 20000
    assert not rows[names[RIGHT]]["clock_off"] and abs(rows[names[RIGHT]]["clock_skew_ms"]) < 20000


def test_clock_an_hour_behind(collect, link, tmp_path):
    """Beside an exporter whose clock is right; with and without correction."""
    weirs, bases = {}, {}
    for number, (name, port) in enumerate(PORTS.items()):
        bases[name] = f"http://127.0.0.1:{9478 + number}"
        weirs[name] = collect(folder=name, **BACKENDS["socket"], host=f":{port}", http__listen=bases[name][7:],
                              clock__correct="true" if name == "corrected" else "false")
    send_all(link, tmp_path)
    for name, weir in weirs.items():
        weir.wait_documents(2 * MESSAGES)
        check_told(link.collector, bases[name], names_of(name))
        documents, ledger = check_stop(weir, 2 * MESSAGES)
        corrected = check_documents(documents, names_of(name), name == "corrected")
        off = lab.counter(ledger, "records_clock_off")
        assert MESSAGES // 8 <= off == lab.counter(ledger, "messages_clock_off") < MESSAGES
        assert lab.counter(ledger, "records_clock_corrected") == corrected == (off if name == "corrected" else 0)


AFTERWARDS = 5  # messages of each session, once all three are known to be off


def test_sessions_an_hour_behind(collect, link, identity):  # noqa: F811
    """By TCP, DTLS and SCTP: estimated for each session, and from then on corrected."""
    weir = collect(**{**with_dtls(identity), **SOCKET}, input__tcp__listen=":4739", input__sctp__listen=":4739",
                   clock__correct="true")
    tcp, dtls, sctp = connect(link), Dtls(link, identity), Sctp(link)
    wait_counter(weir, "streams_accepted", 3)
    values, sent = flowwire.Values("sessions"), 0
    template = flowwire.flow_set(2, flowwire.template_record(256, ABSOLUTE))

    def send_all():
        seconds = int(time.time()) - HOUR
        times = (seconds - 10) * 1000, (seconds - 1) * 1000
        message = flowwire.ipfix(template, flowwire.flow_set(256, flow(values, ABSOLUTE, *times)), seconds=seconds,
                                 sequence=sent)
        for send in (tcp.sendall, dtls.send, sctp.send):
            send(message)
        return 1

    def are_off():
        rows = get_json(link.collector, "/api/exporters")["exporters"]
        return sorted(row["transport"] for row in rows if row["clock_off"]) == ["dtls", "sctp", "tcp"]

    until = time.monotonic() + 30
    while not are_off():
        assert time.monotonic() < until, get_json(link.collector, "/api/exporters")
        sent += send_all()
        time.sleep(0.1)
    before = sent
    for _ in range(AFTERWARDS):
        sent += send_all()
    for session in (tcp, dtls, sctp):
        session.close()
    weir.wait_documents(3 * sent)
    documents, ledger = check_stop(weir, 3 * sent)
    sessions = {name: [document for document in documents if exporter_of(document) == name]
                for name in map(exporter_of, documents)}
    assert [len(found) for found in sessions.values()] == 3 * [sent]
    for found in sessions.values():
        assert skew(found[0]) is None and all(skew(document) for document in found[before:])
        for document in found:
            check_times(document, HOUR)
    assert lab.counter(ledger, "records_clock_corrected") == sum(map(bool, map(skew, documents)))


def test_uptime_wraps(collect, link, send):
    """A flow of v9 that began before the uptime's 32 bits were over is told as it was."""
    weir, values, now = collect(**BACKENDS["socket"]), flowwire.Values("wrap"), int(time.time())
    send([flowwire.v9(flowwire.flow_set(0, flowwire.template_record(256, UPTIMES, ipfix=False)),
                      flowwire.flow_set(256, flow(values, UPTIMES, WRAP - 1000, 500)), uptime=1000, seconds=now)])
    weir.wait_documents(1)
    (document,), ledger = check_stop(weir, 1)
    assert when(document["event"]["start"]) == pytest.approx(now - 2)
    assert when(document["event"]["end"]) == pytest.approx(now - 0.5)
    assert lab.counter(ledger, "times_wrapped") == 1
