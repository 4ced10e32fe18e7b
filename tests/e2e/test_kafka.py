# SPDX-License-Identifier: Apache-2.0
"""Real Kafka: every document that was sent is there once, under the right key, in order, by ways open and secured."""

import http.server
import json
import pathlib
import struct
import subprocess
import sys
import threading
import zipfile
import base64

import pytest

import lab
from collector import merge, output_of
from sent import check_once, key_of
from servers import PASSWORD, USER, inside

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}  # as a record batch says them
COUNT = 50  # datagrams of each exporter


@pytest.fixture
def topic(request):
    """A name of the test's own."""
    text = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"t-{text.strip('-')}"[:200]


def to(topic, port=9092, **more):
    """A configuration with Kafka as its only output."""
    return {"output": merge({"type": "kafka", "kafka": {"brokers": [f"127.0.0.1:{port}"], "topic": topic}}, more)}


def deliver(run, load, configuration, **more):
    """Runs weir until all that was sent is delivered; (Sent, ledger, weir)."""
    weir = run(configuration, **more)
    sent = load(count=COUNT, rate=200)
    weir.wait_received(sent.count)
    weir.wait_done()
    return sent, weir.finish(sent), weir


def check_stored(kafka, topic, sent, ledger, weir):
    """In Kafka lies what was sent, each once; the ledger says so, too."""
    check_once(sent, map(key_of, kafka.documents(topic)), weir.said())
    assert lab.counter(ledger, "records_delivered") == sent.count


def record_batches(kafka, topic):
    """(codec, idempotent, records) of each record batch in the broker's log, as it lies on its disk."""
    found = []
    for path in sorted(kafka.where.folder.glob(f"kafka-{kafka.version}/data/{topic}-[0-9]*/*.log")):
        data, at = path.read_bytes(), 0
        while at + 61 <= len(data):
            size, attributes = struct.unpack_from(">i", data, at + 8)[0], struct.unpack_from(">h", data, at + 21)[0]
            producer, count = struct.unpack_from(">q", data, at + 43)[0], struct.unpack_from(">i", data, at + 57)[0]
            found.append((attributes & 7, producer >= 0, count))
            at += 12 + size
    return found


# --- what lies in the topic ---

def test_every_document_is_there_once(kafka, run, load, topic):
    """With the defaults, by AF_XDP: from the wire to the acknowledgement."""
    configuration = merge(to(topic), {"input": {"backend": "xdp", "interface": [lab.COLLECT_INTERFACE]}})
    sent, ledger, weir = deliver(run, load, configuration)
    check_stored(kafka, topic, sent, ledger, weir)


@pytest.mark.parametrize("message,codec", [("document", "none"), ("document", "lz4"),
                                           *(("lines", codec) for codec in CODECS)])
def test_compressions(kafka, run, load, topic, codec, message):
    sent, ledger, weir = deliver(run, load, to(topic, compression=codec, kafka={"message": message}))
    check_stored(kafka, topic, sent, ledger, weir)
    batches = record_batches(kafka, topic)
    assert {batch[0] for batch in batches} == {CODECS[codec]}
    assert all(batch[1] for batch in batches), "idempotence is the default, and there are batches without a producer id"
    messages = sum(batch[2] for batch in batches)
    if message == "document":
        assert messages == sent.count
    else:
        assert messages < sent.count / 4, f"{messages} messages for {sent.count} documents"


def test_lines_stay_below_their_size(kafka, run, load, topic):
    sent, ledger, weir = deliver(run, load, to(topic, kafka={"message": "lines", "message_size": "16KiB"}))
    check_stored(kafka, topic, sent, ledger, weir)
    sizes = [len(message["payload"].encode()) for message in kafka.messages(topic)]
    assert max(sizes) <= 16 * 1024 and max(sizes) > 8 * 1024, sorted(sizes)[-5:]


# --- keys and order ---

