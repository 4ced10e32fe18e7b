# SPDX-License-Identifier: Apache-2.0
"""Templates that are sent once outlive weir: restarted in order or killed, nothing that is sent goes undecoded."""

import functools
import os
import pathlib
import signal
import time

from harness import BACKENDS
import lab
import many
import pytest
from sent import key_of
from servers import wait_for

EXPORTERS = 1000
RECORDS = 10  # in a datagram
SLOW = 10000  # frames a second, which every backend takes without loss


@pytest.fixture
def stream(link, send):
    """Sends for many exporters: stream(exporters, "template") or stream(exporters, "data")."""
    link.collector.ip("route", "add", "10.78.0.0/16", "dev", lab.COLLECT_INTERFACE)  # rp_filter asks for it

    def start(exporters, what):
        payloads = [(exporter, exporter.template() if what == "template" else exporter.data(RECORDS))
                    for exporter in exporters]
        send.frames(many.frames_of(link, payloads), rate=SLOW)

    return start


def journal_of(tmp_path):
    return tmp_path / "journal" / "templates.journal"


def kill(weir):
    weir.process.send_signal(signal.SIGKILL)
    weir.process.wait(20)


def keys(weir):
    return [key_of(document) for document in weir.documents()]


def check(exporters, weir):
    """Every record of every exporter is there once."""
    sent = {key for exporter in exporters for key in exporter.keys()}
    found = keys(weir)
    missing, strange = sent - set(found), set(found) - sent
    assert len(found) == len(set(found)), "documents came twice"
    assert not missing and not strange, f"missing {len(missing)}, strange {len(strange)}\n{weir.log()}"


def rows(ends, *usual):
    """Each way to receive with each end; those that are not among the usual ones take long in all."""
    return [pytest.param(backend, how, marks=[] if (backend, how) in usual else pytest.mark.long)
            for backend in BACKENDS for how in ends]


@pytest.mark.light
@pytest.mark.parametrize("backend, how", rows(("end", "kill", "torn"), ("native", "kill"), ("socket", "torn"),
                                              ("generic", "end")), indirect=["backend"])
def test_restart_in_a_stream(backend, collect, stream, tmp_path, how):
    settings = {**backend, "templates.path": str(tmp_path / "journal")}
    exporters = [many.Exporter(number) for number in range(EXPORTERS)]
    first = collect(**settings)
    stream(exporters, "template")
    stream(exporters, "data")
    first.wait_documents(EXPORTERS * RECORDS)
    if how == "end":
        assert first.stop() == 0, first.log()
    else:
        kill(first)
    if how == "torn":  # a record that was begun
        with journal_of(tmp_path).open("r+b") as journal:
            whole = journal.read()
            journal.write(whole[16:116])
    second = collect(**settings)
    for _ in range(3):
        stream(exporters, "data")
    second.wait_documents(4 * EXPORTERS * RECORDS)
    assert second.stop() == 0, second.log()
    ledger = second.ledger()
    assert lab.unbalanced(ledger) == []
    check(exporters, second)
    assert lab.counter(ledger, "records_received") == 3 * EXPORTERS * RECORDS
    assert lab.counter(ledger, "templates_restored") == EXPORTERS
    assert lab.counter(ledger, "sets_without_template") == 0
    assert lab.counter(ledger, "template_journal_damaged") == (how == "torn")


