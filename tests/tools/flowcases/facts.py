# SPDX-License-Identifier: Apache-2.0
"""Options records that explain flows: names, rates, times. For profile weir; Elastic makes documents of them alone."""

import struct

from flowcases import case
from flowcases.common import UPTIMES, fixed
from flowcases.sflow import PACKETS
from flowwire import EXPORTED, fields, fixed_packet, flow_set, ipfix, options_record, record, template_record, v9

SYSTEM, INTERFACE, LINE_CARD, TEMPLATE = 1, 2, 3, 5  # scopes of RFC 3954 6.1
PORTS = fields("ingressInterface/4 egressInterface/4")
COUNTS = fields("sourceIPv4Address destinationIPv4Address octetDeltaCount/4 packetDeltaCount/4")


def flows(v, template, *values, **common):
    return [record(v, template, **{"octetDeltaCount": 1500, "packetDeltaCount": 3, **common, **over})
            for over in values]


@case("v9-facts", "v9: options records name interfaces, applications, VRFs and samplers, by their scope or by an "
                  "option of theirs; flows before and after, a name that changes, what nobody has named")
def v9_facts(v):
    template = COUNTS + PORTS + fields("applicationId/4 ingressVRFID/4 egressVRFID/4 samplerId/1")
    names = fields("interfaceName/16 interfaceDescription/32")
    applications = fields("applicationId/4 applicationName/24 applicationCategoryName/16")
    vrfs = fields("VRFname/16")
    samplers = fields("samplerId/1 samplerMode/1 samplerRandomInterval/4 samplerName/8")
    one = {"ingressInterface": 1, "egressInterface": 2, "applicationId": b"\x03\x00\x00\x50", "ingressVRFID": 7,
           "egressVRFID": 8, "samplerId": 1}
    other = {"ingressInterface": 2, "egressInterface": 3, "applicationId": b"\x0d\x00\x01\xc5", "ingressVRFID": 8,
             "egressVRFID": 9, "samplerId": 2}
    yield "before", v9(flow_set(0, template_record(300, template, False)), flow_set(300, *flows(v, template, one)))
    yield "templates", v9(flow_set(1, options_record(256, [(INTERFACE, 4)], names, False),
                                   options_record(257, [(SYSTEM, 4)], applications, False),
                                   options_record(258, [(SYSTEM, 4)], fields("ingressVRFID/4") + vrfs, False),
                                   options_record(259, [(SYSTEM, 4)], samplers, False)), sequence=2)
    yield "interfaces", v9(flow_set(256, *(struct.pack(">I", n) + record(
        v, names, interfaceName=f"Gi0/{n}", interfaceDescription=text) for n, text in
        ((1, "to \"A\\B\"\tuplink"), (2, "Grüße"), (4, "nobody uses it")))), sequence=3)
    yield "applications", v9(flow_set(257, *(bytes(4) + record(
        v, applications, applicationId=key, applicationName=name, applicationCategoryName=group) for key, name, group in
        ((b"\x03\x00\x00\x50", "http", "browsing"), (b"\x0d\x00\x01\xc5", "ssl", "")))), sequence=4)
    yield "vrfs", v9(flow_set(258, *(struct.pack(">II", 0, key) + record(v, vrfs, VRFname=name)
                                     for key, name in ((7, "blue"), (8, "red")))), sequence=5)
    yield "samplers", v9(flow_set(259, *(bytes(4) + record(
        v, samplers, samplerId=key, samplerMode=2, samplerRandomInterval=rate, samplerName="s")
        for key, rate in ((1, 1000), (3, 1)))), sequence=6)
    yield "flows", v9(flow_set(300, *flows(v, template, one, other, {**other, "samplerId": 0},
                                           {**other, "samplerId": 3})), sequence=7)
    yield "renamed", v9(flow_set(256, struct.pack(">I", 1) + record(
        v, names, interfaceName="TenGigE0/0/0/1", interfaceDescription="")), sequence=8)
    yield "after", v9(flow_set(300, *flows(v, template, one)), sequence=9)
    yield "another-source", v9(flow_set(0, template_record(300, template, False)),
                               flow_set(300, *flows(v, template, one)), sequence=1, source=5)


@case("v9-facts-rates", "v9: a rate of the whole exporter, of interfaces, of interface 0, and of a line card, of which "
                        "nothing follows; domain 0 speaks for all source ids")
