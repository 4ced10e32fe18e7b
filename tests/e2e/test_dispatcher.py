# SPDX-License-Identifier: Apache-2.0
"""weir beside another XDP program in libxdp's dispatcher: xdp-filter filters, weir takes, and each ends for itself."""

import functools
import shutil
import signal
import time

import exports
from exports import RECORDS
from harness import check_stop
import lab
import pytest
from test_doctor import XDP as DOCTOR, doctor

FORBIDDEN = 4739  # the port that the filter drops
SETTINGS = {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE}


@pytest.fixture(autouse=True)
def bpffs(link, tmp_path, monkeypatch):
    """A place for pins that all processes of the test see: each that `ip netns exec` starts has a /sys of its own."""
    if not shutil.which("xdp-filter"):
        pytest.skip("xdp-tools is not installed")
    folder = tmp_path / "bpf"
    folder.mkdir()
    lab.must("mount", "-t", "bpf", "bpf", folder)
    monkeypatch.setenv("LIBXDP_BPFFS", str(folder))
    yield folder
    lab.must("umount", "--lazy", folder)


@functools.cache
def program_types():
    return lab.must("bpftool", "feature", "probe", "kernel", timeout=120)


@pytest.fixture
def dispatcher():
    """Skips where the kernel has no programs of type ext, of which dispatchers are made."""
    if "program_type ext is available" not in program_types():
        pytest.skip("this kernel lets no BPF program replace a part of another")


class Filter:
    """xdp-filter on the collector's interface, dropping UDP to one port."""

    def __init__(self, link, mode="native"):
        self.link = link
        self.xdp_filter("load", lab.COLLECT_INTERFACE, "--features", "udp", "--mode", mode)
        self.xdp_filter("port", FORBIDDEN, "--proto", "udp", "--mode", "dst")

    def xdp_filter(self, *arguments):
        return self.link.collector.run("xdp-filter", *arguments)

    def unload(self):
        self.xdp_filter("unload", lab.COLLECT_INTERFACE)

    def hits(self):
        """Datagrams that it has dropped."""
        status = self.link.collector.run("sh", "-c", "xdp-filter status; true")  # it ends with an error, always
        rows = [line.split() for line in status.splitlines() if line.split()[:1] == [str(FORBIDDEN)]]
        return int(rows[0][-1])


def programs(link):
    """What is in the dispatcher of the collector's interface, in order; None where there is none."""
    lines = link.collector.run("xdp-loader", "status", lab.COLLECT_INTERFACE).splitlines()
    if not any("xdp_dispatcher" in line for line in lines):
        return None
    return [line.split()[2] for line in lines if line.strip().startswith("=>")]


def check_both(weir, send, xdp_filter, before=0):
    """What the filter lets through to weir arrives by the ring; what it does not is dropped, and it counts that."""
    hits = xdp_filter.hits()
    send(exports.v5(20), rate=500)
    send(exports.ipfix(10), port=FORBIDDEN, rate=500)
    assert len(weir.wait_documents(before + 20 * RECORDS)) == before + 20 * RECORDS, weir.log()
    assert xdp_filter.hits() == hits + 10
    return before + 20 * RECORDS


def check_ring(ledger, datagrams):
    """They came by AF_XDP, not round by the kernel."""
    assert lab.counter(ledger, "xdp_redirected") == datagrams == lab.counter(ledger, "packets_received")


def wait_programs(link, expected, seconds=10):
    until = time.monotonic() + seconds
    while (found := programs(link)) != expected and time.monotonic() < until:
        time.sleep(0.1)
    assert found == expected


@pytest.mark.parametrize("mode", ["native", "skb"])
def test_joins_the_filter(dispatcher, collect, link, send, mode):
    """The filter was there first: weir joins behind it, and leaves it there."""
    xdp_filter = Filter(link, mode)
    weir = collect(**SETTINGS)
    assert programs(link) == ["xdpfilt_alw_udp", "weir_steer"], weir.log()
    count = check_both(weir, send, xdp_filter)
    link.exporter.run("ping", "-c", "2", "-i", "0.2", "-W", "2", lab.COLLECTOR)
    _, ledger = check_stop(weir, count)
    check_ring(ledger, 20)
    assert programs(link) == ["xdpfilt_alw_udp"]
    send(exports.ipfix(5), port=FORBIDDEN)
    assert xdp_filter.hits() == 15
    xdp_filter.unload()
    assert programs(link) is None


