# SPDX-License-Identifier: Apache-2.0
"""Events of firewalls and of NAT, and numbers that have names: profile weir; Elastic has the numbers."""

from flowcases import case
from flowcases.common import fixed
from flowwire import EXPORTED, fields, fixed_packet, flow_set, ipfix, record, template_record, v9

CREATED, DELETED, DENIED, ALERT, UPDATE = 1, 2, 3, 4, 5
ENDS = {"sourceIPv4Address": "10.1.1.1", "sourceTransportPort": 40000, "destinationIPv4Address": "203.0.113.80",
        "destinationTransportPort": 443, "protocolIdentifier": 6, "icmpTypeIPv4": 0, "icmpCodeIPv4": 0,
        "ingressInterface": 3, "egressInterface": 4}
CONNECTION = fields("flowId/4 sourceIPv4Address sourceTransportPort ingressInterface/2 destinationIPv4Address "
                    "destinationTransportPort egressInterface/2 protocolIdentifier icmpTypeIPv4 icmpCodeIPv4")
MAPPED = fields("postNATSourceIPv4Address postNATDestinationIPv4Address postNAPTSourceTransportPort "
                "postNAPTDestinationTransportPort")
EVENT = fields("firewallEvent fwExtEvent observationTimeMilliseconds")
BEGUN = fields("flowStartMilliseconds")
BYTES = fields("initiatorOctets/4 responderOctets/4")
ACL = fields("ingressAclID egressAclID")
NAMED = {"postNATSourceIPv4Address": "198.51.100.7", "postNATDestinationIPv4Address": "203.0.113.80",
         "postNAPTSourceTransportPort": 61000, "postNAPTDestinationTransportPort": 443}

# Templates as an ASA has them: of creations, ends and updates, denials.
CREATION = CONNECTION + MAPPED + EVENT + BEGUN + ACL + fields("username/20")
END = CONNECTION + MAPPED + EVENT + BEGUN + BYTES
DENIAL = CONNECTION + EVENT + ACL
ASA = flow_set(0, template_record(256, CREATION, False), template_record(257, END, False),
               template_record(258, DENIAL, False))


def event(v, template, kind, seconds, **over):
    """What happened so many seconds after the connection began."""
    begun = (EXPORTED - 200) * 1000
    return record(v, template, **{**ENDS, **NAMED, "firewallEvent": kind, "fwExtEvent": 0, "username": "ana",
                                  "flowStartMilliseconds": begun, "observationTimeMilliseconds": begun + seconds * 1000,
                                  "ingressAclID": bytes(12), "egressAclID": bytes(12), **over})


@case("v9-nsel", "v9: events of a Cisco ASA. A connection with updates, whose end repeats their bytes; one that is too "
                 "short for updates; the same number again for another; the same one of another source id; denials")
def v9_nsel(v):
    def counted(kind, seconds, there, back, **over):
        return event(v, END, kind, seconds, flowId=over.pop("flowId", 1), initiatorOctets=there, responderOctets=back,
                     **over)

    other = {"sourceTransportPort": 40001, "flowId": 2}
    yield "created", v9(ASA, flow_set(256, event(v, CREATION, CREATED, 0, flowId=1),
                                      event(v, CREATION, CREATED, 0, username="", **other)))
    yield "short", v9(flow_set(257, counted(DELETED, 9, 500, 300, fwExtEvent=2030, **other)), sequence=2)
    yield "updates", v9(flow_set(257, counted(UPDATE, 60, 100, 40), counted(UPDATE, 121, 50, 0)), sequence=3)
    yield "another-source", v9(ASA, flow_set(257, counted(DELETED, 130, 150, 40)), source=1)
    yield "end", v9(flow_set(257, counted(UPDATE, 150, 7, 3, fwExtEvent=2030),
                             counted(DELETED, 150, 157, 43, fwExtEvent=2030)), sequence=4)
    yield "number-again", v9(flow_set(257, counted(DELETED, 160, 60, 30, sourceTransportPort=40002)), sequence=5)
    yield "denied", v9(flow_set(258, *(event(v, DENIAL, DENIED, 1, flowId=0, fwExtEvent=reason)
                                       for reason in (0, 1001, 1002, 1003, 1004, 1005))), sequence=6)


@case("v9-nsel-old", "v9: events of an ASA before 8.4(5): elements of its own, totals at the end alone; and totals in "
                     "updates, which only the end adds up")