def v9_facts_rates(v):
    template = COUNTS + PORTS
    sampling = fields("samplingInterval/4 samplingAlgorithm/1")
    flow = flows(v, template, *({"ingressInterface": into, "egressInterface": out} for into, out in
                                ((1, 2), (9, 2), (9, 9))))
    known = flow_set(0, template_record(300, template, False))
    options = flow_set(1, options_record(256, [(SYSTEM, 4)], sampling, False),
                       options_record(257, [(INTERFACE, 2)], sampling, False),
                       options_record(258, [(LINE_CARD, 2)], sampling, False))
    yield "line-card", v9(options, flow_set(258, struct.pack(">HIB", 1, 999, 1)), known, flow_set(300, *flow))
    yield "interface", v9(flow_set(257, struct.pack(">HIB", 1, 10, 1), struct.pack(">HIB", 2, 20, 1)),
                          flow_set(300, *flow), sequence=2)
    yield "system", v9(flow_set(256, struct.pack(">IIB", 0, 100, 1)), flow_set(300, *flow), sequence=3)
    yield "source-7", v9(known, flow_set(300, *flow), sequence=1, source=7)
    yield "interface-0", v9(options, flow_set(257, struct.pack(">HIB", 0, 50, 1)), flow_set(300, *flow), sequence=2,
                            source=7)


@case("v9-facts-samplers", "v9: samplerId of two and of four bytes, each with its own rate; a rate that is said of a "
                           "template is of its records alone")
def v9_facts_samplers(v):
    wide, wider = COUNTS + fields("samplerId/2"), COUNTS + fields("samplerId/4")
    sampler = fields("samplerId/2 samplerRandomInterval/4")
    yield "options", v9(flow_set(1, options_record(256, [(SYSTEM, 4)], sampler, False),
                                 options_record(257, [(TEMPLATE, 2)], fields("samplingInterval/4"), False)),
                        flow_set(256, *(struct.pack(">IHI", 0, key, rate) for key, rate in ((2, 2000), (4, 4000)))),
                        flow_set(257, *(struct.pack(">HI", key, rate) for key, rate in ((302, 300), (300, 5)))))
    known = (300, wide), (301, wider), (302, COUNTS), (303, COUNTS)
    yield "templates", v9(flow_set(0, *(template_record(*one, False) for one in known)), sequence=2)
    named = {"samplerId": 2}, {"samplerId": 4}
    yield "flows", v9(flow_set(300, *flows(v, wide, *named)), flow_set(301, *flows(v, wider, *named)),
                      flow_set(302, *flows(v, COUNTS, {})), flow_set(303, *flows(v, COUNTS, {})), sequence=3)


@case("ipfix-facts-templates", "IPFIX: rates that are said of a template of an observation domain, in domain 0 and in "
                               "another, whose templates are others with the same ids")
def ipfix_facts_templates(v):
    scope, counts = fields("observationDomainId templateId"), fields("samplingPacketInterval samplingPacketSpace")
    known = flow_set(2, template_record(300, COUNTS), template_record(301, COUNTS))
    flow = flow_set(300, *flows(v, COUNTS, {})), flow_set(301, *flows(v, COUNTS, {}))
    for domain, space in ((0, 999), (9, None), (7, 9)):
        said = [] if space is None else [
            flow_set(3, options_record(256, scope, counts)),
            flow_set(256, record(v, scope + counts, observationDomainId=domain, templateId=300,
                                 samplingPacketInterval=1, samplingPacketSpace=space))]
        yield f"domain-{domain}", ipfix(*said, known, *flow, domain=domain)


@case("ipfix-facts", "IPFIX: selectors by packet counts, by size and population and by probability; counters in both "
                     "directions, a rate in the record, an application's id of variable length, the time of the start")
