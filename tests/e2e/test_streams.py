# SPDX-License-Identifier: Apache-2.0
"""IPFIX over transports with sessions: TCP and TLS, beside UDP; and peers that are slow, silent, many or wrong."""

import contextlib
import json
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

from certificates import make_authority, make_certificate
import exports
import flowwire
from flowcases.common import V4, v4_rows
from harness import HERE, check_stop
import lab
import pytest
from servers import inside, wait_for

SOCKET = {"input.backend": "socket", "workers": "2", "read_buffer": "8MiB"}
TCP = {**SOCKET, "input.tcp.listen": ":4739", "stats_interval": "200ms"}
RECORDS = exports.RECORDS


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Certificates of the collector (two of them), of exporters, and of one by another CA."""
    folder = tmp_path_factory.mktemp("tls")
    make_authority(folder)
    make_authority(folder, "other")
    make_certificate(folder, "collector", "weir", f"IP:{lab.COLLECTOR}")
    make_certificate(folder, "renewed", "weir anew", f"IP:{lab.COLLECTOR}")
    make_certificate(folder, "router", "router1", "DNS:router1.example.net")
    make_certificate(folder, "printer", "printer", "DNS:printer.example.org")
    make_certificate(folder, "stranger", "router1", "DNS:router1.example.net", "other")
    return folder


def with_tls(identity, **more):
    return {**SOCKET, "stats_interval": "200ms", "input.tls.listen": ":4740",
            "input.tls.certificate": identity / "collector.pem", "input.tls.key": identity / "collector.key",
            **{f"input.tls.{key}": value for key, value in more.items()}}


def trust(identity, own=None):
    context = ssl.create_default_context(cafile=identity / "ca.pem")
    if own:
        context.load_cert_chain(identity / f"{own}.pem", identity / f"{own}.key")
    return context


def connect(link, port=4739, context=None, host=lab.COLLECTOR):
    with inside(link.exporter):
        connection = socket.create_connection((host, port), 10)
    return context.wrap_socket(connection, server_hostname=host) if context else connection


def end(*sessions):
    """As an exporter does, and until the collector has taken all and closed them, too."""
    for session in sessions:
        session.shutdown(socket.SHUT_WR)
    for session in sessions:
        assert is_over_or_alert(session)
        session.close()


def is_over(session):
    """Has the other side ended it? BlockingIOError: no."""
    try:
        return session.recv(1) == b""
    except ConnectionError:
        return True


def is_over_or_alert(session):
    """Reads an alert of TLS, if there is one, and then the end."""
    try:
        while session.recv(64):
            pass
    except ConnectionError:
        pass
    return True


def reading(weir):
    """The last ledger that it printed, or one of nothing."""
    try:
        return weir.ledger()
    except ValueError:
        return {"counters": {}}


def wait_counter(weir, name, count, seconds=20):
    wait_for(lambda: f"{name} {count}: {weir.log()[-3000:]}", seconds,
             lambda: reading(weir)["counters"].get(name, 0) >= count)


def alike(documents):
    """What is the same whatever the way, as lines: all but times of receipt, and what names the exporter."""
    found = []
    for document in documents:
        document["event"].pop("created", None)
        document["netflow"].pop("exporter")
        kept = {key: document[key] for key in ("@timestamp", "destination", "event", "netflow", "network", "source")}
        found.append(json.dumps(kept, sort_keys=True))
    return sorted(found)


def ask(link, path):
    """What the API of the collector says."""
    return json.loads(link.collector.run("curl", "-sf", f"http://127.0.0.1:9478{path}"))


def ends(ledger):
    """How sessions ended."""
    names = ("closed", "cut", "broken", "bad_message", "stalled", "idle", "not_allowed", "full", "full_address",
             "handshake_failed", "handshake_late")
    return {name: count for name in names if (count := ledger["counters"][f"streams_{name}"])}


def test_same_documents_by_every_transport(collect, link, send, identity, tmp_path):
    """One load by UDP, TCP, TLS and SCTP at once, over IPv4 and IPv6: the same documents from each, no record more."""
    messages, count = exports.ipfix(40), 5
    weir = collect(**TCP, **{key: value for key, value in with_tls(identity).items() if "tls" in key},
                   **{"input.sctp.listen": ":4739"}, host=":4739")
    whole = b"".join(messages)
    by_sctp = sctp(link, tmp_path / "items", messages, streams=1)
    tcp, tcp6 = connect(link), connect(link, host=lab.COLLECTOR6)
    tls = connect(link, 4740, trust(identity))
    for at in range(0, len(whole), 700):  # no message is a segment's own
        for way in (tcp, tcp6, tls):
            way.sendall(whole[at:at + 700])
    send(messages, port=4739)
    end(tcp, tcp6, tls)
    assert by_sctp.wait(30) == 0
    weir.wait_documents(count * 40 * RECORDS)
    wait_counter(weir, "streams_closed", count - 1)
    documents, ledger = check_stop(weir, count * 40 * RECORDS)
    assert ends(ledger) == {"closed": count - 1} and ledger["counters"]["streams_open"] == 0
    by_exporter = {}
    for document in documents:
        by_exporter.setdefault(document["netflow"]["exporter"]["address"], []).append(document)
    assert len(by_exporter) == count
    first, *others = [alike(found) for found in by_exporter.values()]
    assert all(found == first for found in others)
    for row in ledger["exporters"]:
        assert row["counters"]["records_received"] == 40 * RECORDS and "records_missing" not in row["counters"]


def template(number, names="sourceIPv4Address octetDeltaCount", domain=0, sequence=0):
    record = flowwire.template_record(number, flowwire.fields(names))
    return flowwire.ipfix(flowwire.flow_set(2, record), domain=domain, sequence=sequence)


def withdrawal(number, set_id=2):
    return flowwire.ipfix(flowwire.flow_set(set_id, struct.pack(">HH", number, 0)))


def data(number, count=1):
    body = b"".join(struct.pack(">IQ", 0x0A000000 + place, 1000) for place in range(count))
    return flowwire.ipfix(flowwire.flow_set(number, body))


@pytest.mark.light
def test_templates_are_of_their_session(collect, link, send):
    """Withdrawn where the transport is reliable, and not by UDP; gone with the session; never shared with another."""
    weir = collect(**{**TCP, "workers": "1"}, host=":4739", share_templates="true")
    with connect(link) as first, connect(link) as second:
        first.sendall(template(300) + template(301) + data(300) + data(301))
        first.sendall(withdrawal(300) + data(300) + data(301))  # 300 is unknown now
        first.sendall(template(300, "octetDeltaCount sourceIPv4Address") + data(300))
        first.sendall(withdrawal(2) + data(300) + data(301))  # all of them
        second.sendall(template(400) + data(300))  # which it never knew
        wait_counter(weir, "sets_without_template", 4)
        port = second.getsockname()[1]
        known = ask(link, f"/api/templates?exporter={lab.EXPORTER}")["templates"]
        assert [(row["port"], row["id"]) for row in known] == [(port, 400)] and known[0]["session"] >= 1
        told = ask(link, f"/api/exporters/{lab.EXPORTER}:{port}")["exporters"]
        assert [row["transport"] for row in told] == ["tcp"] and "ended" not in told[0]
    with connect(link) as third:
        third.sendall(data(301))
        wait_counter(weir, "sets_without_template", 5)
    send([template(300), data(300), withdrawal(300), data(300)], port=4739)
    weir.wait_documents(6)
    documents, ledger = check_stop(weir, 6)
    counters = ledger["counters"]
    assert counters["templates_withdrawn"] == 3 and counters["sets_without_template"] == 5
    assert counters["sets_parked"] == 0  # nothing that came in order can be waited for
    assert [document["source"]["bytes"] for document in documents].count(1000) == 5


def test_losses_are_told_by_session(collect, link):
    """What an exporter did not send is missing in its session alone; a session that begins anew is no restart."""
    messages = exports.ipfix(30)
    weir = collect(**TCP)
    for left_out in (range(10, 13), (), (20,)):
        session = connect(link)
        session.sendall(b"".join(item for place, item in enumerate(messages) if place not in left_out))
        end(session)
    _, ledger = check_stop(weir, (90 - 4) * RECORDS)
    assert sorted(row["counters"].get("records_missing", 0) for row in ledger["exporters"]) == [0, RECORDS, 3 * RECORDS]
    assert ledger["counters"]["sequence_resets"] == 0 and ledger["counters"]["datagrams_stray"] == 0


def test_a_thousand_sessions(collect, link):
    """Each sends its own; nobody's is lost, and all are open at a time."""
    count, messages = 1000, exports.ipfix(5)
    weir = collect(**TCP, input__streams__per_address="1000")
    sessions = [connect(link) for _ in range(count)]
    for message in messages:
        for session in sessions:
            session.sendall(message)
    wait_counter(weir, "records_received", count * len(messages) * RECORDS, 60)
    wait_counter(weir, "streams_open", count)
    end(*sessions)
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [] and ends(ledger) == {"closed": count}
    assert lab.counter(ledger, "records_delivered") == count * len(messages) * RECORDS
    assert lab.counter(ledger, "templates_learned") == count


