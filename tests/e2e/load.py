#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends flows that tell who sent them and which one they are, at a fixed rate, from inside a namespace.

    load.py HOST PORT ADDRESS... [--records N] [--rate N] [--first N] [--count N] [--began SECONDS]

Every exporter is an address of this host. Its record number n has the source address 10.0.0.0 + n, and bytes and
packets that follow from n, so that whoever finds documents again can tell what is missing, and what should be there.
Ends after --count datagrams of each exporter, or at SIGTERM; prints as JSON how many each has sent.
"""

import argparse
import json
import signal
import socket
import struct
import time

SOURCE_PORT = 21000
TEMPLATE_EVERY = 50  # datagrams
# sourceIPv4Address, destinationIPv4Address, the two ports, protocol, bytes, packets, start and end in uptime
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (22, 4), (21, 4))
RECORD = struct.Struct(">IIHHBIIII")
TEMPLATE = struct.pack(">HHHH", 0, 8 + 4 * len(FIELDS), 256, len(FIELDS)) + b"".join(
    struct.pack(">HH", *field) for field in FIELDS)
UPTIME = 3600000


def bytes_of(number):
    return 64 + number % 1400


def packets_of(number):
    return 1 + number % 7


def datagram(sequence, exporter, records, began):
    """NetFlow v9 of the time `began`; sequence counts the datagrams of this exporter, and so numbers their records."""
    first = sequence * records
    data = b"".join(RECORD.pack(0x0A000000 + n, 0xC6336401 + exporter, 1024 + n % 60000, 443, 6, bytes_of(n),
                                packets_of(n), UPTIME - 2000, UPTIME - 1000) for n in range(first, first + records))
    data += bytes(-len(data) % 4)
    sets = struct.pack(">HH", 256, 4 + len(data)) + data
    if sequence % TEMPLATE_EVERY == 0:
        sets = TEMPLATE + sets
    return struct.pack(">HHIIII", 9, records, UPTIME, began, sequence, 0) + sets


def template(sequence, began):
    return struct.pack(">HHIIII", 9, 1, UPTIME, began, sequence, 0) + TEMPLATE


def send(sender, payload):
    try:
        sender.send(payload)
    except ConnectionRefusedError:  # nobody listens: the collector was killed, and that is what the test is about
        pass


class Stop:
    asked = False

    def ask(self, *_):
        self.asked = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("addresses", nargs="+", metavar="ADDRESS")
    for name, default, text in (("records", 10, "in a datagram"), ("rate", 50, "datagrams a second, of each exporter"),
                                ("first", 0, "number of the first datagram"),
                                ("count", 0, "datagrams of each exporter; 0 = until SIGTERM"),
                                ("began", int(time.time()), "export time in seconds, of all datagrams")):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} ({default})")
    arguments = parser.parse_args()
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    senders = []
    for address in arguments.addresses:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind((address, SOURCE_PORT))
        sender.connect((arguments.host, arguments.port))
        senders.append(sender)
        if arguments.first % TEMPLATE_EVERY:
            send(sender, template(arguments.first, arguments.began))
    started, sent = time.monotonic(), 0
    while not stop.asked and (not arguments.count or sent < arguments.count):
        for exporter, sender in enumerate(senders):
            send(sender, datagram(arguments.first + sent, exporter, arguments.records, arguments.began))
        sent += 1
        time.sleep(max(0, started + sent / arguments.rate - time.monotonic()))
    print(json.dumps({"datagrams": sent, "seconds": round(time.monotonic() - started, 3)}))


if __name__ == "__main__":
    main()
