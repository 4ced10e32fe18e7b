# SPDX-License-Identifier: Apache-2.0
"""Flow export of known content."""

import flowwire
from flowcases import sflow as samples
from flowcases.common import V4, fixed, v4_rows

RECORDS = 10  # a datagram


def v5(count, records=RECORDS):
    """NetFlow v5 datagrams."""
    values = flowwire.Values("v5")
    return [flowwire.fixed_packet(5, fixed(values, 5, records), sequence=number * records) for number in range(count)]


def v9(count, records=RECORDS, source=0):
    """NetFlow v9 datagrams, each with its template."""
    values = flowwire.Values("v9")
    template = flowwire.flow_set(0, flowwire.template_record(256, V4, ipfix=False))
    return [flowwire.v9(template, flowwire.flow_set(256, *v4_rows(values, records), pad=-len(V4) % 4),
                        sequence=number, source=source) for number in range(count)]


def v9_sampled(records=RECORDS):
    """A NetFlow v9 datagram of flows that name a sampler, of which nothing is told."""
    values, template = flowwire.Values("sampled"), V4 + flowwire.fields("samplerId/2")
    flows = [flowwire.record(values, template, samplerId=7) for _ in range(records)]
    return flowwire.v9(flowwire.flow_set(0, flowwire.template_record(256, template, ipfix=False)),
                       flowwire.flow_set(256, *flows), source=9)


def ipfix(count, records=RECORDS):
    """IPFIX messages, each with its template."""
    values = flowwire.Values("ipfix")
    template = flowwire.flow_set(2, flowwire.template_record(300, V4))
    return [flowwire.ipfix(template, flowwire.flow_set(300, *v4_rows(values, records)), sequence=number * records)
            for number in range(count)]


def sflow(count, flows=RECORDS):
    """sFlow datagrams, each with so many flow samples of one data source."""
    header = samples.header(samples.PACKETS["tcp"])
    return [samples.datagram(number, *(samples.flow(number * flows + flow, header) for flow in range(flows)))
            for number in range(count)]
