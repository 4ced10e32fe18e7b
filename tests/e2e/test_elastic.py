# SPDX-License-Identifier: Apache-2.0
"""Real Elasticsearch and OpenSearch: every document that was sent is there once, mapped as the pages say, and found."""

import base64
import datetime
import hashlib
import json
import re
import ssl
import subprocess

import pytest

import lab
from collector import merge, output_of
from harness import ROOT
from sent import Sent, check_once, key_of

COUNT = 50  # datagrams of each exporter
DEAD_PORT = 9299  # nobody listens there
# What the servers of the tests lack (scripts/servers/README.md): ILM, ISM, and constant_keyword in Elasticsearch.
WITHOUT = {"elasticsearch": "lifecycle,data_stream", "opensearch": "lifecycle"}


@pytest.fixture
def index(request):
    """A name of the test's own."""
    text = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())
    return f"t-{text.strip('-')}"[:150]


def to(server, **more):
    """A configuration with this server as its only output."""
    found = {"type": server.script, "elasticsearch": {"hosts": [server.url]}}
    if server.tls:
        found = merge(found, {"username": "weir", "password": "weir-secret",
                              "tls": {"ca": str(server.where.certificate("ca"))}})
    return {"output": merge(found, more)}


def setup(server, configuration, folder, *arguments):
    """`weir setup`; the finished process."""
    path = folder / "setup.yml"
    path.write_text(json.dumps(configuration))
    return subprocess.run(server.namespace.inside(*lab.weir_command(), "setup", server.script, "-c", path, *arguments),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)


def install(server, folder, **more):
    """The templates of the tests, as far as the server can have them."""
    done = setup(server, to(server, **more), folder, "--install", "--without", WITHOUT[server.script])
    assert done.returncode == 0, done.stdout
    return done.stdout


def deliver(run, load, configuration, count=COUNT, **more):
    """Runs weir until all that was sent is delivered; (Sent, ledger, weir)."""
    weir = run(configuration, **more)
    sent = load(count=count, rate=200)
    weir.wait_received(sent.count)
    weir.wait_done()
    return sent, weir.finish(sent), weir


def check_stored(server, index, sent, ledger, weir):
    """In the index lies what was sent, each once: by count, by sums, one by one."""
    assert server.count(index) == sent.count, weir.said()
    assert lab.counter(ledger, "records_delivered") == sent.count
    check_once(sent, map(key_of, server.documents(index)), weir.said())


# --- the data stream as weir sets it up ---

def test_every_document_is_there_once(search, run, load, tmp_path):
    """With the defaults: into logs-netflow.log-default, by AF_XDP, from the wire to the acknowledgement."""
    stream = "logs-netflow.log-default"
    install(search, tmp_path)
    before = search.count(stream) if search.indices(stream) else 0
    assert before == 0, "the test is the only one that writes there"
    configuration = merge(to(search), {"input": {"backend": "xdp", "interface": [lab.COLLECT_INTERFACE]}})
    sent, ledger, weir = deliver(run, load, configuration)
    check_stored(search, stream, sent, ledger, weir)
    assert search.streams(stream) == [stream], "it is no data stream"
    assert search.sums(stream) == sent.sums()
    check_mapping(search, stream)
    check_searches(search, stream, sent)


def documented_types():
    """Types of docs/fields.md by field."""
    text = (ROOT / "docs" / "fields.md").read_text()
    return {name: kind.strip() for name, kind in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, re.MULTILINE)}


def check_mapping(search, stream):
    """Each field has the type that the page says, be it in these documents or not."""
    mapping, wrong = search.mapping(stream), []
    aside = {"object", "constant_keyword"}  # the latter is left out where the server has no such type
    for name, kind in documented_types().items():
        found = mapping.get(name)
        if kind not in aside and "*" not in name and "<" not in name and found != kind:
            wrong.append(f"{name}: {found} instead of {kind}")
    assert not wrong, "; ".join(wrong)
    assert mapping["source.ip"] == "ip" and mapping["@timestamp"] == "date" and mapping["network.bytes"] == "long"