def ipfix_facts(v):
    scope = fields("selectorId")
    counts = fields("samplingPacketInterval samplingPacketSpace")
    parts = fields("samplingSize samplingPopulation")
    likely = fields("samplingProbability")
    named = fields("applicationId/v")
    name = fields("applicationName/v applicationCategoryName/v")
    start = fields("exportingProcessId")
    begun = fields("systemInitTimeMilliseconds")
    flow = COUNTS + fields("reverseOctetDeltaCount reversePacketDeltaCount selectorId applicationId/v "
                           "flowStartSysUpTime flowEndSysUpTime")
    own = COUNTS + fields("samplingInterval applicationName/v applicationId/v")
    yield "templates", ipfix(flow_set(3, options_record(256, scope, counts), options_record(257, scope, parts),
                                      options_record(258, scope, likely), options_record(259, named, name),
                                      options_record(260, start, begun)),
                             flow_set(2, template_record(300, flow), template_record(301, own)))
    yield "options", ipfix(
        flow_set(256, record(v, scope + counts, selectorId=1, samplingPacketInterval=1, samplingPacketSpace=99)),
        flow_set(257, record(v, scope + parts, selectorId=2, samplingSize=3, samplingPopulation=10)),
        flow_set(258, record(v, scope + likely, selectorId=3, samplingProbability=0.001)),
        flow_set(259, record(v, named + name, applicationId=b"\x14\x00\x00\x12\x34\x56\x78\x9a\xbc\xde",
                             applicationName="long", applicationCategoryName="long ids")),
        flow_set(260, record(v, start + begun, systemInitTimeMilliseconds=(EXPORTED - 3600) * 1000)))
    values = {"reverseOctetDeltaCount": 700, "reversePacketDeltaCount": 7, **UPTIMES,
              "applicationId": b"\x14\x00\x00\x12\x34\x56\x78\x9a\xbc\xde"}
    yield "flows", ipfix(flow_set(300, *flows(v, flow, *({"selectorId": n} for n in (1, 2, 3, 4)), **values)),
                         flow_set(301, *flows(v, own, {"samplingInterval": 64, "applicationName": "its own"},
                                              {"samplingInterval": 0, "applicationName": "its own"},
                                              applicationId=values["applicationId"])))
    yield "large", ipfix(flow_set(300, *flows(v, flow, {"octetDeltaCount": (1 << 32) - 1, "reverseOctetDeltaCount":
                                                        (1 << 62)}, **{**values, "selectorId": 1,
                                                                       "octetDeltaCount": 1})))


@case("ipfix-facts-users", "IPFIX: users by MAC and by address, IPv4 and IPv6")
def ipfix_facts_users(v):
    user = fields("userName/v")
    by_mac, by_four, by_six = (fields(name) for name in ("staMacAddress", "sourceIPv4Address", "sourceIPv6Address"))
    wireless = fields("staMacAddress octetDeltaCount")
    four = fields("sourceIPv4Address destinationIPv4Address octetDeltaCount")
    six = fields("sourceIPv6Address destinationIPv6Address octetDeltaCount userName/v")
    yield "templates", ipfix(flow_set(3, *(options_record(256 + n, key, user) for n, key in
                                           enumerate((by_mac, by_four, by_six)))),
                             flow_set(2, *(template_record(300 + n, template) for n, template in
                                           enumerate((wireless, four, six)))))
    yield "users", ipfix(flow_set(256, record(v, by_mac + user, staMacAddress="00:1a:2b:3c:4d:5e", userName="ana")),
                         flow_set(257, record(v, by_four + user, sourceIPv4Address="192.0.2.10", userName="ben"),
                                  record(v, by_four + user, sourceIPv4Address="192.0.2.11", userName="eve")),
                         flow_set(258, record(v, by_six + user, sourceIPv6Address="2001:db8::10", userName="ida")))
    yield "flows", ipfix(
        flow_set(300, *(record(v, wireless, staMacAddress=mac) for mac in ("00:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d:5f"))),
        flow_set(301, *(record(v, four, sourceIPv4Address=a, destinationIPv4Address=b) for a, b in
                        (("192.0.2.10", "192.0.2.11"), ("192.0.2.12", "192.0.2.10")))),
        flow_set(302, *(record(v, six, sourceIPv6Address="2001:db8::10", destinationIPv6Address="2001:db8::11",
                               userName=name) for name in ("", "itself"))))


@case("facts-configured", "sampling.rates: of an exporter and of one of its interfaces, over what its options say",
      **{"sampling.rates": "192.0.2.0/24=7,192.0.2.1=10,192.0.2.1%3=1,198.51.100.1=5"})
