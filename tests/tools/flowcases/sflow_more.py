# SPDX-License-Identifier: Apache-2.0
"""sFlow: versions 2 and 4, headers of other links, and the structures that few agents send."""

import ipaddress
import struct

from . import case
from .sflow import AGENT, INNER, PACKETS, SOURCE, address, datagram, flow, header, opaque, sample, structure, words

MAC1, MAC2 = bytes.fromhex("0200000000010000"), bytes.fromhex("0200000000020000")
SNAP = bytes.fromhex("aaaa03000000")


def hyper(*values):
    return struct.pack(f">{len(values)}Q", *values)


def counted(first, wide, count):
    """Numbers from first on; those at the places in wide have 64 bits."""
    return b"".join(hyper(first + at) if at in wide else words(first + at) for at in range(count))


def counters(sequence, *structures):
    return sample(2, words(sequence, 4), *structures)


# --- versions 2 and 4 ---

def old(version, sequence, *samples, agent=AGENT):
    return (words(version) + address(agent) + words(sequence, 5000 + sequence * 1000, len(samples)) + b"".join(samples))


def old_flow(sequence, packet, *extensions, ports=(11, 12)):
    return (words(1, sequence, 5, 256, 256 * sequence, 0, *ports) + packet + words(len(extensions))
            + b"".join(extensions))


def old_header(packet, protocol=1):
    return words(1, protocol, len(packet) + 4) + opaque(packet)


def old_counters(sequence, kind, *content):
    return words(2, sequence, 4, 30, kind) + b"".join(content)


def interface(index):
    return words(index, 6) + hyper(10**9) + words(1, 3) + hyper(2**40) + words(*range(1, 7)) + hyper(2**41) + \
        words(*range(11, 17))


IPV4 = words(2, 60, 6) + ipaddress.ip_address("198.51.100.1").packed + ipaddress.ip_address("203.0.113.2").packed + \
    words(1234, 80, 0x12, 32)
IPV6 = words(3, 80, 17) + ipaddress.ip_address("2001:db8::1").packed + ipaddress.ip_address("2001:db8::2").packed + \
    words(53, 5353, 0, 0)
SWITCH = words(1, 10, 1, 20, 2)
ROUTER = words(2) + address("192.0.2.254") + words(24, 16)
GATEWAY2 = words(3, 65000, 65001, 65002, 3, 174, 3356, 15169)
GATEWAY4 = words(3, 65000, 65001, 65002, 2, 2, 2, 174, 3356, 1, 1, 15169, 2, 65000 << 16 | 100, 65000 << 16 | 200, 150)
USER = words(4) + opaque(b"alice") + opaque(b"bob")
URL = words(5, 1) + opaque(b"http://www.example.org/")


@case("sflow-old", "sFlow versions 4 and 2: samples without lengths")
def sflow_old(v):
    packet = old_header(PACKETS["tcp"])
    yield "v4", old(4, 1, old_flow(1, packet, SWITCH, ROUTER, GATEWAY4, USER, URL), old_flow(2, IPV4),
                    old_flow(3, IPV6, ports=(0, 0x80000003)), old_counters(1, 2, interface(7), words(*range(13)))
                    ), SOURCE
    yield "v2", old(2, 2, old_flow(4, packet, SWITCH, GATEWAY2), old_counters(2, 7, counted(100, {1}, 6)),
                    old_counters(3, 3, interface(8), words(*range(18))), agent=ipaddress.ip_address("192.0.2.8")
                    ), SOURCE
    yield "kinds", old(4, 2, old_counters(3, 1, interface(1)), old_counters(4, 4, interface(2)), old_counters(
        5, 5, interface(3), counted(200, {1, 3, 9, 11, 12, 13}, 14)), old_counters(6, 6, interface(4))), SOURCE
    yield "ipv6-agent", old(4, 1, old_flow(1, packet), agent=ipaddress.ip_address("2001:db8::7")), SOURCE


@case("sflow-old-bad", "sFlow versions 4 and 2: what cannot be passed over ends the datagram, and what was read stays")
def sflow_old_bad(v):
    good = old_flow(1, old_header(PACKETS["tcp"]))
    yield "unknown-sample", old(4, 1, good, words(3, 1, 2, 3), good), SOURCE
    yield "unknown-extension", old(4, 2, old_flow(2, old_header(PACKETS["tcp"]), SWITCH, words(9, 1)), good), SOURCE
    yield "unknown-packet", old(4, 3, good, words(1, 3, 5, 256, 768, 0, 11, 12, 4, 0), good), SOURCE
    yield "unknown-counters", old(4, 4, good, old_counters(1, 8, interface(1)), good), SOURCE
    yield "cut", old(4, 5, good, good)[:-9], SOURCE
    yield "short", old(4, 6, good, words(1, 1, 1)), SOURCE
    yield "fewer", old(2, 7, good)[:-len(good)] + good + good, SOURCE
    yield "version-3", old(3, 8, good), SOURCE
    yield "header-too-long", old(4, 9, words(1, 9, 5, 256, 256, 0, 1, 2, 1, 1, 64, -1), good), SOURCE


