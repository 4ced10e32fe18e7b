#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file says its licence and stays below 500 lines of 120 columns; headers are guarded; BPF programs state
to the kernel the licence that their first line states to people."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MOST = 500
COLUMNS_MOST = 120
SPDX = "SPDX-License-Identifier: "
PRODUCT = "Apache-2.0"
SUFFIXES = {".c", ".h", ".py", ".build", ".sh"}
SCRIPTS = {"scripts", ".ci"}
# What the kernel must be told of a BPF program with that SPDX expression.
KERNEL_NAMES = {("Apache-2.0",): "Apache-2.0", ("GPL-2.0-only",): "GPL v2",
                ("BSD-2-Clause", "GPL-2.0-only"): "Dual BSD/GPL"}
BPF_LICENSE = re.compile(r'SEC\("license"\)[^;]*=\s*"([^"]*)"|\w+\[\]\s+SEC\("license"\)\s*=\s*"([^"]*)"')
BPF_WITHIN = re.compile(r'^#include "bpf/\w+\.bpf\.c"', re.M)


def sources():
    """What git knows or would know: no build folders."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for name in sorted(set(listed)):
        path = ROOT / name
        if not path.is_file() or path.parts[len(ROOT.parts):][:2] == ("tests", "golden") and path.suffix != ".py":
            continue
        if path.suffix in SUFFIXES or (pathlib.Path(name).parts[0] in SCRIPTS and path.suffix == ""):
            yield pathlib.Path(name), path.read_text()


def license_faults(name, lines):
    said = next((line.split(SPDX)[1].removesuffix("*/").strip() for line in lines[:3] if SPDX in line), None)
    if said is None:
        yield f"{name}:1: no SPDX line"
    elif said != PRODUCT and name.parts[0] != "bpf":
        yield f"{name}:1: licence {said}, not {PRODUCT}"
    elif name.parts[0] == "bpf" and name.suffix == ".c":
        text = "\n".join(lines)
        if BPF_WITHIN.search(text):
            return  # the kernel is told by the program that it includes
        match = BPF_LICENSE.search(text)
        told = match and (match.group(1) or match.group(2))
        if told is None:
            yield f"{name}: no SEC(\"license\")"
        elif told != KERNEL_NAMES.get(tuple(sorted(said.split(" OR ")))):
            yield f"{name}: tells the kernel {told}, and people {said}"


def shape_faults(name, lines):
    if name.suffix in (".c", ".h") and name.parts[0] != "tests" and len(lines) > LINES_MOST:
        yield f"{name}: {len(lines)} lines, more than {LINES_MOST}: two files"
    if name.suffix == ".h" and "#pragma once" not in lines:
        yield f"{name}: no #pragma once"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MOST and name.suffix in (".c", ".h", ".py"):
            yield f"{name}:{number}: {len(line)} columns, more than {COLUMNS_MOST}"
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the end of the line"
        if "\t" in line and name.suffix in (".c", ".h", ".py"):
            yield f"{name}:{number}: tab"


def main():
    found, count = [], 0
    for name, text in sources():
        count += 1
        lines = text.splitlines()
        found += [*license_faults(name, lines), *shape_faults(name, lines)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{count} files" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