def test_filter_joins_weir(dispatcher, collect, link, send):
    """weir was there first, with a dispatcher; the filter comes and goes under it."""
    weir = collect(**SETTINGS, input__xdp_dispatcher="on")
    assert programs(link) == ["weir_steer"]
    send(exports.v5(5), rate=500)
    xdp_filter = Filter(link)
    assert programs(link) == ["xdpfilt_alw_udp", "weir_steer"]
    count = check_both(weir, send, xdp_filter, 5 * RECORDS)
    xdp_filter.unload()
    assert programs(link) == ["weir_steer"]
    send(exports.ipfix(5), port=FORBIDDEN, rate=500)
    weir.wait_documents(count + 5 * RECORDS)
    _, ledger = check_stop(weir, count + 5 * RECORDS)
    check_ring(ledger, 30)
    assert programs(link) is None


def test_rules_change_in_the_dispatcher(dispatcher, collect, link, send, tmp_path):
    """SIGHUP reaches the program there, and the budget is its own."""
    file = tmp_path / "weir.yml"
    file.write_text("input: {allow: [192.0.2.1]}\n")
    Filter(link)
    weir = collect(**SETTINGS, file=file)
    send(exports.v5(5), rate=500)
    file.write_text(f"input: {{allow: [{lab.EXPORTER}]}}\n")
    weir.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while "input.allow" not in weir.log() and time.monotonic() < until:
        time.sleep(0.1)
    send(exports.v5(7), rate=500)
    weir.wait_documents(7 * RECORDS)
    _, ledger = check_stop(weir, 7 * RECORDS)
    assert lab.counter(ledger, "losses_filter") == 5
    check_ring(ledger, 7)


def keeper_of(weir):
    """The process that would take the program off."""
    children = lab.must("ps", "--ppid", weir.process.pid, "-o", "pid=").split()
    assert len(children) == 1
    return int(children[0])


def test_kill(dispatcher, collect, link, send):
    """kill -9: the program leaves the dispatcher all the same, the filter stays, and weir can start at once."""
    xdp_filter = Filter(link)
    weir = collect(**SETTINGS)
    count = check_both(weir, send, xdp_filter)
    weir.process.kill()
    weir.process.wait()
    wait_programs(link, ["xdpfilt_alw_udp"])
    again = collect(**SETTINGS, folder="again")
    check_both(again, send, xdp_filter)
    again.process.kill()
    again.process.wait()
    third = collect(**SETTINGS, folder="third")  # perhaps before the keeper was done
    count = check_both(third, send, xdp_filter)
    check_stop(third, count)
    assert programs(link) == ["xdpfilt_alw_udp"]


def test_kill_of_all(dispatcher, bpffs, collect, link, send):
    """Who kills the keeper, too, leaves a program; it passes what comes, doctor names it, the next start ends it."""
    xdp_filter = Filter(link)
    weir = collect(**SETTINGS)
    lab.must("kill", "-9", keeper_of(weir), weir.process.pid)
    weir.process.wait()
    assert programs(link) == ["xdpfilt_alw_udp", "weir_steer"]
    found = doctor(link, *DOCTOR, lab.COLLECT_INTERFACE)
    stale = found["xdp-programs", "change"]
    assert "one that was killed left it" in stale["found"] and "--id" in stale["remedy"]
    again = collect(**SETTINGS, folder="again")
    assert "that a killed weir left out of" in again.log()
    assert programs(link) == ["xdpfilt_alw_udp", "weir_steer"]
    count = check_both(again, send, xdp_filter)
    _, ledger = check_stop(again, count)
    check_ring(ledger, 20)
    assert programs(link) == ["xdpfilt_alw_udp"]
    assert not list(bpffs.glob("weir-*"))