def test_what_was_sent_before_the_end_is_read(collect, link):
    """The kernel has acknowledged it: an orderly end takes it."""
    count, session_count = 3000, 4
    messages = b"".join(exports.ipfix(count))
    weir = collect(**TCP)
    sessions = [connect(link) for _ in range(session_count)]
    for session in sessions:
        session.sendall(messages)
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == []
    assert lab.counter(ledger, "records_received") == session_count * count * RECORDS


@pytest.mark.light
def test_slow_peers_are_ended_and_cost_nobody(collect, link):
    """A byte now and then, silence inside a message, silence altogether: each is ended in time, others are not."""
    messages = exports.ipfix(26)
    weir = collect(**TCP, input__streams__message_timeout="1s", input__streams__idle_timeout="2s")
    slow, stalled, silent, steady = (connect(link) for _ in range(4))
    stalled.sendall(messages[0] + messages[1][:-1])
    began = time.monotonic()
    ended = {}
    for place, message in enumerate(messages):
        steady.sendall(message)
        if "slow" not in ended:
            with contextlib.suppress(OSError):
                slow.send(messages[0][place:place + 1])
        for name, session in (("slow", slow), ("stalled", stalled), ("silent", silent)):
            session.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                if name not in ended and is_over(session):
                    ended[name] = time.monotonic() - began
            session.setblocking(True)
        time.sleep(0.1)
    assert set(ended) == {"slow", "stalled", "silent"}, ended
    assert ended["stalled"] > 0.9 and ended["slow"] > 0.9 and ended["silent"] > 1.9, ended
    end(steady)
    _, ledger = check_stop(weir, 27 * RECORDS)
    assert ends(ledger) == {"closed": 1, "stalled": 2, "idle": 1}


