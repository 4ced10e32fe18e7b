# SPDX-License-Identifier: Apache-2.0
"""NetFlow v9."""

import struct

from flowcases import case
from flowcases.common import V4, V6, rows, v4_rows
from flowwire import EXPORTED, fields, flow_set, options_record, record, some_of_vendor, template_record, v9


@case("v9", "v9: template and data in one packet, then data alone")
def v9_plain(v):
    template = flow_set(0, template_record(256, V4, False), template_record(257, V6, False))
    yield "both", v9(template, flow_set(256, *v4_rows(v, 3)), flow_set(257, *rows(v, V6, 2)))
    yield "data", v9(flow_set(257, *rows(v, V6, 4)), flow_set(256, *v4_rows(v, 1)), sequence=2)


@case("v9-data-first", "v9: data before its template, which Elastic drops silently, and weir parks")
def v9_data_first(v):
    yield "data", v9(flow_set(300, *v4_rows(v, 2)))
    yield "template", v9(flow_set(0, template_record(300, V4, False)), sequence=2)
    yield "data", v9(flow_set(300, *v4_rows(v, 2)), sequence=3)
    yield "mixed", v9(flow_set(301, *v4_rows(v, 1)), flow_set(300, *v4_rows(v, 1)), sequence=4)


@case("v9-data-first-cached", "v9 with more than one worker: data before its template waits "
      "(informative: weir keeps the original header and keys by template)", workers=2)
def v9_data_first_cached(v):
    yield "data", v9(flow_set(300, *v4_rows(v, 2)), seconds=EXPORTED - 5)
    yield "template", v9(flow_set(0, template_record(300, V4, False)), sequence=2)
    yield "data", v9(flow_set(300, *v4_rows(v, 1)), sequence=3)


@case("v9-options", "v9: options templates with system, interface, line card, cache and "
                    "template scopes, with several and with no scopes")
def v9_options(v):
    sampling = fields("samplingInterval samplingAlgorithm")
    names = fields("interfaceName/16 interfaceDescription/20")
    totals = fields("exportedOctetTotalCount/4 exportedMessageTotalCount/4")
    templates = flow_set(1, options_record(256, [(1, 4)], sampling, False),
                         options_record(257, [(2, 4)], names, False),
                         options_record(258, [(3, 2), (4, 1), (5, 1)], sampling, False),
                         options_record(259, [], totals, False),
                         options_record(260, [(5, 4)], [], False), pad=2)
    yield "templates", v9(templates, count=5)
    yield "system", v9(flow_set(256, v.ip4().packed, *rows(v, sampling, 1)), sequence=2)
    yield "interface", v9(flow_set(257, *(struct.pack(">I", n) + record(v, names, **{
        "interfaceName": f"Gi0/{n}"}) for n in (1, 2, 3)), pad=0), sequence=3)
    yield "several", v9(flow_set(258, b"\x00\x07\x11\x2a", *rows(v, sampling, 1), pad=3),
                        flow_set(259, *rows(v, totals, 2)),
                        flow_set(260, v.randbytes(4)), sequence=4)


@case("v9-padding", "v9: padded sets and a zero-filled rest of the packet")
def v9_padding(v):
    odd = fields("sourceIPv4Address protocolIdentifier octetDeltaCount/4")
    yield "template-7", v9(flow_set(0, template_record(256, odd, False), pad=7))
    yield "data-1-to-3", v9(*(flow_set(256, *rows(v, odd, n), pad=-n * 9 % 4) for n in (1, 2, 3)))
    yield "data-8", v9(flow_set(256, *rows(v, odd, 1), pad=8))
    yield "zero-filled", v9(flow_set(256, *rows(v, odd, 2), pad=2)) + bytes(900)
    yield "template-8", v9(flow_set(0, template_record(257, odd, False), pad=8))
    yield "after-error", v9(flow_set(257, *rows(v, odd, 1)), flow_set(256, *rows(v, odd, 1)))


