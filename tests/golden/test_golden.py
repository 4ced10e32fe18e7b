# SPDX-License-Identifier: Apache-2.0
"""Datagrams in, documents out.

A case is a folder: the datagrams as N-label.dat (one UDP payload), N-label.pcap or N-label.ipfix (a file of RFC 5655),
in the order of N; `about`; `options`, where the case needs others than the defaults below; expected.ndjson and
counts.json, which are Elastic's; weir.ndjson, which is what profile weir makes of the same datagrams, read by a person
once. Folders of real captures are read in place from WEIR_CAPTURES.

    pytest tests/golden --update -k CASE        writes weir.ndjson
"""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tools"), str(HERE.parent.parent / "scripts")]
import ecsdiff  # noqa: E402
import ingest  # noqa: E402
import lab  # noqa: E402

CAPTURES = os.environ.get("WEIR_CAPTURES")
EXPORTER = "192.0.2.1:4444"
ECS_VERSION = "8.17.0"
DEFAULTS = {"detect_sequence_reset": "false", "expiration_timeout": "0", "stats_format": "json"}

# Random damage: what counts is to survive and to agree on most documents. Elastic with several workers keeps data from
# before its template and decodes it under a later packet's time; weir drops and counts it: fewer documents, each one
# of Elastic's.
DAMAGED = "synthetic-damaged-"
AGREED_LEAST = 0.8
CACHED = "synthetic-v9-data-first-cached"


def cases(folder, having):
    return sorted(path.parent for path in pathlib.Path(folder).glob(f"*/{having}"))


OWN = cases(HERE, "about")
ELASTIC = cases(HERE, "expected.ndjson")
REAL = [case for case in (cases(CAPTURES, "expected.ndjson") if CAPTURES else [])
        if not case.name.startswith("synthetic-")]
NO_CAPTURES = pytest.param(None, marks=pytest.mark.skip(reason="WEIR_CAPTURES is not set"), id="real-captures")


def options_of(case):
    """The case's options as weir's settings; files that they name lie beside them."""
    settings = dict(DEFAULTS)
    path = case / "options"
    for line in path.read_text().splitlines() if path.exists() else []:
        key, value = (part.strip() for part in line.split(":", 1))
        if key == "custom_definitions":
            value = ",".join(str(case / name) for name in value.split(","))
        settings[key] = value
    return settings


def inputs_of(case):
    files = [path for path in case.iterdir() if path.suffix in (".dat", ".pcap", ".ipfix")]
    return sorted(files, key=lambda path: int(path.name.split("-")[0]))


def decode(case, profile, **over):
    """(lines, ledger) of the case's datagrams; over: options, with two underscores for a dot."""
    settings = {"output.profile": profile, **options_of(case),
                **{key.replace("__", "."): value for key, value in over.items()}}
    command = [*lab.weir_command(), "decode", "--exporter", EXPORTER]
    for key, value in settings.items():
        command += ["-o", f"{key}={value}"]
    done = subprocess.run([*command, *map(str, inputs_of(case))], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return lines_of(done.stdout), lab.last_ledger(done.stderr.decode())


def lines_of(content):
    """Whole lines; texts may hold what splitlines() takes for an end."""
    *lines, rest = content.decode().split("\n")
    assert rest == ""
    return lines


def leaves(lines):
    """Documents as ecsdiff compares them, without the collector's clock."""
    documents = [ecsdiff.flatten(document, "", {}) for document in lines]
    return [{path: value for path, value in document.items() if path != "event.created"} for document in documents]


def expected_of(case):
    """What Elastic's pipeline makes of the documents of Elastic's input."""
    lines = lines_of((case / "expected.ndjson").read_bytes())
    return leaves(ingest.ingest(json.loads(line), ECS_VERSION) for line in lines)


def compare(expected, actual, unordered=False):
    """(how many pairs are equal, what differs)"""
    comparison = ecsdiff.Comparison(superset=False)
    pairs = list(zip(expected, actual))
    if unordered:
        pairs = ecsdiff.pair_up(actual, expected, comparison)
    for number, pair in enumerate(pairs, 1):
        comparison.add(number, *pair)
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        comparison.report()
    return comparison.equal, f"{len(expected)} documents expected, {len(actual)} made\n{report.getvalue()}"


def check_elastic(case):
    lines, ledger = decode(case, "elastic")
    documents = [json.loads(line) for line in lines]
    assert all("created" in document["event"] for document in documents)
    assert lab.unbalanced(ledger) == []
    expected, actual = expected_of(case), leaves(documents)
    equal, report = compare(expected, actual, case.name == CACHED)
    if case.name == CACHED:
        assert 0 < equal == len(actual), report
    elif case.name.startswith(DAMAGED):
        assert equal >= AGREED_LEAST * len(expected), report
    else:
        assert equal == len(expected) == len(actual), report
        counts = json.loads((case / "counts.json").read_text())
        assert len(actual) == counts["events"] == lab.counter(ledger, "records_delivered")
        assert lab.dropped(ledger, "datagrams") == len(counts["error_packets"])


@pytest.mark.parametrize("case", ELASTIC, ids=lambda case: case.name)
def test_elastic(case):
    check_elastic(case)


@pytest.mark.parametrize("case", REAL or [NO_CAPTURES], ids=lambda case: case.name)
def test_elastic_real(case):
    check_elastic(case)


def normal(lines):
    """Documents without the collector's clock, keys sorted."""
    out = []
    for line in lines:
        document = json.loads(line)
        del document["event"]["created"]
        out.append(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
    return out


@pytest.mark.parametrize("case", OWN, ids=lambda case: case.name)
def test_weir(case, request):
    path = case / "weir.ndjson"
    lines, ledger = decode(case, "weir")
    actual = normal(lines)
    if request.config.getoption("--update", default=False):
        path.write_text("".join(f"{line}\n" for line in actual), encoding="utf-8")
    assert actual == lines_of(path.read_bytes())
    assert lab.unbalanced(ledger) == []


# Where profile weir may say otherwise about a real capture: see docs/differences.md.
DIFFERENT = ("event.category", "related.ip", "netflow.scope.octet_delta_count")


# What profile weir scales by the sampling rate.
COUNTERS = tuple(f"{side}.{unit}" for side in ("source", "destination", "client", "server", "network")
                 for unit in ("bytes", "packets"))


def differences(expected, actual):
    """Paths of Elastic's document that profile weir's lacks or contradicts without a reason."""
    rate = actual.get("flow.sampling.rate", 1)
    icmp = "icmp" in expected.get("network.transport", "")
    for path, value in expected.items():
        if path in COUNTERS:
            value = round(value * rate)
        known = path in DIFFERENT or (icmp and path == "network.community_id")
        if path == "event.type" and set(value) <= set(actual[path]):
            continue  # and more: start, end, denied
        if not known and ecsdiff.normal(value) != ecsdiff.normal(actual.get(path)):
            yield path, value, actual.get(path)


@pytest.mark.parametrize("case", REAL or [NO_CAPTURES], ids=lambda case: case.name)
def test_weir_real(case):
    """Of a real capture, profile weir says all that Elastic says; it may find more documents, and no fewer."""
    lines, ledger = decode(case, "weir")
    expected, actual = expected_of(case), leaves(json.loads(line) for line in lines)
    assert lab.unbalanced(ledger) == []
    assert len(actual) >= len(expected)
    if len(actual) == len(expected):
        assert [list(differences(*pair)) for pair in zip(expected, actual)] == [[]] * len(expected)
