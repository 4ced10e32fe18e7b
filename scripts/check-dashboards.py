#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboards of deploy/ are what scripts/generate-dashboards.py writes; documents have every field they name."""

import importlib.util
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIELD = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
KEY = re.compile(r"^\|(?: [^|]* \|){3} `([^`]+)` \|", re.MULTILINE)
QUERIED = re.compile(r"([@\w.]+)\s*:")
IN_SCRIPT = re.compile(r"doc\['([^']+)'\]")


def generator():
    spec = importlib.util.spec_from_file_location("generator", ROOT / "scripts" / "generate-dashboards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented():
    """Fields of docs/fields.md, and the elements where documents can have them."""
    keys = KEY.findall((ROOT / "docs" / "elements.md").read_text())
    fields = set(FIELD.findall((ROOT / "docs" / "fields.md").read_text()))
    return fields | {f"netflow.{below}{key}" for key in keys for below in ("", "scope.", "options.")}


def values(node):
    """(name, value) of every member, also of JSON inside texts."""
    if isinstance(node, str) and node[:1] in ("{", "["):
        try:
            node = json.loads(node)
        except ValueError:  # a script may begin so, too
            return
    if isinstance(node, list):
        for item in node:
            yield from values(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            yield name, value
            yield from values(value)


def named(document):
    """Every field that the dashboards look at."""
    for name, value in values(document):
        if name in ("field", "timeField", "timeFieldName"):
            yield value
        elif name == "query" and isinstance(value, str):
            yield from QUERIED.findall(value)
        elif name in ("script", "source") and isinstance(value, str):
            yield from IN_SCRIPT.findall(value)
        elif name == "fieldFormatMap":
            yield from json.loads(value)


def documents_of(text):
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


def main():
    made = generator()
    found, count, known = [], 0, {*documented(), made.DELAY}
    for path, text in made.files().items():
        name = path.relative_to(ROOT)
        if not path.exists() or path.read_text() != text:
            found.append(f"{name} is not current: run scripts/generate-dashboards.py")
        fields = {field for document in documents_of(text) for field in named(document)}
        count += len(fields)
        found += [f"{name}: no document has the field {field}" for field in sorted(fields - known)]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{count} fields" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
