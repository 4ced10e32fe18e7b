#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends NetFlow v5 from inside a namespace faster than anybody takes it, and says exactly what went out.

    flood.py HOST PORT [--exporters N] [--seconds S | --count N] [--rate N] [--first N] [--nice N]

Every exporter is a source port of its own from 21000 on, numbers its records from 0, and sends datagrams of 30. Prints
as JSON how many datagrams each exporter has sent in all, --first among them, how many were offered, and how many of
these the kernel did not put on the wire: it says so, as the sockets ask for errors (IP_RECVERR).
"""

import argparse
import contextlib
import ctypes
import errno
import json
import os
import pathlib
import socket
import struct
import time

SOURCE_PORT = 21000
RECORDS = 30
STEP = 64  # datagrams a system call
DATAGRAM = struct.Struct(">HHIIIIBBH")
RECORD = struct.Struct(">IIIHHIIIIHHBBBBHHBBH")
SEQUENCE_AT = 16
BYTES = DATAGRAM.size + RECORDS * RECORD.size
UPTIME = 3_600_000

libc = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr of sendmsg(2)."""
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint), ("vectors", ctypes.POINTER(Vector)),
                ("vector_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Message(ctypes.Structure):
    """struct mmsghdr of sendmmsg(2)."""
    _fields_ = [("header", Header), ("sent", ctypes.c_uint)]


def datagram(exporter):
    records = b"".join(RECORD.pack(0x0A000000 + n, 0xC6336401 + exporter, 0, 1, 2, 1 + n, 64 + n, UPTIME - 2000,
                                   UPTIME - 1000, 1024 + n, 443, 0, 0x10, 6, 0, 64500, 64501, 24, 24, 0)
                       for n in range(RECORDS))
    return DATAGRAM.pack(5, RECORDS, UPTIME, int(time.time()), 0, 0, 0, 0, 0) + records


class Exporter:
    """A socket, and room for the datagrams of a step."""

    def __init__(self, number, host, port, first):
        self.sent = first  # datagrams on the wire, or refused on the way there
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        self.socket.bind(("", SOURCE_PORT + number))
        self.socket.connect((host, port))
        self.bytes = bytearray(datagram(number) * STEP)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.bytes))
        self.vectors = (Vector * STEP)(*((base + i * BYTES, BYTES) for i in range(STEP)))
        self.messages = (Message * STEP)()
        for i, message in enumerate(self.messages):
            message.header.vectors, message.header.vector_count = ctypes.pointer(self.vectors[i]), 1

    def send(self, count):
        """Sends the next datagrams; returns how many of them were refused."""
        for i in range(count):
            struct.pack_into(">I", self.bytes, i * BYTES + SEQUENCE_AT, (self.sent + i) * RECORDS & 0xFFFFFFFF)
        done = refused = 0
        while done < count:
            at = ctypes.byref(self.messages, done * ctypes.sizeof(Message))
            sent = libc.sendmmsg(self.socket.fileno(), at, count - done, 0)
            if sent < 0:
                if ctypes.get_errno() != errno.ENOBUFS:
                    raise OSError(ctypes.get_errno(), "sendmmsg")
                refused, sent = refused + 1, 1
            done += sent
        self.sent += count
        return refused


def become_nice(nice):
    """Also where the kernel makes a group of each session (autogroup): there nice values say nothing between groups."""
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    os.setsid()
    with contextlib.suppress(FileNotFoundError):
        pathlib.Path("/proc/self/autogroup").write_text(str(nice))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--exporters", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--count", type=int, default=0, help="datagrams of each exporter, instead of a time")
    parser.add_argument("--rate", type=float, default=0, help="datagrams a second of all; 0 = as fast as it goes")
    parser.add_argument("--first", type=int, default=0, help="datagrams that each has sent before")
    parser.add_argument("--nice", type=int, default=0, help="below zero: before all others on this processor")
    arguments = parser.parse_args()
    if arguments.nice:
        become_nice(arguments.nice)
    exporters = [Exporter(i, arguments.host, arguments.port, arguments.first) for i in range(arguments.exporters)]
    step = 1 if arguments.rate else STEP
    started, offered, refused = time.monotonic(), 0, 0
    while (offered < arguments.count * len(exporters) if arguments.count
           else time.monotonic() < started + arguments.seconds):
        for exporter in exporters:
            refused += exporter.send(step)
            offered += step
        if arguments.rate:
            time.sleep(max(0, started + offered / arguments.rate - time.monotonic()))
    seconds = time.monotonic() - started
    print(json.dumps({"offered": offered, "refused": refused, "seconds": round(seconds, 3),
                      "sent": {SOURCE_PORT + i: exporter.sent for i, exporter in enumerate(exporters)}}))


if __name__ == "__main__":
    main()
