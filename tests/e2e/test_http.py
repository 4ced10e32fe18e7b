# SPDX-License-Identifier: Apache-2.0
"""Metrics, health and the API of the real program: over the loopback, beyond it, and while it starts and stops."""

import concurrent.futures
import contextlib
import gzip
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from certificates import make_authority, make_certificate
import exports
from exports import RECORDS
from harness import BACKENDS, ROOT, check_stop
import lab
import pytest
from servers import inside, wait_for

SOCKET = BACKENDS["socket"]
HERE = "http://127.0.0.1:9478"
TOKEN = "0123456789abcdef0123456789abcdef"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool (Debian: prometheus) is not installed")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def get(namespace, path, base=HERE, headers=None, context=None):
    """(status, headers, body as bytes); an error status is an answer as well."""
    request = urllib.request.Request(base + path, headers=headers or {})
    with inside(namespace):
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()


def get_json(namespace, path, status=200, base=HERE):
    found, headers, body = get(namespace, path, base)
    assert found == status, body
    assert headers["Content-Type"] == "application/json" and headers["Cache-Control"] == "no-store"
    answer = json.loads(body)
    assert answer["@timestamp"].endswith("Z") and answer["monotonic_seconds"] > 0
    return answer


def metrics(namespace, base=HERE):
    """{name: {labels: value}}."""
    status, headers, body = get(namespace, "/metrics", base)
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for line in body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            assert labels not in found.setdefault(name, {}), f"twice: {line}"
            found[name][labels] = float(value)
    return found


def total(found, name):
    return sum(found[name].values())


def metric_of(name, row):
    """What a counter is called: /api/counters says where it is kept, and whether it may fall."""
    prefix = "" if row["scope"] != "output" or name.startswith("output_") else "output_"
    return f"weir_{prefix}{name}{'' if row['part'] == 'now' else '_total'}"


@needs_promtool
def test_promtool_accepts_metrics(collect, link, send):
    """promtool finds nothing to say, neither at the start nor with exporters of both kinds and losses."""
    weir = collect(**SOCKET)
    for step in range(2):
        text = get(link.collector, "/metrics")[2]
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0 and not done.stdout, done.stdout.decode()
        send(exports.v9(10) + exports.v5(10) + [b"nonsense"] + exports.v9(1)[0:1], rate=500)
        weir.wait_documents(20 * RECORDS)
    check_stop(weir)


