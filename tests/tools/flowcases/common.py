# SPDX-License-Identifier: Apache-2.0
"""Templates and records that several cases use."""

from flowwire import LAYOUTS, fields, fixed_record, record


def fixed(v, version, count, uptime=3600000, layout=None, **over):
    layout = layout or LAYOUTS[version]
    return [fixed_record(v, layout, uptime, **over) for _ in range(count)]


V4 = fields("sourceIPv4Address destinationIPv4Address sourceTransportPort "
            "destinationTransportPort protocolIdentifier tcpControlBits/1 octetDeltaCount/4 "
            "packetDeltaCount/4 flowStartSysUpTime flowEndSysUpTime")
V6 = fields("sourceIPv6Address destinationIPv6Address sourceTransportPort "
            "destinationTransportPort protocolIdentifier octetDeltaCount packetDeltaCount "
            "ipClassOfService flowDirection")
UPTIMES = {"flowStartSysUpTime": 3590000, "flowEndSysUpTime": 3599000}


def rows(v, template, count, **over):
    return [record(v, template, **over) for _ in range(count)]


def v4_rows(v, count, **over):
    return rows(v, V4, count, protocolIdentifier=v.protocol(), **{**UPTIMES, **over})
