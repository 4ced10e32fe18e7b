# SPDX-License-Identifier: Apache-2.0
"""Exporters whose clocks are off, uptimes that wrap, flows that end before they start."""

from flowcases import case
from flowcases.common import fixed
from flowcases.ipfix import simple
from flowwire import EXPORTED, fields, fixed_packet, flow_set, record, template_record, v9

DAY = 86400
WRAP = 1 << 32
UPTIMES = fields("sourceIPv4Address destinationIPv4Address flowStartSysUpTime flowEndSysUpTime octetDeltaCount/4")
INITIAL = fields("sourceIPv4Address destinationIPv4Address flowStartSysUpTime flowEndSysUpTime "
                 "systemInitTimeMilliseconds octetDeltaCount")
ABSOLUTE = fields("sourceIPv4Address destinationIPv4Address flowStartMilliseconds flowEndMilliseconds "
                  "octetDeltaCount")
NAMES = ("flowStartSysUpTime", "flowEndSysUpTime"), ("flowStartMilliseconds", "flowEndMilliseconds")


def flow(v, template, start, end, **over):
    names = next(pair for pair in NAMES if pair[0] in {field.name for field in template})
    return record(v, template, **dict(zip(names, (start, end))), **over)


@case("times-wrapped", "the uptime's wrap at 49.7 days: v5, v9, IPFIX with systemInitTimeMilliseconds; flows of a "
                       "month, ends later than their message")
def times_wrapped(v):
    month = 30 * DAY * 1000
    pairs = [(WRAP - 1000, 500), (WRAP - 2000, WRAP - 1000), (WRAP - 1000, 1400), (1200, 1250),
             (1000 - month & WRAP - 1, 900)]
    yield "v5", fixed_packet(5, [fixed(v, 5, 1, first=first, last=last)[0] for first, last in pairs], uptime=1000)
    yield "v9", v9(flow_set(0, template_record(256, UPTIMES, ipfix=False)),
                   flow_set(256, *(flow(v, UPTIMES, *pair) for pair in pairs)), uptime=1000)
    began = (EXPORTED - 100 * DAY) * 1000
    now = 100 * DAY * 1000
    since = [(now - 1500 - 2 * WRAP, now - 500 - 2 * WRAP), (WRAP - 1000, now - 500 - 2 * WRAP),
             (now - 500 - 2 * WRAP, now + 250 - 2 * WRAP)]
    yield "ipfix", simple(v, INITIAL, *(flow(v, INITIAL, *pair, systemInitTimeMilliseconds=began) for pair in since),
                          flow(v, INITIAL, 500, 1750, systemInitTimeMilliseconds=5000), number=300)


@case("times-reversed", "flows that end before they start: by a little, by a day, with a duration; v5, v9, IPFIX")
def times_reversed(v):
    pairs = [(99750, 98500), (99999, 0)]
    yield "v5", fixed_packet(5, [fixed(v, 5, 1, first=first, last=last)[0] for first, last in pairs], uptime=100000)
    far = (2 * DAY * 1000 - 100, 2000)
    yield "v9", v9(flow_set(0, template_record(256, UPTIMES, ipfix=False)),
                   flow_set(256, *(flow(v, UPTIMES, *pair) for pair in (pairs[0], far))), uptime=2 * DAY * 1000)
    lasting = ABSOLUTE + fields("flowDurationMilliseconds")
    end = EXPORTED * 1000
    yield "ipfix", simple(v, lasting, flow(v, lasting, end - 250, end - 1500, flowDurationMilliseconds=7),
                          flow(v, lasting, end, 0, flowDurationMilliseconds=1250), number=300)


@case("clock-corrected", "clocks: one right, one an hour behind (v9), one never set (IPFIX), one in 2106 (v5)",
      **{"clock.correct": "true"})
def clock_corrected(v):
    for seconds in range(6):
        now = EXPORTED + seconds
        for source, behind in (("192.0.2.1", 0), ("192.0.2.2", 3600)):
            yield "v9", v9(flow_set(0, template_record(256, UPTIMES, ipfix=False)),
                           flow_set(256, flow(v, UPTIMES, 98500, 99750)), uptime=100000, seconds=now - behind,
                           sequence=seconds), (source, 2055), seconds
        unset = 1000 + seconds
        yield "ipfix", simple(v, ABSOLUTE, flow(v, ABSOLUTE, unset * 1000 - 1500, unset * 1000 - 250), seconds=unset,
                              sequence=seconds), ("192.0.2.3", 4739), seconds
        yield "v5", fixed_packet(5, [fixed(v, 5, 1, first=98500, last=99750)[0]], uptime=100000,
                                 seconds=4294960000 + seconds, nanoseconds=500000000,
                                 sequence=seconds), ("192.0.2.4", 2055), seconds
