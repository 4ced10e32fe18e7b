# SPDX-License-Identifier: Apache-2.0
"""Structured data: RFC 6313."""

import struct

from flowcases import case
from flowwire import VARIABLE, Field, encode, fields, flow_set, ipfix, record, template_record

NONE_OF, EXACTLY_ONE_OF, ALL_OF, ORDERED, UNDEFINED = 0, 1, 3, 4, 255


def basic_list(v, element, *values, semantic=ALL_OF):
    """Of these values; each encoded as `element` says."""
    number = element.id | (0x8000 if element.pen else 0)
    head = struct.pack(">BHH", semantic, number, element.length)
    head += struct.pack(">I", element.pen) if element.pen else b""
    return head + b"".join(encode(v, element, value) for value in values)


def sub_list(template, *records, semantic=ALL_OF):
    return struct.pack(">BH", semantic, template) + b"".join(records)


def multi_list(*blocks, semantic=ALL_OF):
    """Blocks of (template, records)."""
    return bytes([semantic]) + b"".join(
        struct.pack(">HH", template, 4 + len(b"".join(records))) + b"".join(records) for template, records in blocks)


FLOW = fields("sourceIPv4Address")
BASIC, SUB, MULTI = (Field(name, VARIABLE) for name in ("basicList", "subTemplateList", "subTemplateMultiList"))
ENDS = fields("destinationIPv4Address destinationTransportPort octetDeltaCount/4")
NAMES = fields("interfaceName/v protocolIdentifier")


def row(v, **over):
    return record(v, ENDS, **{"destinationIPv4Address": "192.0.2.9", "destinationTransportPort": 80,
                              "octetDeltaCount": 7, **over})


def name(v, text, protocol):
    return record(v, NAMES, interfaceName=text, protocolIdentifier=protocol)


@case("ipfix-structured", "IPFIX: basicList, subTemplateList, subTemplateMultiList, with semantics, empty, nested four "
                          "deep and five, of unknown elements and templates, and damaged ones beside good fields")
def ipfix_structured(v):
    port, text, private = Field("destinationTransportPort"), Field("interfaceName", VARIABLE), Field((64999, 7), 3)
    outer = [*fields("vlanId"), BASIC]
    yield "templates", ipfix(flow_set(2, template_record(300, FLOW + [BASIC]), template_record(301, FLOW + [SUB]),
                                      template_record(302, FLOW + [MULTI]), template_record(303, FLOW + [BASIC, BASIC]),
                                      template_record(400, ENDS), template_record(401, NAMES),
                                      template_record(402, outer), template_record(403, [SUB])))

    def flow(template, *values):
        head = encode(v, FLOW[0], "192.0.2.1")
        return flow_set(template, head + b"".join(encode(v, BASIC, value) for value in values))

    deep = basic_list(v, port, 1)
    for _ in range(4):
        deep = basic_list(v, BASIC, deep)
    yield "basic", ipfix(
        flow(300, basic_list(v, port, 80, 443, 8080)), flow(300, basic_list(v, text, "eth0", "", "a \"b\"")),
        flow(300, basic_list(v, port, 53, semantic=EXACTLY_ONE_OF)), flow(300, basic_list(v, private, b"abc", b"def")),
        flow(300, basic_list(v, port)), flow(300, b""), flow(300, basic_list(v, Field("octetDeltaCount"), 1 << 63, 5)),
        flow(303, basic_list(v, port, 1, 2), basic_list(v, text, "x")))
    yield "sub", ipfix(
        flow(301, sub_list(400, row(v), row(v, octetDeltaCount=8))), flow(301, sub_list(401, name(v, "eth1", 6))),
        flow(301, sub_list(400, semantic=NONE_OF)), flow(301, sub_list(999, b"abcd")),
        flow(301, sub_list(402, record(v, outer, vlanId=5, basicList=basic_list(v, port, 1, 2)))))
    yield "multi", ipfix(
        flow(302, multi_list((400, [row(v)]), (401, [name(v, "a", 1), name(v, "b", 2)]), semantic=ORDERED)),
        flow(302, multi_list((999, [b"abcd"]), (400, [row(v)]), semantic=UNDEFINED)), flow(302, multi_list()))
    yield "deep", ipfix(flow(300, deep), flow(301, sub_list(403, encode(v, SUB, sub_list(400, row(v))))))
    yield "damaged", ipfix(
        flow(300, basic_list(v, port, 80)[:4]), flow(300, basic_list(v, port, 80, 443)[:-1]),
        flow(300, basic_list(v, private, b"abc")[:7]), flow(300, struct.pack(">BHH", 3, 11, 0) + b"a"),
        flow(301, b"\x03\x01"), flow(301, sub_list(400, row(v), row(v)[:-1])),
        flow(302, multi_list((400, [row(v)])) + b"\x01\x90\x00\x03"), flow(302, b"\x03\x01\x90\xff\xff" + row(v)))