def by_key(kafka, topic):
    """Key, partition and document of each message of one document."""
    return [(message.get("key"), message["partition"], json.loads(message["payload"]))
            for message in kafka.messages(topic)]


def check_order(rows, sent, of_one_key=True):
    """Each exporter's documents lie on one partition, in the order in which it sent them."""
    for exporter in sent.exporters:
        mine = [(partition, key_of(document)[1]) for key, partition, document in rows
                if document["netflow"]["exporter"]["address"] == exporter]
        assert len({partition for partition, _ in mine}) == 1, f"{exporter} lies on several partitions"
        assert [number for _, number in mine] == list(range(sent.of_each)), f"{exporter} is out of order"
    keys = {document["netflow"]["exporter"]["address"]: key for key, _, document in rows}
    assert None not in keys.values() and len(set(keys.values())) == len(sent.exporters), keys


@pytest.mark.parametrize("message", ["document", "lines"])
def test_key_exporter(kafka, run, load, topic, message):
    sent, _, weir = deliver(run, load, to(topic, kafka={"key": "exporter", "message": message}))
    rows = [(message.get("key"), message["partition"], json.loads(line)) for message in kafka.messages(topic)
            for line in message["payload"].splitlines()]
    check_once(sent, (key_of(document) for _, _, document in rows), weir.said())
    check_order(rows, sent)


def test_order_with_several_threads(kafka, run, load, topic):
    """Workers and producers in plenty: an exporter's documents still stay in order."""
    configuration = merge(to(topic, threads=2), {"workers": 2})
    sent, ledger, weir = deliver(run, load, configuration)
    check_stored(kafka, topic, sent, ledger, weir)
    check_order(by_key(kafka, topic), sent)


@pytest.mark.parametrize("path", ["flow.id", "network.bytes"])
def test_key_of_a_field(kafka, run, load, topic, path):
    sent, ledger, weir = deliver(run, load, to(topic, kafka={"key": path}))
    check_stored(kafka, topic, sent, ledger, weir)
    for key, _, document in by_key(kafka, topic):
        group, name = path.split(".")
        assert key == str(document[group][name])


def test_key_none(kafka, run, load, topic):
    """Without a key messages spread over the partitions."""
    sent, ledger, weir = deliver(run, load, to(topic, kafka={"key": "none"}))
    check_stored(kafka, topic, sent, ledger, weir)
    assert {key for key, _, _ in by_key(kafka, topic)} == {None}


def test_headers(kafka, run, load, topic):
    """Who sent it, and by which schema to read it."""
    sent, _, _ = deliver(run, load, to(topic, kafka={"headers": True}))
    messages = kafka.messages(topic)
    assert len(messages) == sent.count
    for message in messages:
        document = json.loads(message["payload"])
        assert message["headers"]["exporter"] == document["observer"]["ip"][0]
        assert message["headers"]["schema"], message["headers"]


def test_no_headers(kafka, run, load, topic):
    deliver(run, load, to(topic, kafka={"headers": False}))
    assert {len(message["headers"]) for message in kafka.messages(topic)} == {0}


# --- topics ---

def test_topics_by_pattern(kafka, run, load, topic):
    """One for each exporter."""
    sent, _, weir = deliver(run, load, to(f"{topic}.%{{kind}}.%{{exporter}}.%Y"))
    found = [name for name in kafka.topics() if name.startswith(topic)]
    assert len(found) == len(sent.exporters), found
    documents = [document for name in found for document in kafka.documents(name)]
    check_once(sent, map(key_of, documents), weir.said())
    for name, address in zip(sorted(found), sent.addresses):
        assert name.startswith(f"{topic}.flows.{address}.20"), found
        assert {document["observer"]["ip"][0] for document in kafka.documents(name)} == {address}


