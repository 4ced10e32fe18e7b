# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the lab of two namespaces, weir in one of them, senders in the other."""

import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import time

import pytest
from harness import BACKENDS, DPDK_MODULE, HERE, lab  # first: it says where the others find theirs
from collector import Collector
from faults import figures, target, trial  # noqa: F401
from sent import Load, Sent
from servers import elasticsearch, kafka, kafka_3, opensearch, opensearch_tls, place, search  # noqa: F401

PREFIX = "weir-e2e"
PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
PAGES_WANTED = 128  # of 2 MiB: others may take some between


def pytest_configure(config):
    config.addinivalue_line("markers", "light: quick enough to run under the sanitizers, too")
    config.addinivalue_line("markers", "kafka: has threads that the thread sanitizer does not know")
    config.addinivalue_line("markers", "long: only by scripts/test long, or faults")


def takes_long(item):
    """Marked so, or one more round of a test, for DPDK's sake, that is not light."""
    dpdk = hasattr(item, "callspec") and item.callspec.params.get("backend") == "dpdk"
    return item.get_closest_marker("long") or (dpdk and not item.get_closest_marker("light"))


def is_wanted(item):
    """TEST_LONG: those that take long, too. TEST_LANE: those beside servers, or the others: two runs at a time."""
    lane = "servers" if "place" in item.fixturenames else "others"
    return ("TEST_LONG" in os.environ or not takes_long(item)) and \
        os.environ.get("TEST_LANE", lane) == lane


def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = [item for item in items if is_wanted(item)]


@pytest.fixture(scope="session")
def rights():
    reason = lab.lack_of_rights()
    if reason:
        pytest.skip(reason)
    lab.remove_stale(PREFIX)


@pytest.fixture(autouse=True)
def memory(monkeypatch):
    """A folder in memory for what outlives a kill, as systemd gives one; nothing of it stays behind."""
    folder = tempfile.mkdtemp(prefix="weir-e2e-", dir="/dev/shm")
    monkeypatch.setenv("RUNTIME_DIRECTORY", folder)
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def link(rights):
    made = lab.Link(PREFIX)
    yield made
    made.close()


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The settings of each way to receive, in turn."""
    if request.param == "dpdk" and not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")
    return BACKENDS[request.param]


@pytest.fixture
def collect(link, tmp_path):
    """Starts weir in the collector's namespace, ready to receive."""
    started = []

    def start(wait=True, folder="out", file=None, **settings):
        settings = {key.replace("__", "."): value for key, value in settings.items()}
        weir = lab.Weir(tmp_path / folder, link.collector.start, settings, file)
        started.append(weir)
        return weir.wait_ready() if wait else weir

    yield start
    for weir in started:
        lab.end(weir.process)


@pytest.fixture
def send(link, tmp_path):
    """Sends datagrams from the exporter's namespace, or frames."""
    script = HERE / "send.py"

    def write(items):
        path = tmp_path / "items"
        path.write_bytes(b"".join(struct.pack(">I", len(item)) + item for item in items))
        return path

    def datagrams(payloads, host=lab.COLLECTOR, port=2055, **options):
        more = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
        link.exporter.run(sys.executable, script, "datagrams", host, port, write(payloads), *more)

    def frames(items, interface=lab.EXPORT_INTERFACE, rate=5000):
        link.exporter.run(sys.executable, script, "frames", interface, write(items), "--rate", rate)

    datagrams.frames = frames
    return datagrams


def free_pages():
    return int(re.search(r"HugePages_Free:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])


def change_pages(number):
    PAGES.write_text(str(max(0, int(PAGES.read_text()) + number)))


@pytest.fixture
def hugepages():
    """Enough huge pages, given back afterwards: others may take some, and change their number, meanwhile."""
    added, until = 0, time.monotonic() + 5
    try:
        while (lacking := PAGES_WANTED - free_pages()) > 0 and time.monotonic() < until:
            change_pages(lacking)
            added += lacking
            time.sleep(0.1)
        if lacking > 0:
            pytest.skip("no room for huge pages")
        yield
    except OSError as error:
        pytest.skip(f"no huge pages: {error}")
    finally:
        change_pages(-added)


# --- beside the servers ---

@pytest.fixture
def run(place, tmp_path):
    """Starts weir beside the servers with a configuration (see collector.Collector), ready to receive."""
    started = []

    def start(configuration, folder="out", wait=True, environment=None):
        weir = Collector(tmp_path / folder, place.link.collector, configuration, environment)
        started.append(weir)
        return weir.wait_ready() if wait else weir

    yield start
    for weir in started:
        lab.end(weir.process)


@pytest.fixture
def load(place):
    """Sends what can be told apart again: load(count=100) all at once, load() until its stop()."""
    started = []

    def start(sent=None, count=0, rate=50, **more):
        sent = sent or Sent(**more)
        going = Load(place.link.exporter, sent, rate, count)
        started.append(going)
        return going.wait() if count else going

    yield start
    for going in started:
        lab.end(going.process)
