# SPDX-License-Identifier: Apache-2.0
"""The web console in a real Chromium: the numbers of the API, by mouse and by keyboard, speaking to nobody else."""

import urllib.parse

import browser
import exports
from exports import RECORDS
from harness import BACKENDS, check_stop
import lab
import pytest
from servers import wait_for
from test_http import HERE, TOKEN, get, get_json

SOCKET = BACKENDS["socket"]
MISSING = browser.missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "


@pytest.fixture
def chromium(link, tmp_path):
    opened = []

    def start(path="/", base=HERE, **more):
        opened.append(browser.Browser(link.collector, tmp_path / f"profile{len(opened)}", **more))
        opened[-1].log("performance")
        opened[-1].open(base + path)
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def fed(collect, link, send):
    """weir at rest after records of three exporters, and some losses; ends balanced."""
    weir = collect(**SOCKET, templates__park_size="0")
    stray = exports.v9(1, source=9)[0]
    no_template = stray[:20] + stray[20 + int.from_bytes(stray[22:24], "big"):]
    send([no_template, b"\0\x07bad"] + exports.v9(50) + exports.v5(20) + exports.ipfix(1), rate=1000, sources=3,
         source_port=5000)
    weir.wait_documents(3 * 71 * RECORDS)
    wait_for("records at rest", 10,
             lambda: get_json(link.collector, "/api/ledger")["units"]["records"]["waiting"] == 0)
    yield weir
    check_stop(weir)


def number(text):
    return int(text.replace(",", ""))


def clean(chromium):
    """No violation of the policy, no error of a script; nobody but weir was asked. Returns the paths that were. That
    an interface came or went, as the browser says, is no error: other tests make theirs at the same time."""
    assert [row for row in chromium.log() if row["level"] in ("SEVERE", "WARNING")
            and "ERR_NETWORK_CHANGED" not in row["message"]] == []
    asked = [urllib.parse.urlsplit(url) for url in chromium.requests()]
    asked = [url for url in asked if url.scheme not in ("data", "chrome")]
    assert asked and {f"{url.scheme}://{url.netloc}" for url in asked} == {HERE}
    return {url.path for url in asked}


