# SPDX-License-Identifier: Apache-2.0
"""scripts/nic-setup: what it sets is what weir doctor advises, and its undo leaves everything as it was."""

import json
import os
import subprocess

from harness import ROOT
import lab
import pytest

MANY = "many0"  # an interface with queues to choose from


@pytest.fixture
def nic_setup(link, tmp_path):
    """Runs it on an interface of the collector's namespace; returns what it says it does."""
    state = tmp_path / "state"

    def run(interface, *options, root="", status=0):
        command = ROOT / "scripts" / "nic-setup", interface, "--state", state, *options
        done = subprocess.run(link.collector.inside(*command),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                              env={**os.environ, "NIC_SETUP_ROOT": str(root)})
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return done.stdout.splitlines()

    run.state = state
    return run


@pytest.fixture
def many(link):
    queues = "numrxqueues", "4", "numtxqueues", "4"
    link.collector.ip("link", "add", MANY, *queues, "type", "veth", "peer", "name", "peer0")
    link.collector.ip("link", "set", MANY, "up")
    link.collector.run("ethtool", "-L", MANY, "rx", "1")
    link.collector.run("ethtool", "-K", MANY, "rx-udp-gro-forwarding", "on")


def look(link):
    return [link.collector.run("ethtool", letter, MANY) for letter in ("-l", "-k")]


def advised(link):
    """Commands of weir doctor about the interface that nic-setup is for."""
    command = *lab.weir_command(), "doctor", "--json", "-o", "output.type=stdout", MANY
    done = subprocess.run(link.collector.inside(*command),
                          stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return [row["remedy"] for row in json.loads(done.stdout)["findings"]
            if row["interface"] and row["verdict"] == "change" and (row["remedy"] or "").startswith("ethtool")]


def test_what_doctor_advises(link, nic_setup, many):
    before, wanted = look(link), advised(link)
    assert f"ethtool -K {MANY} rx-udp-gro-forwarding off" in wanted
    options = ("--no-machine", "--queues", "2")
    planned = nic_setup(MANY, *options, "--dry-run")
    assert look(link) == before and not nic_setup.state.exists()
    assert nic_setup(MANY, *options) == planned
    assert advised(link) == [] and look(link) != before
    assert nic_setup(MANY, *options) == []  # nothing is left to do
    undone = nic_setup(MANY, "--undo", "--dry-run")
    assert len(undone) == len(planned) and look(link) != before
    assert nic_setup(MANY, "--undo") == undone
    assert look(link) == before and not nic_setup.state.exists()
    nic_setup(MANY, "--undo", status=1)


def tree_write(root):
    """A machine of files: two processors with frequencies and idle states, a NIC with three interrupts."""
    processor = "sys/devices/system/cpu/cpu{}"
    files = {"sys/devices/system/cpu/online": "0-1", "proc/sys/net/core/bpf_jit_enable": "0",
             "proc/sys/net/core/netdev_max_backlog": "1000",
             "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "7",
             "proc/interrupts": "  50: 1 1 PCI-MSI 0-edge nic-TxRx-0\n  51: 1 1 PCI-MSI 1-edge nic-TxRx-1\n"
                                "  52: 1 1 PCI-MSI 2-edge nic-config"}
    for number in range(2):
        files |= {f"{processor.format(number)}/cpufreq/scaling_governor": "powersave",
                  f"{processor.format(number)}/cpufreq/scaling_available_governors": "performance powersave",
                  f"{processor.format(number)}/cpuidle/state0/latency": "2",
                  f"{processor.format(number)}/cpuidle/state0/disable": "0",
                  f"{processor.format(number)}/cpuidle/state1/latency": "133",
                  f"{processor.format(number)}/cpuidle/state1/disable": "0"}
    for number in 50, 51, 52:
        files |= {f"proc/irq/{number}/smp_affinity_list": "0-1", f"proc/irq/{number}/effective_affinity_list": "1",
                  f"sys/class/net/{lab.COLLECT_INTERFACE}/device/msi_irqs/{number}": "msix"}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def tree_read(root):
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_machine(link, nic_setup, tmp_path):
    root = tmp_path / "root"
    tree_write(root)
    before = tree_read(root)
    nic_setup(lab.COLLECT_INTERFACE, "--hugepages", "64", root=root)
    changed = {name: text.strip() for name, text in tree_read(root).items() if text != before[name]}
    cpu = "sys/devices/system/cpu/cpu"
    assert changed == {
        f"{cpu}0/cpufreq/scaling_governor": "performance", f"{cpu}1/cpufreq/scaling_governor": "performance",
        f"{cpu}0/cpuidle/state1/disable": "1", f"{cpu}1/cpuidle/state1/disable": "1",
        "proc/irq/50/smp_affinity_list": "1", "proc/irq/51/smp_affinity_list": "0",
        "proc/sys/net/core/bpf_jit_enable": "1", "proc/sys/net/core/netdev_max_backlog": "2000",
        "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "64"}
    (root / "proc/irq/50/smp_affinity_list").write_text("0\n")  # somebody else's, meanwhile
    nic_setup(lab.COLLECT_INTERFACE, "--cpus", "1", root=root)  # again, otherwise: what was first is kept
    nic_setup(lab.COLLECT_INTERFACE, "--undo", root=root)
    assert tree_read(root) == before


def test_command_line(nic_setup):
    nic_setup("nowhere0", status=1)
    for wrong in (("--queues", "many"), ("--cpus", "1;2"), ("--what",), ("--queues",), ("second0",)):
        nic_setup(lab.COLLECT_INTERFACE, *wrong, status=2)
    assert nic_setup(lab.COLLECT_INTERFACE, "--help")[0].startswith("usage: nic-setup")