def test_messages_that_the_broker_finds_too_large(kafka, run, load, topic):
    """Lines come in smaller messages then; a document that is too large by itself is refused, and counted."""
    lines = {"message": "lines", "message_size": "64KiB"}
    for name, most in ((f"{topic}-lines", 3000), (f"{topic}-none", 500)):
        kafka.call("topics", "--create", "--topic", name, "--config", f"max.message.bytes={most}")
    sent, ledger, weir = deliver(run, load, to(f"{topic}-lines", compression="none", kafka=lines))
    check_stored(kafka, f"{topic}-lines", sent, ledger, weir)
    sent, ledger, weir = deliver(run, load, to(f"{topic}-none", compression="none", kafka=lines), folder="none")
    assert lab.counter(ledger, "records_refused") == sent.count, weir.said()
    assert not kafka.documents(f"{topic}-none")


def test_a_property_that_does_not_exist(kafka, run, topic):
    weir = run(to(topic, kafka={"properties": {"no.such.property": "1"}}), wait=False)
    assert weir.process.wait(20) != 0
    assert "no.such.property" in weir.log()


def test_properties_pass_through(kafka, run, load, topic):
    """batch.num.messages=1: as many record batches as documents."""
    properties = {"batch.num.messages": "1", "client.id": "weir-of-a-test"}
    sent, ledger, weir = deliver(run, load, to(topic, kafka={"properties": properties}))
    check_stored(kafka, topic, sent, ledger, weir)
    assert {batch[2] for batch in record_batches(kafka, topic)} == {1}


@pytest.mark.parametrize("acks", ["leader", "none"])
def test_acks(kafka, run, load, topic, acks):
    sent, ledger, weir = deliver(run, load, to(topic, kafka={"acks": acks, "idempotence": False}))
    check_stored(kafka, topic, sent, ledger, weir)
    assert not any(batch[1] for batch in record_batches(kafka, topic))


# --- security ---

def tls(place, **more):
    return {"enabled": True, "ca": str(place.certificate("ca")), **more}


def login(mechanism, password=PASSWORD):
    return {"username": USER, "password": password, "kafka": {"sasl": mechanism}}


def check_refused(run, load, configuration, word):
    """weir runs on, delivers nothing, and says why."""
    weir = run(merge(configuration, {"output": {"flush_timeout": "1s"}}))
    sent = load(count=5)
    weir.wait_received(sent.count)
    weir.next_reading()
    assert weir.stop(30) in (0, 1), weir.said()
    assert lab.counter(weir.ledger(), "records_delivered") == 0
    assert lab.counter(weir.ledger(), "records_failed") == sent.count
    assert word.lower() in weir.said().lower(), weir.said()


def test_tls(kafka, place, run, load, topic):
    sent, ledger, weir = deliver(run, load, to(topic, kafka.tls_port, tls=tls(place)))
    check_stored(kafka, topic, sent, ledger, weir)


def test_tls_of_an_unknown_authority(kafka, run, load, topic):
    check_refused(run, load, to(topic, kafka.tls_port, tls={"enabled": True}), "certificate")


@pytest.mark.parametrize("secured", [False, True], ids=["plaintext", "TLS"])
def test_sasl_plain(kafka, place, run, load, topic, secured):
    more = merge(login("plain"), {"tls": tls(place)} if secured else {})
    sent, ledger, weir = deliver(run, load, to(topic, kafka.sasl_tls_port if secured else kafka.sasl_port, **more))
    check_stored(kafka, topic, sent, ledger, weir)


def test_sasl_wrong_password(kafka, run, load, topic):
    check_refused(run, load, to(topic, kafka.sasl_port, **login("plain", "wrong")), "authentication")


@pytest.fixture(scope="session")
def newer_librdkafka(tmp_path_factory):
    """A folder with the newest librdkafka, out of PyPI's confluent-kafka."""
    folder = tmp_path_factory.mktemp("librdkafka")
    done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d",
                           folder, "confluent-kafka"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"pip does not bring confluent-kafka, is there a network? {done.stdout.strip()[-300:]}")
    wheel, = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    library, = folder.glob("confluent_kafka.libs/librdkafka-*.so*")
    (library.parent / "librdkafka.so.1").symlink_to(library.name)
    return library.parent


