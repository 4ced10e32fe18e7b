#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No function is longer than 80 lines or takes more than five parameters, but for the exceptions named here."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("base", "config", "bpf", "decode", "enrich", "export", "dataplane", "blast", "app", "bench", "tests")
LINES_MOST = 80
PARAMETERS_MOST = 5

# "path:function": the reason. Each entry must still be needed, or the check fails.
EXCEPTIONS = {
    "app/http/server.c:request_take": "libmicrohttpd calls it with these",
    "export/kafka/lz4_codec.c:LZ4F_compressUpdate": "liblz4 says what it takes",
}

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def blank(match):
    """What stands for a comment or a text: as many lines, nothing on them."""
    return "\n" * match.group().count("\n") or "0"


def functions(text):
    """(name, parameters, first line, lines) of each definition: braces of functions stand in the first column."""
    lines = COMMENT_OR_TEXT.sub(blank, text).splitlines()
    head_from = 0
    opened = None
    for number, line in enumerate(lines):
        if line == "{":
            opened = number
        elif line.startswith("}"):
            if opened is not None:
                head = " ".join(lines[head_from:opened])
                match = NAME.search(head)
                if match:
                    yield match.group(1), parameters(head[match.end():]), head_from + 1, number - opened + 1
            opened = None
            head_from = number + 1
        elif opened is None and (not line.strip() or line.startswith("#") or line.endswith(";")):
            head_from = number + 1


def parameters(text):
    """How many parameters stand before the parenthesis that closes the list."""
    depth, commas, seen = 1, 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            break
        commas += character == "," and depth == 1
        seen += character
    return 0 if seen.strip() in ("", "void") else commas + 1


def main():
    found, used, count = [], set(), 0
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            relative = path.relative_to(ROOT)
            for name, arguments, first, length in functions(path.read_text()):
                count += 1
                if length <= LINES_MOST and arguments <= PARAMETERS_MOST:
                    continue
                key = f"{relative}:{name}"
                if key in EXCEPTIONS:
                    used.add(key)
                elif length > LINES_MOST:
                    found.append(f"{relative}:{first}: {name} has {length} lines, more than {LINES_MOST}")
                else:
                    found.append(f"{relative}:{first}: {name} has {arguments} parameters, more than {PARAMETERS_MOST}")
    found += [f"scripts/check-functions.py: exception {key} is not needed" for key in EXCEPTIONS if key not in used]
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{count} functions" if not found else f"{len(found)} faults", file=sys.stderr)
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
