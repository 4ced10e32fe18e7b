# SPDX-License-Identifier: Apache-2.0
"""IPFIX."""

import struct

from flowcases import case
from flowcases.common import V4, V6, rows, v4_rows
from flowwire import (
    ELEMENTS, EXPORTED, NTP_EPOCH, VARIABLE, Field, data_types, fields, flow_set, ipfix,
    options_record, read_vendors, record, some_of_vendor, template_record)


def simple(v, template, *records, number=256, **header):
    """Template and data in one message."""
    return ipfix(flow_set(2, template_record(number, template)),
                 flow_set(number, *records), **header)


@case("ipfix", "IPFIX: IPv4 and IPv6 records, template first")
def ipfix_plain(v):
    yield "templates", ipfix(flow_set(2, template_record(256, V4), template_record(257, V6)),
                             domain=7)
    yield "data", ipfix(flow_set(256, *v4_rows(v, 3)), flow_set(257, *rows(v, V6, 3)), domain=7)


def in_messages(v, template, first=256, most=40):
    """Templates of at most `most` fields, each with two records, one message each."""
    for start in range(0, len(template), most):
        part = template[start:start + most]
        yield simple(v, part, *rows(v, part, 2), number=first + start // most)


@case("ipfix-elements-iana", "IPFIX: every IANA element at its natural length")
def ipfix_iana(v):
    known = [Field(name) for name, key in ELEMENTS.items() if key[0] == 0 and key[1] < 32768]
    for number, message in enumerate(in_messages(v, known)):
        yield f"part-{number}", message


@case("ipfix-elements-vendors", "IPFIX: every vendor element at its natural length")
def ipfix_vendors(v):
    vendors = sorted({key[0] for key in ELEMENTS.values() if key[0]})
    for vendor in vendors:
        mine = [Field(name) for name, key in ELEMENTS.items() if key[0] == vendor]
        for number, message in enumerate(in_messages(v, mine)):
            yield f"pen-{vendor}-{number}", message


@case("ipfix-elements-further", "IPFIX: some elements of each vendor that Elastic's tables lack, of every type; "
                                "and at lengths that they cannot have, where they are kept as unknown")
def ipfix_further(v):
    for vendor in sorted({pen for pen, _ in read_vendors() if pen}):
        mine = some_of_vendor(vendor)
        yield f"pen-{vendor}", simple(v, mine, *rows(v, mine, 2))
    wrong = [Field((35632, 118), 5), Field((35632, 114), 3), Field((9, 12236), 16),
             Field((56506, 100), VARIABLE, "string")]
    yield "lengths", simple(v, wrong, *rows(v, wrong, 1))


@case("ipfix-reduced", "IPFIX: reduced-size integers of every length, float32 for float64")
def ipfix_reduced(v):
    wide = [n for n, k in ELEMENTS.items() if k[2] == "unsigned64" and k[0] == 0][:8]
    half = [n for n, k in ELEMENTS.items() if k[2] == "unsigned32" and k[0] == 0][:4]
    template = [Field(name, size) for size, name in enumerate(wide, 1)]
    template += [Field(name, size) for size, name in enumerate(half, 1)]
    template += [Field("mibObjectValueInteger", size) for size in (1, 2, 3, 4)]
    template += fields("samplingProbability/4 absoluteError/8 relativeError/4")
    negative = {"mibObjectValueInteger": -v.randint(1, 100)}
    yield "both", simple(v, template, *rows(v, template, 2), *rows(v, template, 1, **negative))


@case("ipfix-lengths", "IPFIX: lengths outside the type lose the field, not the record")
def ipfix_lengths(v):
    template = fields(
        "sourceIPv4Address protocolIdentifier/2 octetDeltaCount/9 sourceIPv6Address/4 "
        "destinationIPv4Address/16 sourceMacAddress/8 flowStartSeconds/8 flowStartMilliseconds/4 "
        "flowStartMicroseconds/4 samplingProbability/3 absoluteError/5 dataRecordsReliability/2 "
        "forwardingStatus/4 vlanId/1 octetTotalCount/8")
    yield "both", simple(v, template, *rows(v, template, 2))


@case("ipfix-variable", "IPFIX: variable lengths, short and long form, of every type")
def ipfix_variable(v):
    template = fields("applicationName/v sourceIPv4Address interfaceName/v octetDeltaCount/v "
                      "destinationMacAddress/v flowStartMilliseconds/v destinationIPv4Address/v "
                      "dataRecordsReliability/v applicationId/v")
    plain = rows(v, template, 2)
    long = rows(v, template, 1, applicationName=v.text(255), interfaceName=v.text(700))
    yield "plain", simple(v, template, *plain, *long)
    empty = {f.name: b"" for f in template if f.length == VARIABLE}
    wrong = {name: v.randbytes(3) for name in empty}
    yield "empty", simple(v, template, *rows(v, template, 1, **empty))
    yield "wrong", simple(v, template, *rows(v, template, 1, **wrong))
    whole = simple(v, template, *rows(v, template, 3))
    for lost in (1, 9, 60):
        set_at = 16 + 4 + len(template_record(256, template))
        set_length = len(whole) - set_at - lost
        yield f"cut-{lost}", (whole[:2] + struct.pack(">H", len(whole) - lost) + whole[4:set_at + 2]
                              + struct.pack(">H", set_length) + whole[set_at + 4:-lost])
    names = fields("applicationName/3 interfaceName/v")
    long_form = record(v, names[:1], applicationName="abc") + b"\xff\x00\x02ok"
    yield "long-form-of-short", simple(v, names, long_form)


@case("ipfix-strings", "IPFIX: text that JSON must escape, NULs, broken UTF-8")
def ipfix_strings(v):
    template = fields("applicationName/v samplerName/8")
    texts = ["", "\0", "a\0b\0\0", "\"quoted\"", "back\\slash", "tab\tnew\nline\r",
             "\x01\x1f\x7f",
             "<b>&amp;</b>", "caf\u00e9 \u65e5\u672c \U0001f600", "\u2028\u2029",
             "/slash/"]
    raw = [text.encode() for text in texts]
    raw += [b"\xff\xfe", b"ab\xc3", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\x80",
            b"ok\x80end", b"\xf5\x80\x80\x80", b"\0ab"]
    yield "both", simple(v, template, *(
        record(v, template, applicationName=text, samplerName=text[:8].ljust(8, b"\0"))
        for text in raw))


@case("ipfix-unknown", "IPFIX: unknown elements and enterprise numbers are skipped")
def ipfix_unknown(v):
    template = [Field((0, 900), 3), *fields("sourceIPv4Address"), Field((64999, 1), 8),
                Field((64999, 2), VARIABLE), *fields("octetDeltaCount/4"), Field((0, 32767), 1)]
    yield "some", simple(v, template, *rows(v, template, 2))
    yield "only", simple(v, [template[0]], *rows(v, template[:1], 2), number=257)


@case("ipfix-lists", "IPFIX: basicList and subTemplate lists are skipped")
def ipfix_lists(v):
    lists = [n for n, k in ELEMENTS.items() if k[2] in data_types("List")][:4]
    template = fields("sourceIPv4Address") + [Field(n, VARIABLE) for n in lists] + fields("vlanId")
    yield "both", simple(v, template, *rows(v, template, 2))


@case("ipfix-values", "IPFIX: extreme values of every type")
def ipfix_values(v):
    template = fields("octetDeltaCount mibObjectValueInteger dataRecordsReliability "
                      "samplingProbability absoluteError flowStartSeconds flowStartMilliseconds "
                      "flowStartMicroseconds flowStartNanoseconds applicationId/4 ipPrecedence "
                      "sourceMacAddress sourceIPv6Address ingressInterface")
    floats = [0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 123456789.0, 1e300, 5e-324, -2.5]
    for number, value in enumerate(floats):
        small = value if abs(value) < 3e38 else 3.4e38
        yield f"float-{number}", simple(v, template, record(
            v, template, samplingProbability=small, absoluteError=value))
    yield "nan", simple(v, template, record(
        v, template, samplingProbability=float("nan"), absoluteError=float("inf")))
    ones = {f.name: b"\xff" * f.length for f in template if f.name != "flowStartMilliseconds"}
    zeros = {f.name: bytes(f.length) for f in template}
    yield "ones", simple(v, template, record(v, template, **ones))
    yield "zeros", simple(v, template, record(v, template, **zeros))
    for label, millis in (("9999", 253402300799999), ("10000", 253402300800000),
                          ("999", EXPORTED * 1000 + 999)):
        yield f"millis-{label}", simple(v, template, record(
            v, template, flowStartMilliseconds=millis))
    for label, fraction in (("just-below", 0xFFFFFFFF), ("half", 0x80000000), ("one", 1)):
        yield f"ntp-{label}", simple(v, template, record(
            v, template, flowStartMicroseconds=EXPORTED + NTP_EPOCH << 32 | fraction,
            flowStartNanoseconds=NTP_EPOCH << 32 | fraction))
    for boolean in (0, 1, 2, 3):
        yield f"boolean-{boolean}", simple(v, template, record(
            v, template, dataRecordsReliability=boolean))


@case("ipfix-counters", "IPFIX: which counters fill source, destination and network")
def ipfix_counters(v):
    for number, names in enumerate((
            "octetDeltaCount packetDeltaCount octetTotalCount packetTotalCount",
            "octetTotalCount packetTotalCount initiatorOctets initiatorPackets",
            "initiatorOctets initiatorPackets responderOctets responderPackets",
            "reverseOctetDeltaCount reversePacketDeltaCount",
            "octetDeltaCount reverseOctetTotalCount reversePacketTotalCount",
            "packetDeltaCount responderOctets",
            "postOctetDeltaCount postPacketDeltaCount layer2OctetDeltaCount "
            "droppedOctetDeltaCount")):
        template = fields("sourceIPv4Address destinationIPv4Address " + names)
        zeros = {name: 0 for name in names.split()}
        full = {name: 2**64 - 1 for name in names.split()}
        yield f"set-{number}", simple(v, template, *rows(v, template, 2), record(
            v, template, **zeros), record(v, template, **full), number=256 + number)


@case("ipfix-biflow", "IPFIX: RFC 5103 reverse elements and biflowDirection 0 to 3")
def ipfix_biflow(v):
    names = ("sourceTransportPort destinationTransportPort octetDeltaCount packetDeltaCount "
             "reverseOctetDeltaCount reversePacketDeltaCount sourceMacAddress")
    full = fields("sourceIPv6Address destinationIPv6Address biflowDirection " + names)
    bare = fields("octetDeltaCount biflowDirection")
    none = fields("sourceIPv4Address destinationIPv4Address " + names)
    yield "full", simple(v, full, *(record(v, full, biflowDirection=n) for n in range(4)))
    yield "bare", simple(v, bare, *rows(v, bare, 1, biflowDirection=2), number=257)
    yield "none", simple(v, none, *rows(v, none, 2), number=258)


@case("ipfix-hashes", "IPFIX: flow.id and community_id for every kind of address and protocol")
def ipfix_hashes(v):
    tail = "sourceTransportPort destinationTransportPort protocolIdentifier"
    four = fields("sourceIPv4Address destinationIPv4Address " + tail)
    six = fields("sourceIPv6Address destinationIPv6Address " + tail)
    mixed = fields("sourceIPv4Address destinationIPv6Address " + tail)
    both = fields("sourceIPv4Address sourceIPv6Address destinationIPv4Address "
                  "destinationIPv6Address " + tail)
    one = fields("sourceIPv4Address " + tail)
    bare = fields(tail)
    icmp = fields("sourceIPv4Address destinationIPv4Address protocolIdentifier "
                  "icmpTypeCodeIPv4 icmpTypeIPv4 icmpCodeIPv4")
    ends = [("10.1.2.3", "198.51.100.7"), ("198.51.100.7", "10.1.2.3"), ("10.0.0.1", "10.0.0.1")]
    ends6 = [("2001:db8::1", "2001:db8::2"), ("2001:db8::2", "2001:db8::1"),
             ("::ffff:10.1.2.3", "::ffff:198.51.100.7"), ("::ffff:10.1.2.3", "2001:db8::1"),
             ("::", "::1")]
    ports = [(v.port(), v.port()), (443, 50000), (50000, 443), (53, 53), (0, 0), (0, 2048)]

    def all_of(template, pairs, name):
        return [record(v, template, sourceTransportPort=s, destinationTransportPort=d,
                       protocolIdentifier=p, **{f"source{name}Address": a,
                                                f"destination{name}Address": b})
                for p in (1, 6, 17, 47, 58, 132, 255) for a, b in pairs for s, d in ports[:6]]

    yield "four", simple(v, four, *all_of(four, ends, "IPv4"))
    yield "six", simple(v, six, *all_of(six, ends6[:2], "IPv6"), number=257)
    yield "six-odd", simple(v, six, *all_of(six, ends6[2:], "IPv6")[:60], number=257)
    yield "mixed", simple(v, mixed, *rows(v, mixed, 4), number=258)
    yield "both", simple(v, both, *rows(v, both, 2), *rows(
        v, both, 1, sourceIPv4Address="0.0.0.0"), number=259)
    yield "one", simple(v, one, *rows(v, one, 2), number=260)
    yield "bare", simple(v, bare, *rows(v, bare, 2), number=261)
    yield "icmp", simple(v, icmp, *rows(v, icmp, 3, protocolIdentifier=1), number=262)


@case("ipfix-locality", "IPFIX: which addresses are internal")
def ipfix_locality(v):
    yield from localities(v)


@case("ipfix-locality-named", "IPFIX: internal_networks of names and prefixes",
      internal_networks="public,198.51.100.0/24,2001:db8:1::/48,multicast")
def ipfix_locality_named(v):
    yield from localities(v)


def localities(v):
    four = fields("sourceIPv4Address destinationIPv4Address")
    six = fields("sourceIPv6Address destinationIPv6Address")
    list4 = ("0.0.0.0 0.0.0.1 10.0.0.0 10.255.255.255 11.0.0.0 100.64.0.1 127.0.0.1 169.254.1.1 "
             "172.15.255.255 172.16.0.0 172.31.255.255 172.32.0.0 192.168.0.1 192.169.0.0 "
             "198.51.100.9 224.0.0.5 224.0.1.1 239.1.2.3 240.0.0.1 255.255.255.255 8.8.8.8").split()
    list6 = (":: ::1 ::2 fc00::1 fd00::1 fdff::1 fe80::1 febf::1 fec0::1 ff01::1 ff02::1 ff05::1 "
             "ff12::1 ff0e::1 2001:db8::1 2001:db8:1::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 "
             "::ffff:127.0.0.1 64:ff9b::a00:1 2600::1").split()
    yield "four", simple(v, four, *(record(
        v, four, sourceIPv4Address=a, destinationIPv4Address="10.9.9.9") for a in list4))
    yield "six", simple(v, six, *(record(
        v, six, sourceIPv6Address="fd00::9", destinationIPv6Address=a) for a in list6), number=257)


@case("ipfix-directions", "IPFIX: flowDirection, protocol names and numbers")
def ipfix_directions(v):
    template = fields("sourceIPv4Address destinationIPv4Address flowDirection protocolIdentifier")
    alone = fields("flowDirection protocolIdentifier")
    yield "all", simple(v, template, *(record(v, template, flowDirection=d, protocolIdentifier=p)
                                       for d, p in ((0, 1), (1, 6), (2, 17), (255, 58), (0, 0),
                                                    (1, 255), (0, 41), (1, 2))))
    yield "alone", simple(v, alone, *rows(v, alone, 4), number=257)


@case("ipfix-wlan", "IPFIX: station and access point become source and destination")
def ipfix_wlan(v):
    names = "staMacAddress wtpMacAddress staIPv4Address wlanSSID/v flowDirection octetDeltaCount"
    wlan, routed = fields(names), fields(names + " sourceIPv4Address destinationMacAddress")
    half = fields("staMacAddress wtpMacAddress staIPv4Address wlanSSID/6")
    for number, template in ((256, wlan), (257, routed)):
        yield f"template-{number}", simple(v, template, *(record(
            v, template, flowDirection=d) for d in (0, 1, 2)), number=number)
    yield "no-direction", simple(v, half, *rows(v, half, 1), number=258)


@case("ipfix-times", "IPFIX: no start and end whatever the times; duration in milliseconds only")
def ipfix_times(v):
    for number, names in enumerate((
            "flowStartSeconds flowEndSeconds", "flowStartMilliseconds flowEndMilliseconds",
            "flowStartMicroseconds flowEndMicroseconds", "flowStartNanoseconds flowEndNanoseconds",
            "flowStartDeltaMicroseconds flowEndDeltaMicroseconds",
            "flowStartSysUpTime flowEndSysUpTime systemInitTimeMilliseconds",
            "flowDurationMilliseconds", "flowDurationMicroseconds",
            "flowStartMilliseconds flowDurationMilliseconds")):
        template = fields("sourceIPv4Address " + names)
        yield f"set-{number}", simple(v, template, *rows(v, template, 2), number=256 + number)


@case("ipfix-options", "IPFIX: options templates, several scopes, enterprise and variable fields")
def ipfix_options(v):
    scope = fields("observationDomainId meteringProcessId")
    sampler = fields("selectorId samplingInterval samplerName/v")
    vendor = [Field((64999, 5), 4), *fields("interfaceName/v")]
    yield "templates", ipfix(flow_set(3, options_record(256, scope, sampler),
                                      options_record(257, scope[:1], vendor),
                                      options_record(258, scope, []), pad=5))
    yield "data", ipfix(flow_set(256, *rows(v, scope + sampler, 3)),
                        flow_set(257, *rows(v, scope[:1] + vendor, 2)),
                        flow_set(258, *rows(v, scope, 1)))
    yield "scope-0", ipfix(flow_set(3, struct.pack(">HHH", 259, 2, 0), bytes(8)))
    yield "scope-above", ipfix(flow_set(3, struct.pack(">HHH", 259, 1, 2), bytes(8)))
    yield "cut", ipfix(flow_set(3, options_record(259, scope, sampler)[:-3]))


@case("ipfix-padding", "IPFIX: padded sets; padding as long as a record is a record")
def ipfix_padding(v):
    odd = fields("protocolIdentifier destinationIPv4Address")
    yield "templates", ipfix(flow_set(2, template_record(256, odd), pad=3))
    for pad in (1, 4, 5, 12):
        yield f"pad-{pad}", ipfix(flow_set(256, *rows(v, odd, 2), pad=pad))
    short = fields("applicationName/v")
    yield "variable", simple(v, short, *rows(v, short, 1), bytes(3), number=257)
    yield "template-7", ipfix(flow_set(2, template_record(258, odd), pad=7))
    yield "template-8", ipfix(flow_set(256, *rows(v, odd, 1)),
                              flow_set(2, template_record(259, odd), pad=8))


@case("ipfix-withdrawal", "IPFIX: template withdrawals, alone, several, all")
def ipfix_withdrawal(v):
    data = flow_set(256, *v4_rows(v, 1))
    options = options_record(300, fields("selectorId"), fields("samplingInterval"))
    yield "templates", ipfix(flow_set(2, template_record(256, V4), template_record(257, V6)),
                             flow_set(3, options))
    yield "one", ipfix(flow_set(2, struct.pack(">HH", 256, 0)))
    yield "data", ipfix(data)
    yield "two", ipfix(flow_set(2, struct.pack(">HHHH", 256, 0, 257, 0)), data)
    yield "options", ipfix(flow_set(3, struct.pack(">HH", 300, 0)), data)
    yield "two-options", ipfix(flow_set(3, struct.pack(">HHHH", 300, 0, 301, 0)), data)
    yield "all", ipfix(flow_set(2, struct.pack(">HH", 2, 0)), data)
    yield "all-options", ipfix(flow_set(3, struct.pack(">HH", 3, 0)), data)
    yield "all-and-more", ipfix(flow_set(2, struct.pack(">HHHH", 2, 0, 256, 0)), data)
    yield "data", ipfix(data)


@case("ipfix-file", "IPFIX files (RFC 5655): each one session, whose withdrawals hold and whose templates end with it")
def ipfix_file(v):
    template, data = flow_set(2, template_record(256, V4)), flow_set(256, *v4_rows(v, 2))
    other = fields("sourceIPv6Address octetDeltaCount packetDeltaCount")
    yield "session.ipfix", b"".join((
        ipfix(template, sequence=0), ipfix(data, sequence=0),
        ipfix(flow_set(2, struct.pack(">HH", 256, 0)), data, sequence=2),
        ipfix(flow_set(2, template_record(256, other)), flow_set(256, record(v, other)), sequence=4),
        ipfix(template, data, sequence=9)))
    yield "another.ipfix", ipfix(data, sequence=0) + ipfix(template, data, sequence=2)
    yield "none.ipfix", b""


@case("ipfix-length", "IPFIX: message length against datagram length")
def ipfix_length(v):
    whole = simple(v, V4, *v4_rows(v, 2))
    yield "good", whole
    yield "datagram-longer", whole + v.randbytes(9)
    yield "two-messages", whole + whole
    yield "datagram-shorter", whole[:-1]
    yield "length-15", whole[:2] + b"\x00\x0f" + whole[4:]
    yield "length-16", whole[:2] + b"\x00\x10" + whole[4:]
    yield "header-only", ipfix()
    yield "short-header", ipfix()[:15]


@case("ipfix-bad-sets", "IPFIX: reserved set ids and broken templates lose the message; "
                        "overlong and cut sets lose less")
def ipfix_bad_sets(v):
    data = flow_set(256, *v4_rows(v, 1))
    yield "template", ipfix(flow_set(2, template_record(256, V4)))
    for number in (0, 1, 4, 255):
        yield f"set-{number}", ipfix(data, flow_set(number, v.randbytes(8)), data)
    yield "length-0-to-3", ipfix(data, *(flow_set(256, length=n) for n in range(4)), data)
    yield "zero-set", ipfix(data, flow_set(0, length=0), data)
    yield "overlong", ipfix(data, flow_set(256, *v4_rows(v, 1), length=999))
    yield "template-id-2", ipfix(data, flow_set(2, template_record(2, V4)))
    yield "template-cut", ipfix(data, flow_set(2, template_record(300, V4)[:-2]))
    yield "template-cut-behind-good", ipfix(
        flow_set(2, template_record(301, V4), template_record(302, V4)[:-3]),
        flow_set(301, *v4_rows(v, 1)))
    yield "enterprise-cut", ipfix(data, flow_set(2, template_record(
        303, fields("reverseOctetDeltaCount reversePacketDeltaCount"))[:-2]))
    yield "no-fields", ipfix(data, flow_set(2, struct.pack(">HH", 256, 0), bytes(4)), data)
    yield "far-too-long", ipfix(data, flow_set(2, struct.pack(">HH", 300, 65535), bytes(64)))
    yield "still-there", ipfix(data)


@case("ipfix-twice", "IPFIX: an element twice in a template, the later one counts")
def ipfix_twice(v):
    template = fields("sourceIPv4Address octetDeltaCount/4 octetDeltaCount/8 sourceIPv4Address "
                      "mplsTopLabelStackSection/3 mplsLabelStackSection2/3 octetDeltaCount/9")
    yield "both", simple(v, template, *rows(v, template, 2))


@case("ipfix-sequence", "IPFIX: a sequence step of 1000 or more forgets the templates",
      detect_sequence_reset="true")
def ipfix_sequence(v):
    template = flow_set(2, template_record(256, V4))
    data = flow_set(256, *v4_rows(v, 1))
    start = v.randint(2000, 9000)
    yield "first", ipfix(template, data, sequence=start)
    yield "step-999", ipfix(data, sequence=start + 999)
    yield "step-2000", ipfix(data, sequence=start + 2999)
    yield "lost", ipfix(data, sequence=start + 3000)
    yield "again", ipfix(template, sequence=start + 3001)
    yield "back-1000", ipfix(data, sequence=start + 2001)
    yield "other-domain", ipfix(template, data, sequence=1, domain=2)
    yield "zero-domain", ipfix(template, sequence=1, domain=3)
    yield "zero-domain", ipfix(data, sequence=1, domain=3)


@case("ipfix-custom", "IPFIX: elements from custom definition files",
      custom_definitions="custom-netflow.yml,custom-ipfix.yml")
def ipfix_custom(v):
    vendor = [Field((64999, number), size) for number, size in
              ((1, 4), (2, 8), (3, VARIABLE), (4, 6), (5, 16), (6, 4), (7, 8), (8, 1), (9, 4))]
    template = fields("sourceIPv4Address octetDeltaCount/4") + [Field((0, 900), 2),
                                                                Field((0, 901), 3)] + vendor
    yield "both", simple(v, template, *rows(v, template, 3))


CUSTOM = {
    "custom-netflow.yml": """\
# NetFlow shape: numbers and types by element id; 1 gets another name.
1:
  - 4
  - :myOctets
900:
  - 2
  - :ourCounter
901:
  - :skip
""",
    "custom-ipfix.yml": """\
# IPFIX shape: by enterprise number.
64999:
  1: [":uint32", ":ourNumber"]
  2: [":uint64", ":ourLongNumber"]
  3: [":string", ":ourText"]
  4: [":mac_addr", ":ourMacAddress"]
  5: [":ip6_addr", ":ourIPv6Address"]
  6: [":ip4_addr", ":our_snake_Address"]
  7: [":double", ":ourDouble"]
  8: [":skip"]
  9: [":octet_array", ":ourOctets"]
""",
}