@needs_promtool
def test_alerts():
    """The alert rules are valid, and each fires where it should and nowhere else."""
    for command in (["check", "rules", "deploy/prometheus/weir-alerts.yml"],
                    ["test", "rules", "tests/prometheus/weir-alerts-test.yml"]):
        done = subprocess.run([PROMTOOL, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        assert done.returncode == 0, done.stdout.decode()


def test_alerts_name_metrics_that_there_are(collect, link, send):
    """Each metric of the alert rules is one of weir's (or up)."""
    weir = collect(**SOCKET, templates__park_size="0")
    stray = exports.v9(1)[0]
    no_template = stray[:20] + stray[20 + int.from_bytes(stray[22:24], "big"):]
    send([no_template, exports.v9_sampled()] + exports.v5(1))
    weir.wait_documents(2 * RECORDS)
    known = metrics(link.collector)
    rules = (ROOT / "deploy" / "prometheus" / "weir-alerts.yml").read_text()
    named = set(re.findall(r"\bweir_\w+", re.sub(r"description:.*|summary:.*", "", rules)))
    assert len(named) > 15 and named <= set(known), named - set(known)
    check_stop(weir)


@pytest.mark.light
def test_same_numbers_everywhere(collect, link, send):
    """At rest /metrics, the API and the final ledger say the same of every counter, exporter and output."""
    weir = collect(**SOCKET)
    send(exports.v9(50) + exports.v5(20) + [b"\0\x07bad", b"\0\x0bunknown"], rate=1000, sources=3, source_port=5000)
    sent = 3 * 70 * RECORDS
    assert len(weir.wait_documents(sent)) == sent
    wait_for("records at rest", 10,
             lambda: get_json(link.collector, "/api/ledger")["units"]["records"]["waiting"] == 0)
    time.sleep(0.3)  # sizes are told every 10 ms, or when an idle worker looks up
    found, ledger = metrics(link.collector), get_json(link.collector, "/api/ledger")
    rows = {row["counter"]: row for row in get_json(link.collector, "/api/counters")["counters"]}
    exporters = get_json(link.collector, "/api/exporters?sort=exporter&order=asc")
    workers = get_json(link.collector, "/api/workers")["workers"]
    templates = get_json(link.collector, "/api/templates")
    final = check_stop(weir, sent)[1]
    assert ledger["balanced"] and set(rows) == set(ledger["counters"])
    for name, value in final["counters"].items():
        assert value == ledger["counters"][name] == total(found, metric_of(name, rows[name])), name
        if rows[name]["scope"] == "exporter":
            of_exporters = sum(row["counters"].get(name, 0) for row in exporters["exporters"])
            assert of_exporters == sum(found.get(f"weir_exporter_{name}_total", {}).values()) == value, name
        if rows[name]["scope"] != "output":
            assert sum(row["counters"].get(name, 0) for row in workers) == value, name
    assert ledger["units"] == final["units"] and ledger["exporter_count"] == 3
    output, final_output = ledger["outputs"][0], final["outputs"][0]
    assert {**output, "counters": 0} == {**final_output, "counters": 0}
    assert found["weir_output_records_delivered_total"]['output="default"'] == sent == output["delivered"]
    assert sum(output["latency"]["documents"].values()) == sent
    assert found["weir_output_latency_seconds_count"]['output="default"'] == sent
    assert found["weir_output_latency_seconds_bucket"]['output="default",le="+Inf"'] == sent
    expected = [f"{lab.EXPORTER}:{port}" for port in range(5000, 5003)]
    assert [row["exporter"] for row in exporters["exporters"]] == expected
    assert {row["exporter"] for row in final["exporters"]} == {row["exporter"] for row in exporters["exporters"]}
    for row in exporters["exporters"]:
        assert row["versions"] == ["v5", "v9"]
        assert row["units"]["records"]["delivered"] == 70 * RECORDS and row["units"]["datagrams"]["dropped"] == 2
    assert total(found, "weir_exporters") == 3 and total(found, "weir_ready") == 1
    assert total(found, "weir_templates") == templates["total"] == templates["matched"] == 1
    assert templates["templates"][0]["uses"] == ledger["counters"]["sets_data"]


@pytest.mark.light
def test_templates_in_detail(collect, link, send):
    weir = collect(**SOCKET)
    send(exports.ipfix(5) + exports.v9(5), rate=500)
    weir.wait_documents(10 * RECORDS)
    listed = get_json(link.collector, f"/api/templates?exporter={lab.EXPORTER}")["templates"]
    assert [(row["version"], row["id"]) for row in listed] == [("v9", 256), ("ipfix", 300)]
    assert not any("field_list" in row for row in listed)
    for row in listed:
        detail = get_json(link.collector, f"/api/templates?exporter={lab.EXPORTER}&id={row['id']}")["templates"][0]
        fields = detail["field_list"]
        assert len(fields) == row["fields"] and all(field["name"] for field in fields)
        if not row["variable"]:
            assert sum(field["length"] for field in fields) == row["record_bytes"]
            assert [field["offset"] for field in fields] == [sum(field["length"] for field in fields[:i])
                                                             for i in range(len(fields))]
    page = get_json(link.collector, f"/api/exporters/{lab.EXPORTER}")
    assert [row["id"] for row in page["templates"]] == [row["id"] for row in listed]
    assert get_json(link.collector, "/api/exporters/192.0.2.200", status=404)["error"]
    check_stop(weir, 10 * RECORDS)


def test_loopback_alone(collect, link):
    """By default both loopback addresses answer, and nobody else's do."""
    weir = collect(**SOCKET)
    assert get(link.collector, "/livez")[0] == 200
    assert get(link.collector, "/readyz", base="http://[::1]:9478")[2] == b"ready\n"
    with pytest.raises(urllib.error.URLError):
        get(link.exporter, "/livez", base=f"http://{lab.COLLECTOR}:9478")
    plain = get(link.collector, "/metrics")
    packed = get(link.collector, "/metrics", headers={"Accept-Encoding": "gzip"})
    assert plain[1]["Content-Encoding"] is None and packed[1]["Content-Encoding"] == "gzip"
    assert len(packed[2]) < len(plain[2]) / 4
    names = [{line.split("{")[0].split(" ")[0] for line in text.decode().splitlines() if not line.startswith("#")}
             for text in (plain[2], gzip.decompress(packed[2]))]
    assert names[0] == names[1]
    check_stop(weir, 0)


def test_off(collect, link):
    weir = collect(**SOCKET, http__listen="off")
    with pytest.raises(urllib.error.URLError):
        get(link.collector, "/livez")
    assert "http:" not in weir.log()
    check_stop(weir, 0)


@pytest.fixture
def identity(tmp_path):
    """A CA and a server's certificate of the collector's address; the folder."""
    folder = tmp_path / "tls"
    folder.mkdir()
    make_authority(folder)
    make_certificate(folder, "weir", "weir", f"IP:{lab.COLLECTOR},IP:127.0.0.1")
    (folder / "token").write_text(TOKEN + "\n")
    return folder


@pytest.mark.light
def test_token_and_tls_beyond_the_loopback(collect, link, identity):
    """From another machine: by TLS that can be verified, with the token, and not otherwise."""
    weir = collect(**SOCKET, http__listen=f"{lab.COLLECTOR}:9478", http__token=f"file:{identity}/token",
                   http__tls__certificate=identity / "weir.pem", http__tls__key=identity / "weir.key")
    base = f"https://{lab.COLLECTOR}:9478"
    trust = ssl.create_default_context(cafile=identity / "ca.pem")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert get(link.exporter, "/metrics", base, bearer, trust)[0] == 200
    assert get(link.exporter, "/livez", base, context=trust)[0] == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}x"},
                    {"Authorization": f"Basic {TOKEN}"}):
        for path in ("/metrics", "/api/exporters", "/readyz?verbose", "/nothing"):
            status, more, body = get(link.exporter, path, base, headers, trust)
            assert status == 401 and more["WWW-Authenticate"].startswith("Bearer"), body
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        get(link.exporter, "/livez", base, context=ssl.create_default_context())
    with pytest.raises((urllib.error.URLError, http.client.HTTPException, ConnectionError)):
        get(link.exporter, "/livez", f"http://{lab.COLLECTOR}:9478")
    assert TOKEN not in weir.log()
    check_stop(weir, 0)


