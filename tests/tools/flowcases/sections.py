# SPDX-License-Identifier: Apache-2.0
"""Flow records with sections of packets, as exporters of sampled packets send: RFC 5477, RFC 7133. Profile weir."""

from flowcases import case
from flowcases.sflow import INNER, PACKETS, ethernet, ip4, ip6, label, tcp, udp
from flowcases.sflow_more import WIRELESS
from flowwire import fields, flow_set, ipfix, options_record, record, template_record, v9

FRAME = fields("ingressInterface/4 egressInterface/4 flowDirection dataLinkFrameSize")
ENDS = {"ingressInterface": 7, "egressInterface": 9, "flowDirection": 0}


def padded(packet, size):
    return packet[:size].ljust(size, b"\0")


def frame(v, section, packet, surplus=4, size=None, **over):
    """A record of FRAME and a section, as long as the template says."""
    values = {**ENDS, "dataLinkFrameSize": len(packet) + surplus, **over}
    content = padded(packet, size) if size else packet
    return record(v, FRAME, **values) + record(v, section, dataLinkFrameSection=content)


@case("ipfix-sections-frames", "IPFIX 315: frames with packets in packets, in fields of variable length and of 160 "
                               "bytes; then the exporter tells its rate, and counters are scaled")
def ipfix_sections_frames(v):
    variable, fixed = fields("dataLinkFrameSection/v"), fields("dataLinkFrameSection/160")
    sampling = fields("samplingInterval/4 samplingAlgorithm/1")
    scope = fields("observationDomainId")
    yield "templates", ipfix(flow_set(2, template_record(256, FRAME + variable), template_record(257, FRAME + fixed)),
                             flow_set(3, options_record(258, scope, sampling)))
    yield "variable", ipfix(flow_set(256, *(frame(v, variable, packet) for packet in PACKETS.values())))
    yield "fixed", ipfix(flow_set(257, *(frame(v, fixed, packet, size=160) for packet in PACKETS.values())))
    yield "rate", ipfix(flow_set(258, record(v, scope + sampling, observationDomainId=0, samplingInterval=1000,
                                             samplingAlgorithm=2)))
    yield "scaled", ipfix(flow_set(257, frame(v, fixed, PACKETS["tcp"], surplus=1400, size=160)))
    yield "empty", ipfix(flow_set(256, frame(v, variable, PACKETS["vxlan"]), frame(v, variable, b"")))


@case("ipfix-sections-ip", "IPFIX 313 and 314: IP headers, and what follows them with the protocol of the record or of "
                           "the header; a packet's length from ipTotalLength, from the header, from nowhere")
def ipfix_sections_ip(v):
    headers = fields("observationPointId/4 ipHeaderPacketSection/v")
    sized = fields("ipTotalLength ipHeaderPacketSection/40")
    both = fields("ipPayloadPacketSection/v ipHeaderPacketSection/20")
    payload = fields("protocolIdentifier ipPayloadPacketSection/v")
    alone = fields("ipPayloadPacketSection/v")
    yield "templates", ipfix(flow_set(2, *(template_record(256 + n, template) for n, template in
                                           enumerate((headers, sized, both, payload, alone)))))
    four, six = ip4(6, tcp(flags=0x12), tos=0x28), ip6(58, bytes([135, 0, 0, 0]))
    yield "headers", ipfix(flow_set(256, *(record(v, headers, observationPointId=1, ipHeaderPacketSection=packet)
                                           for packet in (four, six, ip4(4, INNER), four[:30], b"\x70junk", b"\x45"))))
    yield "sized", ipfix(flow_set(257, record(v, sized, ipTotalLength=1500, ipHeaderPacketSection=padded(four, 40))))
    yield "payload", ipfix(
        flow_set(258, record(v, both, ipPayloadPacketSection=udp(53, 40000), ipHeaderPacketSection=ip4(17, b"")[:20]),
                 record(v, both, ipPayloadPacketSection=INNER, ipHeaderPacketSection=ip4(4, b"")[:20])),
        flow_set(259, record(v, payload, protocolIdentifier=6, ipPayloadPacketSection=tcp(1, 2, 3)),
                 record(v, payload, protocolIdentifier=4, ipPayloadPacketSection=INNER),
                 record(v, payload, protocolIdentifier=1, ipPayloadPacketSection=bytes([8, 0]))),
        flow_set(260, record(v, alone, ipPayloadPacketSection=tcp())))


@case("ipfix-sections-mpls", "IPFIX 316 and 317: label stacks, with what follows them in one section or in two")
def ipfix_sections_mpls(v):
    stack = fields("mplsLabelStackSection/v")
    payload = fields("mplsPayloadPacketSection/v")
    two = fields("mplsLabelStackSection/8 mplsPayloadPacketSection/v")
    yield "templates", ipfix(flow_set(2, template_record(256, stack), template_record(257, payload),
                                      template_record(258, two)))
    labels = label(16001, 0) + label(77, 1)
    wire = bytes(4) + ethernet(0x0800, INNER)
    yield "data", ipfix(
        flow_set(256, *(record(v, stack, mplsLabelStackSection=packet)
                        for packet in (labels, labels + ip4(6, tcp()), label(300, 1) + wire))),
        flow_set(257, *(record(v, payload, mplsPayloadPacketSection=packet) for packet in (ip6(17, udp(1, 2)), wire))),
        flow_set(258, record(v, two, mplsLabelStackSection=labels, mplsPayloadPacketSection=ip4(17, udp(5, 6)))))


