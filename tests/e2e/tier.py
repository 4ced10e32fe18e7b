# SPDX-License-Identifier: Apache-2.0
"""A tier of collectors behind a load balancer, and the way from each of them to Kafka.

    exporters --- balancer --- box 0
                          \\--- box 1 ...

The balancer hands frames on as they are: each box has the same address on its own wire, and of the frames that come
from the exporters only the destination's hardware address is changed. Who gets an exporter is a hash of its address, so
one rule moves all of them at once. Kafka listens on a loopback; each box has a relay to it on its own.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import threading

import frames
import lab
from servers import inside

INTERFACE = lab.COLLECT_INTERFACE
OUTER_MAC = "02:00:00:00:00:01"


class Relay:
    """TCP from a box's 127.0.0.1:port to the same place in the namespace of the servers; cut() is an outage."""

    def __init__(self, box, server, port):
        self.server, self.port, self.open, self.sockets = server, port, True, []
        with inside(box):
            self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def serve(self, one):
        with contextlib.suppress(OSError), one:
            if not self.open:
                return
            with inside(self.server):
                other = socket.socket()
            with other:
                other.connect(("127.0.0.1", self.port))
                self.sockets += [one, other]
                self.pump(one, other)

    @staticmethod
    def pump(one, other):
        pairs = {one: other, other: one}
        while True:
            for ready in select.select(list(pairs), [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    return
                pairs[ready].sendall(data)

    def cut(self):
        self.open = False
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.sockets.clear()

    def mend(self):
        self.open = True

    def close(self):
        self.cut()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Tier:
    def __init__(self, prefix, place, boxes, port):
        stem = f"{prefix}-{os.getpid()}"
        self.namespaces, self.relays = [], []
        self.balancer = self.namespace(f"{stem}-balancer")
        self.exporter = self.namespace(f"{stem}-exporters")
        lab.must("ip", "-n", self.balancer.name, "link", "add", "outer", "type", "veth", "peer", "name",
                 lab.EXPORT_INTERFACE, "netns", self.exporter.name)
        self.balancer.ip("link", "set", "outer", "up")
        self.exporter.ip("link", "set", lab.EXPORT_INTERFACE, "up")
        self.boxes = [self.box(f"{stem}-box{number}", number) for number in range(boxes)]
        self.relays = [Relay(box, place.link.collector, port) for box in self.boxes]
        self.turn = None

    def namespace(self, name):
        made = lab.Namespace(name)
        self.namespaces.append(made)
        return made

    def box(self, name, number):
        box = self.namespace(name)
        lab.must("ip", "-n", self.balancer.name, "link", "add", f"box{number}", "type", "veth", "peer", "name",
                 INTERFACE, "netns", box.name)
        self.balancer.ip("link", "set", f"box{number}", "up")
        box.ip("addr", "add", f"{lab.COLLECTOR}/24", "dev", INTERFACE)
        box.ip("link", "set", INTERFACE, "up")
        box.ip("route", "add", "10.78.0.0/16", "dev", INTERFACE)  # rp_filter asks for it
        box.mac = json.loads(box.ip("-j", "link", "show", INTERFACE))[0]["address"]
        return box

    def balance(self, *order):
        """From now on, exporters whose hash modulo the number of boxes named is n go to box order[n]."""
        choice = f"jhash ip saddr mod {len(order)} seed 0x7 map"
        macs = ", ".join(f"{n} : {self.boxes[box].mac}" for n, box in enumerate(order))
        names = ", ".join(f'{n} : "box{box}"' for n, box in enumerate(order))
        rules = ("table netdev balance {\n}\ndelete table netdev balance\ntable netdev balance {\nchain in {\n"
                 'type filter hook ingress device "outer" priority 0;\n'
                 f"meta protocol ip ether daddr set {choice} {{ {macs} }}\n"
                 f"meta protocol ip fwd to {choice} {{ {names} }}\n}}\n}}\n")
        done = subprocess.run(self.balancer.inside("nft", "-f", "-"), input=rules, text=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"nft: {done.stdout}\n{rules}"

    @staticmethod
    def frames(pairs):
        """Frames as they come from these exporters, with these payloads."""
        for exporter, payload in pairs:
            datagram = frames.udp((exporter.address, exporter.port), (lab.COLLECTOR, 2055), payload)
            packet = frames.ipv4(exporter.address, lab.COLLECTOR, frames.UDP, datagram)
            yield frames.ethernet((OUTER_MAC, OUTER_MAC), packet)

    def close(self):
        for relay in self.relays:
            relay.close()
        for namespace in self.namespaces:
            namespace.close()
