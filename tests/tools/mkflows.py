#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write synthetic NetFlow v1-v9 and IPFIX captures, one folder a behaviour.

    mkflows.py [--seed N] [--list] OUTDIR [NAME ...]

A folder holds the datagrams in order (1-template.dat, 2-data.dat, ...; one UDP payload a
file, or one pcap where the exporter's address matters, or .ipfix files), `about`, and `options` where the
defaults do not show the behaviour. The same seed gives the same bytes. The cases are in
flowcases/, the wire formats in flowwire.py.
"""

import argparse
import pathlib

import flowcases.clocks
import flowcases.fixed
import flowcases.netflow9
import flowcases.ipfix
import flowcases.sflow
import flowcases.sflow_more
import flowcases.damage
import flowcases.facts
import flowcases.lists
import flowcases.names
import flowcases.sections
import flowcases.vendors
from flowcases import CASES
from flowwire import Values, pcap


def write_case(out, name, seed):
    function, about, options = CASES[name]
    folder = out / f"synthetic-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9]*"):
        old.unlink()
    datagrams = list(function(Values(f"{seed} {name}")))
    if len(datagrams[0]) >= 3:
        capture = pcap([(*source, payload, *seconds) for _, payload, source, *seconds in datagrams])
        (folder / "1-capture.pcap").write_bytes(capture)
    else:
        digits = len(str(len(datagrams)))
        for number, (label, payload) in enumerate(datagrams, 1):
            suffix = "" if "." in label else ".dat"
            (folder / f"{number:0{digits}}-{label}{suffix}").write_bytes(payload)
    (folder / "about").write_text(f"mkflows.py, seed {seed}: {about}\n")
    if options:
        lines = "".join(f"{key}: {value}\n" for key, value in options.items())
        (folder / "options").write_text(lines)
    for part in options.get("custom_definitions", "").split(","):
        if part:
            (folder / part).write_text(flowcases.ipfix.CUSTOM[part])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", default="1")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("outdir", nargs="?", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="name")
    arguments = parser.parse_args()
    if arguments.list or not arguments.outdir:
        for name, (_, about, _) in CASES.items():
            print(f"{name:24} {about}")
        return
    for name in arguments.names or CASES:
        write_case(arguments.outdir, name, arguments.seed)


if __name__ == "__main__":
    main()
