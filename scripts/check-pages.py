#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every file that a page for people names is there, and so is every page that another one links to."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = "app|base|bench|blast|bpf|config|dataplane|decode|deploy|docs|enrich|export|scripts|tests"
NAMED = re.compile(rf"(?<![\w/.-])((?:{FOLDERS})/[\w./*-]*\w)")
LINKED = re.compile(r"\]\((?!https?:)([^)#]+)")
GENERATED = {"options.md", "fields.md", "elements.md", "counters.md"}  # from the tables: checked against those


def faults(page):
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for name in NAMED.findall(line):
            if not list(ROOT.glob(name)) and not re.search(r"(NAME|my-case)", name):
                yield f"{page.relative_to(ROOT)}:{number}: there is no {name}"
        for name in LINKED.findall(line):
            if not (page.parent / name).exists():
                yield f"{page.relative_to(ROOT)}:{number}: the link to {name} leads nowhere"


def main():
    pages = [*ROOT.glob("*.md"), *(page for page in (ROOT / "docs").glob("*.md") if page.name not in GENERATED)]
    found = [fault for page in sorted(pages) for fault in faults(page)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(pages)} pages" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
