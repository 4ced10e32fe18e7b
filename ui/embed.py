#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files as a C table: embed.py OUTPUT FILE... (struct console_file of app/http/console.h)."""

import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8"}
BYTES_A_LINE = 24


def array(number, content):
    rows = [",".join(map(str, content[at:at + BYTES_A_LINE])) for at in range(0, len(content), BYTES_A_LINE)]
    return f"static const unsigned char file_{number}[] = {{\n" + ",\n".join(rows) + "};\n"


def row(number, path, content):
    tag = hashlib.sha256(content).hexdigest()[:32]
    # Weak, since the bytes may be compressed on their way (RFC 9110 8.8.1).
    return (f'    {{"{path.name}", "{TYPES[path.suffix]}", "W/\\"{tag}\\"", file_{number}, sizeof file_{number}}},\n')


def main():
    output, *names = sys.argv[1:]
    files = [(number, path, path.read_bytes()) for number, path in enumerate(map(pathlib.Path, names))]
    text = '/* Made by ui/embed.py. */\n#include "app/http/console.h"\n\n'
    text += "\n".join(array(number, content) for number, _, content in files)
    text += "\nconst struct console_file console_files[] = {\n"
    text += "".join(row(*file) for file in files)
    text += f"}};\n\nconst unsigned console_file_count = {len(files)};\n"
    pathlib.Path(output).write_text(text)


if __name__ == "__main__":
    main()