# --- links ---

@case("sflow-links", "sFlow v5: PPP, Cisco's HDLC, LLC and SNAP, 802.11 without its encryption")
def sflow_links(v):
    rows = {
        "ppp": (7, b"\xff\x03\x00\x21" + INNER), "ppp-short": (7, b"\x21" + INNER),
        "pos": (14, b"\x0f\x00\x08\x00" + INNER),
        "ppp-mpls": (7, b"\xff\x03\x02\x81" + words(16001 << 12 | 0x100 | 60) + INNER),
        "snap": (1, MAC1[:6] + MAC2[:6] + struct.pack(">H", 8 + len(INNER)) + SNAP + b"\x08\x00" + INNER),
        "stp": (1, MAC1[:6] + MAC2[:6] + struct.pack(">H", 38) + b"\x42\x42\x03" + bytes(35)),
        "frame-relay": (5, INNER),
    }
    for number, (name, (protocol, packet)) in enumerate(rows.items(), 1):
        yield name, datagram(number, flow(number, header(packet, protocol))), SOURCE
    number = len(rows) + 1
    yield "wireless", datagram(number, flow(
        number, header(bytes.fromhex("0842") + bytes(30), 15),
        structure(1013, bytes.fromhex("000fac04"), opaque(SNAP + b"\x08\x00" + INNER)),
        structure(1014, opaque(b"guests"), MAC1, words(4, 36), hyper(54 * 10**6), words(40, 50, 120)),
        structure(1015, opaque(b"staff"), MAC2, words(4, 2, 100, 200, 40), hyper(300 * 10**6), words(15)))), SOURCE


# --- wireless links, and ATM ---

MACS = [bytes.fromhex(f"0200000000{number:02x}") for number in range(1, 5)]


def wlan(kind, flags, content, fourth=b"", qos=b"", sequence=0x1230):
    """A frame of 802.11: two bytes of frame control, duration, three addresses or four."""
    return (bytes([kind, flags]) + struct.pack("<H", 44) + b"".join(MACS[:3]) + struct.pack("<H", sequence) + fourth
            + qos + content)


ROUTED = SNAP + b"\x08\x00" + INNER
SUBFRAME = MACS[3] + MACS[0] + struct.pack(">H", len(ROUTED)) + ROUTED

WIRELESS = {
    "to-system": wlan(0x08, 0x01, ROUTED), "from-system": wlan(0x08, 0x02, ROUTED),
    "within": wlan(0x08, 0x00, SNAP + b"\x08\x06" + bytes(28)),
    "four-addresses": wlan(0x08, 0x03, ROUTED, fourth=MACS[3]),
    "qos": wlan(0x88, 0x02, SNAP + b"\x86\xdd" + PACKETS["qinq"][22:], qos=b"\x05\x00"),
    "order": wlan(0x88, 0x81, ROUTED, qos=b"\x00\x00\x00\x00\x00\x00"),
    "aggregated": wlan(0x88, 0x01, SUBFRAME, qos=b"\x80\x00"),
    "protected": wlan(0x88, 0x41, bytes.fromhex("0100002000000000") + bytes(40), qos=b"\x00\x00"),
    "null": wlan(0x48, 0x01, b""), "fragment": wlan(0x08, 0x01, ROUTED, sequence=0x1231),
    "beacon": wlan(0x80, 0x00, bytes(12) + b"\x00\x03lab"),
    "acknowledgement": bytes.fromhex("d4000000") + MACS[0],
}


@case("sflow-wireless", "sFlow v5: frames of 802.11 by their kinds and the four ways of their addresses, encrypted "
                        "ones too; subframes; ATM with LLC, bridged frames, IP alone")
def sflow_wireless(v):
    rows = [(name, 15, packet) for name, packet in WIRELESS.items()]
    rows += [("subframe", 17, SUBFRAME), ("aggregate", 16, bytes(4) + WIRELESS["qos"]), ("atm-llc", 9, ROUTED),
             ("atm-bridged", 9, bytes.fromhex("aaaa030080c200070000") + PACKETS["tcp"]),
             ("atm-nlpid", 9, bytes.fromhex("fefe03cc") + INNER), ("atm-ip", 10, INNER),
             ("pppoe", 1, MACS[0] + MACS[1] + bytes.fromhex("88641100")
              + struct.pack(">HH", 7, 2 + len(INNER)) + b"\x00\x21" + INNER)]
    for number, (name, protocol, packet) in enumerate(rows, 1):
        yield name, datagram(number, flow(number, header(packet, protocol))), SOURCE


# --- structures ---

