#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends from inside a namespace, as fast as asked.

    send.py frames INTERFACE FILE [--rate N]             the frames of FILE, through a packet socket
    send.py datagrams HOST PORT FILE [--rate N] [--source-port N] [--sources N] [--address A]
    send.py sctp HOST PORT FILE [--rate N] [--streams N] [--wait S] [--abort]   each item a message, by the kernel

FILE holds items of four bytes of length (network order) and as many bytes; - is standard input, and an item is sent
when it has come.
"""

import argparse
import socket
import struct
import sys
import time

SCTP_SNDINFO = 2  # of linux/sctp.h


def items(path):
    with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
        while head := file.read(4):
            yield file.read(*struct.unpack(">I", head))


def pace(everything, rate):
    """Yields the items so that no more than rate a second go by, in small bunches."""
    started = time.monotonic()
    for number, item in enumerate(everything):
        if rate and number % 16 == 0:
            time.sleep(max(0, started + number / rate - time.monotonic()))
        yield item


def send_frames(arguments):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
        link.bind((arguments.interface, 0))
        for item in pace(items(arguments.file), arguments.rate):
            link.send(item)


def send_datagrams(arguments):
    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    anywhere = "::" if family == socket.AF_INET6 else ""
    senders = []
    for number in range(arguments.sources):
        sender = socket.socket(family, socket.SOCK_DGRAM)
        if arguments.source_port or arguments.address:
            port = arguments.source_port + number if arguments.source_port else 0
            sender.bind((arguments.address or anywhere, port))
        sender.connect((arguments.host, arguments.port))
        senders.append(sender)
    for item in pace(items(arguments.file), arguments.rate):
        for sender in senders:
            sender.send(item)


def send_messages(arguments):
    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as sender:
        sender.connect((arguments.host, arguments.port))
        for number, item in enumerate(pace(items(arguments.file), arguments.rate)):
            info = struct.pack("=HHIIi", number % arguments.streams, 0, 0, 0, 0)  # struct sctp_sndinfo: RFC 6458 5.3.4
            sender.sendmsg([item], [(socket.IPPROTO_SCTP, SCTP_SNDINFO, info)])
        time.sleep(arguments.wait)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0 if arguments.abort else 5))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    frames = commands.add_parser("frames")
    frames.add_argument("interface")
    frames.set_defaults(call=send_frames)
    datagrams = commands.add_parser("datagrams")
    datagrams.add_argument("host")
    datagrams.add_argument("port", type=int)
    datagrams.add_argument("--source-port", type=int, default=0)
    datagrams.add_argument("--address", default="", help="to send from")
    datagrams.add_argument("--sources", type=int, default=1, help="sockets; each sends every datagram")
    datagrams.set_defaults(call=send_datagrams)
    sctp = commands.add_parser("sctp")
    sctp.add_argument("host")
    sctp.add_argument("port", type=int)
    sctp.add_argument("--streams", type=int, default=1)
    sctp.add_argument("--wait", type=float, default=0, help="seconds before the end")
    sctp.add_argument("--abort", action="store_true", help="instead of an orderly end")
    sctp.set_defaults(call=send_messages)
    for part in (frames, datagrams, sctp):
        part.add_argument("file")
        part.add_argument("--rate", type=float, default=0, help="items a second; default: no limit")
    arguments = parser.parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
