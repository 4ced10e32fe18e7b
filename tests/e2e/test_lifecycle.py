# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping and being stopped: what stays on the interface, in the files and in the ledger."""

import gzip
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

import exports
from exports import RECORDS
from harness import BACKENDS, HERE, check_stop
import lab
import pytest

XDP = BACKENDS["native"]


def attached(link):
    """What of XDP is on the collector's interface."""
    row = json.loads(link.collector.ip("-j", "link", "show", lab.COLLECT_INTERFACE))[0]
    return row.get("xdp")


def rounds(path):
    """A long stream of datagrams for a sender that is not waited for."""
    payloads = exports.v9(2000)
    path.write_bytes(b"".join(struct.pack(">I", len(item)) + item for item in payloads))
    return path


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_program_is_gone_at_exit(collect, link, send, mode):
    assert attached(link) is None
    weir = collect(**{**XDP, "input.xdp_mode": mode})
    assert attached(link) is not None
    send(exports.v5(1))
    weir.wait_documents(RECORDS)
    check_stop(weir, RECORDS)
    assert attached(link) is None


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_start_after_kill(collect, link, send, tmp_path, mode):
    """kill -9 under load: the files are whole lines, the next start replaces what was left, and cleans up."""
    settings = {**XDP, "input.xdp_mode": mode}
    first = collect(**settings)
    sender = link.exporter.start(sys.executable, HERE / "send.py", "datagrams", lab.COLLECTOR, 2055,
                                 rounds(tmp_path / "stream"), "--rate", 2000)
    assert len(first.wait_documents(100)) >= 100
    first.process.kill()
    first.process.wait()
    lab.end(sender)
    documents = first.documents()  # reads every whole line as JSON
    assert len(documents) >= 100 and all("netflow" in document for document in documents)
    second = collect(**settings)  # in the same folder: it gives what was left there its final name
    send(exports.v9(10), rate=100)
    second.wait_documents(len(documents) + 10 * RECORDS)
    assert second.stop() == 0, second.log()
    assert lab.counter(second.ledger(), "records_delivered") == 10 * RECORDS
    assert len(second.documents()) == len(documents) + 10 * RECORDS
    assert not [path for path in second.files() if path.suffix == ".partial"]
    assert attached(link) is None


@pytest.mark.light
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stop_under_load(backend, collect, link, tmp_path, how):
    """Whatever was received is delivered before the end."""
    weir = collect(**backend)
    sender = link.exporter.start(sys.executable, HERE / "send.py", "datagrams", lab.COLLECTOR, 2055,
                                 rounds(tmp_path / "stream"), "--rate", 2000)
    assert len(weir.wait_documents(100)) >= 100
    weir.process.send_signal(how)
    documents, ledger = check_stop(weir)
    lab.end(sender)
    assert len(documents) == lab.counter(ledger, "records_received")


@pytest.mark.light
def test_reopen(collect, send, tmp_path):
    """SIGHUP: the file at hand is finished and gets its name, another begins."""
    path = tmp_path / "out" / "documents-fixed.ndjson"
    weir = collect(**BACKENDS["socket"], output__path=str(path), output__batch_age="50ms")
    send(exports.v5(10), rate=500)
    assert len(weir.wait_documents(10 * RECORDS)) == 10 * RECORDS
    assert not path.exists() and weir.files()
    weir.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert path.read_bytes().count(b"\n") == 10 * RECORDS
    send(exports.v5(5), rate=500)
    weir.wait_documents(15 * RECORDS)
    check_stop(weir, 15 * RECORDS)
    assert path.read_bytes().count(b"\n") == 10 * RECORDS
    assert path.with_name("documents-fixed.2.ndjson").read_bytes().count(b"\n") == 5 * RECORDS


def test_rotation_by_size(collect, send):
    weir = collect(**BACKENDS["socket"], output__rotate_size="256KiB", output__batch_size="128KiB")
    send(exports.v9(100), rate=1000)
    weir.wait_documents(100 * RECORDS)
    check_stop(weir, 100 * RECORDS)
    assert len(weir.files()) > 2
    assert not [path for path in weir.files() if path.suffix == ".partial"]