def test_last_block_lost(collect, stream, tmp_path):
    """What was torn off the journal is known no more: exactly its exporters' data is missing, and counted."""
    settings = {**BACKENDS["native"], "templates.path": str(tmp_path / "journal")}
    exporters = [many.Exporter(number) for number in range(EXPORTERS)]
    first = collect(**settings)
    stream(exporters, "template")
    stream(exporters, "data")
    first.wait_documents(EXPORTERS * RECORDS)
    kill(first)
    size = journal_of(tmp_path).stat().st_size
    assert size > EXPORTERS * 90
    os.truncate(journal_of(tmp_path), (size - 1) // 4096 * 4096)
    second = collect(**settings)
    stream(exporters, "data")
    second.wait_documents((2 * EXPORTERS - 50) * RECORDS)
    assert second.stop() == 0, second.log()
    ledger = second.ledger()
    restored = lab.counter(ledger, "templates_restored")
    assert EXPORTERS - 50 < restored < EXPORTERS
    assert lab.counter(ledger, "records_received") == restored * RECORDS
    assert lab.counter(ledger, "sets_without_template") == EXPORTERS - restored
    assert lab.unbalanced(ledger) == []
    assert len(keys(second)) == (EXPORTERS + restored) * RECORDS


def test_other_number_of_workers(collect, stream, tmp_path):
    """Who owns an exporter is decided anew in each run; the templates go where it goes."""
    exporters = [many.Exporter(number) for number in range(200)]
    for run, workers in enumerate((3, 1, 4)):
        weir = collect(**{**BACKENDS["socket"], "workers": str(workers), "templates.path": str(tmp_path / "journal")})
        if not run:
            stream(exporters, "template")
        stream(exporters, "data")
        weir.wait_documents((run + 1) * 200 * RECORDS)
        assert weir.stop() == 0, weir.log()
        assert lab.counter(weir.ledger(), "templates_restored") == (200 if run else 0)
    check(exporters, weir)


def test_state_directory(link, stream, tmp_path):
    """Where systemd has made a folder for the service's state the journal is on, unless somebody says otherwise."""
    start = functools.partial(link.collector.start, env={**os.environ, "STATE_DIRECTORY": f"{tmp_path}/state:/nowhere"})
    exporters = [many.Exporter(number) for number in range(10)]
    for name, more in (("off", {"templates.path": ""}), ("on", {})):
        weir = lab.Weir(tmp_path / name, start, {**BACKENDS["socket"], **more}).wait_ready()
        stream(exporters, "template")
        stream(exporters, "data")
        weir.wait_documents(len(exporters) * RECORDS)
        assert weir.stop() == 0, weir.log()
        assert (tmp_path / "state").exists() == (name == "on")
    assert (tmp_path / "state" / "templates" / "templates.journal").stat().st_size > 10 * 64


@pytest.mark.parametrize("backend, how", rows(("end", "kill"), ("native", "kill"), ("socket", "end")),
                         indirect=["backend"])
def test_two_devices_behind_one_address(backend, collect, stream, tmp_path, how):
    """Their templates clash: told apart by port from the third template on, and by the next run from the start."""
    settings = {**backend, "templates.path": str(tmp_path / "journal")}
    pairs = [(many.Exporter(number), many.Exporter(number, port=many.PORT + 1, like=number + 2))
             for number in range(50)]
    every = [exporter for pair in pairs for exporter in pair]
    first = collect(**settings)
    for exporters in (every, every):
        stream(exporters, "template")
    for _ in range(3):
        stream(every, "data")
        stream(every, "template")
    first.wait_documents(3 * len(every) * RECORDS)
    if how == "end":
        assert first.stop() == 0, first.log()
        assert lab.counter(first.ledger(), "addresses_split") == len(pairs)
        assert "several devices behind them" in first.log()
    else:
        kill(first)
    second = collect(**settings)
    stream(every, "data")
    second.wait_documents(4 * len(every) * RECORDS)
    assert second.stop() == 0, second.log()
    check(every, second)
    assert lab.counter(second.ledger(), "records_received") == len(every) * RECORDS


def test_data_before_its_template(backend, collect, stream):
    """Waits for it, and counts as waiting; what waits at the end is dropped."""
    weir = collect(**backend, stats_interval="200ms")
    exporters = [many.Exporter(number) for number in range(100)]
    for _ in range(3):
        stream(exporters, "data")
    time.sleep(1)
    assert lab.last_ledger(weir.log())["units"]["sets"]["waiting"] == 3 * len(exporters)
    assert not weir.documents()
    stream(exporters[:90], "template")
    weir.wait_documents(3 * 90 * RECORDS)
    assert weir.stop() == 0, weir.log()
    check(exporters[:90], weir)
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == []
    assert lab.counter(ledger, "sets_parked") == 300
    assert lab.counter(ledger, "sets_without_template") == 30


def test_killed_again_and_again(collect, stream, tmp_path):
    """Exporters come while weir is killed every now and then; each sends its template once."""
    settings = {**BACKENDS["native"], "templates.path": str(tmp_path / "journal")}
    exporters = []
    for run in range(6):
        weir = collect(**settings)
        new = [many.Exporter(number) for number in range(run * 100, run * 100 + 100)]
        exporters += new
        stream(new, "template")
        stream(exporters, "data")
        weir.wait_documents(sum(exporter.sent for exporter in exporters))
        kill(weir)
    weir = collect(**settings)
    assert weir.stop() == 0, weir.log()
    check(exporters, weir)


def resident_kib(weir):
    status = pathlib.Path(f"/proc/{weir.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@pytest.mark.long
def test_a_million_templates(collect, link, send, stream, tmp_path):
    """A kill with a million templates in the journal: the next start knows them all, and says what that costs."""
    settings = {**BACKENDS["native"], "templates.path": str(tmp_path / "journal"), "limits.memory": "4GiB",
                "stats_interval": "1s"}
    exporters = [many.Exporter(number) for number in range(20000)]
    ids = range(256, 306)
    slices = (ids[:25], ids[25:])  # what a datagram has room for

    def learned():
        ledger = lab.last_ledger(first.log()) if '{"weir":' in first.log() else {"counters": {}}
        return lab.counter(ledger, "templates_learned") if ledger["counters"] else 0

    first = collect(**settings)
    for some in slices:
        send.frames(many.frames_of(link, ((exporter, exporter.template(some)) for exporter in exporters)), rate=SLOW)
    wait_for(lambda: f"templates: {learned()}", 60, lambda: learned() == len(exporters) * len(ids))
    time.sleep(1)
    kill(first)
    began = time.monotonic()
    second = collect(**settings)
    start_seconds, start_kib = time.monotonic() - began, resident_kib(second)
    some = exporters[::40]
    send.frames(many.frames_of(link, ((exporter, exporter.message(
        *(exporter.data_set(1, number) for number in part), records=len(part)))
        for part in slices for exporter in some)))
    second.wait_documents(len(some) * len(ids))
    assert second.stop() == 0, second.log()
    check(some, second)
    ledger = second.ledger()
    assert lab.counter(ledger, "templates_restored") == len(some) * len(ids)
    assert lab.counter(ledger, "template_journal_damaged") == 0 and lab.unbalanced(ledger) == []
    size = journal_of(tmp_path).stat().st_size
    print(f"\na million templates: journal {size >> 20} MiB; ready {start_seconds:.2f} s after the start with "
          f"{start_kib >> 10} MiB resident")
