# SPDX-License-Identifier: Apache-2.0
"""weir started as root goes on as somebody without rights: it receives, rotates, spools, follows addresses and ends."""

import os
import pathlib
import pwd
import signal
import time

import exports
from exports import RECORDS
from harness import BACKENDS, check_stop
import lab
import pytest

USER = "nobody"
SECOND = "10.77.0.3"  # an address that comes while weir runs


def status_of(path):
    return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)


def threads_of(pid):
    return [status_of(path) for path in pathlib.Path("/proc", str(pid), "task").glob("*/status")]


def pid_of(weir):
    """Of weir itself: `ip netns exec` becomes it."""
    assert pathlib.Path("/proc", str(weir.process.pid), "comm").read_text().strip() == "weir"
    return weir.process.pid


@pytest.fixture
def own(tmp_path):
    """A folder that the user may write to, and the way there."""
    entry = pwd.getpwnam(USER)
    folder = tmp_path / "own"
    folder.mkdir()
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    for path in [folder, *folder.parents][1:]:
        if path.stat().st_uid == os.getuid() and not path.stat().st_mode & 0o001 and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | 0o011)
    return folder


def check_rights(weir):
    """No capability is left to any thread, none can come back, and workers have a filter of system calls."""
    uid = str(pwd.getpwnam(USER).pw_uid)
    rows = threads_of(pid_of(weir))
    for row in rows:
        assert row["Uid"].split() == [uid] * 4, row
        assert {int(row[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}, row
        assert row["NoNewPrivs"] == "1", row
    workers = [row for row in rows if row["Name"].startswith("weir-worker")]
    assert workers
    assert {row["Seccomp"] for row in workers} == {"2"}
    assert {row["Seccomp"] for row in rows if row["Name"] == "weir"} == {"0"}


def test_all_is_dropped(backend, collect, link, send, own):
    weir = collect(**backend, user=USER, output__path=f"{own}/documents-%i.ndjson", output__spool__path=f"{own}/spool",
                   templates__path=f"{own}/journal", output__batch_age="50ms")
    weir.folder = own
    check_rights(weir)
    send(exports.v9(10), rate=500)
    assert len(weir.wait_documents(10 * RECORDS)) == 10 * RECORDS
    first = weir.files()
    weir.process.send_signal(signal.SIGHUP)  # another file, as this user
    link.collector.ip("addr", "add", f"{SECOND}/24", "dev", lab.COLLECT_INTERFACE)
    time.sleep(2.5)  # the program's list of addresses is brought up to date every two seconds
    send(exports.v9(10), host=SECOND, rate=500)
    assert len(weir.wait_documents(20 * RECORDS)) == 20 * RECORDS
    assert len(weir.files()) > len(first)
    check_rights(weir)
    check_stop(weir, 20 * RECORDS)
    assert {path.owner() for path in own.rglob("*")} == {USER}
    assert "xdp" not in link.collector.ip("link", "show", lab.COLLECT_INTERFACE)


def test_what_cannot_be_written(collect, own, tmp_path):
    """Root's folders and files are named before anything is received."""
    (own / "spool").mkdir()
    (own / "journal").mkdir()
    os.chown(own / "journal", pwd.getpwnam(USER).pw_uid, -1)
    (own / "journal" / "templates.journal").touch(0o600)
    weir = collect(wait=False, **BACKENDS["socket"], user=USER, output__path=f"{own}/documents-%i.ndjson",
                   output__spool__path=f"{own}/spool", templates__path=f"{own}/journal")
    assert weir.process.wait(20) == 1
    for key, path in ("output.spool.path", "spool"), ("templates.path", "journal/templates.journal"):
        assert f"{key}: {own}/{path} cannot be" in weir.log(), weir.log()
    assert lab.READY not in weir.log()


@pytest.mark.parametrize("key, what", [("user", "there is no user weir-nobody-knows"),
                                       ("group", "there is no group weir-nobody-knows")])
def test_nobody(collect, key, what):
    settings = {"user": USER, key: "weir-nobody-knows"}
    weir = collect(wait=False, **BACKENDS["socket"], **settings)
    assert weir.process.wait(20) == 1
    assert what in weir.log()


def test_few_capabilities(collect, link, send, own):
    """Started as the user, with what AF_XDP needs and no more; that goes, too."""
    few = "net_admin,net_raw,bpf,perfmon,ipc_lock"
    start = link.collector.start

    def start_as_user(*command, **options):
        caps = ",".join(f"+{name}" for name in few.split(","))
        return start("setpriv", f"--reuid={USER}", f"--regid={pwd.getpwnam(USER).pw_gid}", "--clear-groups",
                     f"--inh-caps=-all,{caps}", f"--ambient-caps=-all,{caps}", f"--bounding-set=-all,{caps}", *command,
                     **options)

    link.collector.start = start_as_user
    weir = collect(**BACKENDS["native"], output__path=f"{own}/documents-%i.ndjson")
    weir.folder = own
    rows = threads_of(pid_of(weir))
    assert rows and all(int(row[name], 16) == 0 for row in rows for name in ("CapPrm", "CapEff", "CapAmb"))
    assert all(row["NoNewPrivs"] == "1" for row in rows)
    send(exports.v9(10), rate=500)
    assert len(weir.wait_documents(10 * RECORDS)) == 10 * RECORDS
    check_stop(weir, 10 * RECORDS)


def test_killed_by_a_call(collect, send):
    """seccomp=kill changes nothing for a weir that does what it is to do."""
    weir = collect(**BACKENDS["native"], seccomp="kill")
    send(exports.v9(20), rate=500)
    assert len(weir.wait_documents(20 * RECORDS)) == 20 * RECORDS
    check_stop(weir, 20 * RECORDS)


def test_rules_change_without_rights(collect, send, own):
    """The program's lists can be written to for as long as weir runs, by whoever it is then."""
    file = own / "weir.yml"
    file.write_text(f"input: {{allow: ['{lab.EXPORTER6}']}}")
    weir = collect(**BACKENDS["native"], user=USER, output__path=f"{own}/documents-%i.ndjson", file=file)
    weir.folder = own
    check_rights(weir)
    send(exports.v5(3), rate=500)
    file.write_text(f"input: {{allow: ['{lab.EXPORTER}']}}")
    weir.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while "SIGHUP: the rules of 1 entries" not in weir.log() and time.monotonic() < until:
        time.sleep(0.05)
    send(exports.v5(2), rate=500)
    assert len(weir.wait_documents(2 * RECORDS)) == 2 * RECORDS, weir.log()
    _, ledger = check_stop(weir, 2 * RECORDS)
    assert lab.counter(ledger, "losses_filter") == 3