def test_files(collect, link):
    """Browsers get the page at /, curl the list; the files are kept by tag, and may load nothing from elsewhere."""
    weir = collect(**SOCKET)
    assert b"/api/ledger" in get(link.collector, "/")[2]
    status, headers, page = get(link.collector, "/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert page == get(link.collector, "/console")[2] and page.startswith(b"<!doctype html>")
    for name, kind in (("console.js", "text/javascript"), ("console.css", "text/css"), ("views.js", "text/javascript"),
                       ("draw.js", "text/javascript"), ("parts.js", "text/javascript"),
                       ("talkers.js", "text/javascript")):
        status, headers, body = get(link.collector, f"/console/{name}")
        assert status == 200 and headers["Content-Type"] == f"{kind}; charset=utf-8" and body
        assert headers["Content-Security-Policy"].startswith(POLICY) and headers["Cache-Control"] == "no-cache"
        again, more, body = get(link.collector, f"/console/{name}", headers={"If-None-Match": headers["ETag"]})
        assert again == 304 and more["ETag"] == headers["ETag"] and not body
        assert get(link.collector, f"/console/{name}", headers={"If-None-Match": 'W/"other"'})[0] == 200
    for path in ("/console/", "/console/nothing", "/console/console.html", "/console/../api"):
        assert get(link.collector, path)[0] == 404, path
    check_stop(weir, 0)


def test_numbers_are_those_of_the_api(fed, link, chromium):
    """At rest the tables and the picture say what /api/ledger and /api/exporters say."""
    page = chromium()
    page.wait("the ledger", lambda: len(page.rows("main section:nth-of-type(2) table")) == 4)
    ledger = get_json(link.collector, "/api/ledger")
    units = {row[0]: [number(cell) for cell in row[1:]] for row in page.rows("main section:nth-of-type(2) table")}
    assert units == {name: [unit[part] for part in ("received", "delivered", "waiting", "dropped", "difference")]
                     for name, unit in ledger["units"].items()}
    missing = {row[0]: number(row[1]) for row in page.rows("main section:nth-of-type(1) table")}
    assert missing == {"sets_without_template": 3, "datagrams_too_short": 3}
    assert all(ledger["counters"][name] == value for name, value in missing.items())
    picture = page.run("return document.querySelector('figure svg').getAttribute('aria-label')")
    received = ledger["units"]["records"]["received"]
    assert picture.startswith(f"Of {received:,} records received: Delivered {received:,}.")
    page.run("location.hash = 'exporters'")
    page.wait("exporters", lambda: len(page.rows()) == 3)
    listed = get_json(link.collector, "/api/exporters")["exporters"]
    assert [(row[0], number(row[3]), number(row[7])) for row in page.rows()] == [
        (row["exporter"], row["counters"]["records_received"], 1) for row in listed]
    page.run("location.hash = 'outputs'")
    page.wait("outputs", lambda: len(page.rows()) == 1)
    assert [number(cell) for cell in page.rows()[0][3:6]] == [received, 0, 0]
    paths = clean(page)
    assert {"/", "/console/console.js", "/api/ledger", "/api/history", "/api/exporters"} <= paths


def test_by_keyboard(fed, chromium):
    """Skip link, views, sorting, rows, fields of a template: without a mouse, and with the focus where one looks."""
    page = chromium()
    page.wait("the ledger", lambda: page.rows("main section:nth-of-type(2) table"))
    page.press("Tab")
    assert page.focused() == ("a", "Skip to the content")
    page.press("Enter")
    assert page.focused()[0] == "main"
    page.run("document.querySelector('nav a').focus()")
    page.press("Tab")
    assert page.focused() == ("a", "Exporters")
    page.press("Enter")
    page.wait("exporters", lambda: len(page.rows()) == 3)
    assert page.focused()[0] == "main" and page.text("nav [aria-current=page]") == "Exporters"
    page.press("Tab", "Tab")
    assert page.focused() == ("button", "Exporter")
    page.press("Enter")
    page.wait("ascending", lambda: [row[0][-4:] for row in page.rows()] == ["5000", "5001", "5002"])
    assert page.run("return document.activeElement.closest('th').ariaSort") == "ascending"
    page.press("Enter")
    page.wait("descending", lambda: [row[0][-4:] for row in page.rows()] == ["5002", "5001", "5000"])
    page.run("document.querySelector('tbody tr[tabindex=\"0\"]').focus()")
    page.press("Down", "Down", "Down", "Up")
    assert page.focused()[1].startswith(f"{lab.EXPORTER}:5001")
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.wait("another reading", lambda: page.run("return performance.now()") > 7000)
    assert page.focused()[1].startswith(f"{lab.EXPORTER}:5001"), "a new reading takes the focus away"
    page.press("Enter")
    page.wait("one exporter", lambda: page.text("main h1") == f"{lab.EXPORTER}:5001")
    templates = "main > div > section table"
    page.wait("its templates", lambda: len(page.rows(templates)) >= 2)
    page.run("document.querySelector('main > div > section tbody tr[tabindex=\"0\"]').focus()")
    page.press("Enter")
    page.wait("fields", lambda: page.rows("td.inside table"))
    fields = page.rows("td.inside table")
    assert [row[2] for row in fields[:2]] == ["sourceIPv4Address", "destinationIPv4Address"]
    page.press("Enter")
    page.wait("no fields", lambda: not page.rows("td.inside table"))
    clean(page)


def test_filter(fed, chromium):
    page = chromium("/#exporters")
    page.wait("exporters", lambda: len(page.rows()) == 3)
    page.write("main input", "10.77.")
    page.wait("those of a network", lambda: page.text(".count") == "3 of 3")
    page.run("document.querySelector('main input').value = ''")
    page.write("main input", "10.78.")
    page.wait("none", lambda: page.text(".count") == "0 of 3")
    clean(page)


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_width_and_light(fed, chromium, width):
    """No view is wider than the window; dark and light differ; nothing moves for those who prefer that."""
    page = chromium()
    shades = set()
    for dark in (False, True):
        page.look(width, 900, dark)
        for view in ("overview", "exporters", "talkers", "outputs", "templates", f"exporters/{lab.EXPORTER}:5000"):
            page.run("location.hash = arguments[0]", view)
            page.wait(view, lambda: page.rows())
            assert page.run("return document.documentElement.scrollWidth") <= width, view
        shades.add(page.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(shades) == 2
    page.run("location.hash = 'overview'")
    page.wait("the picture", lambda: page.count(".ribbon"))
    assert page.run("return getComputedStyle(document.querySelector('.ribbon')).transitionDuration") == "0s"
    clean(page)


def test_lost_and_back(collect, link, chromium):
    """A weir that is gone is said to be, and so is its return; what another one counted is not mixed in."""
    weir = collect(**SOCKET)
    page = chromium()
    page.wait("the page", lambda: page.text("#ready .pill") == "ready")
    check_stop(weir, 0)
    page.wait("lost", lambda: page.text("#connection").startswith("Connection lost"))
    assert page.run("return document.body.classList.contains('stale')")
    weir = collect(folder="again", **SOCKET)
    page.wait("back", lambda: page.text("#connection") == "Connected again")
    page.wait("no more said", lambda: not page.count("#connection:not([hidden])"))
    assert not page.run("return document.body.classList.contains('stale')")
    history = get_json(link.collector, "/api/history")
    assert history["readings"][0]["number"] == 1
    check_stop(weir, 0)


def test_token(collect, tmp_path, chromium):
    """Asked for where it is needed, kept for the tab alone, sent as a header, in no address."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    weir = collect(**SOCKET, http__token=f"file:{tmp_path}/token")
    page = chromium()
    page.wait("the question", lambda: page.run("return document.getElementById('token').open"))
    assert page.focused()[0] == "input"
    page.write("#token input", "wrong")
    page.press("Enter")
    page.wait("no", lambda: "not the token" in page.text("#token"))
    page.write("#token input", TOKEN)
    page.press("Enter")
    page.wait("numbers", lambda: page.rows("main section:nth-of-type(2) table"))
    page.call("POST", "/refresh", {})
    page.wait("numbers without a question", lambda: page.rows("main section:nth-of-type(2) table"))
    assert page.run("return [Object.values(sessionStorage).length, localStorage.length, document.cookie]") == [1, 0, ""]
    assert not [url for url in page.requests() if TOKEN in url or "wrong" in url]
    check_stop(weir, 0)


def test_talkers(collect, link, send, chromium):
    """While few records come they are all counted: the sums are those of the documents, in the API and in the page."""
    weir = collect(**SOCKET)
    sent = 0
    for datagram in (*exports.v5(1), *exports.v9(1), *exports.ipfix(1)) * 3:
        send(3 * [datagram])  # fewer records at a time than are counted without a sample
        sent += 3 * RECORDS
        documents = weir.wait_documents(sent)
    wait_for(lambda: str(get_json(link.collector, "/api/talkers?limit=1")), 20,
             lambda: get_json(link.collector, "/api/talkers")["records"] >= sent)
    found = get_json(link.collector, "/api/talkers?limit=100")
    assert found["one_in"] == 1 and found["records"] == len(documents)
    for kind, field in (("sources", "source"), ("destinations", "destination")):
        for order, measure in (("by_bytes", "bytes"), ("by_packets", "packets")):
            sums = {}
            for document in documents:
                address = document[field]["ip"]
                sums[address] = sums.get(address, 0) + document["network"][measure]
            sums = {address: value for address, value in sums.items() if value}  # who has none is no talker
            assert {row["address"]: row[measure] for row in found[kind][order]} == sums
            assert [row[measure] for row in found[kind][order]] == sorted(sums.values(), reverse=True)
    exporter, = found["exporters"]["by_bytes"]
    assert exporter["address"] == lab.EXPORTER and exporter["bytes"] == found["bytes"]
    assert sum(row["bytes"] for row in found["services"]["by_bytes"]) == found["bytes"]
    assert get_json(link.collector, "/api/talkers?seconds=0")["records"] == 0
    page = chromium("/#talkers")
    page.wait("talkers", lambda: page.rows("main section:nth-of-type(1) table"))
    rows = page.rows("main section:nth-of-type(1) table")
    assert [row[0] for row in rows] == [row["address"] for row in found["sources"]["by_bytes"][:15]]
    assert [number(row[3]) for row in rows] == [row["records"] for row in found["sources"]["by_bytes"][:15]]
    assert page.text("main .help").startswith("Every flow record counted")
    clean(page)
    check_stop(weir, sent)


def test_talkers_off(collect, link, chromium):
    weir = collect(**SOCKET, http__talkers="false")
    assert get(link.collector, "/api/talkers")[0] == 404
    page = chromium("/#talkers")
    page.wait("why there are none", lambda: page.text("main .help") == "http.talkers is off")
    check_stop(weir, 0)


def test_history(fed, link):
    """Readings of counters in their order; after= leaves out those that one has."""
    wait_for("two readings", 15, lambda: len(get_json(link.collector, "/api/history")["readings"]) >= 2)
    history, ledger = get_json(link.collector, "/api/history"), get_json(link.collector, "/api/ledger")
    last = dict(zip(history["series"], history["readings"][-1]["values"]))
    assert last["records_delivered"] == ledger["units"]["records"]["delivered"]
    assert last["records_received"] == ledger["counters"]["records_received"] and last["sets_dropped"] == 3
    assert history["outputs"] == ["default"]
    assert history["readings"][-1]["outputs"][0]["delivered"] == last["records_delivered"]
    times = [reading["monotonic_seconds"] for reading in history["readings"]]
    assert [reading["number"] for reading in history["readings"]] == list(range(1, len(times) + 1))
    assert all(9.9 < later - earlier < 12 for earlier, later in zip(times, times[1:]))
    newer = get_json(link.collector, f"/api/history?after={history['readings'][0]['number']}")["readings"]
    assert [reading["number"] for reading in newer][:1] == [2]
    assert get(link.collector, "/api/history?after=x")[0] == 400
