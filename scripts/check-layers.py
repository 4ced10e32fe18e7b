#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A folder includes only itself and the folders that stand to its left; nothing includes tests or bench."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ("base", "config", "decode", "enrich", "export", "dataplane", "blast", "app")
SHARED = "bpf"  # constants that the BPF programs share with user space: a leaf that the dataplane may read
FREE = ("tests", "bench")  # may include anything; nothing includes them
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def allowed(folder):
    if folder == SHARED:
        return {SHARED}
    if folder in FREE:
        return {*ORDER, SHARED, folder}
    seen = {*ORDER[:ORDER.index(folder) + 1]}
    return seen | {SHARED} if folder in ("dataplane", "blast", "app") else seen


def faults(path):
    relative = path.relative_to(ROOT)
    folder = relative.parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1)
        top = target.split("/")[0]
        if "/" not in target:
            if folder != SHARED and not (folder in FREE and (path.parent / target).exists()):
                yield f'{relative}:{number}: include "{target}" from the root: "{folder}/{target}"'
        elif top not in allowed(folder):
            yield f"{relative}:{number}: {folder}/ must not include {target}: {top}/ stands to its right"


def main():
    found, files = [], 0
    for folder in (*ORDER, SHARED, *FREE):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            files += 1
            found += faults(path)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{files} files in include order" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
