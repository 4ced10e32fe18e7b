# SPDX-License-Identifier: Apache-2.0
"""`weir explain` tells the truth: what it says of the templates of each case is held against the datagrams' bytes and
the documents of `weir decode`; and where a field is changed, nothing changes that was not said to be made from it."""

import json
import subprocess

import pytest
from test_golden import EXPORTER, NO_CAPTURES, OWN, REAL, decode, inputs_of, options_of  # first: it says where lab is
import lab

# What the strips of a message hold, which no template decides.
HEADER = ("@timestamp", "ecs.version", "observer.ip", "event.created", "event.kind", "netflow.exporter.",
          "sflow.exporter.", "tags")
VARIANTS = (lambda old: old[:-1] + bytes([old[-1] ^ 1]), lambda old: bytes(len(old)),
            lambda old: bytes(len(old) - 1) + b"\2", lambda old: bytes([old[0] ^ 0x80]) + old[1:])
CHANGED = ["synthetic-ipfix", "synthetic-ipfix-biflow", "synthetic-ipfix-counters", "synthetic-ipfix-directions",
           "synthetic-ipfix-hashes", "synthetic-ipfix-locality", "synthetic-ipfix-times", "synthetic-ipfix-twice",
           "synthetic-ipfix-wlan", "synthetic-v9", "synthetic-v9-uptimes", "synthetic-v9-options",
            "synthetic-v9-sections", "synthetic-ipfix-nat-events", "synthetic-v9-firewall", "synthetic-v9-icmp"]


def explain(case, profile):
    """Explanations of all templates and formats of a case; none where it has none."""
    command = [*lab.weir_command(), "explain", "--json"]
    for key, value in {"output.profile": profile, **options_of(case)}.items():
        if key != "stats_format":
            command += ["-o", f"{key}={value}"]
    for path in inputs_of(case):
        command += ["--capture", path]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    if done.returncode == 1 and b"no such template" in done.stderr:
        return []
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout)
    return answer["templates"] + answer["formats"]


def leaves(document, path=""):
    if not isinstance(document, dict):
        return {path: document}
    found = {}
    for key, value in document.items():
        found.update(leaves(value, f"{path}.{key}" if path else key))
    return found


def members_of(found):
    return {member["path"]: member for member in found["explanation"]["members"]}


def is_explained(path, members):
    return path in members or path.startswith(HEADER)


def check_fields(found):
    """Each field has a path of its own, or a reason; each member is made from fields that there are."""
    explanation = found["explanation"]
    own = [number for member in explanation["members"] if member["value"] == "field"
           and member["path"].startswith(("netflow.", "sflow.")) for number in member["from"]]
    used = {number for member in explanation["members"] for number in member["from"]}
    for field in explanation["field_list"]:
        if found["version"] == "sflow" and field["enterprise"] == 0:  # what only fields of ECS are made from
            assert field["number"] in used, field
            continue
        assert (field["number"] in own) != bool(field["left_out"]), field
    assert len(explanation["field_list"]) == found["fields"]
    for member in explanation["members"]:
        assert set(member["from"]) <= set(range(1, found["fields"] + 1)), member
        assert member["value"] != "constant" or "constant" in member


@pytest.mark.parametrize("profile", ["weir", "elastic"])
@pytest.mark.parametrize("case", OWN + (REAL or [NO_CAPTURES]), ids=lambda case: case and case.name)
def test_explained(case, profile):
    found = explain(case, profile)
    lines, ledger = decode(case, profile)
    raw = b"".join(path.read_bytes() for path in inputs_of(case))
    members = {}
    for one in found:
        check_fields(one)
        members.update(members_of(one))
        if "bytes" in one["explanation"]:
            assert bytes.fromhex(one["explanation"]["bytes"]) in raw
    if any(lab.counter(ledger, f"templates_{what}") for what in ("changed", "discarded", "renamed")):
        return  # documents of definitions that are gone
    documents = [leaves(json.loads(line)) for line in lines]
    for document in documents:
        unexplained = [path for path in document if not is_explained(path, members)]
        assert not unexplained, unexplained
        if len(found) == 1:
            for path, member in members.items():
                assert member["when"] or path in document, path
                assert member["value"] != "constant" or document.get(path, member["constant"]) == member["constant"]
    assert found or not documents


def data_sets(payload, wanted, header):
    """(offset, end) of the bodies of data sets with that id."""
    at = header
    while at + 4 <= len(payload):
        identity, length = int.from_bytes(payload[at:at + 2], "big"), int.from_bytes(payload[at + 2:at + 4], "big")
        if length < 4:
            return
        if identity == wanted:
            yield at + 4, at + length
        at += length


def changed_payload(payload, found, field, variant):
    """The field changed in each record of its template; None where there is none, or it has no fixed place."""
    result = bytearray(payload)
    size = found["record_bytes"]
    for start, end in data_sets(payload, found["id"], 16 if found["version"] == "ipfix" else 20):
        for record in range(start, end - size + 1, size):
            place = slice(record + field["offset"], record + field["offset"] + field["length"])
            result[place] = variant(bytes(result[place]))
    return bytes(result) if result != payload else None


def decode_files(files, profile, settings):
    command = [*lab.weir_command(), "decode", "--exporter", EXPORTER, "-o", f"output.profile={profile}"]
    for key, value in settings.items():
        command += ["-o", f"{key}={value}"]
    done = subprocess.run([*command, *files], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    documents = [leaves(json.loads(line)) for line in done.stdout.splitlines()]
    return [{path: value for path, value in document.items() if path != "event.created"} for document in documents]


def changes_of(found, payloads):
    """(field, payloads with that field changed) of a template whose records all have one form."""
    for field in [] if found.get("variable") else found["explanation"]["field_list"]:
        for variant in VARIANTS if field["length"] else ():
            changed = {name: changed_payload(payload, found, field, variant) for name, payload in payloads.items()}
            if any(changed.values()):
                yield field, {name: changed[name] or payload for name, payload in payloads.items()}


@pytest.mark.parametrize("profile", ["weir", "elastic"])
@pytest.mark.parametrize("name", CHANGED)
def test_derived_from(name, profile, tmp_path):
    """Fields are changed one by one: whatever changes in the documents names the field as one that it is made from."""
    case = next(case for case in OWN if case.name == name)
    payloads = {path.name: path.read_bytes() for path in inputs_of(case)}
    before = decode_files(inputs_of(case), profile, options_of(case))
    changes = [(found, *change) for found in explain(case, profile) for change in changes_of(found, payloads)]
    files = []  # all in one go, one change behind the other
    for number, (_, _, changed) in enumerate(changes):
        for label, payload in changed.items():
            files.append(tmp_path / f"{number}-{label}")
            files[-1].write_bytes(payload)
    after = decode_files(files, profile, options_of(case))
    assert changes and len(after) == len(changes) * len(before)
    told = 0
    for number, (found, field, _) in enumerate(changes):
        members = members_of(found)
        for one, other in zip(before, after[number * len(before):]):
            for path in {path for path in {*one, *other} if one.get(path) != other.get(path)}:
                assert field["number"] in members[path]["from"], (found["id"], field, path)
                told += 1
    assert told
