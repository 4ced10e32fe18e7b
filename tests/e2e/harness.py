# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests import: ways to receive, and the end that each test comes to."""

import contextlib
import itertools
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "tools")]
import lab  # noqa: E402

DPDK_MODULE = pathlib.Path(lab.weir_command()[-1]).parent / "weir-dpdk.so"


def dpdk(device):
    """Settings that have weir take a virtual device of DPDK's, in little memory."""
    return {"input.backend": "dpdk", "input.dpdk.devices": f'["{device}"]', "input.dpdk.hugepages": "false",
            "input.dpdk.memory": "96MiB", "input.frames": "2048"}


# How weir receives: settings that make it so.
BACKENDS = {
    "native": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "native"},
    "generic": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "generic"},
    "socket": {"input.backend": "socket", "workers": "2", "read_buffer": "8MiB"},
    # The kernel puts fragments together for a packet socket of this kind: its frames have to have room for them.
    "dpdk": {**dpdk(f"net_af_packet0,iface={lab.COLLECT_INTERFACE},blocksz=65536,framesz=8192,framecnt=1024"),
             "input.dpdk.mtu": "9000", "input.frames": "1024"},
}


def wander(process, seconds):
    """Has the process go from processor to processor until it ends, staying so long on each."""
    for processor in itertools.cycle(sorted(os.sched_getaffinity(0))):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, {processor})
        time.sleep(seconds)


def check_stop(weir, documents=None):
    """Ends weir: status 0, balanced ledger, as many whole lines as the ledger says. Returns (documents, ledger)."""
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    found = weir.documents()
    assert len(found) == lab.counter(ledger, "records_delivered"), weir.log()
    assert documents is None or len(found) == documents, weir.log()
    return found, ledger
