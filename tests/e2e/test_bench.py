# SPDX-License-Identifier: Apache-2.0
"""Benches that are programs of their own start, measure and end. What they measure is nobody's business here."""

import pathlib
import subprocess

import lab


def test_scrape():
    program = pathlib.Path(lab.weir_command()[-1]).parent.parent / "bench" / "weir-bench-scrape"
    done = subprocess.run([program, "50"], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    pages = [row for row in rows[2:] if row[0] != "nothing"]
    assert len(pages) == 6
    assert all(int(row[5]) >= 1 and int(row[8]) > 100 for row in pages), done.stdout