@case("ipfix-sections-own", "IPFIX: what the record has itself counts: addresses, ports, VLAN, counters; what it has "
                            "not is the packet's")
def ipfix_sections_own(v):
    section = fields("dataLinkFrameSection/v")
    addresses = fields("sourceIPv4Address destinationIPv4Address")
    counters = fields("octetDeltaCount/4 packetDeltaCount/4 vlanId sourceMacAddress tcpControlBits/1")
    ports = fields("destinationIPv6Address protocolIdentifier sourceTransportPort destinationTransportPort "
                   "packetTotalCount")
    yield "templates", ipfix(flow_set(2, *(template_record(256 + n, own + section) for n, own in
                                           enumerate((addresses, counters, ports)))))
    packets = (PACKETS["tcp"], PACKETS["qinq"], PACKETS["gtpu"])
    rows = (("addresses", addresses, {"sourceIPv4Address": "192.0.2.10", "destinationIPv4Address": "198.51.100.10"}),
            ("counters", counters, {"octetDeltaCount": 90000, "packetDeltaCount": 60, "vlanId": 33,
                                    "sourceMacAddress": "00:1a:2b:3c:4d:5e", "tcpControlBits": 0x13}),
            ("ports", ports, {"destinationIPv6Address": "2001:db8:5::5", "protocolIdentifier": 132,
                              "sourceTransportPort": 1000, "destinationTransportPort": 2000, "packetTotalCount": 5}))
    for number, (name, own, values) in enumerate(rows, 256):
        yield name, ipfix(flow_set(number, *(record(v, own + section, **values, dataLinkFrameSection=packet)
                                             for packet in packets)))


@case("ipfix-sections-offsets", "IPFIX 408 to 410: sections that begin elsewhere, that are padded, of another kind of "
                                "frame; offsets belong to sections in their order; a section that is empty")
def ipfix_sections_offsets(v):
    section = fields("dataLinkFrameSection/v")
    typed = fields("dataLinkFrameType/2 sectionOffset sectionExportedOctets") + section
    one = fields("sectionOffset")
    two = [one, section, one, fields("ipHeaderPacketSection/v")]
    yield "templates", ipfix(flow_set(2, template_record(256, typed), template_record(257, sum(two, []))))
    packet = PACKETS["tcp"]
    yield "typed", ipfix(flow_set(256, *(
        record(v, typed, dataLinkFrameType=kind, sectionOffset=offset, sectionExportedOctets=exported,
               dataLinkFrameSection=content) for kind, offset, exported, content in (
            (1, 0, len(packet), packet + bytes(40)), (1, 0, 34, packet), (1, 14, 0, packet[14:]), (4, 0, 0, packet),
            (1, 0, 0, b""), (0, 0, 0, packet)))))
    yield "two", ipfix(flow_set(257, *(b"".join((
        record(v, one, sectionOffset=first), record(v, section, dataLinkFrameSection=packet),
        record(v, one, sectionOffset=second), record(v, two[3], ipHeaderPacketSection=ip6(6, tcp(7, 8)))))
        for first, second in ((0, 0), (4, 0), (0, 4), (4, 4)))))


@case("ipfix-sections-wireless", "IPFIX 408: frames of 802.11, by their kinds and the four ways of their addresses")
def ipfix_sections_wireless(v):
    template = fields("dataLinkFrameSize dataLinkFrameType/2 dataLinkFrameSection/v")
    yield "template", ipfix(flow_set(2, template_record(256, template)))
    yield "data", ipfix(flow_set(256, *(record(v, template, dataLinkFrameSize=len(packet), dataLinkFrameType=2,
                                               dataLinkFrameSection=packet) for packet in WIRELESS.values())))


@case("v9-sections", "v9 102 to 104: sampled frames; the size is that of the frame, or of what there is of it")
def v9_sections(v):
    template = fields("ingressInterface/4 layer2packetSectionOffset layer2packetSectionSize layer2packetSectionData/64")
    bare = fields("layer2packetSectionData/48")
    yield "template", v9(flow_set(0, template_record(256, template, False), template_record(257, bare, False)))
    yield "data", v9(flow_set(256, *(
        record(v, template, ingressInterface=3, layer2packetSectionOffset=offset, layer2packetSectionSize=size,
               layer2packetSectionData=padded(packet, 64)) for offset, size, packet in (
            (0, 1518, PACKETS["tcp"]), (0, 64, PACKETS["ipip"]), (0, 60, ethernet(0x0806, bytes(28))),
            (0, 0, PACKETS["icmp"]), (2, 64, PACKETS["tcp"])))),
        flow_set(257, record(v, bare, layer2packetSectionData=padded(PACKETS["icmp"], 48))), sequence=2)
