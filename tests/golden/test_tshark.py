# SPDX-License-Identifier: Apache-2.0
"""tshark, an independent reader, finds the same values in the same datagrams: flows, samples, and headers in samples.

All cases go into one capture, each with exporters of its own, for tshark takes most of its time to start. WEIR_CAPTURES
may name a folder of further cases.
"""

import collections
import ipaddress
import json
import shutil
import struct
import subprocess

import pytest
from test_golden import CAPTURES, OWN, cases, decode, inputs_of  # first: it says where flowwire is
import flowwire

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")

FURTHER = [case for case in (cases(CAPTURES, "about") if CAPTURES else []) if not case.name.startswith("synthetic-")]
CASES = [case for case in OWN + FURTHER if not case.name.startswith("synthetic-damaged-")]
SFLOW = [case for case in CASES if "sflow" in case.name]
CFLOW = [case for case in CASES if case not in SFLOW and any(path.suffix != ".ipfix" for path in inputs_of(case))]
PORTS = {"cflow": 2055, "sflow": 6343}


# --- what tshark reads ---

def datagrams(case):
    """(source address, port, payload) of each datagram of a case."""
    for path in inputs_of(case):
        if path.suffix == ".dat":
            yield "192.0.2.1", 4444, path.read_bytes()
        elif path.suffix == ".pcap":
            yield from flowwire.pcap_datagrams(path.read_bytes())


def frame(source, port, payload):
    target = PORTS["sflow" if payload[:3] == bytes(3) else "cflow"]
    udp = struct.pack(">HHHH", port, target, 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source.packed, bytes([192, 0, 2, 53]))
    return bytes.fromhex("020000000002020000000001") + b"\x08\x00" + head + udp


