# SPDX-License-Identifier: Apache-2.0
"""Builders of NetFlow and IPFIX datagrams, for mkflows.py and for tests of your own.

Fixed formats are described by layouts ("name:bytes" in wire order); template formats by the
information elements of decode/elements.csv, addressed by name. Whatever the caller does
not set gets a plausible value from Values, which depends on the seed alone.
"""

import csv
import ipaddress
import math
import pathlib
import random
import struct

TABLE = pathlib.Path(__file__).resolve().parent.parent.parent / "decode" / "elements.csv"
SOURCES = ("iana", "cisco", "assorted", "cert")
VARIABLE = 65535
NTP_EPOCH = 2208988800
EXPORTED = 1767225600  # 2026-01-01T00:00:00Z

NATURAL = {
    "unsigned8": 1, "unsigned16": 2, "unsigned32": 4, "unsigned64": 8, "unsigned256": 32,
    "signed8": 1, "signed16": 2, "signed32": 4, "signed64": 8, "float32": 4, "float64": 8,
    "boolean": 1, "macAddress": 6, "octetArray": 5, "string": 12, "aclid": 12,
    "dateTimeSeconds": 4, "dateTimeMilliseconds": 8, "dateTimeMicroseconds": 8,
    "dateTimeNanoseconds": 8, "ipv4Address": 4, "ipv6Address": 16,
    "basicList": 9, "subTemplateList": 9, "subTemplateMultiList": 9,
}


def read_elements():
    """Every known element: {name: (pen, id, type)}; of two with one name the first stays."""
    with TABLE.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["source"] in SOURCES]
    table = {}
    for row in sorted(rows, key=lambda row: SOURCES.index(row["source"])):
        table.setdefault(row["name"], (int(row["enterprise"]), int(row["id"]), row["type"]))
    return table


ELEMENTS = read_elements()


def read_vendors():
    """What vendors have that Elastic's tables lack: {(pen, id): type}; pen 0 are v9's own types."""
    with TABLE.open(newline="") as lines:
        return {(int(row["enterprise"]), int(row["id"])): row["type"] for row in csv.DictReader(lines)
                if row["elastic"] == "no" and row["source"] not in ("iana", "sflow", "scope")}


def some_of_vendor(pen, first=0, last=65535):
    """A dozen fields of a vendor at most: one of each type, then others in their order, but no lists."""
    known = {key: kind for key, kind in read_vendors().items()
             if key[0] == pen and first <= key[1] <= last and not kind.endswith("List")}
    one_each = {kind: key for key, kind in reversed(known.items())}
    chosen = [*one_each.values(), *(key for key in known if key not in one_each.values())][:12]
    return [Field(key, None, known[key]) for key in sorted(chosen)]


def data_types(ending):
    """The abstract data types whose name ends so."""
    return [name for name in NATURAL if name.endswith(ending)]


class Values(random.Random):
    """A random source that knows what fields of a flow look like."""

    def number(self, size):
        """Mostly small numbers, sometimes all bits: counters look like that."""
        bits = 8 * size if self.random() < 0.1 else self.randint(0, 8 * size)
        return self.getrandbits(bits)

    def ip4(self):
        return ipaddress.IPv4Address(self.choice([
            0x0A000000 | self.getrandbits(24), 0xC0A80000 | self.getrandbits(16),
            0xC6336400 | self.getrandbits(8), 0xCB007100 | self.getrandbits(8),
            self.getrandbits(32)]))

    def ip6(self):
        head = self.choice([0x20010DB8, 0xFD000000 | self.getrandbits(24), 0xFE800000])
        return ipaddress.IPv6Address(head << 96 | self.getrandbits(64))

    def port(self):
        return self.choice([22, 53, 80, 123, 443, self.randint(1024, 65535)])

    def protocol(self):
        return self.choice([1, 6, 6, 17, 17, 47, 50, 58, 132, self.getrandbits(8)])

    def text(self, size):
        return "".join(self.choice("abcdefghijklmnop-_.0123456789") for _ in range(size))


# --- fixed formats ------------------------------------------------------------------------

FLOW_HEAD = ("src:4 dst:4 next_hop:4 input:2 output:2 packets:4 octets:4 first:4 last:4 "
             "source_port:2 destination_port:2 ")
FLOW_TAIL = ("pad:1 flags:1 protocol:1 tos:1 source_as:2 destination_as:2 source_mask:1 "
             "destination_mask:1 ")
TRAFFIC = "packets:4 octets:4 first:4 last:4 "
COUNTERS = "flows:4 " + TRAFFIC
ENDS = "source_as:2 destination_as:2 input:2 output:2 "
ROUTER = "dropped:4 router:4"

LAYOUTS = {
    1: FLOW_HEAD + "pad:2 protocol:1 tos:1 flags:1 pad:7",
    5: FLOW_HEAD + FLOW_TAIL + "pad:2",
    6: FLOW_HEAD + FLOW_TAIL + "pad:6",
    7: FLOW_HEAD + FLOW_TAIL + "flags2:2 router:4",
}

