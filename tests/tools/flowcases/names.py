# SPDX-License-Identifier: Apache-2.0
"""Type information: options records that name elements which no table has (RFC 5610). For profile weir."""

import ipaddress
import struct

from flowcases import case
from flowcases.lists import BASIC, SUB, basic_list, sub_list
from flowwire import VARIABLE, Field, encode, fields, flow_set, ipfix, options_record, record, template_record, v9

PEN = 32473  # for documentation: RFC 5612
SCOPE = fields("privateEnterpriseNumber informationElementId")
TYPE = fields("informationElementDataType informationElementSemantics informationElementUnits "
              "informationElementRangeBegin informationElementRangeEnd informationElementName/v "
              "informationElementDescription/v")
(OCTETS, UNSIGNED8, UNSIGNED16, UNSIGNED32, UNSIGNED64, SIGNED8, SIGNED16, SIGNED32, SIGNED64, FLOAT32, FLOAT64,
 BOOLEAN, MAC, STRING, SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS, IPV4, IPV6, BASIC_LIST) = range(21)


def told(v, number, kind, name, pen=PEN):
    return record(v, SCOPE + TYPE, privateEnterpriseNumber=pen, informationElementId=number,
                  informationElementDataType=kind, informationElementSemantics=1, informationElementUnits=0,
                  informationElementRangeBegin=0, informationElementRangeEnd=0, informationElementName=name,
                  informationElementDescription="what it is")


def element(number, length=VARIABLE, pen=PEN):
    return Field((pen, number), length)


def values(v, template, *contents):
    """A record of these values as they stand on the wire; None: one that the element's name makes up."""
    return b"".join(encode(v, field, content) for field, content in zip(template, contents))


KNOWN = options_record(300, SCOPE, TYPE)
ADDRESS = ipaddress.ip_address("192.0.2.77").packed

# Number, type, name, length in the template, value.
ROWS = [
    (1, UNSIGNED32, "sessionCount", 4, struct.pack(">I", 4711)),
    (2, STRING, "ruleLabel", VARIABLE, b"deny \"all\"\n"),
    (3, IPV4, "gatewayIPv4Address", 4, ADDRESS),
    (4, FLOAT64, "jitterMs", 8, struct.pack(">d", 1.5)),
    (5, BOOLEAN, "isEncrypted", 1, b"\x01"),
    (6, MILLISECONDS, "firstSeen", 8, struct.pack(">Q", 1767225600123)),
    (7, MAC, "probeMacAddress", 6, bytes.fromhex("00005e005301")),
    (8, SIGNED16, "signal_Strength", 2, struct.pack(">h", -71)),
    (9, OCTETS, "digest", 4, b"\x01\x02\xfe\xff"),
    (10, UNSIGNED64, "HTTPRequests", 2, struct.pack(">H", 9)),
    (11, IPV6, "tunnel-end.IPv6", 16, ipaddress.ip_address("2001:db8::7").packed),
    (12, NANOSECONDS, "lastSeen", 8, struct.pack(">II", 3976214400, 1 << 31)),
]


@case("ipfix-names", "IPFIX: type information (RFC 5610) names the elements of a template that came before it, each of "
                     "its type; another observation domain is told nothing; a name changes, and is taken back")
def ipfix_names(v):
    template = fields("sourceIPv4Address") + [element(number, length) for number, _, _, length, _ in ROWS]
    data = flow_set(256, values(v, template, ADDRESS, *(row[4] for row in ROWS)))
    known = flow_set(2, template_record(256, template))
    yield "before", ipfix(known, data, flow_set(3, KNOWN))
    yield "told", ipfix(flow_set(300, *(told(v, number, kind, name) for number, kind, name, _, _ in ROWS)))
    yield "after", ipfix(data)
    yield "domain", ipfix(known, data, domain=5)
    yield "renamed", ipfix(flow_set(300, told(v, 1, UNSIGNED32, "sessionTotal"), told(v, 2, STRING, "")), data)
    yield "again", ipfix(known, data, flow_set(300, told(v, 2, OCTETS, "ruleBytes")), known, data)


@case("ipfix-names-refused", "IPFIX: names that are not used: of an element that a table has, of another type than a "
                             "table's or another element's field of that key, too long, no name; values of another "
                             "length")
