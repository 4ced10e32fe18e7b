# SPDX-License-Identifier: Apache-2.0
"""sFlow: samples, structures, packets in packets."""

import ipaddress
import struct

from . import case

SOURCE = ("192.0.2.1", 6343)
AGENT = ipaddress.ip_address("192.0.2.7")


def words(*values):
    return struct.pack(f">{len(values)}I", *(value & 0xFFFFFFFF for value in values))


def opaque(content):
    return words(len(content)) + content + bytes(-len(content) % 4)


def address(text):
    packed = ipaddress.ip_address(text).packed
    return words(1 if len(packed) == 4 else 2) + packed


def structure(number, *parts):
    content = b"".join(parts)
    return words(number, len(content)) + content


def sample(number, head, *structures):
    content = head + words(len(structures)) + b"".join(structures)
    return words(number, len(content)) + content


def datagram(sequence, *samples, agent=AGENT, sub_agent=3):
    return (words(5) + address(agent) + words(sub_agent, sequence, 5000 + sequence * 1000, len(samples))
            + b"".join(samples))


def flow(sequence, *structures, rate=256, ports=(11, 12)):
    return sample(1, words(sequence, 5, rate, rate * sequence, 0, *ports), *structures)


def header(packet, protocol=1, surplus=0):
    return structure(1, words(protocol, len(packet) + 4 + surplus, 4), opaque(packet))


# --- packets ------------------------------------------------------------------------------

def ethernet(kind, content, tags=()):
    out = bytes.fromhex("020000000001020000000002")
    for number, (tag, vlan) in enumerate(tags):
        out += struct.pack(">HH", tag, vlan)
    return out + struct.pack(">H", kind) + content


def ip4(protocol, content, source="10.1.0.1", target="198.51.100.2", tos=0, fragment=0):
    return struct.pack(">BBHHHBBH4s4s", 0x45, tos, 20 + len(content), 4711, fragment, 64, protocol, 0,
                       ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed) + content


def ip6(protocol, content, source="2001:db8::1", target="2001:db8:1::2"):
    return struct.pack(">IHBB16s16s", 0x6B812345, len(content), protocol, 61,
                       ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed) + content


def tcp(source=50000, target=443, flags=0x18):
    return struct.pack(">HHIIBBHHH", source, target, 1, 2, 0x50, flags, 1024, 0, 0)


def udp(source, target, content=b""):
    return struct.pack(">HHHH", source, target, 8 + len(content), 0) + content


def label(number, last):
    return words(number << 12 | last << 8 | 60)


INNER = ip4(6, tcp(), "10.2.0.3", "10.2.0.4")

PACKETS = {
    "tcp": ethernet(0x0800, ip4(6, tcp(flags=0x02), tos=0xB8)),
    "qinq": ethernet(0x86DD, ip6(17, udp(53, 5353)), [(0x88A8, 100), (0x8100, 5 << 13 | 200)]),
    "icmp": ethernet(0x0800, ip4(1, bytes([3, 1, 0, 0, 0, 0, 0, 0]))),
    "icmp6": ethernet(0x86DD, ip6(58, bytes([128, 0, 0, 0, 0, 1, 0, 1]))),
    "fragment": ethernet(0x0800, ip4(17, b"no ports here", fragment=185)),
    "sctp": ethernet(0x0800, ip4(132, struct.pack(">HHII", 3868, 3868, 1, 0))),
    "extensions": ethernet(0x86DD, ip6(0, bytes([60, 0]) + bytes(6) + bytes([6, 0]) + bytes(6) + tcp())),
    "mpls": ethernet(0x8847, label(16001, 0) + label(77, 1) + ip4(6, tcp())),
    "pseudowire": ethernet(0x8847, label(300, 1) + words(0) + ethernet(0x0800, INNER)),
    "ipip": ethernet(0x0800, ip4(4, INNER)),
    "6in4": ethernet(0x0800, ip4(41, ip6(6, tcp()))),
    "gre": ethernet(0x0800, ip4(47, struct.pack(">HHI", 0x2000, 0x0800, 42) + INNER)),
    "vxlan": ethernet(0x0800, ip4(17, udp(49152, 4789, words(0x08000000, 5001 << 8) + ethernet(0x0800, INNER)))),
    "geneve": ethernet(0x0800, ip4(17, udp(49152, 6081, words(0x01006558, 7 << 8, 0) + ethernet(0x0800, INNER)))),
    "gtpu": ethernet(0x0800, ip4(17, udp(2152, 2152, struct.pack(">BBHI", 0x30, 255, len(INNER), 0xDEADBEEF)
                                         + INNER))),
    "srv6": ethernet(0x86DD, ip6(43, bytes([4, 2, 4, 0]) + bytes(4)
                                 + ipaddress.ip_address("2001:db8:9::9").packed + INNER)),
}