# NetFlow v8, by aggregation scheme.
V8_LAYOUTS = {
    1: COUNTERS + ENDS,
    2: COUNTERS + "protocol:1 pad:3 source_port:2 destination_port:2",
    3: COUNTERS + "src:4 mask:1 pad:1 source_as:2 input:2 pad:2",
    4: COUNTERS + "dst:4 mask:1 pad:1 destination_as:2 output:2 pad:2",
    5: COUNTERS + "src:4 dst:4 mask:1 mask:1 pad:2 " + ENDS,
    6: "dst:4 " + TRAFFIC + "output:2 tos:1 marked_tos:1 " + ROUTER,
    7: "dst:4 src:4 " + TRAFFIC + "output:2 input:2 tos:1 marked_tos:1 pad:2 " + ROUTER,
    8: ("dst:4 src:4 destination_port:2 source_port:2 " + TRAFFIC
        + "output:2 input:2 tos:1 protocol:1 marked_tos:1 pad:1 " + ROUTER),
    9: COUNTERS + ENDS + "tos:1 pad:3",
    10: COUNTERS + "protocol:1 tos:1 pad:2 source_port:2 destination_port:2 input:2 output:2",
    11: COUNTERS + "src:4 mask:1 tos:1 source_as:2 input:2 pad:2",
    12: COUNTERS + "dst:4 mask:1 tos:1 destination_as:2 output:2 pad:2",
    13: COUNTERS + "src:4 dst:4 mask:1 mask:1 tos:1 pad:1 " + ENDS,
    14: COUNTERS + ("src:4 dst:4 mask:1 mask:1 tos:1 protocol:1 source_port:2 "
                    "destination_port:2 input:2 output:2"),
}


def fixed_record(v, layout, uptime, **over):
    """One record of a fixed format; first and last lie before `uptime`."""
    last = max(0, uptime - v.randint(0, 30000))
    guess = {"first": max(0, last - v.randint(0, 60000)), "last": last}
    out = b""
    for item in layout.split():
        name, size = item.split(":")
        size = int(size)
        if name in over:
            value = over[name]
        elif name in guess:
            value = guess[name]
        elif name in ("src", "dst", "next_hop", "router"):
            value = int(v.ip4())
        elif name in ("source_port", "destination_port"):
            value = v.port()
        elif name == "protocol":
            value = v.protocol()
        elif name in ("mask", "source_mask", "destination_mask"):
            value = v.randint(0, 32)
        elif name == "pad":
            value = v.getrandbits(8 * size)
        else:
            value = v.number(size)
        out += int(value).to_bytes(size, "big")
    return out


def fixed_packet(version, records, count=None, uptime=3600000, seconds=EXPORTED, nanoseconds=0,
                 sequence=1, engine=(0, 0), sampling=0, aggregation=0):
    """A v1, v5, v6, v7 or v8 packet around finished records."""
    count = len(records) if count is None else count
    head = struct.pack(">HHIII", version, count, uptime, seconds, nanoseconds)
    if version in (5, 6):
        head += struct.pack(">IBBH", sequence, *engine, sampling)
    elif version == 7:
        head += struct.pack(">II", sequence, 0)
    elif version == 8:
        head += struct.pack(">IBBBBI", sequence, *engine, aggregation, 2, 0)
    return head + b"".join(records)


# --- template formats ---------------------------------------------------------------------

class Field:
    """A field of a template: an element by name, or a raw (pen, id), which nobody knows if no type is given."""

    def __init__(self, element, length=None, kind="octetArray"):
        if isinstance(element, str):
            self.pen, self.id, self.type = ELEMENTS[element]
            self.name = element
        else:
            (self.pen, self.id), self.type, self.name = element, kind, None
        self.length = NATURAL[self.type] if length is None else length


def fields(text):
    """"octetDeltaCount packetDeltaCount/4 applicationName/v" -> Fields, v = variable length."""
    out = []
    for item in text.split():
        name, _, length = item.partition("/")
        out.append(Field(name, VARIABLE if length == "v" else int(length) if length else None))
    return out


def encode(v, field, value=None):
    """The bytes of one value in `field`; `value` may be bytes already, a number, text or None."""
    kind = field.type
    size = NATURAL[kind] if field.length == VARIABLE else field.length
    if not isinstance(value, bytes):
        value = encode_value(v, kind, size, value)
        if field.length != VARIABLE:
            value = value[:size].ljust(size, b"\0")
    if field.length != VARIABLE:
        return value
    if len(value) < 255:
        return bytes([len(value)]) + value
    return b"\xff" + struct.pack(">H", len(value)) + value