def ipfix_names_refused(v):
    told_rows = [(1, UNSIGNED32, "octetDeltaCount"), (2, STRING, "packetDeltaCount"), (3, UNSIGNED8, "exporter"),
                 (4, UNSIGNED8, "scope"), (5, STRING, "a" * 64), (6, STRING, "b" * 63), (7, STRING, "Ab" * 31),
                 (8, STRING, "\",\"x\":\""), (9, STRING, "new\nline"), (10, STRING, "Gr\u00fc\u00dfe"),
                 (11, BASIC_LIST, "list"), (12, 250, "beyond"), (13, UNSIGNED32, "twice"),
                 (14, STRING, "twice"), (15, UNSIGNED64, "twice"), (16, UNSIGNED32, "tooShort"),
                 (17, UNSIGNED32, "variable"), (18, STRING, "tcpFlags"), (19, STRING, "\0\0")]
    lengths = {16: 8, 17: VARIABLE, 1: 4, 3: 1, 4: 1, 13: 4, 15: 8}
    template = [element(number, lengths.get(number, VARIABLE)) for number, _, _ in told_rows]
    template += fields("octetDeltaCount/4")
    content = [bytes(lengths.get(number, 3)) if lengths.get(number, 3) != VARIABLE else b"abc"
               for number, _, _ in told_rows]
    yield "told", ipfix(flow_set(3, KNOWN), flow_set(300, *(told(v, *row) for row in told_rows),
                                                     told(v, 8, STRING, "myAddress", pen=0)))
    yield "data", ipfix(flow_set(2, template_record(256, template)),
                        flow_set(256, values(v, template, *content, struct.pack(">I", 9))))


@case("ipfix-names-lists", "IPFIX: names in options records, in lists of values and in lists of records")
def ipfix_names_lists(v):
    named = element(1, 4)
    inner, outer = [named, element(2)], [BASIC, SUB]
    options = fields("meteringProcessId") + [named]
    yield "told", ipfix(flow_set(3, KNOWN), flow_set(300, told(v, 1, UNSIGNED32, "sessionCount"),
                                                     told(v, 2, STRING, "ruleLabel")))
    yield "data", ipfix(
        flow_set(2, template_record(256, outer), template_record(257, inner)),
        flow_set(3, options_record(301, options[:1], options[1:])),
        flow_set(301, values(v, options, struct.pack(">I", 3), struct.pack(">I", 77))),
        flow_set(256, values(v, outer, basic_list(v, named, struct.pack(">I", 1), struct.pack(">I", 2)),
                             sub_list(257, values(v, inner, struct.pack(">I", 3), b"allow")))))


@case("ipfix-names-lists-later", "IPFIX: names that are told after the template of a list's records was, and change "
                                 "again")
def ipfix_names_lists_later(v):
    inner, outer, nested = [element(1, 4), element(2)], [SUB], [element(1, 4), SUB]
    item = values(v, inner, struct.pack(">I", 3), b"allow")
    around = values(v, nested, struct.pack(">I", 4), sub_list(257, item))
    data = flow_set(256, values(v, outer, sub_list(257, item, item)), values(v, outer, sub_list(258, around)))
    yield "before", ipfix(flow_set(3, KNOWN), flow_set(2, template_record(256, outer), template_record(257, inner),
                                                       template_record(258, nested)), data)
    yield "named", ipfix(flow_set(300, told(v, 1, UNSIGNED32, "sessionCount"), told(v, 2, STRING, "ruleLabel")), data)
    yield "renamed", ipfix(flow_set(300, told(v, 2, STRING, "policyLabel")), data)


@case("v9-names", "v9: a name for an element that has no enterprise number, by an options template of v9's")
def v9_names(v):
    template = fields("sourceIPv4Address") + [Field((0, 60000), 4)]
    kinds = fields("informationElementId informationElementDataType informationElementName/24")
    yield "before", v9(flow_set(0, template_record(256, template, False)),
                       flow_set(256, values(v, template, ADDRESS, struct.pack(">I", 5))),
                       flow_set(1, options_record(257, [(1, 4)], kinds, False)))
    yield "after", v9(flow_set(257, bytes(4) + record(v, kinds, informationElementId=60000,
                                                      informationElementDataType=UNSIGNED32,
                                                      informationElementName="clientNetworkTime")),
                      flow_set(256, values(v, template, ADDRESS, struct.pack(">I", 5))), sequence=2)
