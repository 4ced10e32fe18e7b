# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of a running weir go, by perf: kernel and driver, receiving, decoding, encoding, output."""

import collections
import pathlib
import re
import shutil
import signal
import subprocess

# What weir's functions are for, by where their object files are in the build folder; the first that fits.
OBJECTS = (("export/libexport.a.p/encode_*.o", "encoding"), ("export/**/*.o", "batches"), ("enrich/**/*.o", "encoding"),
           ("decode/**/*.o", "decoding"), ("dataplane/**/*.o", "receiving"), ("base/**/text*.o", "encoding"),
           ("base/**/base64*.o", "encoding"), ("base/**/*.o", "rings and counters"))
PARTS = ("kernel and driver", "receiving", "decoding", "encoding", "batches", "rings and counters", "libraries",
         "outputs' threads", "other threads")
FREQUENCY = 1997  # samples a second, at most; a prime, so as not to beat with what is done once a millisecond
SAMPLE = re.compile(r"\s*(?P<thread>\S.*?)\s+[0-9a-f]+ (?P<symbol>.*) \((?P<object>.*)\)$")


def lacks():
    """Why there are no shares here; None if there are."""
    return None if shutil.which("perf") else "perf is not installed (linux-perf)"


class Recording:
    """perf on all threads of a process, from now on."""

    def __init__(self, pid, path):
        self.path = path
        self.process = subprocess.Popen(["perf", "record", "-q", "-F", str(FREQUENCY), "-p", str(pid), "-o", str(path)],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def shares(self, build):
        """Ends it. Returns each part's share of the samples; {} if there are none."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        text = subprocess.run(["perf", "script", "-i", str(self.path), "-F", "comm,ip,sym,dso", "--no-inline"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        purposes = purposes_of(build)
        counts = collections.Counter(part_of(match, purposes) for match in map(SAMPLE.match, text.splitlines())
                                     if match)
        total = sum(counts.values())
        return {part: counts[part] / total for part in PARTS if counts[part]}


def part_of(sample, purposes):
    if sample["thread"].startswith("weir-out-") or sample["thread"].startswith("rdk:"):
        return "outputs' threads"
    if not sample["thread"].startswith("weir-worker-"):
        return "other threads"
    if sample["object"].startswith("[") and sample["object"] != "[vdso]":
        return "kernel and driver"
    return purposes.get(sample["symbol"], "libraries") if sample["object"].endswith("/weir") else "libraries"


def purposes_of(build):
    """Of each function of weir, by the object file that has it."""
    purposes = {}
    for pattern, purpose in OBJECTS:
        for path in pathlib.Path(build).glob(pattern):
            names = subprocess.run(["nm", "--defined-only", str(path)], stdout=subprocess.PIPE, text=True,
                                   check=False).stdout
            for line in names.splitlines():
                kind, name = line.split()[-2:]
                if kind in "tT":
                    purposes.setdefault(name, purpose)
    return purposes


def table(shares):
    """Columns of (name, shares), in Markdown."""
    lines = ["| share of weir's cycles | " + " | ".join(name for name, _ in shares) + " |",
             "|---|" + "---|" * len(shares)]
    for part in PARTS:
        if any(part in found for _, found in shares):
            lines.append(f"| {part} | " + " | ".join(f"{found.get(part, 0):.1%}" for _, found in shares) + " |")
    return "\n".join(lines)
