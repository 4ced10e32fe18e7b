#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/generate-elements.py takes the tables of decode/ as they are, and refuses rows that could not be true."""

import contextlib
import importlib.util
import io
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLES = ["elements.csv", "enterprises.csv", "element_sources.csv"]
L7 = "35632,118,L7_PROTO,"

# What is wrong: the table, the row by its beginning, what to put in its place, and a word of the refusal.
WRONG = {
    "not sorted": ("elements.csv", "9,4251,", "9,4250,x,unsigned8,,,yaf,short,no,,\n9,4249,", "not sorted"),
    "a row twice": ("elements.csv", "35632,118,", "35632,118,x,unsigned8,,,yaf,short,no,,\n35632,118,", "there twice"),
    "a name twice": ("elements.csv", "35632,119,L7_PROTO_NAME,", "35632,119,L7_PROTO,", "another element of that name"),
    "no such type": ("elements.csv", f"{L7}unsigned16,", f"{L7}unsigned17,", "unknown type"),
    "an odd Elasticsearch type": ("elements.csv", f"{L7}unsigned16,,,ntop,integer", f"{L7}unsigned16,,,ntop,long",
                                  "another Elasticsearch type"),
    "no such source": ("elements.csv", f"{L7}unsigned16,,,ntop,", f"{L7}unsigned16,,,hearsay,", "element_sources.csv"),
    "no such enterprise": ("elements.csv", "43874,3,", "43875,3,", "enterprises.csv"),
    "IANA's key": ("elements.csv", "23867,22,fromZone,", "23867,22,userName,", "another field's"),
    "a key of another type": ("elements.csv", "23867,22,fromZone,", "23867,22,l7_proto,", "another field's"),
    "a fixed field's key": ("elements.csv", "23867,22,fromZone,", "23867,22,exporter,", "another field's"),
    "no field's name": ("elements.csv", "23867,22,fromZone,string,,,edgeconnect,keyword,no,,",
                        "23867,22,fromZone,string,,,edgeconnect,keyword,no,,from.zone", "no field's name"),
    "a column too many": ("elements.csv", "23867,22,", "23867,22,,", "columns"),
    "an enterprise without elements": ("enterprises.csv", "9,", "8,Nobody\n9,", "no element is of 8"),
    "a source without elements": ("element_sources.csv", "iana,", "hearsay,Hearsay,https://example.org\niana,",
                                  "no element is of hearsay"),
    "enterprises not sorted": ("enterprises.csv", "9,", "10,Nobody\n9,", "not sorted"),
    "a source without an address": ("element_sources.csv", "iana,", "hearsay,Hearsay,\niana,", "a column is empty"),
}


def generator():
    spec = importlib.util.spec_from_file_location("generate_elements", ROOT / "scripts" / "generate-elements.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def refusal(module, texts, folder):
    """What the generator says of these tables, or None."""
    for name, text in texts.items():
        (folder / name).write_text(text)
    sys.argv = ["generate-elements.py", *(str(folder / name) for name in (*TABLES, "out.c"))]
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            module.main()
    except SystemExit as stopped:
        return str(stopped.code)
    return None


def main():
    module, found = generator(), []
    texts = {name: (ROOT / "decode" / name).read_text() for name in TABLES}
    with tempfile.TemporaryDirectory() as folder:
        said = refusal(module, texts, pathlib.Path(folder))
        found += [f"the tables are refused: {said}"] if said else []
        for what, (name, old, new, word) in WRONG.items():
            text = texts[name]
            if f"\n{old}" not in text:
                found.append(f"{what}: there is no row {old} to change")
                continue
            said = refusal(module, {**texts, name: text.replace(f"\n{old}", f"\n{new}", 1)}, pathlib.Path(folder))
            if not said or word not in said:
                found.append(f"{what}: expected a refusal with \"{word}\", got {said}")
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(WRONG)} wrong tables refused" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
