# SPDX-License-Identifier: Apache-2.0
"""Datagrams of exporters that mean harm: each kind costs a collector as much as it can, by what a template may say."""

import struct

import flowwire
from flowcases.lists import BASIC, FLOW, MULTI, SUB, basic_list, multi_list, sub_list
from flowwire import Field, encode, fields, flow_set, ipfix, template_record, v9

PAYLOAD_MOST = 1472
SMALL = [Field(name) for name, key in flowwire.ELEMENTS.items()
         if key[0] == 0 and key[1] < 480 and flowwire.NATURAL.get(key[2], 9) <= 4]


def specifiers(pairs):
    """Of (element, length), without enterprises."""
    return b"".join(struct.pack(">HH", *pair) for pair in pairs)


def template(number, pairs):
    return struct.pack(">HH", number, len(pairs)) + specifiers(pairs)


def padded(body):
    return body + bytes(-len(body) % 4)


def most_fields(v, count):
    """Another template each time, of as many fields as a datagram holds, or half as many and a record of them."""
    for number in range(count):
        wanted, data = (360, b"") if number % 4 == 0 else (160, None)
        chosen = [v.choice(SMALL) for _ in range(wanted)]
        pairs = [(field.id, min(4, flowwire.NATURAL[field.type])) for field in chosen]
        identity = 256 + v.randrange(200)
        sets = [flow_set(0, template(identity, pairs))]
        if data is None:
            sets.append(flow_set(identity, padded(v.randbytes(sum(length for _, length in pairs)))))
        yield v9(*sets, sequence=number)


def zero_lengths(v, count):
    """Records of a byte, and of three hundred fields without any."""
    for number in range(count):
        first = 2000 + v.randrange(8)
        pairs = [(4, 1)] + [(first + 3 * field, 0) for field in range(300)]
        yield v9(flow_set(0, template(300, pairs)), flow_set(300, padded(v.randbytes(200))), sequence=number)


def lists(v, count):
    """Lists of lists, as deep as bytes go; lists of templates that name themselves; a thousand records in one."""
    byte, inner = fields("protocolIdentifier"), [SUB]
    known = flow_set(2, template_record(300, FLOW + [BASIC]), template_record(301, FLOW + [SUB]),
                     template_record(302, FLOW + [MULTI]), template_record(400, byte), template_record(403, inner))

    def flow(number, value):
        return flow_set(number, encode(v, FLOW[0], "192.0.2.1") + encode(v, BASIC, value))

    deep, loop = basic_list(v, byte[0], *range(200)), sub_list(400, v.randbytes(200))
    for _ in range(60):
        deep, loop = basic_list(v, BASIC, deep), sub_list(403, encode(v, SUB, loop))
    many = multi_list(*((400, [v.randbytes(3)]) for _ in range(150)))
    shapes = [flow(300, deep), flow(301, loop), flow(302, many), flow(301, sub_list(400, v.randbytes(1200))),
              flow(300, basic_list(v, byte[0], *(v.randrange(256) for _ in range(1200)))),
              flow(300, basic_list(v, BASIC, *(basic_list(v, byte[0]) for _ in range(150))))]
    for number in range(count):
        message = ipfix(known, shapes[number % len(shapes)], sequence=number, domain=number % 3)
        assert len(message) <= PAYLOAD_MOST
        yield message


def churn(v, count):
    """Sixty small templates a datagram, none as before, in a hundred observation domains; data of ten of them."""
    for number in range(count):
        sets, records = [], []
        for index in range(50):
            identity, chosen = 256 + v.randrange(65000), [v.choice(SMALL).id for _ in range(v.randrange(2, 5))]
            sets.append(template(identity, [(element, 4) for element in chosen]))
            if index < 10:
                records.append(flow_set(identity, v.randbytes(4 * len(chosen))))
        yield ipfix(flow_set(2, *sets), *records, sequence=number, domain=v.randrange(100))


def options(v, count):
    """Options templates and what they tell: names of interfaces that are others each time."""
    for number in range(count):
        told = b"".join(struct.pack(">I", v.randrange(1 << 20)) + v.randbytes(28) for _ in range(20))
        sets = [flow_set(3, *(struct.pack(">HHH", 256 + v.randrange(4000), 2, 1) +
                              specifiers([(10, 4), (v.choice((82, 83, 84)), 20 + v.randrange(9))])
                              for _ in range(40)))]
        sets.append(flow_set(3, struct.pack(">HHH", 5000, 2, 1) + specifiers([(10, 4), (82, 28)])))
        yield ipfix(*sets, flow_set(5000, told), sequence=number)


def long_values(v, count):
    """Texts that are six times as long in JSON, and lengths that say more than there is."""
    known = flow_set(2, template(300, [(8, 4), (96, 0xFFFF)]))
    for number in range(count):
        text = bytes([v.randrange(1, 32)]) * 1380
        length = len(text) if number % 8 else 60000
        yield ipfix(known, flow_set(300, v.randbytes(4) + struct.pack(">BH", 255, length) + text), sequence=number)


KINDS = {"fields": most_fields, "zero": zero_lengths, "lists": lists, "churn": churn, "options": options,
         "values": long_values}


def payloads(kind, count):
    return list(KINDS[kind](flowwire.Values(kind), count))
