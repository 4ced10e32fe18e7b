# SPDX-License-Identifier: Apache-2.0
"""weir top and weir explain beside a collector that runs: the same numbers as its API and its final ledger, the
terminal with its keys, and what they say where they are not let in."""

import json
import re
import signal
import subprocess

import exports
from exports import RECORDS
from harness import BACKENDS, check_stop
import lab
import pytest
from servers import wait_for
from terminal import Terminal
from test_http import TOKEN, get_json, identity  # noqa: F401

SOCKET = BACKENDS["socket"]
ENTER, DOWN, ESCAPE, REDRAW = "\r", "\x1bOB", "\x1b", "\x0c"

COLOUR = re.compile(rb"\x1b\[[0-9;]*\b3[0-7]m")


def weir(namespace, *arguments):
    return subprocess.run(namespace.inside(*lab.weir_command(), *arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=60, check=False)


def tables(text):
    """{first word of a row: {column: value}} of the tables of one reading."""
    found, heading = {}, None
    for line in text.splitlines()[1:]:
        words = line.split()
        if not words:
            heading = None
        elif heading is None:
            heading = words if words[0] != "RECV/S" else ["", *words]
        else:
            found[words[0]] = dict(zip(heading, words))
    return found


def number(text):
    return int(text.replace(",", ""))


@pytest.fixture
def rested(collect, link, send):
    """weir with something of everything that the tables have, at rest."""
    collector = collect(**SOCKET, templates__park_size="0")
    stray = exports.v9(1)[0]
    no_template = stray[:20] + stray[20 + int.from_bytes(stray[22:24], "big"):]
    send([no_template] + exports.v9(50) + exports.v5(20) + [b"\0\x07bad", b"\0\x0bunknown"], rate=1000, sources=3,
         source_port=5000)
    collector.sent = 3 * 70 * RECORDS
    assert len(collector.wait_documents(collector.sent)) == collector.sent
    wait_for("records at rest", 10,
             lambda: get_json(link.collector, "/api/ledger")["units"]["records"]["waiting"] == 0)
    return collector


@pytest.fixture
def terminal(link):
    started = []

    def start(*arguments, **options):
        command = link.collector.inside(*lab.weir_command(), "top", "--interval", "0.3", *arguments)
        started.append(Terminal(command, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.light
def test_once_has_the_ledger(rested, link):
    """Every number of the text is that of /api/ledger, of /api/exporters, and of the final ledger."""
    done = weir(link.collector, "top", "--once")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.startswith("weir ") and ", ready; rates since the start" in done.stdout.splitlines()[0]
    ledger = get_json(link.collector, "/api/ledger")
    exporters = get_json(link.collector, "/api/exporters")["exporters"]
    final = check_stop(rested, rested.sent)[1]
    assert ledger["counters"] == final["counters"] and ledger["units"] == final["units"]
    found = tables(done.stdout)
    for name, unit in final["units"].items():
        assert {key: number(found[name][key.upper()]) for key in ("received", "delivered", "waiting", "dropped")} == {
            key: unit[key] for key in ("received", "delivered", "waiting", "dropped")}
    lost = {row: number(found[row]["TOTAL"]) for row in found if row in final["counters"]}
    assert lost == {name: value for name, value in final["counters"].items() if name in lost or (
        value and name in ("datagrams_too_short", "datagrams_unknown_version", "sets_without_template"))}
    assert len(lost) == 3 and all(lost.values())
    assert number(found["default"]["WAITING"]) == 0 and number(found["default"]["DROPPED"]) == 0
    assert len(exporters) == 3
    for row in exporters:
        shown = found[row["exporter"]]
        words = next(line for line in done.stdout.splitlines() if line.startswith(row["exporter"])).split()
        assert words[1:3] == ["v5", "v9"], shown
        assert str(row["units"]["sets"]["dropped"]) in words and f"{70 * RECORDS:,}" not in words[:1]
        assert f"{row['counters']['records_received']:,}" in words


def test_readings_one_below_the_other(rested, link):
    done = weir(link.collector, "top", "--number", "3", "--interval", "0.2", "--sort", "exporter", "--reverse")
    readings = done.stdout.split("\n\nweir ")
    assert done.returncode == 0 and len(readings) == 3
    assert "rates since the start" in readings[0] and all("rates of the last" in text for text in readings[1:])
    for text in readings:
        listed = [line.split()[0] for line in text.splitlines() if line.startswith(lab.EXPORTER)]
        assert listed == [f"{lab.EXPORTER}:{port}" for port in (5002, 5001, 5000)]
    check_stop(rested, rested.sent)


@pytest.mark.light
def test_refused(collect, link, identity):  # noqa: F811
    """Token and certificate: one clear line where they are wrong, and none where they are right."""
    collector = collect(**SOCKET, http__listen=f"{lab.COLLECTOR}:9478", http__token=f"file:{identity}/token",
                        http__tls__certificate=identity / "weir.pem", http__tls__key=identity / "weir.key")
    (identity / "wrong").write_text("0" * 32 + "\n")
    (identity / "empty").write_text("")
    url, trust = ("--url", f"https://{lab.COLLECTOR}:9478"), ("--ca", identity / "ca.pem")
    for arguments, said in (((*url, *trust), "the token is refused; name a file"),
                            ((*url, *trust, "--token-file", identity / "wrong"), "the token is refused; --token-file"),
                            ((*url, *trust, "--token-file", identity / "empty"), "it is empty"),
                            ((*url, *trust, "--token-file", identity / "none"), "No such file"),
                            ((*url, "--token-file", identity / "token"), "--ca names the file"),
                            (("--url", f"http://{lab.COLLECTOR}:9478"), "begins with https://"),
                            (("--url", f"{lab.COLLECTOR}:1"), "is weir running")):
        for command in (("top", "--once"), ("explain", "192.0.2.1")):
            done = weir(link.exporter, *command, *arguments)
            assert done.returncode == 1 and not done.stdout, done.stdout
            assert said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
            assert TOKEN not in done.stderr
    done = weir(link.exporter, "top", "--once", *url, *trust, "--token-file", identity / "token")
    assert done.returncode == 0 and "no exporter has sent anything yet" in done.stdout, done.stderr
    check_stop(collector, 0)


def test_terminal_keys(rested, link, terminal):
    """Sorting, choosing, templates and help by keys; the terminal is given back at the end."""
    screen = terminal()
    screen.wait(r"\*RECORDS/S")
    screen.wait("q end  h help")
    screen.press(">" + REDRAW)
    screen.wait(r"\*DATAGR/S")
    screen.press(DOWN + ENTER + REDRAW)
    screen.wait(f"templates of {lab.EXPORTER}")
    screen.wait(r"v9 +0 +256 +flow")
    screen.press(DOWN + ENTER + REDRAW)
    screen.wait("netflow.source_ipv4_address")
    screen.clear()
    screen.press(ESCAPE + REDRAW)
    screen.wait(f"templates of {lab.EXPORTER}")
    screen.press(ESCAPE)
    screen.wait("< > sort")
    screen.press(REDRAW)
    screen.wait(f"{lab.EXPORTER}:500")
    screen.press("h" + REDRAW)
    screen.wait("choose an exporter or template")
    screen.press("q")
    assert screen.end() == 0
    assert b"\x1b[?1049l" in screen.raw  # the screen as it was
    check_stop(rested, rested.sent)


def test_terminal_sizes(rested, terminal):
    """Any size does, also while it runs."""
    screen = terminal(columns=20, rows=3)
    screen.wait("weir ")
    for columns, rows in ((1, 1), (10, 2), (200, 60), (80, 24)):
        screen.clear()
        screen.resize(columns, rows)
        screen.wait("." if columns < 20 else "rates of the last")
    screen.wait(f"{lab.EXPORTER}:5000")
    screen.press("q")
    assert screen.end() == 0
    check_stop(rested, rested.sent)


def test_terminal_without_colours(rested, terminal):
    plain = terminal(NO_COLOR="1")
    plain.wait("q end  h help")
    coloured = terminal()
    coloured.wait("q end  h help")
    dumb = terminal(TERM="dumb")
    dumb.wait("rates since the start")
    dumb.wait("rates of the last")
    assert COLOUR.search(coloured.raw) and not COLOUR.search(plain.raw) and b"\x1b" not in dumb.raw
    dumb.process.send_signal(signal.SIGTERM)  # SIGINT may be ignored where tests run in the background
    plain.press("q")
    coloured.press("q")
    assert (plain.end(), coloured.end(), dumb.end()) == (0, 0, -signal.SIGTERM)
    check_stop(rested, rested.sent)


def test_terminal_outlives_the_collector(rested, collect, terminal):
    """While weir is away a line says so and the last numbers stay; when it is back, so are the numbers."""
    screen = terminal()
    screen.wait(f"{lab.EXPORTER}:5000")
    check_stop(rested, rested.sent)
    screen.wait(r"as of \S+ ago: http://127.0.0.1:9478 does not answer")
    screen.clear()
    again = collect(**SOCKET, folder="again")
    screen.wait("no exporter has sent anything")
    screen.press("q")
    assert screen.end() == 0
    check_stop(again, 0)


# --- weir explain ---

@pytest.mark.light
def test_explain_is_the_same_everywhere(rested, link, tmp_path):
    """Of a running collector and of a capture of the same datagrams, for programs and for people."""
    (tmp_path / "1.dat").write_bytes(exports.v9(1)[0])
    (tmp_path / "2.dat").write_bytes(exports.v5(1)[0])
    running = weir(link.collector, "explain", "--json", lab.EXPORTER)
    captured = weir(link.collector, "explain", "--json", "--capture", tmp_path / "1.dat", "--capture",
                    tmp_path / "2.dat")
    assert running.returncode == captured.returncode == 0, running.stderr + captured.stderr
    running, captured = json.loads(running.stdout), json.loads(captured.stdout)
    assert [row["id"] for row in running["templates"]] == [row["id"] for row in captured["templates"]] == [256]
    for kind in ("templates", "formats"):
        assert [row["explanation"] for row in running[kind]] == [row["explanation"] for row in captured[kind]]
    assert [row["version"] for row in running["formats"]] == ["v5"]
    members = {member["path"].split(".")[1]: member for member in running["templates"][0]["explanation"]["members"]
               if member["path"].startswith("netflow.")}
    for document in rested.documents():
        if document["netflow"]["exporter"]["version"] == 9:
            keys = set(document["netflow"]) - {"exporter"}
            assert {key for key, member in members.items() if not member["when"]} <= keys <= set(members)
    text = weir(link.collector, "explain", lab.EXPORTER, "0/256")
    assert text.returncode == 0 and f"{lab.EXPORTER}, v9, source id 0, template 256" in text.stdout
    assert "netflow.source_ipv4_address" in text.stdout and "v5:" not in text.stdout
    assert "v5: a format without templates" in weir(link.collector, "explain", f"{lab.EXPORTER}:5000", "v5").stdout
    check_stop(rested, rested.sent)


def test_explain_delivers_nothing(link, tmp_path):
    """With the configuration of a collector, its outputs and spools stay as they are."""
    (tmp_path / "1.dat").write_bytes(exports.v9(1)[0])
    (tmp_path / "weir.yml").write_text(f"""
output: {{spool: {{path: "{tmp_path}/spool"}}}}
outputs:
  kafka: {{type: kafka, kafka: {{brokers: ["127.0.0.1:1"], topic: flows}}}}
  files: {{type: file, path: "{tmp_path}/flows-%i.ndjson", compression: zstd}}
  search: {{type: opensearch, elasticsearch: {{hosts: ["http://127.0.0.1:2"]}}}}
""")
    done = weir(link.collector, "explain", "-c", tmp_path / "weir.yml", "--capture", tmp_path / "1.dat")
    assert done.returncode == 0 and "template 256" in done.stdout and not done.stderr, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.dat", "weir.yml"]


def test_explain_says_what_is_wrong(rested, link, tmp_path):
    (tmp_path / "1.dat").write_bytes(exports.v9(1)[0])
    for arguments, status, said in ((("192.0.2.99",), 1, "no datagram came from there"),
                                    ((lab.EXPORTER, "999"), 1, "no such template is known"),
                                    ((lab.EXPORTER, "70000"), 2, "is no template"), (("nobody",), 2, "is no exporter"),
                                    ((), 2, "which EXPORTER?"), ((lab.EXPORTER, "256", "1"), 2, "at most"),
                                    (("--capture", tmp_path / "none"), 1, "none"),
                                    (("--capture", tmp_path / "1.dat", "203.0.113.1"), 1, "no such template")):
        done = weir(link.collector, "explain", *arguments)
        assert done.returncode == status and said in done.stderr and not done.stdout, (arguments, done.stderr)
    check_stop(rested, rested.sent)