@pytest.mark.parametrize("bad", [b"\x00\x09" + bytes(40), b"\x00\x0a\x00\x0f" + bytes(11), b"GET / HTTP/1.1\r\n\r\n",
                                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_what_is_no_ipfix_ends_the_session(collect, link, bad):
    """And costs no message before it."""
    messages = exports.ipfix(3)
    weir = collect(**TCP)
    with connect(link) as session:
        session.sendall(b"".join(messages) + bad)
        assert is_over(session)
    cut = connect(link)
    cut.sendall(messages[0] + messages[1][:100])
    end(cut)
    _, ledger = check_stop(weir, 4 * RECORDS)
    assert ends(ledger) == {"bad_message": 1, "cut": 1}


def resident_kib(weir):
    status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def settled_kib(weir):
    """Once it does not grow any more: workers touch what they have while they begin."""
    readings = [resident_kib(weir)]
    while len(readings) < 2 or (readings[-1] - readings[-2] > 256 and len(readings) < 30):
        time.sleep(0.3)
        readings.append(resident_kib(weir))
    return readings[-1]


def test_memory_is_bounded(collect, link):
    """Peers that all but end the longest messages hold 64 KiB each, and give them back."""
    count = 200
    longest = flowwire.ipfix(flowwire.flow_set(300, bytes(65535 - 20)))
    weir = collect(**TCP, input__streams__message_timeout="1h")
    before = settled_kib(weir)
    sessions = [connect(link) for _ in range(count)]
    for session in sessions:
        session.sendall(longest[:-1])
    wait_for(lambda: "buffers", 20, lambda: resident_kib(weir) - before > count * 60)
    assert resident_kib(weir) - before < count * 80
    for session in sessions:
        session.sendall(longest[-1:])
    end(*sessions)
    wait_for(lambda: "buffers to be given back", 20, lambda: resident_kib(weir) - before < count * 20)
    _, ledger = check_stop(weir, 0)
    assert lab.counter(ledger, "datagrams_received") == count


@pytest.mark.light
def test_caps(collect, link):
    """Of an address and in all: who is over is closed at once, and a place that gets free is given again."""
    weir = collect(**TCP, input__streams__most="4", input__streams__per_address="3")
    three = [connect(link) for _ in range(3)]
    assert is_over(connect(link))
    other = connect(link, host=lab.COLLECTOR6)
    assert is_over(connect(link, host=lab.COLLECTOR6))
    end(three.pop())
    again = connect(link)
    again.sendall(exports.ipfix(1)[0])
    weir.wait_documents(RECORDS)
    end(*three, other, again)
    _, ledger = check_stop(weir, RECORDS)
    assert ends(ledger) == {"closed": 5, "full": 1, "full_address": 1}


@pytest.mark.light
def test_only_who_is_allowed(collect, link, tmp_path):
    """At the door, and when the list changes while the session is there."""
    path = tmp_path / "weir.yml"
    path.write_text(json.dumps({"input": {"allow": [lab.EXPORTER]}}))
    weir = collect(file=path, **TCP)
    assert is_over(connect(link, host=lab.COLLECTOR6))
    with connect(link) as session:
        session.sendall(exports.ipfix(1)[0])
        weir.wait_documents(RECORDS)
        path.write_text(json.dumps({"input": {"allow": [lab.EXPORTER6]}}))
        weir.process.send_signal(signal.SIGHUP)
        assert is_over(session)
    session = connect(link, host=lab.COLLECTOR6)
    session.sendall(exports.ipfix(1)[0])
    end(session)
    weir.wait_documents(2 * RECORDS)
    _, ledger = check_stop(weir, 2 * RECORDS)
    assert ends(ledger) == {"closed": 1, "not_allowed": 2}


def refused(link, context):
    """Does the collector end this session for what the handshake showed?"""
    try:
        with connect(link, 4740, context) as session:
            session.sendall(exports.ipfix(1)[0])
            return session.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@pytest.mark.light
def test_mutual_tls(collect, link, identity):
    """Certificates of the right CA with a right name, and nobody else; by TLS 1.2 and 1.3."""
    weir = collect(**with_tls(identity, ca=identity / "ca.pem", names="*.example.net,router9.example.com"))
    for own in (None, "stranger", "printer"):
        assert refused(link, trust(identity, own)), own
    old = trust(identity, "router")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(link, old)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trust(identity, "router")
        context.minimum_version = context.maximum_version = version
        session = connect(link, 4740, context)
        session.sendall(exports.ipfix(1)[0])
        end(session)
    weir.wait_documents(2 * RECORDS)
    _, ledger = check_stop(weir, 2 * RECORDS)
    assert ends(ledger) == {"closed": 2, "handshake_failed": 4}
    assert "the handshake failed: " in weir.log()


def shown(link, identity):
    """The common name of the certificate that the collector shows, and the session."""
    session = connect(link, 4740, trust(identity))
    return dict(pair for row in session.getpeercert()["subject"] for pair in row)["commonName"], session


def test_a_certificate_is_renewed(collect, link, identity, tmp_path):
    """By SIGHUP, without a session that ends; what cannot be read changes nothing."""
    path = tmp_path / "weir.yml"

    def write(name):
        path.write_text(json.dumps({"input": {"tls": {"certificate": str(identity / f"{name}.pem"),
                                                      "key": str(identity / f"{name}.key")}}}))

    write("collector")
    plain = {key: value for key, value in with_tls(identity).items() if "certificate" not in key and "key" not in key}
    weir = collect(file=path, **plain)
    name, session = shown(link, identity)
    assert name == "weir"
    write("renewed")
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: f"the new certificate: {weir.log()}", 10, lambda: shown(link, identity)[0] == "weir anew")
    path.write_text(json.dumps({"input": {"tls": {"certificate": str(identity / "ca.pem"),
                                                  "key": str(identity / "router.key")}}}))
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: weir.log(), 10, lambda: "input.tls stays as it is" in weir.log())
    assert shown(link, identity)[0] == "weir anew"
    session.sendall(b"".join(exports.ipfix(2)))
    session.close()
    weir.wait_documents(2 * RECORDS)
    check_stop(weir, 2 * RECORDS)


