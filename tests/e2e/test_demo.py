# SPDX-License-Identifier: Apache-2.0
"""The demonstration: shows all versions, balances, and leaves nothing behind, however it ends."""

import glob
import signal
import subprocess
import sys
import time

from harness import ROOT
import pytest

DEMO = [sys.executable, str(ROOT / "scripts" / "demo.py")]


def left_behind():
    return glob.glob("/var/run/netns/weir-demo-*") + glob.glob("/tmp/weir-demo-*")


def start(*arguments, command=DEMO):
    return subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_demo(rights):
    demo = start("--seconds", "12")
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, output
    for version in (5, 9, 10):
        assert f'"version": {version},' in output
    assert "AF_XDP" in output and "the ledger balances" in output
    assert left_behind() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_demo_interrupted(rights, how):
    demo = start()
    for line in demo.stdout:
        if "documents  " in line:  # of the line of rates
            break
    demo.send_signal(how)
    output, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0, output
    assert left_behind() == []


def test_demo_without_rights(rights):
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "HOME=/tmp",
              "PYTHONDONTWRITEBYTECODE=1"]
    command = [*nobody, "/usr/bin/python3", *DEMO[1:]]  # a Python that others may run, too
    readable = subprocess.run([*command, "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False)
    if readable.returncode:
        pytest.skip("others than root cannot read this folder")
    demo = start("--seconds", "6", command=command)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, output
    assert "loopback" in output and "the ledger balances" in output
    time.sleep(0.1)
    assert left_behind() == []
