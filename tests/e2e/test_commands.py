# SPDX-License-Identifier: Apache-2.0
"""The command line: captures of every kind in, configurations checked, pages printed."""

import json
import re
import subprocess

import exports
from exports import RECORDS
import frames
import lab
import pytest

ENDS = ("198.51.100.7", 40000), ("203.0.113.9", 2055)
ENDS6 = ("2001:db8::7", 40000), ("2001:db8::9", 2055)
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def weir(*arguments, environment=None):
    return subprocess.run([*lab.weir_command(), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, timeout=60, env=environment, check=False)


def decode(*arguments):
    done = weir("decode", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- decode ---

def packet(payload):
    return frames.ipv4(ENDS[0][0], ENDS[1][0], frames.UDP, frames.udp(*ENDS, payload))


def packet6(payload):
    return frames.ipv6(ENDS6[0][0], ENDS6[1][0], frames.UDP, frames.udp(*ENDS6, payload))


LINK_TYPES = {  # of a capture: its number, and how a packet is wrapped
    "ethernet": (1, lambda data: frames.ethernet(MACS, data)),
    "raw": (101, lambda data: data),
    "null": (0, lambda data: (b"\x02\0\0\0" if data[0] >> 4 == 4 else b"\x0a\0\0\0") + data),
    "cooked": (113, lambda data: bytes(14) + (b"\x08\0" if data[0] >> 4 == 4 else b"\x86\xdd") + data),
    "cooked 2": (276, lambda data: (b"\x08\0" if data[0] >> 4 == 4 else b"\x86\xdd") + bytes(18) + data),
}


@pytest.mark.light
@pytest.mark.parametrize("kind", LINK_TYPES)
@pytest.mark.parametrize("container", [frames.pcap, frames.pcapng], ids=["pcap", "pcapng"])
def test_decode_captures(tmp_path, container, kind):
    number, wrap = LINK_TYPES[kind]
    payloads = exports.v9(3)
    path = tmp_path / "capture"
    path.write_bytes(container([wrap(packet(payloads[0])), wrap(packet6(payloads[1])), wrap(packet(payloads[2]))],
                               number))
    documents = decode(path)
    assert [document["netflow"]["exporter"]["address"] for document in documents] == (
        ["198.51.100.7:40000"] * RECORDS + ["[2001:db8::7]:40000"] * RECORDS + ["198.51.100.7:40000"] * RECORDS)


def test_decode_files_are_one_stream(tmp_path):
    """A template in one file serves data in the next; files that are no captures are datagrams of --exporter."""
    whole = exports.v9(2)
    header, template_bytes = whole[0][:20], int.from_bytes(whole[0][22:24], "big")
    (tmp_path / "1").write_bytes(header + whole[0][20:20 + template_bytes])
    (tmp_path / "2").write_bytes(header + whole[1][20 + template_bytes:])
    documents = decode("--exporter", "[2001:db8::77]:1234", tmp_path / "1", tmp_path / "2")
    assert len(documents) == RECORDS
    assert documents[0]["netflow"]["exporter"]["address"] == "[2001:db8::77]:1234"
    assert documents[0]["observer"]["ip"] == ["2001:db8::77"]
    assert len(decode(tmp_path / "2", tmp_path / "1")) == RECORDS  # data waits for its template
    assert decode("-o", "templates.park_size=0", tmp_path / "2", tmp_path / "1") == []


def test_decode_port(tmp_path):
    """Without --port, whatever port carries flow export; with it, that one only."""
    ends = ENDS[0], ("203.0.113.9", 9996)
    strange = frames.ipv4(ENDS[0][0], ENDS[1][0], frames.UDP, frames.udp(*ends, exports.v5(1)[0]))
    (tmp_path / "capture").write_bytes(frames.pcap([frames.ethernet(MACS, strange),
                                                    frames.ethernet(MACS, packet(exports.v5(1, 4)[0]))]))
    assert len(decode(tmp_path / "capture")) == RECORDS + 4
    assert len(decode("--port", "2055", tmp_path / "capture")) == 4
    assert len(decode("--port", "9996", tmp_path / "capture")) == RECORDS


@pytest.mark.light
def test_decode_cut_capture(tmp_path):
    """A capture that ends inside a packet gives what is whole."""
    data = frames.pcap([frames.ethernet(MACS, packet(payload)) for payload in exports.v5(3)])
    (tmp_path / "capture").write_bytes(data[:-100])
    done = weir("decode", tmp_path / "capture")
    assert len(done.stdout.splitlines()) == 2 * RECORDS


def test_decode_ipfix_files(tmp_path):
    """A long one is known by its size, a short one by its name; what is whole of a broken one is read."""
    messages = exports.ipfix(300)
    whole, start = b"".join(messages), b"".join(messages[:3])
    (tmp_path / "long").write_bytes(whole)
    (tmp_path / "short.ipfix").write_bytes(start)
    (tmp_path / "cut.ipfix").write_bytes(start[:-5])
    (tmp_path / "bad.ipfix").write_bytes(start + b"text" + messages[3])
    done = weir("decode", "-o", "stats_format=json", tmp_path / "long", tmp_path / "short.ipfix")
    ledger = lab.last_ledger(done.stderr)
    assert done.returncode == 0 and lab.unbalanced(ledger) == []
    assert [row["counters"]["records_received"] for row in ledger["exporters"]] == [300 * RECORDS, 3 * RECORDS]
    assert lab.counter(ledger, "records_missing") == 0
    for name, count, said in (("cut", 2, "ends inside the message at byte"), ("bad", 3, "no message of IPFIX at byte")):
        done = weir("decode", tmp_path / f"{name}.ipfix")
        assert done.returncode == 1 and said in done.stderr
        assert len(done.stdout.splitlines()) == count * RECORDS


def test_decode_missing_file(tmp_path):
    done = weir("decode", tmp_path / "nothing")
    assert done.returncode != 0
    assert "nothing" in done.stderr and "No such file" in done.stderr


def test_decode_ledger(tmp_path):
    (tmp_path / "1").write_bytes(exports.v9(1)[0])
    (tmp_path / "2").write_bytes(b"\0\x63" + bytes(40))
    done = weir("decode", "-o", "stats_format=json", tmp_path / "1", tmp_path / "2")
    ledger = lab.last_ledger(done.stderr)
    assert lab.unbalanced(ledger) == []
    assert lab.counter(ledger, "records_delivered") == RECORDS
    assert lab.counter(ledger, "datagrams_unknown_version") == 1


def test_elastic_profile_has_no_more_than_elastic(tmp_path):
    (tmp_path / "1").write_bytes(exports.v9(1)[0])
    document = decode("-o", "output.profile=elastic", tmp_path / "1")[0]
    assert sorted(document) == ["@timestamp", "destination", "ecs", "event", "flow", "netflow", "network", "observer",
                                "related", "source"]


# --- configuration ---

WRONG = {  # text of a file: what the message has to say
    "workerz: 2\n": ("weir.yml:1", "workerz", "workers"),
    "host: ':2055'\n\nexpiration_timeout: soon\n": ("weir.yml:3", "soon"),
    "max_message_size: 10KiBs\n": ("weir.yml:1", "10KiBs"),
    "protocols: [v5, v10]\n": ("weir.yml:1", "v10", "ipfix"),
    "internal_networks: [10.0.0.0/33]\n": ("weir.yml:1", "10.0.0.0/33"),
    "output:\n  profil: elastic\n": ("weir.yml:2", "profil", "profile"),
    "host: [':2055'\n": ("weir.yml",),
    "custom_definitions: [absent.yml]\n": ("weir.yml:1", "absent.yml"),
    "outputs:\n  a:\n    kafka: {topik: x}\n": ("weir.yml:3", "outputs.a.kafka.topik", "outputs.a.kafka.topic"),
    "output.kafka.enabled: true\n": ("weir.yml:1", "output.type: kafka"),
    "output.password: file:absent\n": ("weir.yml:1", "output.password", "absent"),
    "outputs: {a: {type: stdout},\n  b: {type: stdout}}\n": ("weir.yml:2", "outputs.b.type", "outputs.a"),
    "output: {type: kafka,\n  kafka.sasl: plain}\n": ("weir.yml:2", "output.kafka.sasl", "username"),
}


@pytest.mark.light
@pytest.mark.parametrize("text", WRONG, ids=lambda text: text.split(":")[0])
def test_wrong_configuration(tmp_path, text):
    (tmp_path / "weir.yml").write_text(text)
    for arguments in (("check", "-c"), ("run", "-c")):
        done = weir(*arguments, tmp_path / "weir.yml")
        assert done.returncode != 0
        for part in WRONG[text]:
            assert part in done.stdout + done.stderr


def test_options_without_effect_are_said(tmp_path):
    (tmp_path / "weir.yml").write_text("host: ':2055'\ntimeout: 5m\n")
    done = weir("check", "-c", tmp_path / "weir.yml")
    assert done.returncode == 0
    assert "weir.yml:2: timeout has no effect" in done.stderr


def test_every_problem_is_named(tmp_path):
    (tmp_path / "weir.yml").write_text("workerz: 2\nhost: ':99999'\noutput: {profile: elastics}\n")
    done = weir("check", "-c", tmp_path / "weir.yml")
    assert done.returncode != 0
    for line in ("weir.yml:1", "weir.yml:2", "weir.yml:3"):
        assert line in done.stdout + done.stderr


def test_right_configuration(tmp_path):
    (tmp_path / "weir.yml").write_text(
        "hosts: [':2055', '[::1]:4739']\nexpiration_timeout: 30m\nmax_message_size: 10KiB\n"
        "internal_networks: [private, 203.0.113.0/24]\nfields: {site: here}\noutput: {type: stdout}\n")
    done = weir("check", "-c", tmp_path / "weir.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_wrong_setting_on_the_command_line(tmp_path):
    done = weir("run", "-o", "output.profil=elastic")
    assert done.returncode != 0
    assert "output.profil" in done.stderr and "output.profile" in done.stderr


def test_settings_in_order_of_strength(tmp_path):
    """Command line over environment over file over default."""
    (tmp_path / "weir.yml").write_text("output: {namespace: file, envelope: true}\n")
    (tmp_path / "1").write_bytes(exports.v5(1, 1)[0])

    def namespace(*arguments, **environment):
        done = weir("decode", "-c", tmp_path / "weir.yml", *arguments, tmp_path / "1",
                    environment={"PATH": "/usr/bin", **environment})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["data_stream"]["namespace"]

    assert namespace() == "file"
    assert namespace(WEIR_OUTPUT_NAMESPACE="environment") == "environment"
    assert namespace("-o", "output.namespace=command", WEIR_OUTPUT_NAMESPACE="environment") == "command"


def test_secrets_are_not_shown(tmp_path):
    """What "weir check" prints can be read again, but not by whom it does not concern."""
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "weir.yml").write_text(
        "output: {type: kafka, username: weir, password: 'file:password', tls.enabled: true}\n"
        "outputs:\n  one: {kafka: {sasl: plain, properties: {ssl.key.password: hunter2}}}\n"
        "  two: {type: opensearch, username: '', password: '',\n"
        "        elasticsearch: {token: hunter2, hosts: ['https://a']}}\n")
    done = weir("check", "-c", tmp_path / "weir.yml", "--effective")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("(hidden)") == 4 and "hunter2" not in done.stdout
    (tmp_path / "again.yml").write_text(done.stdout)
    again = weir("check", "-c", tmp_path / "again.yml", "--effective")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert "outputs.two.elasticsearch.token" in again.stderr and "(hidden)" in again.stderr
    done = weir("check", "-o", "output.password=hunter2", "-o", "output.typ=kafka", "-o", "output.pasword=hunter2")
    assert done.returncode != 0 and "output.pasword is no option" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_outputs_by_file_environment_and_command_line(tmp_path):
    (tmp_path / "weir.yml").write_text(
        "outputs: {my-files: {path: file.ndjson, kinds: [flows]}, other: {type: stdout}}\noutput: {batches: 77}\n")
    done = weir("check", "-c", tmp_path / "weir.yml", "-o", "outputs.other.type=kafka", "--effective",
                environment={"PATH": "/usr/bin", "WEIR_OUTPUTS_MY_FILES_PATH": "environment.ndjson"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("outputs:\n  my-files:\n    kinds: [flows]\n    path: \"environment.ndjson\"\n"
                                "  other:\n    type: kafka\n    compression: lz4\n")
    assert "\n  batches: 77\n" in done.stdout


# --- help and pages ---

@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["decode", "--help"], ["check", "--help"],
                                       ["docs", "--help"]], ids=" ".join)
def test_help(arguments):
    done = weir(*arguments)
    assert done.returncode == 0
    assert "weir" in done.stdout


def test_version():
    assert weir("--version").stdout.strip().endswith("0.1.0")


@pytest.mark.parametrize("page", ["options", "fields", "elements", "counters"])
def test_pages(page):
    text, markdown = weir("docs", page), weir("docs", page, "--markdown")
    assert text.returncode == markdown.returncode == 0
    word = {"options": "internal_networks", "fields": "network.community_id", "elements": "octet_delta_count",
            "counters": "records_delivered"}[page]
    assert word in text.stdout and word in markdown.stdout
    assert "|" in markdown.stdout


def test_count():
    """Each element once, by enterprise and in all."""
    listed, counted = weir("docs", "elements").stdout.splitlines(), weir("docs", "elements", "--count")
    assert counted.returncode == 0
    head, *rows, total = counted.stdout.splitlines()
    assert head.split() == ["enterprise", "elements", "name", "source"]
    numbers = [re.match(r"(v9 scope|\S+) +(\d+)  \S", row).groups() for row in rows]
    for enterprise in ("9", "2636", "8741", "35632", "sFlow"):
        assert (enterprise, str(sum(line.split()[0] == enterprise for line in listed))) in numbers
    assert re.match(rf"{len(listed)} elements: \d+ of IPFIX and NetFlow, 605 of sFlow and of scopes$", total)
    assert sum(int(count) for _, count in numbers) == len(listed) > 4800
    done = weir("docs", "counters", "--count")
    assert done.returncode != 0 and "nothing is counted" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["walk"], ["docs", "nothing"], ["run", "--nonsense"], ["decode"]],
                         ids=lambda arguments: " ".join(arguments) or "nothing")
def test_wrong_usage(arguments):
    done = weir(*arguments)
    assert done.returncode != 0
    assert "weir" in done.stderr
