# SPDX-License-Identifier: Apache-2.0
"""When datagrams came: by the XDP program, though a worker took them from the ring much later."""

import datetime
import signal
import time

import exports
from exports import RECORDS
from harness import BACKENDS, check_stop
import lab
import pytest

ASLEEP = 1.5  # seconds


def created(document):
    return datetime.datetime.fromisoformat(document["event"]["created"].replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_time_of_receipt(collect, send, mode):
    """weir is stopped while they come. In native mode the program is the one for this device; veth has no time."""
    weir = collect(**BACKENDS[mode], input__xdp_hints="true")
    assert ("the NIC's time, where it has one" in weir.log()) == (mode == "native" and driver_tells())
    weir.process.send_signal(signal.SIGSTOP)
    before = time.time()
    send(exports.v9(20), rate=2000)
    after = time.time()
    time.sleep(ASLEEP)
    weir.process.send_signal(signal.SIGCONT)
    weir.wait_documents(20 * RECORDS)
    documents, ledger = check_stop(weir, 20 * RECORDS)
    times = [created(document) for document in documents]
    assert before - 0.01 < min(times) and max(times) < after + 0.01, (before, after, min(times), max(times))
    assert lab.counter(ledger, "packets_timed_kernel") == 20 == lab.counter(ledger, "xdp_redirected")
    assert lab.counter(ledger, "packets_timed_nic") == 0


def driver_tells():
    """Linux 6.6 and newer say whether a driver has the NIC's time; that of veth pairs can."""
    major, minor = (int(part) for part in lab.must("uname", "-r").split(".")[:2])
    return (major, minor) >= (6, 6)


def test_time_without_hints(collect, send):
    """The worker's clock: when it took them."""
    weir = collect(**BACKENDS["native"])
    weir.process.send_signal(signal.SIGSTOP)
    send(exports.v9(5))
    time.sleep(ASLEEP)
    woken = time.time()
    weir.process.send_signal(signal.SIGCONT)
    weir.wait_documents(5 * RECORDS)
    documents, ledger = check_stop(weir, 5 * RECORDS)
    assert min(map(created, documents)) > woken - 0.01
    assert lab.counter(ledger, "packets_timed_kernel") == 0
