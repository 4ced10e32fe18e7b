# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests import: ways to receive, and the end that each test comes to."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "tools")]
import lab  # noqa: E402

# How weir receives: settings that make it so.
BACKENDS = {
    "native": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "native"},
    "generic": {"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE, "input.xdp_mode": "generic"},
    "socket": {"input.backend": "socket", "workers": "2", "read_buffer": "8MiB"},
}


def check_stop(weir, documents=None):
    """Ends weir: status 0, balanced ledger, as many whole lines as the ledger says. Returns (documents, ledger)."""
    assert weir.stop() == 0, weir.log()
    ledger = weir.ledger()
    assert lab.unbalanced(ledger) == [], ledger
    found = weir.documents()
    assert len(found) == lab.counter(ledger, "records_delivered"), weir.log()
    assert documents is None or len(found) == documents, weir.log()
    return found, ledger
