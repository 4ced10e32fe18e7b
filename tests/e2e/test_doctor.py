# SPDX-License-Identifier: Apache-2.0
"""weir doctor on a wire of the lab: what it finds, and that what it advises mends it."""

import json
import re
import shlex
import subprocess

from harness import DPDK_MODULE, ROOT, dpdk
import lab
import pytest

XDP = ("-o", "input.backend=xdp", "-o", "output.type=stdout", "-o", "http.listen=off")
WITHOUT = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
DPDK = (*(part for key, value in dpdk("net_null0").items() for part in ("-o", f"{key}={value}")), *XDP[2:])


def doctor(link, *arguments, prefix=(), status=0):
    """All findings as (check, verdict): finding; with this exit status, None being any."""
    done = subprocess.run(link.collector.inside(*prefix, *lab.weir_command(), "doctor", "--json", *arguments),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == status or status is None, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert sum(found["counts"].values()) == len(found["findings"])
    assert (found["counts"]["stop"] != 0) == (done.returncode == 1)
    return {(row["check"], row["verdict"]): row for row in found["findings"]}


def mend(link, finding):
    """What it advises, done."""
    link.collector.run(*shlex.split(finding["remedy"], comments=True))


def test_every_check_is_documented(link):
    found = {check for check, _ in doctor(link, *XDP, lab.COLLECT_INTERFACE)}
    found |= {check for check, _ in doctor(link, *DPDK, status=None)}
    page = set(re.findall(r"^\| ([a-z-]+) \| (?:interface|machine)", (ROOT / "docs" / "doctor.md").read_text(), re.M))
    assert found == page


def test_prepared(link):
    found = doctor(link, *XDP, lab.COLLECT_INTERFACE)
    for check in ("state", "xdp", "xdp-programs", "mtu", "capabilities", "ports"):
        assert (check, "ok") in found, found
    assert "native" in found["xdp", "ok"]["found"]
    assert found["driver", "ok"]["found"].startswith("veth")


def test_advice_mends(link):
    """An interface that is down, with a large MTU: its commands, then all is well."""
    link.collector.ip("link", "set", lab.COLLECT_INTERFACE, "mtu", "9000", "down")
    found = doctor(link, *XDP, lab.COLLECT_INTERFACE)
    mend(link, found["state", "change"])
    if ("mtu", "ok") in found:  # Linux 6.6
        assert "come in pieces" in found["mtu", "ok"]["found"]
    else:
        mend(link, found["mtu", "change"])
    found = doctor(link, *XDP, lab.COLLECT_INTERFACE)
    assert ("state", "ok") in found and ("mtu", "ok") in found


def test_zero_copy_that_is_not_there(link):
    found = doctor(link, *XDP, "-o", "input.zero_copy=on", lab.COLLECT_INTERFACE, status=1)
    assert found["xdp", "stop"]["remedy"].startswith("input.zero_copy: auto")
    doctor(link, *XDP, "-o", "input.zero_copy=auto", lab.COLLECT_INTERFACE)


def test_beside_weir(collect, link):
    """Ports and interface are another weir's."""
    collect(**{"input.backend": "xdp", "input.interface": lab.COLLECT_INTERFACE})
    found = doctor(link, *XDP, lab.COLLECT_INTERFACE, status=1)
    assert "another weir" in found["xdp-programs", "change"]["found"]
    assert found["ports", "stop"]["remedy"].startswith("ss -lunp")


def test_without_rights(link):
    """Each capability that is missing, and what cannot be written to."""
    row = [*XDP[:2], "-o", "output.path=/root/flows-%i.ndjson", lab.COLLECT_INTERFACE]
    found = doctor(link, *row, prefix=WITHOUT, status=1)
    assert ("capabilities", "stop") in found and ("folders", "stop") in found
    assert "sockets" in doctor(link, "-o", "output.type=stdout", prefix=WITHOUT)["capabilities", "change"]["found"]


def test_nothing_to_read(link):
    """Neither /proc nor /sys: it says so, and comes to an end."""
    hidden = "mount -t tmpfs none /sys && mount -t tmpfs none /proc && exec \"$@\""
    found = doctor(link, *XDP, lab.COLLECT_INTERFACE, prefix=("unshare", "-m", "sh", "-c", hidden, "sh"))
    for check in ("numa", "interrupts", "isolation", "memory", "kernel-options", "sysctls", "capabilities"):
        assert (check, "unknown") in found, found


def test_dpdk(link):
    """A device that is there, in memory that is there: nothing stops weir; then each advice that can be tried here."""
    if not DPDK_MODULE.exists():
        pytest.skip("built without the module for DPDK")
    good = doctor(link, *DPDK)
    for check in ("module", "devices", "iommu", "memory", "rights", "eal"):
        assert (f"dpdk-{check}", "ok") in good, good
    there = f"net_af_packet0,iface={lab.COLLECT_INTERFACE}"
    found = doctor(link, *DPDK, "-o", 'input.dpdk.devices=["net_af_packet0,iface=nowhere0"]', status=1)
    mend(link, found["dpdk-devices", "stop"])
    doctor(link, *DPDK, "-o", f'input.dpdk.devices=["{there}"]')
    found = doctor(link, *DPDK, "-o", f'input.dpdk.devices=["{there}"]', prefix=WITHOUT, status=1)
    assert "CAP_NET_RAW" in found["dpdk-rights", "stop"]["found"]
    found = doctor(link, *DPDK, "-o", "input.dpdk.memory=16MiB", "-o", "workers=4", status=1)
    wanted = found["dpdk-memory", "stop"]["remedy"].split("#")[0].replace(": ", "=").strip()
    doctor(link, *DPDK, "-o", wanted, "-o", "workers=4")
