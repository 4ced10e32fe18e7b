#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the input's documents into those the integration's ingest pipeline leaves.

    ingest.py [--ecs-version 8.17.0] < expected.ndjson > ingested.ndjson

The steps are those of Elastic's ingest pipeline, without the geo and AS look-ups (they need databases).
"""

import argparse
import json
import signal
import sys

TCP_FLAGS = ((0x80, "CWR"), (0x40, "ECE"), (0x20, "URG"), (0x10, "ACK"),
             (0x08, "PSH"), (0x04, "RST"), (0x02, "SYN"), (0x01, "FIN"))

DIRECTIONS = {("external", "internal"): "inbound", ("internal", "external"): "outbound",
              ("internal", "internal"): "internal", ("external", "external"): "external"}


def ingest(document, ecs_version):
    netflow = document.get("netflow", {})
    document["ecs"] = {"version": ecs_version}
    observer = document.get("observer", {})
    if "ip" in observer:
        observer["ip"] = [observer["ip"]]
    add_related(document, netflow, observer)
    add_tcp_flags(netflow)
    network = document.setdefault("network", {})
    if "iana_number" in network:
        network["iana_number"] = str(network["iana_number"])
    add_type(network, netflow)
    sides = [document.get(side, {}).get("locality") for side in ("source", "destination")]
    network["direction"] = DIRECTIONS.get(tuple(sides), network.get("direction", "unknown"))
    return document


def add_related(document, netflow, observer):
    addresses = set(document.get("related", {}).get("ip", [])) | set(observer.get("ip", []))
    addresses |= {value for key, value in netflow.items()
                  if key.endswith(("_ipv4_address", "_ipv6_address")) and isinstance(value, str)}
    if addresses:
        document["related"] = {"ip": sorted(addresses)}


def add_tcp_flags(netflow):
    bits = netflow.get("tcp_control_bits", 0)
    names = [name for bit, name in TCP_FLAGS if bits & bit]
    if names:
        netflow["tcp_flags"] = names


def add_type(network, netflow):
    four, six = (any(f"{side}_{family}_address" in netflow for side in ("source", "destination"))
                 for family in ("ipv4", "ipv6"))
    if four or six:
        network["type"] = ["ipv4", "ipv6"] if four and six else "ipv4" if four else "ipv6"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ecs-version", default="8.17.0")
    arguments = parser.parse_args()
    for line in sys.stdin:
        document = ingest(json.loads(line), arguments.ecs_version)
        print(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
