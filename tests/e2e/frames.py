# SPDX-License-Identifier: Apache-2.0
"""Frames and captures, byte by byte: traffic for exporters to watch, and flow export in unusual frames."""

import ipaddress
import struct
import sys

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_SERVICE_VLAN = 0x88A8
ICMP, TCP, UDP = 1, 6, 17
IPV4_WITHIN, IPV6_WITHIN, GRE = 4, 41, 47


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_checksum(data, offset, pseudo=b""):
    value = checksum(pseudo + data) or 0xFFFF
    return data[:offset] + struct.pack(">H", value) + data[offset + 2:]


def pseudo_header(source, target, protocol, size):
    source, target = (ipaddress.ip_address(address) for address in (source, target))
    if source.version == 4:
        return source.packed + target.packed + struct.pack(">BBH", 0, protocol, size)
    return source.packed + target.packed + struct.pack(">IHBB", size, 0, 0, protocol)


def udp(source, target, payload, right=True):
    """A UDP datagram; source and target are (address, port)."""
    data = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    return with_checksum(data, 6, pseudo_header(source[0], target[0], UDP, len(data))) if right else data


def tcp(source, target, flags, payload=b""):
    data = struct.pack(">HHIIBBHHH", source[1], target[1], 1000, 1000, 0x50, flags, 65535, 0, 0) + payload
    return with_checksum(data, 16, pseudo_header(source[0], target[0], TCP, len(data)))


def icmp_echo(number, payload):
    return with_checksum(struct.pack(">BBHHH", 8, 0, 0, 77, number) + payload, 2)


def ipv4(source, target, protocol, payload, options=b"", **fields):
    """A packet; fragment is (offset in bytes, more to come)."""
    offset, more = fields.get("fragment", (0, False))
    size = 20 + len(options) + len(payload)
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | (20 + len(options)) // 4, 0, size, fields.get("number", 1),
                       offset // 8 | (0x2000 if more else 0), 64, protocol, 0,
                       ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed)
    return with_checksum(head + options, 10) + payload


def ipv6(source, target, protocol, payload, extensions=()):
    """A packet with extension headers: (type, bytes after the next-header byte)."""
    chain = b""
    following = [kind for kind, _ in extensions[1:]] + [protocol]
    for (_, body), after in zip(extensions, following):
        chain += bytes([after]) + body
    first = extensions[0][0] if extensions else protocol
    return (struct.pack(">IHBB", 0x60000000, len(chain) + len(payload), first, 64)
            + ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed + chain + payload)


def packet(source, target, protocol, payload):
    """An IP packet of the version that the addresses have."""
    return (ipv6 if ":" in source else ipv4)(source, target, protocol, payload)


def within(inner):
    """The number of the protocol that an IP packet is, within another."""
    return IPV6_WITHIN if inner[0] >> 4 == 6 else IPV4_WITHIN


def gre(inner, key=None, number=None, summed=False):
    """A GRE header and what it carries: an IP packet, or with inner as (macs, packet, tags) an Ethernet frame."""
    if isinstance(inner, tuple):
        kind, inner = 0x6558, ethernet(*inner)
    else:
        kind = ETHERTYPE_IPV6 if inner[0] >> 4 == 6 else ETHERTYPE_IPV4
    flags = (0x8000 if summed else 0) | (0x2000 if key is not None else 0) | (0x1000 if number is not None else 0)
    options = b"".join(struct.pack(">I", value) for value in (key, number) if value is not None)
    head = struct.pack(">HH", flags, kind) + (bytes(4) if summed else b"") + options
    return with_checksum(head + inner, 4) if summed else head + inner


def gue(inner, variant=0, words=0):
    """The payload of a GUE datagram."""
    return inner if variant else struct.pack(">BBH", words, within(inner), 0) + bytes(4 * words) + inner


def proxy(source, target, more=b"", command=1):
    """A PROXY header, version 2, for UDP; source and target are (address, port)."""
    addresses = [ipaddress.ip_address(end[0]).packed for end in (source, target)]
    body = b"".join(addresses) + struct.pack(">HH", source[1], target[1]) + more
    family = 0x22 if len(addresses[0]) == 16 else 0x12
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", 0x20 | command, family, len(body)) + body


def ethernet(macs, packet, tags=()):
    """A frame from macs[0] to macs[1]; tags are (ethertype, VLAN id), the outer one first."""
    source, target = (bytes.fromhex(mac.replace(":", "")) for mac in macs)
    kind = ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4
    tagged = b"".join(struct.pack(">HH", ethertype, number) for ethertype, number in tags)
    return target + source + tagged + struct.pack(">H", kind) + packet


def pcap(packets, link_type=1, start=1_767_225_600, step_us=1000):
    """A classic capture of the packets, step_us apart."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)]
    for number, packet in enumerate(packets):
        at = start * 1_000_000 + number * step_us
        out.append(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, len(packet), len(packet)) + packet)
    return b"".join(out)


def pcapng(packets, link_type=1, start=1_767_225_600):
    """A capture of the newer kind: section header, interface description, enhanced packets."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        size = 12 + len(body)
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)

    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(1, struct.pack("<HHI", link_type, 0, 262144))]
    for number, packet in enumerate(packets):
        at = start * 1_000_000 + number
        out.append(block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(packet), len(packet)) + packet))
    return b"".join(out)


class Traffic:
    """Conversations of known size, for an exporter to watch: frames, and what they add up to."""

    def __init__(self, flows=60, six=False):
        self.frames, self.packets, self.bytes = [], 0, 0
        macs = ("02:00:00:00:01:01", "02:00:00:00:01:02")
        for number in range(flows):
            family = 6 if six and number % 3 == 2 else 4
            client = f"2001:db8:1::{number + 1:x}" if family == 6 else f"192.0.2.{number + 1}"
            server = "2001:db8:2::53" if family == 6 else "198.51.100.53"
            for packet in self.conversation(number, client, server):
                self.packets += 1
                self.bytes += len(packet)
                self.frames.append(ethernet(macs, packet))

    @staticmethod
    def conversation(number, client, server):
        packet = ipv6 if ":" in client else ipv4
        if number % 4 == 3 and ":" not in client:
            return [packet(client, server, ICMP, icmp_echo(i, bytes(56))) for i in range(3)]
        if number % 2:
            ends = (client, 20000 + number), (server, 53)
            ask = packet(client, server, UDP, udp(*ends, bytes(40 + number)))
            return [ask, packet(server, client, UDP, udp(*reversed(ends), bytes(200 + number)))]
        ends = (client, 30000 + number), (server, 443)
        out = [packet(client, server, TCP, tcp(*ends, 0x02)), packet(server, client, TCP, tcp(*reversed(ends), 0x12))]
        out += [packet(server, client, TCP, tcp(*reversed(ends), 0x10, bytes(1000 + number))) for _ in range(5)]
        return out + [packet(client, server, TCP, tcp(*ends, 0x10)) for _ in range(3)]


if __name__ == "__main__":
    sys.stdout.buffer.write(pcap(Traffic(six=True).frames))