class Tree(list):
    """Members of an object in their order: the same name may come several times."""

    def under(self, name):
        return [value for key, value in self if key == name]

    def begin(self, *names):
        """Objects whose name begins so."""
        return [value for key, value in self if isinstance(value, Tree) and key.startswith(names)]

    def walk(self):
        """Every (name, value) that is no object, at any depth."""
        for key, value in self:
            if isinstance(value, Tree):
                yield from value.walk()
            else:
                yield key, value

    def layers(self, *names):
        """Objects of these names, at any depth, in their order."""
        for key, value in self:
            if isinstance(value, Tree):
                if key in names:
                    yield key, value
                yield from value.layers(*names)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """By case: what tshark reads in each of its datagrams."""
    frames, owners = [], []
    for number, case in enumerate(CASES):
        sources = {}
        for source, port, payload in datagrams(case):
            host = sources.setdefault(source, len(sources) + 1)
            frames.append(frame(ipaddress.ip_address(f"10.{number}.{host >> 8}.{host & 255}"), port, payload))
            owners.append(case.name)
    path = tmp_path_factory.mktemp("tshark") / "all.pcap"
    path.write_bytes(flowwire.pcap_of(frames))
    ports = [part for name, port in PORTS.items() for part in ("-d", f"udp.port=={port},{name}")]
    done = subprocess.run(["tshark", "-r", path, *ports, "-T", "json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True)
    packets = json.loads(done.stdout, object_pairs_hook=Tree)
    assert len(packets) == len(frames)
    found = collections.defaultdict(list)
    for owner, packet in zip(owners, packets):
        found[owner].append(packet.under("_source")[0].under("layers")[0])
    return found


def number(text):
    """"12", "0x0c", "True"."""
    return int(text, 0) if text not in ("True", "False") else int(text == "True")


def plain(text):
    """An address, without the frame of an IPv4 address in IPv6."""
    address = ipaddress.ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def mac(text):
    return text.upper().replace(":", "-")


# --- flows ---

# Where tshark reads fewer records than weir, and those are among weir's.
FEWER = {
    "ipfix-bad-options-template": "gives the message up for one template",
    "ipfix-two-messages": "reads the first message of a datagram",
    "synthetic-ipfix-bad-sets": "gives the message up for one set",
    "synthetic-v6": "knows no v6",
    "synthetic-v9-bad-sets": "gives the message up for one set",
    "synthetic-v9-count": "believes the header's count",
    "synthetic-v9-data-first": "does not keep data for its template",
    "synthetic-v9-data-first-cached": "does not keep data for its template",
    "synthetic-v9-shared": "does not share templates between exporters",
    "synthetic-v9-sources": "does not share templates between ports",
    "v9-h3c": "does not keep data for its template",
    "v9-invalid-1": "does not keep data for its template",
}

# Where the two cannot agree.
APART = {
    "ipfix-yaf": "tshark shows another element as cflow.tos",
    "synthetic-ipfix-elements-iana": "tshark shows further elements under these names",
    "synthetic-ipfix-length": "tshark reads on behind the message's end",
    "synthetic-ipfix-lengths": "tshark reads numbers of impossible lengths",
    "synthetic-ipfix-structured": "tshark shows what is in a list as the record's",
    "synthetic-ipfix-variable": "tshark reads on in records that are cut",
    "synthetic-protocols": "the case turns versions off",
    "synthetic-v5-count": "tshark believes a count that is too high",
    "synthetic-v8": "tshark has v8's two prefix lengths the other way round; flow-tools has them as weir",
    "synthetic-v8-bad": "the same",
    "synthetic-v9-redefined": "tshark keeps a template that was replaced",
    "v5-invalid-1": "tshark believes a count that is too high",
}

# Records that weir completes by what options records said, and tshark does not: they are compared as they came.
COMPLETED = ("synthetic-ipfix-properties", "synthetic-ipfix-properties-sections")

# Of records: tshark's name, weir's, and how tshark writes it.
FLOW_FIELDS = [
    ("cflow.srcaddr", "source_ipv4_address", str), ("cflow.dstaddr", "destination_ipv4_address", str),
    ("cflow.srcaddrv6", "source_ipv6_address", plain),
    ("cflow.dstaddrv6", "destination_ipv6_address", plain),
    ("cflow.srcport", "source_transport_port", number), ("cflow.dstport", "destination_transport_port", number),
    ("cflow.protocol", "protocol_identifier", number), ("cflow.tos", "ip_class_of_service", number),
    ("cflow.nexthop", "ip_next_hop_ipv4_address", str), ("cflow.inputint", "ingress_interface", number),
    ("cflow.outputint", "egress_interface", number), ("cflow.srcmask", "source_ipv4_prefix_length", number),
    ("cflow.dstmask", "destination_ipv4_prefix_length", number), ("cflow.tcpflags", "tcp_control_bits", number),
    ("cflow.srcas", "bgp_source_as_number", number), ("cflow.dstas", "bgp_destination_as_number", number),
]


def flows_of_tshark(layers):
    for layer in layers.under("cflow"):
        for record in [*layer.begin("pdu "), *[flow for flow_set in layer.begin("FlowSet ", "Set ")
                                               for flow in flow_set.begin("Flow ")]]:
            values = dict(record.walk())
            found = {key: read(values[name]) for name, key, read in FLOW_FIELDS if name in values}
            if found:
                yield found


def last(value):
    """Of an element that the template has more than once, as walking tshark's record gives it."""
    return value[-1] if isinstance(value, list) else value


def flows_of_weir(documents):
    keys = [key for _, key, _ in FLOW_FIELDS]
    for document in documents:
        netflow = document.get("netflow", {})
        record = {**netflow.get("options", {}), **netflow.get("scope", {}), **netflow}
        found = {key: last(record[key]) for key in keys if key in record}
        if found:
            yield found


def multiset(records):
    return collections.Counter(json.dumps(record, sort_keys=True) for record in records)


@pytest.mark.parametrize("case", CFLOW, ids=lambda case: case.name)
def test_flows(case, trees):
    as_came = {"limits__facts_per_exporter": 0} if case.name in COMPLETED else {}
    lines, _ = decode(case, "weir", **as_came)
    read = multiset(flow for layers in trees[case.name] for flow in flows_of_tshark(layers))
    made = multiset(flows_of_weir(json.loads(line) for line in lines))
    if case.name in APART:
        assert read != made, f"they agree: {APART[case.name]} is not true any more"
    elif case.name in FEWER:
        assert read <= made and read != made, FEWER[case.name]
    else:
        assert read == made


# --- samples ---

# Where tshark loses its way in a datagram, and what is behind that cannot be compared.
LOST = {
    "sflow-counter": "reads the interface's counters as those of 100BaseVG; goflow2 and Telegraf read them as weir",
    "synthetic-sflow-bad": "reads on in structures that are cut",
    "synthetic-sflow-old": "reads v4's user names as v5's; sflowtool reads them as weir",
    "synthetic-sflow-old-bad": "the same, and reads on in what is cut",
    "synthetic-sflow-rare-counters": "reads optics as a token ring",
}

# Of flow samples, and of the raw header in them.
SAMPLE_FIELDS = [
    ("sflow.flow_sample.sequence_number", "sample_sequence_number"),
    ("sflow.flow_sample.sampling_rate", "sampling_rate"),
    ("sflow.flow_sample.sample_pool", "sample_pool"), ("sflow.flow_sample.dropped_packets", "sample_drops"),
    ("sflow_245.header_protocol", "header_protocol"), ("sflow_245.header.frame_length", "frame_length"),
    ("sflow_245.header.sampled_header_length", "header_length"), ("sflow_245.vlan.in", "source_vlan"),
    ("sflow_245.vlan.out", "destination_vlan"), ("sflow_245.nexthop.src_mask", "source_prefix_length"),
    ("sflow_245.nexthop.dst_mask", "destination_prefix_length"), ("sflow_245.localpref", "local_preference"),
]

# Of counter samples.
COUNTER_FIELDS = [
    ("sflow.counters_sample.sequence_number", "sample_sequence_number"), ("sflow_245.ifindex", "if_index"),
    ("sflow_245.iftype", "if_type"), ("sflow_245.ifspeed", "if_speed"), ("sflow_245.ifinoct", "if_in_octets"),
    ("sflow_245.ifinpkt", "if_in_unicast_packets"), ("sflow_245.ifinmcast", "if_in_multicast_packets"),
    ("sflow_245.ifinbcast", "if_in_broadcast_packets"), ("sflow_245.ifindisc", "if_in_discards"),
    ("sflow_245.ifinerr", "if_in_errors"), ("sflow_245.ifinunk", "if_in_unknown_protocols"),
    ("sflow_245.ifoutoct", "if_out_octets"), ("sflow_245.ifoutpkt", "if_out_unicast_packets"),
    ("sflow_245.ifoutmcast", "if_out_multicast_packets"), ("sflow_245.ifoutbcast", "if_out_broadcast_packets"),
    ("sflow_245.ifoutdisc", "if_out_discards"), ("sflow_245.ifouterr", "if_out_errors"),
    ("sflow_245.ifpromisc", "if_promiscuous_mode"), ("sflow_245.dot3StatsFCSErrors", "dot3_fcs_errors"),
    ("sflow_245.dot3StatsSymbolErrors", "dot3_symbol_errors"), ("sflow_245.dot5StatsLineErrors", "dot5_line_errors"),
    ("sflow_245.dot5StatsFreqErrors", "dot5_frequency_errors"), ("sflow_245.vlan_id", "vlan_number"),
    ("sflow_245.dot12InHighPriorityOctets", "dot12_in_high_priority_octets"),
    ("sflow_245.dot12HCOutHighPriorityOctets", "dot12_hc_out_high_priority_octets"),
    ("sflow_245.octets", "vlan_octets"), ("sflow_245.discards", "vlan_discards"), ("sflow_5.cpu_5s", "processor_cpu5s"),
    ("sflow_5.total_memory", "processor_memory_total"), ("sflow_5.free_memory", "processor_memory_free"),
    ("sflow_5.dot11TransmittedFragmentCount", "dot11_transmitted_fragments"),
    ("sflow_5.dot11QoSCFPollsLostCount", "dot11_qos_cf_polls_lost"),
    ("sflow.lag_port.attached_agg_id", "lag_attached_id"), ("sflow.lag_port.illegal.rx", "lag_illegal_received"),
]
UNKNOWN = (2**32 - 1, 2**64 - 1)  # of counters: the agent does not count that, and weir leaves it out


def ip_of_tshark(name, layer):
    return {"source": layer.under(f"{name}.src")[0], "destination": layer.under(f"{name}.dst")[0]}


def header_of_tshark(sample):
    """The first IP header of the sampled packet, what lies below it, and the last one."""
    found = {}
    ethernet = [layer for _, layer in sample.layers("eth")]
    if ethernet:
        found |= {f"{end}_mac": mac(ethernet[0].under(f"eth.{name}")[0])
                  for end, name in (("source", "src"), ("destination", "dst"))}
    wireless = dict(next((layer for _, layer in sample.layers("wlan")), []))
    if "wlan.da" in wireless:
        found |= {"source_mac": mac(wireless["wlan.sa"]), "destination_mac": mac(wireless["wlan.da"])}
    tags = [number(layer.under(f"{name}.id")[0]) for name, layer in sample.layers("vlan", "ieee8021ad")]
    labels = [number(layer.under("mpls.label")[0]) for _, layer in sample.layers("mpls")]
    found |= {"labels": labels} if labels else {}
    found |= {"vlans": tags} if tags else {}
    addresses = [ip_of_tshark(name, layer) for name, layer in sample.layers("ip", "ipv6")]
    if addresses:
        found["outer"] = addresses[0]
    if len(addresses) > 1:
        found["inner"] = addresses[-1]
    return found


def samples_of_tshark(layers):
    for layer in layers.under("sflow"):
        for sample in layer.begin("Flow sample", "Expanded flow sample", "Counters sample", "Expanded counters sample"):
            flow = "low sample" in next(key for key, value in layer if value is sample)
            values = dict(sample.walk())
            found = {key: number(values[name]) for name, key in (SAMPLE_FIELDS if flow else COUNTER_FIELDS)
                     if name in values}
            found = {key: value for key, value in found.items() if flow or value not in UNKNOWN}
            yield {**found, **(header_of_tshark(sample) if flow else {})}


def header_of_weir(document, said):
    """said: where the document has what is no field of ECS."""
    source, destination = document.get("source", {}), document.get("destination", {})
    found = {}
    if "mac" in source:
        found |= {"source_mac": source["mac"], "destination_mac": destination["mac"]}
    found |= {"labels": said["mpls_labels"]} if "mpls_labels" in said else {}
    found |= {"vlans": said["vlan_ids"]} if "vlan_ids" in said else {}
    if "ip_version" in said:
        found["outer"] = {"source": source["ip"], "destination": destination["ip"]}
    for version in ("ipv4", "ipv6"):
        if f"inner_source_{version}_address" in said:
            found["inner"] = {end: said[f"inner_{end}_{version}_address"] for end in ("source", "destination")}
    return found


def samples_of_weir(documents):
    for document in documents:
        action = document["event"]["action"]
        if action in ("sflow_flow", "sflow_counters"):
            flow = action == "sflow_flow"
            keys = [key for _, key in (SAMPLE_FIELDS if flow else COUNTER_FIELDS)]
            found = {key: document["sflow"][key] for key in keys if key in document["sflow"]}
            yield {**found, **(header_of_weir(document, document["sflow"]) if flow else {})}


@pytest.mark.parametrize("case", SFLOW, ids=lambda case: case.name)
def test_samples(case, trees):
    """What both read of a sample is the same; tshark reads less of tunnels, discards and some structures."""
    lines, _ = decode(case, "weir")
    read = [sample for layers in trees[case.name] for sample in samples_of_tshark(layers)]
    made = list(samples_of_weir(json.loads(line) for line in lines))
    pairs = [({key: value for key, value in one.items() if key in other},
              {key: value for key, value in other.items() if key in one}) for one, other in zip(read, made)]
    if case.name in LOST:
        assert len(read) != len(made) or any(one != other for one, other in zip(read, made)), LOST[case.name]
        return
    assert len(read) == len(made)
    assert [one for one, _ in pairs] == [other for _, other in pairs]
    assert all(one for one, _ in pairs)


# --- packets in flow records ---

@pytest.mark.parametrize("name, link, least", [("frames", 1, 31), ("wireless", 105, 12)])
def test_sections(tmp_path, name, link, least):
    """The frames that flow records carry, as tshark reads them."""
    lines, _ = decode(next(case for case in OWN if case.name == f"synthetic-ipfix-sections-{name}"), "weir")
    documents = [json.loads(line) for line in lines]
    documents = [document for document in documents if document["netflow"].get("data_link_frame_section")]
    path = tmp_path / "frames.pcap"
    frames = [bytes(document["netflow"]["data_link_frame_section"]) for document in documents]
    path.write_bytes(flowwire.pcap_of(frames, link))
    done = subprocess.run(["tshark", "-r", path, "-T", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True)
    packets = json.loads(done.stdout, object_pairs_hook=Tree)
    assert len(packets) == len(documents) >= least
    agreed = set()
    for document, packet in zip(documents, packets):
        made = header_of_weir(document, document["netflow"].get("section", {}))
        read = header_of_tshark(packet.under("_source")[0].under("layers")[0])
        common = made.keys() & read.keys()
        assert link != 1 or ("source_mac" in common and ("outer" in common or "labels" in common))
        agreed |= common
        assert {key: made[key] for key in common} == {key: read[key] for key in common}
    assert agreed >= {"source_mac", "destination_mac", "outer"}