@case("v9-redefined", "v9: a template is announced again with other fields, also as options")
def v9_redefined(v):
    other = fields("destinationIPv4Address octetDeltaCount packetDeltaCount vlanId")
    yield "first", v9(flow_set(0, template_record(256, V4, False)),
                      flow_set(256, *v4_rows(v, 1)))
    yield "second", v9(flow_set(256, *v4_rows(v, 1)),
                       flow_set(0, template_record(256, other, False)),
                       flow_set(256, *rows(v, other, 2)))
    yield "options", v9(flow_set(1, options_record(256, [(1, 4)], other, False), pad=2),
                        flow_set(256, b"\0\0\0\1", *rows(v, other, 1)))


@case("v9-count", "v9: a header count below the number of sets loses the sets behind it")
def v9_count(v):
    template = flow_set(0, template_record(256, V4, False))
    data = [flow_set(256, *v4_rows(v, 1)) for _ in range(4)]
    yield "two-of-five", v9(template, *data, count=2)
    yield "zero", v9(*data, count=0)
    yield "above", v9(*data, count=60000)


@case("v9-bad-sets", "v9: reserved set ids and broken templates lose the packet; set lengths "
                     "below 4, overlong and cut sets lose less")
def v9_bad_sets(v):
    template = flow_set(0, template_record(256, V4, False))
    data = flow_set(256, *v4_rows(v, 1))
    yield "template", v9(template)
    yield "set-2", v9(data, flow_set(2, v.randbytes(8)))
    yield "set-255", v9(data, flow_set(255, v.randbytes(8)), data)
    yield "length-0-to-3", v9(data, *(flow_set(256, length=n) for n in range(4)), data)
    yield "overlong", v9(data, flow_set(256, *v4_rows(v, 1), length=500))
    yield "three-bytes-left", v9(data) + b"\x01\x00\x00"
    yield "template-id-255", v9(data, flow_set(0, template_record(255, V4, False)))
    yield "template-cut", v9(data, flow_set(0, template_record(300, V4, False)[:-2]))
    yield "template-cut-behind-good", v9(flow_set(0, template_record(301, V4, False), (
        template_record(302, V4, False)[:-3])), flow_set(301, *v4_rows(v, 1)))
    yield "template-far-too-long", v9(data, flow_set(0, struct.pack(">HH", 300, 999), bytes(99)))
    yield "no-fields", v9(data, flow_set(0, struct.pack(">HH", 256, 0), bytes(4)), data)
    yield "options-uneven", v9(data, flow_set(1, struct.pack(">HHH", 300, 6, 4), bytes(10)))
    yield "options-empty", v9(data, flow_set(1, struct.pack(">HHH", 300, 0, 0)))
    yield "short-header", v9(data)[:19]
    yield "still-there", v9(data)


@case("v9-sources", "v9: templates belong to exporter address, port and source id")
def v9_sources(v):
    other = fields("destinationIPv4Address octetDeltaCount/4")
    template = flow_set(0, template_record(256, V4, False))
    data = flow_set(256, *v4_rows(v, 1))
    a, b, six = ("192.0.2.10", 50000), ("192.0.2.11", 50000), ("2001:db8::10", 50000)
    yield "a", v9(template, data, source=1), a
    yield "a-other-id", v9(data, source=2), a
    yield "a-other-port", v9(data, source=1), (a[0], 50001)
    yield "b", v9(flow_set(0, template_record(256, other, False)), source=1), b
    yield "b", v9(flow_set(256, *rows(v, other, 1)), source=1), b
    yield "a", v9(data, source=1, sequence=2), a
    yield "six", v9(template, data, source=1), six


@case("v9-shared", "v9 with share_templates: one store a source id for all exporters",
      share_templates="true")
def v9_shared(v):
    template = flow_set(0, template_record(256, V4, False))
    data = flow_set(256, *v4_rows(v, 1))
    yield "a", v9(template, source=1), ("192.0.2.10", 50000)
    yield "b", v9(data, source=1), ("2001:db8::10", 50001)
    yield "b-other-id", v9(data, source=2), ("2001:db8::10", 50001)


@case("v9-sequence", "v9: a sequence step of 1000 or more forgets the templates",
      detect_sequence_reset="true")