@case("sflow-rare-flows", "sFlow v5: tunnels, queues, sockets, applications and HTTP in flow samples")
def sflow_rare_flows(v):
    packet = header(PACKETS["tcp"])
    four = ipaddress.ip_address("192.0.2.21").packed, ipaddress.ip_address("192.0.2.22").packed
    six = ipaddress.ip_address("2001:db8::21").packed, ipaddress.ip_address("2001:db8::22").packed
    yield "tunnels", datagram(1, flow(
        1, packet, structure(1021, words(1500), MAC1, MAC2, words(0x0800)),
        structure(1022, words(1400), MAC2, MAC1, words(0x86DD)),
        structure(1023, words(1480, 17), *four, words(49152, 4789, 0, 8)),
        structure(1026, words(1440, 47), *six, words(0, 0, 0, 16)), structure(1027, words(50)),
        structure(1030, words(5001)), structure(1034, words(2, 0x88A80064, 0x810000C8)),
        structure(1035, words(1, 0x8100012C)))), SOURCE
    yield "queues", datagram(2, flow(
        2, packet, structure(1036, words(5)), structure(1039, words(1234)), structure(1040, words(65536)),
        structure(1041, opaque(b"l3_drops"), opaque(b"ttl_value_is_too_small")),
        structure(1042, opaque(b"NO_SOCKET")), structure(1043, hyper(1767225600 * 10**9 + 5)))), SOURCE
    yield "application", datagram(3, flow(
        3, structure(2100, words(6), *four, words(443, 50000)),
        structure(2202, opaque(b"shop"), opaque(b"order.pay"), opaque(b"country=de"), opaque(b"declined"),
                  hyper(100, 200), words(1500, 5)), structure(2203, opaque(b"web"), opaque(b"order"), opaque(b"a=b")),
        structure(2204, opaque(b"alice")), structure(2205, opaque(b"bank")), structure(2210, words(0, 1, 3, 2)))
        ), SOURCE
    yield "http", datagram(4, flow(
        4, structure(2101, words(6), *six, words(80, 50001)),
        structure(2206, words(2, 1001), *(opaque(text) for text in (
            b"/index.html", b"www.example.org", b"http://example.org/", b"curl/8", b"203.0.113.9", b"bob",
            b"text/html")), hyper(0, 5120), words(870, 200)))), SOURCE
    yield "other-way", datagram(5, flow(
        5, packet, structure(1024, words(1480, 17), *four, words(49153, 6081, 0, 16)),
        structure(1025, words(1440, 47), *six, words(0, 0, 0, 32)), structure(1028, words(54)))), SOURCE


@case("sflow-rare-counters", "sFlow v5: counters of token ring to memcache, optics, and hosts' adapters")
def sflow_rare_counters(v):
    rows = {
        "token-ring": (3, words(*range(18))), "vg": (4, counted(0, {1, 3, 9, 11, 12, 13}, 14)),
        "wireless": (6, words(*range(20))), "infiniband": (9, counted(0, {0, 1}, 14)),
        "optics": (10, words(3, 4, 3300, -5000, 2), words(*range(1, 11)), words(*range(101, 111))),
        "pfc": (11, words(*range(5))), "radio": (1002, words(*range(3))),
        "adapters": (2001, words(2, 1, 1), MAC1, words(2, 2), MAC2, MAC1), "ip": (2007, words(*range(19))),
        "icmp": (2008, words(*range(25))), "tcp": (2009, words(*range(15))), "udp": (2010, words(*range(7))),
        "node": (2100, counted(0, {2, 3}, 5)), "cpu": (2101, words(1, 2, 3)), "memory": (2102, hyper(1, 2)),
        "disk": (2103, counted(0, {0, 1, 2, 4, 6}, 8)), "net": (2104, counted(0, {0, 4}, 8)),
        "jvm": (2105, opaque(b"OpenJDK") + opaque(b"Debian") + opaque(b"17")), "jmx": (2106, counted(0, range(8), 19)),
        "http": (2201, words(*range(15))), "app": (2202, opaque(b"shop") + words(*range(11))),
        "resources": (2203, counted(0, {2, 3}, 8)), "memcache": (2204, counted(0, {27, 28, 29, 30}, 31)),
        "workers": (2206, words(*range(5))), "ovs": (2207, words(*range(6))),
        "gpu": (5703 << 12 | 1, counted(0, {4, 5}, 10)), "openflow": (1004, hyper(0x00A1B2C3D4E5F607), words(48)),
        "parent": (2002, words(2, 1)),
    }
    for number, (name, (kind, *content)) in enumerate(rows.items(), 1):
        yield name, datagram(number, counters(number, structure(kind, *content))), SOURCE
    number = len(rows) + 1
    yield "lies", datagram(number, counters(
        number, structure(10, words(3, 4, 3300, 25000, -1), words(*range(10))), structure(2001, words(-1, 1, 1), MAC1),
        structure(2001, words(1, 1, 2), MAC1), structure(1005, opaque(b"eth0")))), SOURCE