def facts_configured(v):
    template = COUNTS + PORTS
    sampling = fields("samplingInterval/4")
    yield "v9", v9(flow_set(1, options_record(256, [(SYSTEM, 4)], sampling, False)),
                   flow_set(256, struct.pack(">II", 0, 1000)), flow_set(0, template_record(300, template, False)),
                   flow_set(300, *flows(v, template, {"ingressInterface": 1, "egressInterface": 2},
                                        {"ingressInterface": 3, "egressInterface": 2},
                                        {"ingressInterface": 1, "egressInterface": 3})))
    yield "v5", fixed_packet(5, fixed(v, 5, 2), sampling=0x4000 | 100)


ID = fields("commonPropertiesId/8")


@case("ipfix-properties", "IPFIX, RFC 5473: options records tell what commonPropertiesIds stand for, before and after "
                          "flows have them; several ids in a record, what the record has itself, an id that is told "
                          "anew with other elements, ids that nobody has told, another domain")
def ipfix_properties(v):
    ends = fields("sourceIPv4Address destinationIPv4Address destinationTransportPort protocolIdentifier")
    ports = fields("ingressInterface/4 egressInterface/4 flowDirection VRFname/v")
    counts = fields("sourceTransportPort octetDeltaCount/4 packetDeltaCount/4")
    own = fields("destinationTransportPort octetDeltaCount/4 packetDeltaCount/4")
    names = fields("interfaceName/8")
    one = record(v, ID + counts, commonPropertiesId=1, sourceTransportPort=40000, octetDeltaCount=1500,
                 packetDeltaCount=3)
    two = record(v, ID + ID + own, commonPropertiesId=1, destinationTransportPort=8443, octetDeltaCount=900,
                 packetDeltaCount=1)
    two = two[:8] + (2).to_bytes(8, "big") + two[16:]

    def told(number, **over):
        return record(v, ID + ends, **{"commonPropertiesId": number, "sourceIPv4Address": f"192.0.2.{number}",
                                       "destinationIPv4Address": "198.51.100.9", "destinationTransportPort": 443,
                                       "protocolIdentifier": 6, **over})

    def at(ingress, vrf):
        return record(v, ID + ports, commonPropertiesId=2, ingressInterface=ingress, egressInterface=9,
                      flowDirection=1, VRFname=vrf)

    yield "templates", ipfix(
        flow_set(2, template_record(256, ID + counts), template_record(257, ID + ID + own)),
        flow_set(3, options_record(258, ID, ends), options_record(259, ID, ports),
                 options_record(260, fields("ingressInterface/4"), names)))
    yield "before", ipfix(flow_set(256, one))
    yield "told", ipfix(flow_set(258, told(1)), flow_set(259, at(7, "blue")),
                        flow_set(260, record(v, fields("ingressInterface/4") + names, ingressInterface=7,
                                             interfaceName="xe-0/0/7")))
    yield "flows", ipfix(flow_set(256, one, (3).to_bytes(8, "big") + one[8:], bytes(8) + one[8:]), flow_set(257, two))
    yield "anew", ipfix(flow_set(258, told(1, destinationTransportPort=80), told(2)))
    yield "after", ipfix(flow_set(256, one), flow_set(257, two))
    yield "another-domain", ipfix(flow_set(2, template_record(256, ID + counts)), flow_set(256, one), domain=5)


@case("ipfix-properties-sections", "IPFIX: sampled frames, as routers that monitor inline send them, with their "
                                   "interfaces and the sampling rate as common properties; addresses of the frame")
def ipfix_properties_sections(v):
    template = ID + fields("dataLinkFrameSize dataLinkFrameSection/v")
    ports = fields("ingressInterface/4 egressInterface/4 flowDirection samplingInterval/4")
    yield "templates", ipfix(flow_set(2, template_record(1024, template)), flow_set(3, options_record(1025, ID, ports)))
    yield "told", ipfix(flow_set(1025, *(record(v, ID + ports, commonPropertiesId=number, ingressInterface=500 + number,
                                                egressInterface=600 + number, flowDirection=0, samplingInterval=rate)
                                         for number, rate in ((1, 1), (2, 1000)))))
    yield "frames", ipfix(flow_set(1024, *(record(v, template, commonPropertiesId=number, dataLinkFrameSize=1400,
                                                  dataLinkFrameSection=PACKETS[name])
                                           for number, name in ((1, "tcp"), (2, "qinq"), (2, "vxlan"), (9, "icmp")))))
