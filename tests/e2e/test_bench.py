# SPDX-License-Identifier: Apache-2.0
"""Benches that are programs of their own start, measure and end. What they measure is nobody's business here."""

import json
import pathlib
import subprocess
import sys

import lab
import pytest


def test_scrape():
    program = pathlib.Path(lab.weir_command()[-1]).parent.parent / "bench" / "weir-bench-scrape"
    done = subprocess.run([program, "50"], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    pages = [row for row in rows[2:] if row[0] != "nothing"]
    assert len(pages) == 6
    assert all(int(row[5]) >= 1 and int(row[8]) > 100 for row in pages), done.stdout


@pytest.mark.usefixtures("rights")
def test_streams(tmp_path):
    program = pathlib.Path(lab.ROOT) / "bench" / "streams.py"
    result = tmp_path / "result.json"
    subprocess.run([sys.executable, program, "--seconds", "0.3", "--exporters", "3", "--result", result], timeout=120,
                   stdout=subprocess.PIPE, text=True, check=True)
    rows = json.loads(result.read_text())["rows"]
    assert [row["transport"] for row in rows] == ["tcp", "tls", "udp"]
    assert all(row["delivered"] == row["sent"] > 100 for row in rows[:2]), rows