def check_searches(search, stream, sent):
    """What people look for is found: a flow by its id, sources by network, times as times."""
    row = search.search(stream, {"size": 1, "query": {"term": {"source.ip": "10.0.0.7"}}})["hits"]["hits"][0]["_source"]
    assert row["source"]["ip"] == "10.0.0.7"
    same = search.search(stream, {"query": {"term": {"flow.id": row["flow"]["id"]}}})["hits"]
    assert same["total"]["value"] == 1 and same["hits"][0]["_source"] == row
    assert search.count(stream, {"term": {"source.ip": "10.0.0.0/29"}}) == 8 * len(sent.exporters)
    some = {"range": {"source.ip": {"gte": "10.0.0.10", "lt": "10.0.0.20"}}}
    assert search.count(stream, some) == 10 * len(sent.exporters)
    assert search.count(stream, {"term": {"observer.ip": f"{sent.addresses[0]}/32"}}) == sent.of_each
    assert search.count(stream, {"range": {"@timestamp": {"gte": "now-10m", "lte": "now+1m"}}}) == sent.count
    assert search.count(stream, {"range": {"@timestamp": {"lt": "now-10m"}}}) == 0
    buckets = search.search(stream, {"size": 0, "aggs": {"t": {"date_histogram": {
        "field": "event.start", "fixed_interval": "1h"}}}})["aggregations"]["t"]["buckets"]
    assert sum(bucket["doc_count"] for bucket in buckets) == sent.count
    now = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000
    assert all(abs(bucket["key"] - now) < 2 * 3600 * 1000 for bucket in buckets), buckets


def test_setup_shows_and_never_overwrites_silently(search, tmp_path):
    """Installed twice: nothing to do. Changed by someone: the difference is shown, and stays until it is asked for."""
    without = ("--without", WITHOUT[search.script])
    install(search, tmp_path)
    done = setup(search, to(search), tmp_path, *without)
    assert done.returncode == 0, done.stdout
    templates = search.request("GET", "/_component_template")["component_templates"]
    mine = [row for row in templates if row["name"].startswith("weir-") and row["name"].endswith("@mappings")]
    assert mine, [row["name"] for row in templates]
    name, body = mine[0]["name"], mine[0]["component_template"]
    properties = body["template"]["mappings"]["properties"]
    properties["of_someone_else"] = {"type": "keyword"}
    search.request("PUT", f"/_component_template/{name}", body)
    done = setup(search, to(search), tmp_path, *without)
    assert "of_someone_else" in done.stdout, done.stdout
    row = search.request("GET", f"/_component_template/{name}")["component_templates"][0]
    assert "of_someone_else" in json.dumps(row), "showing has changed it"


# --- indices ---

def test_index_by_pattern(search, run, load, index):
    """One for each exporter, with the date."""
    sent, _, weir = deliver(run, load, to(search, elasticsearch={"index": f"{index}-%{{kind}}-%{{exporter}}-%Y.%m.%d"}))
    found = search.indices(f"{index}*")
    assert len(found) == len(sent.exporters), found
    for name, address in zip(found, sent.addresses):
        assert re.fullmatch(rf"{re.escape(index)}-flows-{re.escape(address)}-20\d\d\.\d\d\.\d\d", name), found
        assert search.count(name) == sent.of_each
    check_once(sent, map(key_of, search.documents(f"{index}*")), weir.said())


@pytest.mark.parametrize("codec", ["gzip", "none"])
def test_compression(search, run, load, index, codec):
    sent, ledger, weir = deliver(run, load, to(search, compression=codec, elasticsearch={"index": index}))
    check_stored(search, index, sent, ledger, weir)
    counters = output_of(ledger)["counters"]
    if codec == "gzip":
        assert counters["output_sent_bytes"] < counters["output_bytes"] / 3, counters
    else:
        assert counters["output_sent_bytes"] > counters["output_bytes"], counters


def test_many_connections(search, run, load, index):
    """Two threads with four connections each and small requests."""
    configuration = merge(to(search, threads=2, elasticsearch={
        "index": index, "connections": 4, "bulk_size": "128KiB"}), {"workers": 2})
    sent, ledger, weir = deliver(run, load, configuration, count=200)
    check_stored(search, index, sent, ledger, weir)
    assert output_of(ledger)["counters"]["output_requests"] >= sent.count * 500 // 131072


def test_a_dead_host_among_others(search, run, load, index):
    """Requests go to those that answer; the log says once which one does not."""
    dead = search.url.replace(str(search.port), str(DEAD_PORT))
    configuration = to(search, elasticsearch={"index": index})
    configuration["output"]["elasticsearch"]["hosts"] = [dead, search.url]
    sent, ledger, weir = deliver(run, load, configuration)
    check_stored(search, index, sent, ledger, weir)
    lines = [line for line in weir.said().splitlines() if str(DEAD_PORT) in line]
    assert 1 <= len(lines) <= 5, weir.said()


# --- the same document again ---

@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no ids"])
def test_what_comes_twice(search, run, load, index, ids):
    """The same datagrams again, as a replay would bring them: with ids each document is there once, without twice."""
    configuration = to(search, elasticsearch={"index": index, "ids": ids})
    sent, _, _ = deliver(run, load, configuration, count=20)
    weir = run(configuration, folder="again")
    load(Sent(began=sent.began), count=20, rate=200)
    weir.wait_received(sent.count)
    weir.wait_done()
    ledger = weir.finish(sent)
    assert lab.counter(ledger, "records_delivered") == sent.count, weir.said()
    assert search.count(index) == (sent.count if ids else 2 * sent.count), weir.said()