# --- cases --------------------------------------------------------------------------------

@case("sflow", "sFlow v5: sampled headers, each with another packet in it")
def sflow_headers(v):
    for number, (name, packet) in enumerate(PACKETS.items(), 1):
        yield name, datagram(number, flow(number, header(packet))), SOURCE
    number = len(PACKETS)
    yield "ipv4", datagram(number + 1, flow(98, header(INNER, protocol=11))), SOURCE
    yield "ppp", datagram(number + 2, flow(99, header(b"\xff\x03\x00\x21" + INNER, protocol=7))), SOURCE


@case("sflow-extended", "sFlow v5: expanded samples, sampled IP, what switches, routers and hosts add")
def sflow_extended(v):
    expanded = words(1, 0, 70000, 512, 1024, 2, 0, 70001, 2, 3)
    yield "ipv4", datagram(1, sample(3, expanded, structure(
        3, words(60, 6), ipaddress.ip_address("198.51.100.1").packed, ipaddress.ip_address("203.0.113.2").packed,
        words(1234, 80, 0x18, 32)))), SOURCE
    yield "ipv6", datagram(2, sample(3, expanded, structure(
        4, words(80, 17), ipaddress.ip_address("2001:db8::1").packed, ipaddress.ip_address("2001:db8::2").packed,
        words(53, 5353, 0, 0)))), SOURCE
    yield "ethernet", datagram(3, flow(1, structure(
        2, words(64), bytes.fromhex("0200000000010000"), bytes.fromhex("0200000000020000"), words(0x88CC)))), SOURCE
    packet = header(PACKETS["tcp"])
    yield "router", datagram(4, flow(
        2, packet, structure(1001, words(10, 1, 20, 2)), structure(1002, address("192.0.2.254"), words(24, 16)),
        structure(1003, address("2001:db8::9"), words(65000, 65001, 65002, 2, 2, 2, 174, 3356, 1, 1, 15169, 2,
                                                      65000 << 16 | 100, 65000 << 16 | 200, 150)))), SOURCE
    yield "names", datagram(5, flow(
        3, packet, structure(1004, words(106), opaque(b"alice"), words(106), opaque(b"bob\xff")),
        structure(1005, words(1), opaque(b"/index.html"), opaque(b"www.example.org")),
        structure(1037, words(42), opaque(b"deny-all"), words(1)), structure(1038, opaque(b"ip_input")))), SOURCE
    yield "labels", datagram(6, flow(
        4, packet, structure(1006, address("192.0.2.9"), words(1, 100 << 12 | 0x140),
                             words(2, 200 << 12 | 63, 300 << 12 | 0x13F)),
        structure(1008, opaque(b"tunnel-te1"), words(7, 3)), structure(1009, opaque(b"vc"), words(8, 2)),
        structure(1010, opaque(b"ftn"), words(255)), structure(1011, words(24)), structure(1012, words(2, 10, 20)))
        ), SOURCE
    yield "nat", datagram(7, flow(5, packet, structure(1007, address("192.168.0.1"), address("192.168.0.2")),
                                  structure(1020, words(1024, 8443)), structure(1029, words(5001)),
                                  structure(2209, words(1, *range(1400, 1411))))), SOURCE


