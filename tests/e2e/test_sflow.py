# SPDX-License-Identifier: Apache-2.0
"""Agents of sFlow watch known traffic: the sampled packets are those that were sent, and so are the counters."""

import collections
import ipaddress
import os
import time

from frames import Traffic, pcap
from harness import check_stop
import lab
import pytest
from test_exporters import NO_LOSS, need

FRAME_CHECK_BYTES = 4  # part of a frame's length, though hosts see none (sFlow v5 5.3)


def of_type(documents, kind):
    return [document for document in documents if document["event"]["action"] == kind]


def wait_for(weir, enough, seconds=30):
    until = time.monotonic() + seconds
    while not enough(weir.documents()) and time.monotonic() < until:
        time.sleep(0.2)


def flow_of(frame):
    """(source, destination, protocol, ports or None) of an Ethernet frame without tags."""
    packet = frame[14:]
    if packet[0] >> 4 == 4:
        ends, protocol, body = (packet[12:16], packet[16:20]), packet[9], packet[20:]
    else:
        ends, protocol, body = (packet[8:24], packet[24:40]), packet[6], packet[40:]
    ports = tuple(int.from_bytes(body[at:at + 2], "big") for at in (0, 2)) if protocol in (6, 17) else (None, None)
    return (*(str(ipaddress.ip_address(end)) for end in ends), str(protocol), *ports)


def flow_told(document):
    source, destination = document["source"], document["destination"]
    return (source["ip"], destination["ip"], document["network"]["iana_number"], source.get("port"),
            destination.get("port"))


def check(weir):
    """Everything arrived and was understood. Returns the documents."""
    documents, ledger = check_stop(weir)
    strange = ("samples_unknown", "samples_too_short", "sflow_structures_unknown", "sflow_structures_short",
               "sflow_samples_cut", "sflow_values_cut", "sflow_headers_unknown")
    assert {name: ledger["counters"][name] for name in (*NO_LOSS, *strange) if ledger["counters"][name]} == {}
    assert {document["sflow"]["exporter"]["version"] for document in documents} == {5}
    assert {document["observer"]["ip"][0] for document in documents} == {lab.EXPORTER}
    return documents


def check_packets(documents, traffic):
    """One of one is sampled, so the documents of flows are the packets."""
    flows = of_type(documents, "sflow_flow")
    wanted = collections.Counter(flow_of(frame) for frame in traffic.frames)
    assert collections.Counter(flow_told(document) for document in flows) == wanted
    assert {document["sflow"]["sampling_rate"] for document in flows} == {1}
    assert sum(document["network"]["packets"] for document in flows) == traffic.packets
    assert sum(document["network"]["bytes"] for document in flows) == \
        sum(len(frame) + FRAME_CHECK_BYTES for frame in traffic.frames)


def counters_of(documents, name):
    """What the newest counter sample says of the interface of that name."""
    found = [document["sflow"] for document in of_type(documents, "sflow_counters")
             if document["sflow"].get("if_name") == name]
    return found[-1] if found else {}