def test_stale_and_alone(dispatcher, collect, link, send):
    """What a killed weir left in a dispatcher of its own: the next one has the interface for itself again."""
    weir = collect(**SETTINGS, input__xdp_dispatcher="on")
    lab.must("kill", "-9", keeper_of(weir), weir.process.pid)
    weir.process.wait()
    assert programs(link) == ["weir_steer"]
    again = collect(**SETTINGS, folder="again")
    assert programs(link) is None
    send(exports.v5(3), rate=100)
    again.wait_documents(3 * RECORDS)
    check_stop(again, 3 * RECORDS)


def test_without_rights_at_the_end(dispatcher, collect, link, send, tmp_path):
    """The rights are gone when weir stops; the program leaves nevertheless."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    for folder in tmp_path, *list(tmp_path.parents)[:2]:
        folder.chmod(folder.stat().st_mode | 0o111)
    xdp_filter = Filter(link)
    weir = collect(**SETTINGS, user="nobody")
    count = check_both(weir, send, xdp_filter)
    check_stop(weir, count)
    assert programs(link) == ["xdpfilt_alw_udp"]


def test_two_weirs(dispatcher, collect, link):
    """Only one has an interface; doctor tells the other."""
    collect(**SETTINGS, input__xdp_dispatcher="on")
    found = doctor(link, *DOCTOR, lab.COLLECT_INTERFACE, status=1)  # the ports are taken, too
    assert "another weir" in found["xdp-programs", "change"]["found"]
    second = collect(wait=False, folder="second", host='[":2056"]', http__listen="off", **SETTINGS)
    assert second.process.wait(20) != 0
    assert "another weir runs on it" in second.log()


def test_refusals(dispatcher, collect, link):
    """A dispatcher that weir may not join, or is in the other mode."""
    Filter(link, "skb")
    for settings, says in (({"input__xdp_dispatcher": "off"}, "with xdpfilt_alw_udp, and input.xdp_dispatcher=off"),
                           ({"input__xdp_mode": "native"}, "is in generic mode; set input.xdp_mode to auto")):
        weir = collect(wait=False, folder="-".join(settings), **SETTINGS, **settings)
        assert weir.process.wait(20) != 0
        assert says in weir.log()
    found = doctor(link, *DOCTOR, "-o", "input.xdp_dispatcher=off", lab.COLLECT_INTERFACE, status=1)
    assert found["xdp-programs", "stop"]["remedy"].startswith("input.xdp_dispatcher: auto")
    found = doctor(link, *DOCTOR, lab.COLLECT_INTERFACE)
    assert "room for weir" in found["xdp-programs", "ok"]["found"]


def test_stranger(collect, link, monkeypatch):
    """A program without a dispatcher leaves no room: refused, and what to do."""
    monkeypatch.setenv("LIBXDP_SKIP_DISPATCHER", "1")
    link.collector.run("xdp-filter", "load", lab.COLLECT_INTERFACE, "--features", "udp")
    weir = collect(wait=False, **SETTINGS)
    assert weir.process.wait(20) != 0
    assert 'the XDP program "xdpfilt_alw_udp"' in weir.log() and "without libxdp's dispatcher" in weir.log()
    found = doctor(link, *DOCTOR, lab.COLLECT_INTERFACE, status=1)
    assert "xdpfilt_alw_udp" in found["xdp-programs", "stop"]["found"]
    link.collector.run("ip", "link", "set", "dev", lab.COLLECT_INTERFACE, "xdp", "off")  # what it advises
    collect(folder="again", **SETTINGS)


def test_nowhere_to_pin(collect, monkeypatch, tmp_path):
    """Said before anything is attached."""
    monkeypatch.setenv("LIBXDP_BPFFS", str(tmp_path))
    weir = collect(wait=False, **SETTINGS, input__xdp_dispatcher="on")
    assert weir.process.wait(20) != 0
    assert "mount -t bpf" in weir.log()


def test_kernel_without_dispatchers(collect):
    """Where the kernel has no such programs, it is said, and nothing is attached."""
    if "program_type ext is available" in program_types():
        pytest.skip("this kernel has dispatchers")
    weir = collect(wait=False, **SETTINGS, input__xdp_dispatcher="on")
    assert weir.process.wait(20) != 0
    assert "input.xdp_dispatcher=off" in weir.log()