def v9_sequence(v):
    template = flow_set(0, template_record(256, V4, False))
    start = v.randint(5000, 9000)
    yield "first", v9(template, sequence=start)
    for label, sequence in (("step-999", start + 999), ("back-999", start),
                            ("step-1000", start + 1000)):
        yield label, v9(flow_set(256, *v4_rows(v, 1)), sequence=sequence)
    yield "again", v9(template, sequence=2**32 - 2)
    yield "wrap", v9(flow_set(256, *v4_rows(v, 1)), sequence=3)
    yield "restart", v9(template, flow_set(256, *v4_rows(v, 1)), sequence=2**31)
    yield "same", v9(flow_set(256, *v4_rows(v, 1)), sequence=2**31)


@case("v9-uptimes", "v9: start, end and duration from uptimes; wrapped, absent, duration only")
def v9_uptimes(v):
    short = fields("sourceIPv4Address flowStartSysUpTime flowEndSysUpTime")
    lasting = fields("sourceIPv4Address flowStartSysUpTime flowDurationMilliseconds")
    ending = fields("sourceIPv4Address flowEndSysUpTime flowDurationMilliseconds")
    yield "templates", v9(flow_set(0, template_record(256, short, False),
                                   template_record(257, lasting, False),
                                   template_record(258, ending, False)), count=3)
    pairs = [(1000, 1500), (4294967000, 1500), (4294967000, 4294967290), (1500, 1000), (2000, 2000)]
    packets = [record(v, short, flowStartSysUpTime=s, flowEndSysUpTime=e) for s, e in pairs]
    yield "uptime-2000", v9(flow_set(256, *packets), uptime=2000)
    yield "uptime-0", v9(flow_set(256, *packets), uptime=0)
    for number, template in ((257, lasting), (258, ending)):
        some = rows(v, template, 2, flowStartSysUpTime=900, flowEndSysUpTime=5000,
                    flowDurationMilliseconds=v.randint(0, 99999))
        yield f"duration-{number}", v9(flow_set(number, *some), uptime=2000)


@case("v9-cisco", "v9: ids of 32768 and above, ASA ACL ids and firewall events")
def v9_cisco(v):
    asa = fields("sourceIPv4Address ingressAclID egressAclID fwExtEvent FirewallEvent "
                 "initiatorOctets responderOctets username/20 observationTimeMilliseconds")
    yield "both", v9(flow_set(0, template_record(265, asa, False)),
                     flow_set(265, *rows(v, asa, 3), pad=1))


@case("v9-elements-further", "v9: types that vendors took: Cisco's AVC and ETA, nProbe's, PAN-OS's, Ericsson's, "
                              "Ekinops'")
def v9_further(v):
    for first, last in ((6660, 6800), (8192, 8400), (24628, 24635), (33610, 33636), (34001, 34003), (37000, 39999),
                        (41000, 42999), (45000, 45999), (56701, 56702), (57472, 58600), (44940, 44961)):
        mine = some_of_vendor(0, first, last)
        yield f"from-{first}", v9(flow_set(0, template_record(266, mine, False)), flow_set(266, *rows(v, mine, 2)))


@case("v9-variable", "v9: length 65535 means variable length in v9, too")
def v9_variable(v):
    names = fields("sourceIPv4Address applicationName/v octetDeltaCount/v")
    yield "both", v9(flow_set(0, template_record(256, names, False)), flow_set(
        256, *(record(v, names, applicationName=v.text(n)) for n in (0, 7, 254, 255, 300))))


@case("v9-zero-length", "v9: fields of length 0; a template of nothing else is an error when used")
def v9_zero_length(v):
    some = fields("sourceIPv4Address octetDeltaCount/0 interfaceName/0 samplerName/4 "
                  "paddingOctets/0")
    none = fields("octetDeltaCount/0 interfaceName/0")
    yield "some", v9(flow_set(0, template_record(256, some, False)),
                     flow_set(256, *rows(v, some, 2)))
    yield "none-template", v9(flow_set(0, template_record(257, none, False)))
    yield "none-data", v9(flow_set(256, *rows(v, some, 1)), flow_set(257, v.randbytes(8)))