def lan(namespace):
    """Two interfaces that are joined, without traffic of their own."""
    namespace.ip("link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
    for interface in ("lan0", "lan1"):
        namespace.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
        namespace.ip("link", "set", interface, "up")


def test_pmacct(collect, link, send, tmp_path):
    need("pmacctd")
    traffic = Traffic(six=True)
    weir = collect(input__backend="xdp", input__interface=lab.COLLECT_INTERFACE)
    lan(link.exporter)
    (tmp_path / "pmacctd.conf").write_text(f"""daemonize: false
pcap_interface: lan1
plugins: sfprobe
sampling_rate: 1
sfprobe_receiver: {lab.COLLECTOR}:6343
sfprobe_agentip: 192.0.2.77
sfprobe_agentsubid: 5
""")
    probe = link.exporter.start("pmacctd", "-f", tmp_path / "pmacctd.conf")
    time.sleep(1)
    send.frames(traffic.frames, interface="lan0", rate=1000)
    wait_for(weir, lambda documents: len(of_type(documents, "sflow_flow")) >= traffic.packets)
    lab.end(probe)
    documents = check(weir)
    check_packets(documents, traffic)
    assert {document["sflow"]["exporter"]["agent"] for document in documents} == {"192.0.2.77"}
    assert {document["sflow"]["exporter"]["sub_agent_id"] for document in documents} == {5}


class Switch:
    """Open vSwitch in user space, in the exporter's namespace: a bridge with two ports, a host at each."""

    def __init__(self, link, folder):
        self.namespace, self.folder, self.link = link.exporter, folder, link
        folder.mkdir()
        schema = "/usr/share/openvswitch/vswitch.ovsschema"
        self.environment = {**os.environ, "OVS_RUNDIR": str(folder), "OVS_LOGDIR": str(folder)}
        self.run("ovsdb-tool", "create", folder / "conf.db", schema)
        self.start("ovsdb-server", folder / "conf.db", f"--remote=punix:{folder}/db.sock",
                   f"--unixctl={folder}/ovsdb.ctl")
        self.wait(folder / "db.sock")
        self.control("--no-wait", "init")
        self.start("ovs-vswitchd", f"unix:{folder}/db.sock", f"--unixctl={folder}/vsw.ctl")
        self.control("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")

    def run(self, *command):
        return self.namespace.run(*command, env=self.environment)

    def start(self, *command):
        with (self.folder / "log").open("ab") as log:
            return self.namespace.start(*command, env=self.environment, stdout=log, stderr=log)

    @staticmethod
    def wait(path, seconds=10):
        until = time.monotonic() + seconds
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.05)

    def control(self, *command):
        return self.run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=20", *command)

    def add_port(self, name, peer):
        """A port of the bridge, whose other end is this interface."""
        self.namespace.ip("link", "add", name, "type", "veth", "peer", "name", peer)
        for interface in (name, peer):
            self.namespace.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1")
            self.namespace.run("ethtool", "-K", interface, "tx", "off")
            self.namespace.ip("link", "set", interface, "up")
        self.control("add-port", "br0", name)

    def index_of(self, name):
        return int(self.namespace.run("cat", f"/sys/class/net/{name}/ifindex"))


def test_open_vswitch(collect, link, send, tmp_path):
    """Packets are sampled as they come in by a port; each second there are the ports' counters."""
    need("ovs-vswitchd")
    traffic = Traffic(six=True)
    weir = collect(input__backend="socket")
    switch = Switch(link, tmp_path / "switch")
    switch.add_port("port1", "host1")
    switch.add_port("port2", "host2")
    switch.control("--", "--id=@s", "create", "sflow", f"agent={lab.EXPORT_INTERFACE}",
                   f'target="{lab.COLLECTOR}:6343"', "header=128", "sampling=1", "polling=1",
                   "--", "set", "bridge", "br0", "sflow=@s")
    time.sleep(1)
    send.frames(traffic.frames, interface="host1", rate=1000)
    wait_for(weir, lambda documents: len(of_type(documents, "sflow_flow")) >= traffic.packets
             and counters_of(documents, "port2").get("if_out_unicast_packets") == traffic.packets)
    documents = check(weir)
    check_packets(documents, traffic)
    ports = {"port1": switch.index_of("port1"), "port2": switch.index_of("port2")}
    flows = of_type(documents, "sflow_flow")
    assert {document["sflow"]["input_interface"] for document in flows} == {ports["port1"]}
    assert [document["sflow"]["sample_sequence_number"] for document in flows] == list(range(1, traffic.packets + 1))
    octets = sum(map(len, traffic.frames))
    for port, way in (("port1", "in"), ("port2", "out")):
        counters = counters_of(documents, port)
        assert counters["if_index"] == counters["source_id_index"] == ports[port]
        assert (counters[f"if_{way}_unicast_packets"], counters[f"if_{way}_octets"]) == (traffic.packets, octets)
    assert [document for document in of_type(documents, "sflow_counters") if "ovs_flows" in document["sflow"]]