@case("sflow-counters", "sFlow v5: counters of interfaces, VLANs and hosts; what is not counted is all ones")
def sflow_counters(v):
    interface = structure(1, words(4, 6), struct.pack(">Q", 10**10), words(1, 3), struct.pack(">Q", 2**63),
                          words(30, 31, -1, 0, 0, -1), struct.pack(">Q", 5), words(50, 51, 52, 0, 0, 0))
    yield "interface", datagram(1, sample(2, words(9, 4), interface, structure(2, words(*range(13))),
                                          structure(1005, opaque(b"xe-0/0/1")))), SOURCE
    yield "expanded", datagram(2, sample(4, words(9, 0, 70000), structure(
        5, words(77), struct.pack(">Q", 10**12), words(1, 2, 3, 4)), structure(
            7, bytes.fromhex("0200000000010000"), bytes.fromhex("0200000000020000"), words(9, 0x3D3D0000, *range(8))))
        ), SOURCE
    yield "host", datagram(3, sample(
        4, words(1, 2, 1), structure(2000, opaque(b"server-1"), bytes(range(16)), words(3, 2), opaque(b"6.1.0")),
        structure(2003, struct.pack(">fff", 0.5, 0.25, 1.5), words(*range(1, 15))),
        structure(2004, struct.pack(">7Q", *range(10**9, 10**9 + 7)), words(1, 2, 3, 4)),
        structure(2005, struct.pack(">QQ", 10**12, 10**11), words(9050, 1), struct.pack(">Q", 2), words(3, 4),
                  struct.pack(">Q", 5), words(6)),
        structure(2006, struct.pack(">Q", 10**10), words(1, 2, 3), struct.pack(">Q", 10**9), words(4, 5, 6)),
        structure(1001, words(1000, 2000, 3000), struct.pack(">QQ", 2**34, 2**33)))), SOURCE


@case("sflow-discards", "sFlow v5: packets that were discarded, and why")
def sflow_discards(v):
    for number, reason in enumerate((1, 256, 289), 1):
        yield f"reason-{reason}", datagram(number, sample(
            5, words(number, 0, 1, 7, 1, 2, reason), header(PACKETS["tcp"]), structure(1036, words(3)))), SOURCE


@case("sflow-bad", "sFlow: other versions, unknown samples and structures, lengths that are not true")
def sflow_bad(v):
    good = flow(1, header(PACKETS["tcp"]))
    yield "version-1", words(1) + datagram(1, good)[4:], SOURCE
    yield "agent-type", words(5, 3) + datagram(1, good)[8:], SOURCE
    yield "cut", datagram(1, good, good)[:-1], SOURCE
    yield "unknown-sample", datagram(2, sample(4711, words(1, 2, 3)), good), SOURCE
    yield "enterprise-sample", datagram(3, sample(4413 << 12 | 1, words(1, 2, 3)), good), SOURCE
    yield "unknown-structure", datagram(4, flow(1, structure(4711, words(1)), header(PACKETS["tcp"]))), SOURCE
    yield "short-structure", datagram(5, flow(1, structure(1001, words(1, 2)), header(PACKETS["tcp"]))), SOURCE
    yield "short-sample", datagram(6, words(1, 8, 1, 2), good), SOURCE
    yield "header-too-long", datagram(7, flow(1, structure(1, words(1, 64, 4, 999)), header(PACKETS["tcp"]))), SOURCE
    yield "path-too-long", datagram(8, flow(1, structure(1003, address("192.0.2.1"), words(1, 2, 3, -1, 2, 1, 174)))
                                    ), SOURCE
    yield "no-samples", datagram(9), SOURCE
    yield "fewer-samples", words(5) + address(AGENT) + words(3, 10, 5000, 3) + good, SOURCE