def v9_nsel_old(v):
    old = CONNECTION + fields("XlateSourceAddressIPV4 XlateDestinationAddressIPV4 XlateSourcePort "
                              "XlateDestinationPort FirewallEvent fwExtEvent octetTotalCount/4")
    totals = CONNECTION + fields("firewallEvent octetTotalCount packetTotalCount")
    mapped = {"XlateSourceAddressIPV4": "198.51.100.7", "XlateDestinationAddressIPV4": "203.0.113.80",
              "XlateSourcePort": 61000, "XlateDestinationPort": 443, "fwExtEvent": 0}
    yield "old", v9(flow_set(0, template_record(260, old, False)),
                    flow_set(260, *(record(v, old, flowId=7, FirewallEvent=kind, octetTotalCount=count, **ENDS,
                                           **mapped)
                                    for kind, count in ((CREATED, 0), (DELETED, 900), (0, 5)))))
    yield "totals", v9(flow_set(0, template_record(261, totals, False)),
                       flow_set(261, *(record(v, totals, flowId=8, firewallEvent=kind, octetTotalCount=count,
                                              packetTotalCount=count // 100, **ENDS)
                                       for kind, count in ((UPDATE, 300), (UPDATE, 700), (DELETED, 900)))), sequence=2)


@case("v9-firewall", "v9: firewalls that count what is new in each record (Palo Alto Networks, VMware); a firewall's "
                     "event beside a forwarding status")
def v9_firewall(v):
    counts = CONNECTION + fields("octetDeltaCount/4 packetDeltaCount/4 firewallEvent")
    both = CONNECTION + fields("octetDeltaCount/4 firewallEvent forwardingStatus")
    yield "deltas", v9(flow_set(0, template_record(256, counts, False)),
                       flow_set(256, *(record(v, counts, flowId=9, firewallEvent=kind, octetDeltaCount=count,
                                              packetDeltaCount=1, **ENDS)
                                       for kind, count in ((CREATED, 60), (UPDATE, 70), (DELETED, 80), (DENIED, 0),
                                                           (ALERT, 90), (6, 10)))))
    yield "both", v9(flow_set(0, template_record(257, both, False)),
                     flow_set(257, *(record(v, both, flowId=9, firewallEvent=kind, octetDeltaCount=100,
                                            forwardingStatus=status, **ENDS)
                                     for kind, status in ((CREATED, 129), (0, 129), (0, 64), (UPDATE, 131)))),
                     sequence=2)


@case("ipfix-nat-events", "IPFIX: events of NAT (RFC 8158): sessions, bindings, blocks of ports, quotas, thresholds")
def ipfix_nat_events(v):
    session = fields("observationTimeMilliseconds natEvent sourceIPv4Address postNATSourceIPv4Address "
                     "protocolIdentifier sourceTransportPort postNAPTSourceTransportPort ingressVRFID")
    block = fields("observationTimeMilliseconds natEvent sourceIPv4Address postNATSourceIPv4Address portRangeStart "
                   "portRangeEnd portRangeStepSize portRangeNumPorts")
    quota = fields("observationTimeMilliseconds natEvent natQuotaExceededEvent maxEntriesPerUser sourceIPv4Address")
    threshold = fields("observationTimeMilliseconds natEvent natThresholdEvent addressPoolHighThreshold natPoolId")
    values = {"observationTimeMilliseconds": EXPORTED * 1000, "sourceIPv4Address": "100.64.0.9",
              "postNATSourceIPv4Address": "198.51.100.7", "protocolIdentifier": 17, "sourceTransportPort": 5000,
              "postNAPTSourceTransportPort": 61000, "ingressVRFID": 1, "portRangeStart": 61440, "portRangeEnd": 61503,
              "portRangeStepSize": 1, "portRangeNumPorts": 64, "maxEntriesPerUser": 64, "natPoolId": 2,
              "addressPoolHighThreshold": 90}
    templates = (session, block, quota, threshold)
    yield "templates", ipfix(flow_set(2, *(template_record(256 + n, one) for n, one in enumerate(templates))))
    yield "sessions", ipfix(flow_set(256, *(record(v, session, natEvent=n, **values) for n in range(20))))
    yield "blocks", ipfix(flow_set(257, *(record(v, block, natEvent=n, **values) for n in (16, 17))), sequence=21)
    yield "quotas", ipfix(flow_set(258, *(record(v, quota, natEvent=13, natQuotaExceededEvent=n, **values)
                                          for n in range(7))), sequence=23)
    yield "thresholds", ipfix(flow_set(259, *(record(v, threshold, natEvent=18, natThresholdEvent=n, **values)
                                              for n in range(7))), sequence=30)


@case("v9-forwarding-status", "v9: forwarding status and reason (RFC 7270 4.12), of one byte and of four")
def v9_forwarding_status(v):
    one, four = (fields(f"sourceIPv4Address destinationIPv4Address octetDeltaCount/4 forwardingStatus/{n}")
                 for n in (1, 4))
    numbers = [0, 1, 64, 65, 66, 67, *range(128, 145), 192, 193, 194, 195, 255]
    yield "one-byte", v9(flow_set(0, template_record(256, one, False)),
                         flow_set(256, *(record(v, one, forwardingStatus=n, **{
                             "sourceIPv4Address": "10.0.0.1", "destinationIPv4Address": "10.0.0.2",
                             "octetDeltaCount": 1500}) for n in numbers)))
    yield "four-bytes", v9(flow_set(0, template_record(257, four, False)),
                           flow_set(257, *(record(v, four, forwardingStatus=n) for n in (130, 64, 256 + 129))),
                           sequence=2)


@case("v9-icmp", "v9: ICMP's type and code in elements of their own, in one element, in the destination port, "
                 "or nowhere; for IPv6; where the protocol is another", **{"output.packet_names": "true"})
def v9_icmp(v):
    four = "sourceIPv4Address destinationIPv4Address protocolIdentifier "
    six = "sourceIPv6Address destinationIPv6Address protocolIdentifier "
    shapes = [fields(four + "icmpTypeIPv4 icmpCodeIPv4 sourceTransportPort destinationTransportPort"),
              fields(four + "icmpTypeCodeIPv4"), fields(four + "sourceTransportPort destinationTransportPort"),
              fields(four + "octetDeltaCount/4"), fields(six + "icmpTypeIPv6 icmpCodeIPv6"),
              fields(six + "icmpTypeCodeIPv6")]
    messages = [(8, 0), (0, 0), (3, 3), (3, 8), (11, 0), (5, 1), (99, 7)]
    messages6 = [(128, 0), (129, 0), (1, 4), (2, 0), (3, 1), (135, 0), (200, 9)]
    yield "templates", v9(flow_set(0, *(template_record(256 + n, shape, False) for n, shape in enumerate(shapes))))
    for number, shape in enumerate(shapes):
        sixth = number >= 4
        yield f"shape-{number}", v9(flow_set(256 + number, *(record(
            v, shape, protocolIdentifier=58 if sixth else 1, icmpTypeIPv4=kind, icmpCodeIPv4=code,
            icmpTypeCodeIPv4=kind << 8 | code, icmpTypeIPv6=kind, icmpCodeIPv6=code, sourceTransportPort=0,
            icmpTypeCodeIPv6=kind << 8 | code, destinationTransportPort=0 if number == 0 else kind << 8 | code)
            for kind, code in (messages6 if sixth else messages)), record(
                v, shape, protocolIdentifier=17, sourceTransportPort=53, destinationTransportPort=2048)),
            sequence=2 + number)


@case("v5-icmp", "v5: ICMP's type and code in the destination port", **{"output.packet_names": "true"})
def v5_icmp(v):
    yield "v5", fixed_packet(5, [*fixed(v, 5, 1, protocol=1, source_port=0, destination_port=0x0303),
                                 *fixed(v, 5, 1, protocol=6, source_port=80, destination_port=0x0303)])


@case("dscp", "v5, v9, IPFIX: names of DSCP and ECN, from the class of service or from the DSCP alone",
      **{"output.packet_names": "true"})
def dscp(v):
    service = fields("sourceIPv4Address destinationIPv4Address ipClassOfService")
    alone = fields("sourceIPv4Address destinationIPv4Address ipDiffServCodePoint flowEndReason")
    numbers = (0, 1, 2, 3, 4, 46 << 2, 46 << 2 | 1, 48 << 2, 34 << 2 | 3, 10 << 2, 44 << 2, 63 << 2, 3 << 2)
    yield "v5", fixed_packet(5, [one for n in numbers for one in fixed(v, 5, 1, tos=n, protocol=17)])
    yield "v9", v9(flow_set(0, template_record(256, service, False)),
                   flow_set(256, *(record(v, service, ipClassOfService=n) for n in numbers)))
    yield "ipfix", ipfix(flow_set(2, template_record(257, alone)),
                         flow_set(257, *(record(v, alone, ipDiffServCodePoint=n, flowEndReason=m)
                                         for m, n in enumerate((0, 46, 8, 63, 18, 56, 1)))))