MECHANISMS = ["scram-sha-256", "scram-sha-512"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scram_of_kafka_4(kafka, run, load, topic, mechanism, newer_librdkafka):
    environment = {"LD_LIBRARY_PATH": str(newer_librdkafka)}
    configuration = to(topic, kafka.sasl_port, **login(mechanism))
    sent, ledger, weir = deliver(run, load, configuration, environment=environment)
    check_stored(kafka, topic, sent, ledger, weir)
    assert "2.6.1" not in weir.said(), "a warning that this librdkafka does not deserve"


def test_scram_of_kafka_4_warns_of_old_librdkafka(kafka, run, load, topic):
    """librdkafka before 2.6.1 cannot log in by SCRAM at Kafka 4, and weir says so at start."""
    if not pathlib.Path("/usr/lib/x86_64-linux-gnu/librdkafka.so.1").exists():
        pytest.skip("weir is not linked with Debian's librdkafka here")
    check_refused(run, load, to(topic, kafka.sasl_port, **login("scram-sha-512")), "2.6.1")


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    """Gives every client a token that Kafka's own unsecured validator believes."""

    asked = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append((self.headers.get("Authorization"), body))
        claims = {"sub": USER, "iat": 1.0e9, "exp": 4.0e9}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                 for part in ({"alg": "none"}, claims)]
        token = {"access_token": ".".join(parts) + ".", "token_type": "Bearer", "expires_in": 3600}
        answer = json.dumps(token).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def token_endpoint(place):
    with inside(place.link.collector):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 8085), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    TokenEndpoint.asked.clear()
    yield "http://127.0.0.1:8085/token"
    server.shutdown()
    server.server_close()


def test_oauthbearer(kafka, run, load, topic, token_endpoint):
    """With tokens from an endpoint that asks for client id and secret."""
    more = {"username": "client", "password": "secret", "kafka": {
        "sasl": "oauthbearer", "oauth_url": token_endpoint, "oauth_scope": "flows"}}
    sent, ledger, weir = deliver(run, load, to(topic, kafka.sasl_port, **more))
    check_stored(kafka, topic, sent, ledger, weir)
    login, body = TokenEndpoint.asked[0]
    assert base64.b64decode(login.removeprefix("Basic ")) == b"client:secret" and "flows" in body, (login, body)


def test_mutual_tls(kafka_3, place, run, load, topic):
    """A broker that demands a certificate."""
    own = {"certificate": str(place.certificate("client")), "key": str(place.key("client"))}
    sent, ledger, weir = deliver(run, load, to(topic, kafka_3.tls_port, tls=tls(place, **own)))
    check_stored(kafka_3, topic, sent, ledger, weir)
    check_refused(run, load, to(topic, kafka_3.tls_port, tls=tls(place)), "certificate")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_scram_of_kafka_3(kafka_3, run, load, topic, mechanism):
    sent, ledger, weir = deliver(run, load, to(topic, kafka_3.sasl_port, **login(mechanism)))
    check_stored(kafka_3, topic, sent, ledger, weir)


def test_scram_over_tls(kafka_3, place, run, load, topic):
    more = merge(login("scram-sha-512"), {"tls": tls(place)})
    sent, ledger, weir = deliver(run, load, to(topic, kafka_3.sasl_tls_port, **more))
    check_stored(kafka_3, topic, sent, ledger, weir)


def test_output_has_its_counters(kafka, run, load, topic):
    sent, ledger, _ = deliver(run, load, to(topic, compression="lz4", kafka={"message": "lines"}))
    row = output_of(ledger)
    assert (row["type"], row["received"], row["delivered"]) == ("kafka", sent.count, sent.count)
    assert row["counters"]["output_requests"] == sum(batch[2] for batch in record_batches(kafka, topic))
    assert row["counters"]["output_bytes"] >= sent.count * 500