@pytest.mark.light
def test_handshakes_are_bounded(collect, link, identity):
    """Who does not end its handshake is closed; who speaks something else, too; others are served meanwhile."""
    weir = collect(**with_tls(identity), input__streams__handshake_timeout="1s")
    half = [connect(link, 4740) for _ in range(20)]
    half[0].sendall(b"\x16\x03\x01\x02\x00\x01")
    with connect(link, 4740) as plain:
        plain.sendall(exports.ipfix(1)[0])
        wait_for(lambda: "the end of a session without TLS", 10, lambda: is_over_or_alert(plain))
    session = connect(link, 4740, trust(identity))
    session.sendall(exports.ipfix(1)[0])
    end(session)
    weir.wait_documents(RECORDS)
    assert all(is_over(one) for one in half)
    _, ledger = check_stop(weir, RECORDS)
    assert ends(ledger) == {"closed": 1, "handshake_failed": 1, "handshake_late": 20}


def test_one_byte_records(collect, link, identity):
    """A record of TLS for each byte: as good as any other way, and others go on beside it."""
    messages = exports.ipfix(20)
    weir = collect(**with_tls(identity), **{"input.tcp.listen": ":4739"})
    session, other = connect(link, 4740, trust(identity)), connect(link)
    for message in messages:
        for byte in message:
            session.sendall(bytes([byte]))
        other.sendall(message)
    end(session, other)
    weir.wait_documents(2 * 20 * RECORDS)
    check_stop(weir, 2 * 20 * RECORDS)