@pytest.mark.parametrize("settings,said", [
    ({"http.listen": ":9478"}, "add http.token"),
    ({"http.listen": ":9478", "http.token": TOKEN}, "add http.tls.certificate and http.tls.key"),
    ({"http.listen": "192.0.2.77:9478", "tls": True}, "this machine has no such address"),
    ({"http.listen": "127.0.0.1:9478", "tls": "swapped"}, "PEM files that belong together"),
])
def test_bad_configuration_ends_the_start(collect, identity, settings, said):
    """With what to write instead, before anything is received."""
    kind = settings.pop("tls", None)
    if kind:
        names = ("weir.pem", "weir.key") if kind is True else ("weir.key", "weir.pem")
        settings = {**settings, "http.token": TOKEN, "http.tls.certificate": identity / names[0],
                    "http.tls.key": identity / names[1]}
    weir = collect(wait=False, **SOCKET, **settings)
    assert weir.process.wait(20) != 0
    assert said in weir.log() and lab.READY not in weir.log(), weir.log()


def test_port_taken(collect, link):
    """A port that was chosen and is taken ends the start; the default one costs a warning."""
    first = collect(folder="first", **SOCKET)
    second = collect(folder="second", **SOCKET, host="127.0.0.1:3055")
    assert "127.0.0.1:9478 is taken" in second.log()
    third = collect(wait=False, folder="third", **SOCKET, host="127.0.0.1:3056", http__listen="127.0.0.1:9478")
    assert third.process.wait(20) != 0
    assert "another program listens there" in third.log()
    for weir in (first, second):
        check_stop(weir, 0)


@pytest.mark.light
def test_not_ready_while_it_stops(link, send, tmp_path):
    """While outputs flush, /readyz says no and why, /livez yes, and the counters can be read."""
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        weir = link.collector.start(*lab.weir_command(), "run", "-o", "input.backend=socket",
                                    "-o", "output.type=stdout", "-o", "output.flush_timeout=6s",
                                    "-o", "stats_format=json",
                                    stdout=subprocess.PIPE, stderr=log)  # a reader that does not read
    wait_for("weir is ready", 20, lambda: lab.READY in log_path.read_text())
    assert get(link.collector, "/readyz")[0] == 200
    send(exports.v9(200), rate=2000)
    wait_for("records", 10, lambda: lab.counter(get_json(link.collector, "/api/ledger"),
                                                "records_received") == 200 * RECORDS)
    weir.send_signal(signal.SIGTERM)
    wait_for("not ready", 5, lambda: get(link.collector, "/readyz")[0] == 503)
    status, _, body = get(link.collector, "/readyz?verbose")
    assert status == 503 and b"[-]shutdown failed: weir is stopping" in body and body.endswith(b"not ready\n")
    assert get(link.collector, "/livez")[0] == 200
    assert metrics(link.collector)["weir_ready"] == {None: 0}
    assert get_json(link.collector, "/api")["phase"] == "stopping"
    assert get_json(link.collector, "/api/templates", status=503)["error"]
    weir.stdout.read()
    assert weir.wait(20) == 0, log_path.read_text()
    assert lab.unbalanced(lab.last_ledger(log_path.read_text())) == []


@pytest.mark.light
def test_many_clients(collect, link, send):
    """Hundreds of requests, eight at a time, beside connections that say nothing; weir receives all the same."""
    weir = collect(**SOCKET)
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(8) as pool:
        with inside(link.collector):
            for _ in range(20):
                stack.enter_context(socket.create_connection(("127.0.0.1", 9478)))
        answers = [pool.submit(get, link.collector, path) for path in ("/metrics", "/api/exporters", "/api/templates",
                                                                       "/api/ledger") * 50]
        send(exports.v9(200), rate=2000)
        assert [answer.result()[0] for answer in answers] == [200] * 200
    weir.wait_documents(200 * RECORDS)
    check_stop(weir, 200 * RECORDS)
