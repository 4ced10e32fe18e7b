# SPDX-License-Identifier: Apache-2.0
"""Many exporters, each an address with a template of its own: half of them NetFlow v9, half IPFIX. Their records are
numbered, and carry what sent.key_of() holds them to."""

import struct
import time

import frames
import lab
import load

PORT = 21000
# sourceIPv4Address, destinationIPv4Address, the ports, protocol, octetDeltaCount, packetDeltaCount; and padding, of
# which no two neighbours have the same: data read with another's template is not what was sent.
FIELDS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4))
TEMPLATE_ID = 256


class Exporter:
    def __init__(self, number, port=PORT, like=None):
        self.number = number
        self.address = f"10.78.{number // 250}.{1 + number % 250}"
        self.port = port
        self.name = f"{self.address}:{port}"
        self.ipfix = number % 2 == 1
        shape = number if like is None else like
        turn = shape % len(FIELDS)
        self.fields = (*FIELDS[turn:], *FIELDS[:turn], (210, 1 + shape % 9))
        self.sequence = 0
        self.sent = 0  # records

    def message(self, *sets, records=0):
        body = b"".join(struct.pack(">HH", number, 4 + len(content)) + content for number, content in sets)
        self.sequence += records if self.ipfix else 1
        if self.ipfix:
            return struct.pack(">HHIII", 10, 16 + len(body), int(time.time()), self.sequence, self.number) + body
        return struct.pack(">HHIIII", 9, 1, 3600000, int(time.time()), self.sequence, self.number) + body

    def template_set(self, ids=(TEMPLATE_ID,)):
        fields = b"".join(struct.pack(">HH", *field) for field in self.fields)
        records = b"".join(struct.pack(">HH", number, len(self.fields)) + fields for number in ids)
        return 2 if self.ipfix else 0, records

    def template(self, ids=(TEMPLATE_ID,)):
        return self.message(self.template_set(ids))

    def record(self, number):
        values = {8: 0x0A000000 + number, 12: 0xC6336401, 7: 1024 + number % 60000, 11: 443, 4: 6,
                  1: load.bytes_of(number), 2: load.packets_of(number), 210: 0xAAAAAAAAAAAAAAAAAA}
        return b"".join((values[field] & (1 << 8 * size) - 1).to_bytes(size, "big") for field, size in self.fields)

    def data_set(self, count, number=TEMPLATE_ID):
        """The next records, by that template."""
        first, self.sent = self.sent, self.sent + count
        return number, b"".join(self.record(at) for at in range(first, self.sent))

    def data(self, count):
        return self.message(self.data_set(count), records=count)

    def keys(self):
        return {(self.name, number) for number in range(self.sent)}


class Named(Exporter):
    """Its records have an interface, which one options record of its names."""

    INTERFACE = 7
    OPTIONS_ID = 400

    def __init__(self, number):
        super().__init__(number)
        self.flow_fields = self.fields
        self.fields = (*self.fields, (10, 4))
        self.interface = f"eth{number}"

    def record(self, number):
        self.fields = self.flow_fields
        flow = super().record(number)
        self.fields = (*self.flow_fields, (10, 4))
        return flow + struct.pack(">I", self.INTERFACE)

    def names(self):
        counts = (2, 1) if self.ipfix else (4, 4)
        scope = 10 if self.ipfix else 2  # ingressInterface; RFC 3954 6.1: interface
        template = struct.pack(">HHHHHHH", self.OPTIONS_ID, *counts, scope, 4, 82, 16)
        name = struct.pack(">I16s", self.INTERFACE, self.interface.encode())
        return self.message((3 if self.ipfix else 1, template), (self.OPTIONS_ID, name), records=1)

    def is_named(self, document):
        return document["observer"].get("ingress", {}).get("interface", {}).get("name") == self.interface


def frames_of(link, pairs):
    """Frames as they come from these exporters, with these payloads: no address has to be configured for them."""
    macs = link.macs()
    for exporter, payload in pairs:
        datagram = frames.udp((exporter.address, exporter.port), (lab.COLLECTOR, 2055), payload)
        yield frames.ethernet(macs, frames.ipv4(exporter.address, lab.COLLECTOR, frames.UDP, datagram))