def encode_value(v, kind, size, value):
    if kind.startswith("unsigned") or kind.startswith("signed"):
        value = v.number(size) if value is None else int(value)
        return (value % (1 << (8 * size))).to_bytes(size, "big")
    if kind.startswith("float"):
        value = math.ldexp(v.random(), v.randint(-20, 40)) if value is None else value
        return struct.pack(">f" if size == 4 else ">d", value) if size in (4, 8) else bytes(size)
    if kind == "boolean":
        return bytes([v.choice((1, 2)) if value is None else value])
    if kind == "ipv4Address":
        return ipaddress.IPv4Address(v.ip4() if value is None else value).packed
    if kind == "ipv6Address":
        return ipaddress.IPv6Address(v.ip6() if value is None else value).packed
    if kind == "macAddress":
        return bytes.fromhex(value.replace(":", "")) if value else v.randbytes(6)
    if kind == "string":
        return (v.text(v.randint(min(1, size), size)) if value is None else value).encode()
    if kind == "dateTimeSeconds":
        return struct.pack(">I", EXPORTED - v.randint(0, 300) if value is None else value)
    if kind == "dateTimeMilliseconds":
        value = EXPORTED * 1000 - v.randint(0, 300000) if value is None else value
        return struct.pack(">Q", value)
    if kind in ("dateTimeMicroseconds", "dateTimeNanoseconds"):
        seconds = EXPORTED + NTP_EPOCH - v.randint(0, 300)
        value = seconds << 32 | v.getrandbits(32) if value is None else value
        return struct.pack(">Q", value)
    return v.randbytes(size)


def record(v, template, **over):
    """One data record; values by element name in `over`."""
    return b"".join(encode(v, f, over.get(f.name)) for f in template)


def field_specifiers(template, ipfix):
    out = b""
    for f in template:
        if ipfix and f.pen:
            out += struct.pack(">HHI", f.id | 0x8000, f.length, f.pen)
        else:
            out += struct.pack(">HH", f.id, f.length)
    return out


def template_record(number, template, ipfix=True):
    return struct.pack(">HH", number, len(template)) + field_specifiers(template, ipfix)


def options_record(number, scope, options, ipfix=True):
    """An options template; for v9 a scope is a list of (scope type, length)."""
    if ipfix:
        head = struct.pack(">HHH", number, len(scope) + len(options), len(scope))
        return head + field_specifiers(scope + options, True)
    head = struct.pack(">HHH", number, 4 * len(scope), 4 * len(options))
    return (head + b"".join(struct.pack(">HH", *s) for s in scope)
            + field_specifiers(options, False))


def flow_set(number, *parts, pad=0, length=None):
    """A set of any kind; `length` lies about its length."""
    body = b"".join(parts) + bytes(pad)
    return struct.pack(">HH", number, len(body) + 4 if length is None else length) + body


def v9(*sets, count=None, uptime=3600000, seconds=EXPORTED, sequence=1, source=0):
    count = len(sets) if count is None else count
    return struct.pack(">HHIIII", 9, count, uptime, seconds, sequence, source) + b"".join(sets)


def ipfix(*sets, length=None, seconds=EXPORTED, sequence=1, domain=0):
    body = b"".join(sets)
    length = len(body) + 16 if length is None else length
    return struct.pack(">HHIII", 10, length, seconds, sequence, domain) + body


# --- captures -----------------------------------------------------------------------------

def pcap(datagrams):
    """A classic Ethernet capture of (source address, source port, payload), and the seconds behind EXPORTED, if any."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, (source, port, payload, *seconds) in enumerate(datagrams):
        frame = ethernet(ipaddress.ip_address(source), port, payload)
        out += struct.pack("<IIII", EXPORTED + sum(seconds), number, len(frame), len(frame)) + frame
    return out


def ethernet(source, port, payload):
    udp = struct.pack(">HHHH", port, 2055, len(payload) + 8, 0) + payload
    macs = bytes.fromhex("020000000002020000000001")
    if source.version == 6:
        target = ipaddress.ip_address("2001:db8::53").packed
        return (macs + b"\x86\xdd" + struct.pack(">IHBB", 0x60000000, len(udp), 17, 64)
                + source.packed + target + udp)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, len(udp) + 20, 0, 0, 64, 17, 0, source.packed,
                       bytes([192, 0, 2, 53]))
    return macs + b"\x08\x00" + head[:10] + checksum(head) + head[12:] + udp


def checksum(head):
    total = sum(struct.unpack(f">{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def pcap_of(frames, link=1):
    """A classic capture of Ethernet frames, or of those of another link (https://www.tcpdump.org/linktypes.html)."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)]
    for number, frame in enumerate(frames):
        out.append(struct.pack("<IIII", EXPORTED, number, len(frame), len(frame)) + frame)
    return b"".join(out)


def pcap_datagrams(capture):
    """(source address, port, payload) of the UDP datagrams of a classic Ethernet capture without VLANs or fragments."""
    order = "<" if capture[:4] == bytes.fromhex("d4c3b2a1") else ">"
    at = 24
    while at < len(capture):
        size, = struct.unpack_from(f"{order}I", capture, at + 8)
        packet = capture[at + 16 + 14:at + 16 + size]
        at += 16 + size
        four = packet[0] >> 4 == 4
        source, udp = (packet[12:16], packet[(packet[0] & 15) * 4:]) if four else (packet[8:24], packet[40:])
        port, _, length = struct.unpack_from(">HHH", udp)
        yield str(ipaddress.ip_address(source)), port, udp[8:length]
