# SPDX-License-Identifier: Apache-2.0
"""The network cards of scripts/vm: each is joined to a card of its own to send from."""

import contextlib
import os
import pathlib
import time

import lab

MODELS = os.environ.get("VM_NICS", "").split()
BUS = pathlib.Path("/sys/bus/pci")
CARD_SLOT, PEER_SLOT = 0x10, 0x18


class Card:
    """A place on the PCI bus."""

    def __init__(self, slot):
        self.address = f"0000:00:{slot:02x}.0"
        self.path = BUS / "devices" / self.address

    def driver(self):
        return self.path.joinpath("driver").resolve().name if self.path.joinpath("driver").exists() else None

    def interface(self, seconds=10):
        """What the kernel's driver calls it; None where there is none. From a namespace that was it comes back late."""
        until = time.monotonic() + seconds
        while not (found := [*self.path.glob("net/*"), *self.path.glob("virtio*/net/*")]):
            if not self.driver() or time.monotonic() > until:
                return None
            time.sleep(0.1)
        return found[0].name

    def bind(self, driver=""):
        """Gives it to a driver; without a name to the kernel's own, where there is one."""
        if self.driver():
            self.path.joinpath("driver", "unbind").write_text(self.address)
        self.path.joinpath("driver_override").write_text(f"{driver}\n")
        BUS.joinpath("drivers_probe").write_text(self.address)


class Wire(lab.Link):
    """Two namespaces joined by cards; of the collector's the kernel knows nothing where DPDK shall have it."""

    def __init__(self, prefix, number, to_vfio=False):
        self.card, self.peer, self.to_vfio = Card(CARD_SLOT + number), Card(PEER_SLOT + number), to_vfio
        self.has_interface = not to_vfio and self.card.interface() is not None
        super().__init__(prefix)

    def join(self, queues=1):
        if self.to_vfio:
            lab.must("modprobe", "vfio-pci")
            self.card.bind("vfio-pci")
        elif self.has_interface:
            self.take(self.collector, self.card, lab.COLLECT_INTERFACE)
            self.give_addresses(lab.COLLECT_INTERFACE)
        self.take(self.exporter, self.peer, lab.EXPORT_INTERFACE)
        for address in (f"{lab.EXPORTER}/24", f"{lab.EXPORTER6}/64"):
            self.exporter.ip("addr", "add", address, "dev", lab.EXPORT_INTERFACE, *self.nodad(address))
        self.wait_carriers()

    @staticmethod
    def nodad(address):
        return ["nodad"] if ":" in address else []

    @staticmethod
    def take(namespace, card, name):
        lab.must("ip", "link", "set", card.interface(), "netns", namespace.name, "name", name)
        namespace.ip("link", "set", name, "up")

    def give_addresses(self, interface):
        """weir's, to the card or to what the kernel has in its place."""
        for address in (f"{lab.COLLECTOR}/24", f"{lab.COLLECTOR6}/64"):
            self.collector.ip("addr", "add", address, "dev", interface, *self.nodad(address))

    def wait_carriers(self, seconds=10):
        until = time.monotonic() + seconds
        ends = [(self.exporter, lab.EXPORT_INTERFACE)] + [(self.collector, lab.COLLECT_INTERFACE)] * self.has_interface
        for namespace, interface in ends:
            while "LOWER_UP" not in namespace.ip("link", "show", interface):
                assert time.monotonic() < until, f"{interface} has no carrier"
                time.sleep(0.1)

    def close(self):
        super().close()  # cards go back to where they came from
        with contextlib.suppress(OSError):
            if self.to_vfio:
                self.card.bind()