@pytest.mark.parametrize("method", ["zstd", "gzip", "lz4"])
def test_compressed_files(collect, send, method):
    weir = collect(**BACKENDS["socket"], output__compression=method)
    send(exports.v9(50), rate=1000)
    until = time.monotonic() + 10
    while weir.process.poll() is None and not any(path.stat().st_size for path in weir.files()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert weir.stop() == 0
    lines = b""
    for path in weir.files():
        if method == "gzip":
            lines += gzip.decompress(path.read_bytes())
        else:
            lines += subprocess.run([method, "-dc", str(path)], stdout=subprocess.PIPE, check=True).stdout
    assert len([json.loads(line) for line in lines.splitlines()]) == 50 * RECORDS
    assert lab.unbalanced(weir.ledger()) == []


def test_disk_full(collect, link, send, tmp_path, rights):
    """A full disk costs documents, which are counted, and no torn line; with room again the file goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        (disk / "ballast").write_bytes(bytes(256 * 1024))
        weir = collect(**BACKENDS["socket"], output__path=f"{disk}/documents-%i.ndjson", output__batch_size="128KiB",
                       output__flush_timeout="2s", output__batches="4")
        weir.folder = disk
        send(exports.v9(100), rate=500)
        time.sleep(1)
        full = weir.documents()
        assert 0 < len(full) < 100 * RECORDS
        assert weir.process.poll() is None
        (disk / "ballast").unlink()
        until = time.monotonic() + 15
        while len(weir.documents()) <= len(full) and time.monotonic() < until:
            time.sleep(0.2)
        assert len(weir.documents()) > len(full), weir.log()
        assert weir.stop() == 0, weir.log()
        ledger = weir.ledger()
        assert lab.unbalanced(ledger) == []
        lines = [line for path in weir.files() for line in path.read_bytes().splitlines(keepends=True)]
        assert all(line.rstrip(b" \n").endswith(b"}") and line.endswith(b"\n") for line in lines)
        assert len(lines) == lab.counter(ledger, "records_delivered") < 100 * RECORDS
        assert "space" in weir.log().lower()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_standard_output(collect, link, send, tmp_path):
    """Documents to standard output, log and ledger to standard error."""
    with (tmp_path / "stdout").open("wb") as out, (tmp_path / "stderr").open("wb") as err:
        process = link.collector.start(*lab.weir_command(), "run", "-o", "input.backend=socket", "-o",
                                       "output.type=stdout", "-o", "output.batch_age=50ms", "-o", "stats_format=json",
                                       stdout=out, stderr=err)
        until = time.monotonic() + 20
        while lab.READY not in (tmp_path / "stderr").read_text() and time.monotonic() < until:
            time.sleep(0.05)
        send(exports.v9(10), rate=1000)
        until = time.monotonic() + 10
        while (tmp_path / "stdout").read_bytes().count(b"\n") < 10 * RECORDS and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    documents = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    assert len(documents) == 10 * RECORDS
    ledger = lab.last_ledger((tmp_path / "stderr").read_text())
    assert lab.counter(ledger, "records_delivered") == 10 * RECORDS


@pytest.mark.light
def test_workers_are_pinned(collect, tmp_path):
    """Each from its start on, and nobody else; a processor that is not there costs no more than a warning."""
    cpus = sorted(os.sched_getaffinity(0))
    weir = collect(**{"workers": 3, "input.cpus": f"{cpus[-1]},{cpus[0]},1023",
                      "output.spool.path": tmp_path / "spool"})
    allowed = {}
    for task in pathlib.Path(f"/proc/{weir.process.pid}/task").iterdir():
        allowed[(task / "comm").read_text().strip()] = os.sched_getaffinity(int(task.name))
    assert allowed["weir-worker-0"] == {cpus[-1]}
    assert allowed["weir-worker-1"] == {cpus[0]}
    assert all(found == set(cpus) for name, found in allowed.items() if name not in ("weir-worker-0", "weir-worker-1"))
    check_stop(weir, 0)
    assert "worker 2 cannot run on processor 1023" in weir.log()