# --- DTLS ---

def with_dtls(identity, **more):
    settings = with_tls(identity, **more)
    del settings["input.tls.listen"]
    return {**settings, "input.dtls.listen": ":4740"}


class Dtls:
    """openssl s_client: what is written is a record."""

    def __init__(self, link, identity, own=None, port=0):
        command = ["openssl", "s_client", "-dtls1_2", "-connect", f"{lab.COLLECTOR}:4740", "-quiet", "-no_ign_eof",
                   "-CAfile", identity / "ca.pem", "-verify_return_error"]
        command += ["-cert", identity / f"{own}.pem", "-key", identity / f"{own}.key"] if own else []
        command += ["-bind", f"{lab.EXPORTER}:{port}"] if port else []
        self.process = subprocess.Popen(link.exporter.inside(*command), stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        link.exporter.processes.append(self.process)

    def send(self, message):
        self.process.stdin.write(message)
        self.process.stdin.flush()
        time.sleep(0.02)  # else two are read as one

    def close(self):
        """With the good-bye of TLS."""
        self.process.stdin.close()
        self.process.wait(10)


@pytest.mark.light
def test_dtls(collect, link, identity):
    """Sessions with certificates on both sides; loss and order are those of UDP, so withdrawals remove nothing."""
    weir = collect(**with_dtls(identity, ca=identity / "ca.pem", names="router1.example.net"))
    strangers = [Dtls(link, identity, own) for own in (None, "stranger", "printer")]
    sessions = [Dtls(link, identity, "router") for _ in range(2)]
    wait_counter(weir, "streams_accepted", 2)  # what is written before is sent as one record, too long for the link
    messages = exports.ipfix(5)
    for session in sessions:
        for message in messages:
            session.send(message)
    sessions[0].send(data(400))  # waits for its template
    sessions[0].send(template(400))
    sessions[0].send(withdrawal(400) + data(400))
    sessions[0].send(b"no IPFIX")
    wait_counter(weir, "records_received", 10 * RECORDS + 2)
    for session in sessions:
        session.close()
    wait_counter(weir, "streams_closed", 2)
    for stranger in strangers:
        stranger.process.wait(10)
    documents, ledger = check_stop(weir, 10 * RECORDS + 2)
    counters = ledger["counters"]
    assert ends(ledger) == {"closed": 2, "handshake_failed": 3}
    assert counters["sets_parked"] == 1 and counters["templates_withdrawn"] == 1
    assert counters["datagrams_unknown_version"] == 1 and counters["records_missing"] == 0
    assert len({document["netflow"]["exporter"]["address"] for document in documents}) == 2


@pytest.mark.long
def test_dtls_begins_anew_from_the_same_port(collect, link, identity):
    """An exporter that was killed comes in again once its session has been silent for a while after its hello."""
    weir = collect(**with_dtls(identity), input__streams__message_timeout="1s")
    first = Dtls(link, identity, port=40000)
    first.send(exports.ipfix(1)[0])
    weir.wait_documents(RECORDS)
    first.process.kill()
    second = Dtls(link, identity, port=40000)
    second.send(exports.ipfix(1)[0])
    assert len(weir.wait_documents(2 * RECORDS, 30)) == 2 * RECORDS
    second.close()
    wait_counter(weir, "streams_closed", 1)
    _, ledger = check_stop(weir, 2 * RECORDS)
    assert ends(ledger) == {"closed": 1, "stalled": 1}


def test_dtls_keeps_nothing_of_who_shows_no_address(collect, link, identity):
    """Hellos without a cookie, from many ports: each is answered, and no session, place or memory is theirs."""
    weir = collect(**with_dtls(identity), input__streams__most="8")
    with inside(link.exporter):
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sources = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200)]
        door.bind(("127.0.0.1", 0))
        door.settimeout(10)
    tool = subprocess.Popen(link.exporter.inside("openssl", "s_client", "-dtls1_2", "-connect",
                                                 f"127.0.0.1:{door.getsockname()[1]}"), stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    hello = door.recv(2000)
    tool.kill()
    tool.wait()
    answers = 0
    for _ in range(5):
        for source in sources:
            source.sendto(hello, (lab.COLLECTOR, 4740))
        time.sleep(0.05)
    for source in sources:
        source.settimeout(10)
        answers += source.recv(2000)[13] == 3  # HelloVerifyRequest
    assert answers == len(sources)
    session = Dtls(link, identity)
    session.send(exports.ipfix(1)[0])
    weir.wait_documents(RECORDS)
    session.close()
    wait_counter(weir, "streams_closed", 1)
    _, ledger = check_stop(weir, RECORDS)
    assert ends(ledger) == {"closed": 1} and lab.counter(ledger, "streams_accepted") == 1


# --- SCTP ---

SCTP_SEND = pathlib.Path(lab.weir_command()[-1]).parent.parent / "tests" / "tools" / "sctp_send"
WITH_SCTP = {**SOCKET, "input.sctp.listen": ":4739", "stats_interval": "200ms"}


def kernel_has_sctp():
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
        return True
    return False


def sctp_command(link, path, host=lab.COLLECTOR, streams=3, udp_port=9899, end="shutdown"):
    """A peer by the kernel's SCTP, as the collector; in user space, as that, where this kernel has none."""
    if kernel_has_sctp():
        for namespace in (link.exporter, link.collector):
            namespace.run("sysctl", "-qw", f"net.sctp.udp_port={udp_port}", f"net.sctp.encap_port={udp_port}")
        return [sys.executable, HERE / "send.py", "sctp", host, 4739, path, "--streams", streams, "--wait", 0.2,
                *(["--abort"] if end == "abort" else [])]
    if not SCTP_SEND.exists():
        pytest.skip("built without libusrsctp")
    return [SCTP_SEND, host, 4739, udp_port, path, streams, 200, end]


def item(message):
    return struct.pack(">I", len(message)) + message


def sctp(link, path, messages, **options):
    path.write_bytes(b"".join(map(item, messages)))
    return link.exporter.start(*sctp_command(link, path, **options))


class Sctp:
    """What is sent goes at once."""

    def __init__(self, link):
        self.process = subprocess.Popen(link.exporter.inside(*sctp_command(link, "-")), stdin=subprocess.PIPE)
        link.exporter.processes.append(self.process)

    def send(self, message):
        self.process.stdin.write(item(message))
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.mark.parametrize("udp_port", [pytest.param(9899, marks=pytest.mark.long), 0])
def test_sctp(collect, link, tmp_path, udp_port):
    """By UDP and by IP, over several streams, messages of every length."""
    messages = exports.ipfix(300)
    long = flowwire.ipfix(flowwire.flow_set(999, bytes(65535 - 20)), sequence=300 * RECORDS, domain=7)
    weir = collect(**WITH_SCTP, input__sctp__udp_port=9899)
    host = lab.COLLECTOR if udp_port else lab.COLLECTOR6
    assert sctp(link, tmp_path / "1", [*messages, long], host=host, udp_port=udp_port).wait(30) == 0
    wait_counter(weir, "streams_closed", 1)
    _, ledger = check_stop(weir, 300 * RECORDS)
    assert ends(ledger) == {"closed": 1}
    assert lab.counter(ledger, "sets_without_template") == 1 and lab.counter(ledger, "records_missing") == 0


def test_sctp_peers_that_are_wrong(collect, link, tmp_path):
    """Not allowed, over a cap, no IPFIX, aborted: counted, and the next one is served."""
    path = tmp_path / "weir.yml"
    path.write_text(json.dumps({"input": {"allow": ["192.0.2.1"]}}))
    weir = collect(file=path, **WITH_SCTP)
    messages = exports.ipfix(2)
    sctp(link, tmp_path / "items", messages).wait(30)
    path.write_text(json.dumps({"input": {"allow": [lab.EXPORTER]}}))
    weir.process.send_signal(signal.SIGHUP)
    wait_for(lambda: weir.log(), 10, lambda: "the rules of 1 entries" in weir.log())
    wait_counter(weir, "streams_not_allowed", 1)
    sctp(link, tmp_path / "items", [*messages, b"no IPFIX"]).wait(30)
    sctp(link, tmp_path / "items", messages, end="abort").wait(30)
    sctp(link, tmp_path / "items", messages).wait(30)
    wait_counter(weir, "streams_closed", 1)
    _, ledger = check_stop(weir, 6 * RECORDS)
    assert ends(ledger) == {"closed": 1, "broken": 1, "bad_message": 1, "not_allowed": 1}


@pytest.mark.parametrize("settings,said", [
    ({"input.dtls.listen": ":4740"}, "input.dtls.listen: TLS needs a certificate"),
    ({"input.tls.listen": ":4740"}, "add input.tls.certificate and input.tls.key"),
    ({"input.tcp.listen": "192.0.2.77:4739"}, "this machine has no such address"),
    ({"input.tcp.listen": "4739"}, "is no address and port"),
    ({"input.tls.names": "a.example.net"}, "add input.tls.ca"),
    ({"input.tls.names": "a b"}, "is no DNS name"),
    ({"tls": ("router.key", "collector.key")}, "input.tls.certificate"),
    ({"tls": ("collector.pem", "router.key")}, "key values mismatch"),
])
def test_bad_configuration_ends_the_start(collect, identity, settings, said):
    """With what to write instead."""
    if files := settings.pop("tls", None):
        settings = {"input.tls.listen": ":4740", "input.tls.certificate": identity / files[0],
                    "input.tls.key": identity / files[1]}
    weir = collect(wait=False, **SOCKET, **settings)
    assert weir.process.wait(20) != 0
    assert said in weir.log() and lab.READY not in weir.log(), weir.log()