# --- refused documents ---

def test_refused_documents(search, run, load, index, tmp_path):
    """Those that the mapping cannot take are counted by exporter, and lie in the dead-letter file with the reason."""
    search.request("PUT", f"/{index}", {"mappings": {"properties": {"network": {"properties": {
        "bytes": {"type": "byte"}}}}}})
    letters = tmp_path / "dead" / "letters-%i.ndjson"
    letters.parent.mkdir()
    sent, ledger, weir = deliver(run, load, to(search, elasticsearch={"index": index, "dead_letter": str(letters)}))
    good = [key for key in sent.keys() if 64 + key[1] % 1400 <= 127]
    assert 0 < len(good) < sent.count
    assert lab.counter(ledger, "records_delivered") == search.count(index) == len(good), weir.said()
    assert lab.counter(ledger, "records_refused") == sent.count - len(good), weir.said()
    lines = [line for path in letters.parent.iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == sent.count - len(good)
    assert all("byte" in line for line in lines), lines[0]
    refused = [row["counters"].get("records_refused", 0) for row in ledger["exporters"]]
    assert refused == [(sent.count - len(good)) // len(sent.exporters)] * len(sent.exporters), refused


# --- who may ---

def test_api_key(elasticsearch, run, load, index):
    key = elasticsearch.api_key()
    for number, text in enumerate((key, base64.b64encode(key.encode()).decode())):
        configuration = to(elasticsearch, username="", password="", elasticsearch={"index": f"{index}{number}",
                                                                                     "api_key": text})
        sent, ledger, weir = deliver(run, load, configuration, count=10, folder=f"out{number}")
        check_stored(elasticsearch, f"{index}{number}", sent, ledger, weir)


def test_api_key_from_a_file(elasticsearch, run, load, index, tmp_path):
    """A secret that does not stand in the configuration."""
    (tmp_path / "key").write_text(elasticsearch.api_key() + "\n")
    configuration = to(elasticsearch, username="", password="", elasticsearch={
        "index": index, "api_key": f"file:{tmp_path}/key"})
    sent, ledger, weir = deliver(run, load, configuration, count=10)
    check_stored(elasticsearch, index, sent, ledger, weir)


def fingerprint(path):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


def test_fingerprint(elasticsearch, place, run, load, index):
    """Trust by the fingerprint of the server's own certificate, without a file."""
    configuration = to(elasticsearch, elasticsearch={"index": index}, tls={
        "ca": "", "ca_fingerprint": fingerprint(place.certificate("server"))})
    sent, ledger, weir = deliver(run, load, configuration, count=10)
    check_stored(elasticsearch, index, sent, ledger, weir)


def test_fingerprint_of_the_authority(elasticsearch, place, run, load, index):
    """The server sends its authority's certificate, too."""
    chain = place.certificate("server").read_text() + place.certificate("ca").read_text()
    with place.tls_front(elasticsearch, chain, place.key("server")) as url:
        configuration = to(elasticsearch, elasticsearch={"index": index, "hosts": [url]}, tls={
            "ca": "", "ca_fingerprint": fingerprint(place.certificate("ca"))})
        sent, ledger, weir = deliver(run, load, configuration, count=10)
    check_stored(elasticsearch, index, sent, ledger, weir)


def check_undelivered(run, load, configuration, word):
    """weir runs on, keeps what it has, says why, and counts it as failed at the end."""
    weir = run(merge(configuration, {"output": {"flush_timeout": "1s"}}))
    sent = load(count=5)
    weir.wait_received(sent.count)
    weir.next_reading()
    assert weir.stop(30) in (0, 1), weir.said()
    ledger = weir.ledger()
    assert lab.counter(ledger, "records_delivered") == 0
    assert lab.counter(ledger, "records_failed") == sent.count, weir.said()
    assert word.lower() in weir.said().lower(), weir.said()


def test_wrong_fingerprint(elasticsearch, place, run, load, index):
    configuration = to(elasticsearch, elasticsearch={"index": index}, tls={
        "ca": "", "ca_fingerprint": fingerprint(place.certificate("client"))})
    check_undelivered(run, load, configuration, "certificate")


def test_unknown_authority(elasticsearch, run, load, index):
    check_undelivered(run, load, to(elasticsearch, elasticsearch={"index": index}, tls={"ca": ""}), "certificate")


def test_wrong_password(elasticsearch, run, load, index):
    check_undelivered(run, load, to(elasticsearch, password="wrong", elasticsearch={"index": index}),
                      "username and password")


def test_key_without_the_right(elasticsearch, run, load, index):
    """A key that may write to other indices."""
    key = elasticsearch.api_key(names=("others-*",))
    configuration = to(elasticsearch, username="", password="", elasticsearch={"index": index, "api_key": key})
    check_undelivered(run, load, configuration, "403")
