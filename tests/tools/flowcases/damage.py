# SPDX-License-Identifier: Apache-2.0
"""Packets of the other cases with random damage. Informative: agreeing on most documents is enough."""

from flowcases import CASES, case
from flowcases.common import fixed
from flowwire import V8_LAYOUTS, fixed_packet


def damaged(v, whole, count=120):
    """Random damage: bytes changed, cut or added."""
    for _ in range(count):
        datagram = bytearray(v.choice(whole))
        for _ in range(v.choice((1, 1, 2, 5, 20))):
            datagram[v.randrange(2, len(datagram))] = v.choice((0, 1, 255, v.getrandbits(8)))
        kind = v.random()
        if kind < 0.2:
            del datagram[v.randrange(2, len(datagram)):]
        elif kind < 0.3:
            datagram += v.randbytes(v.randint(1, 40))
        yield "damaged", bytes(datagram), ("192.0.2.1", 4444)


@case("damaged-fixed", "v1 to v8 packets with random damage")
def damaged_fixed(v):
    whole = [fixed_packet(n, fixed(v, n, 2)) for n in (1, 5, 6, 7)]
    whole += [fixed_packet(8, fixed(v, 8, 1, layout=layout), aggregation=scheme)
              for scheme, layout in V8_LAYOUTS.items()]
    yield from damaged(v, whole)


@case("damaged-v9", "v9 packets with random damage")
def damaged_v9(v):
    whole = [packet[1] for name in ("v9", "v9-options", "v9-redefined", "v9-variable")
             for packet in CASES[name][0](v)]
    yield from damaged(v, whole)


@case("damaged-ipfix", "IPFIX messages with random damage")
def damaged_ipfix(v):
    whole = [packet[1] for name in ("ipfix", "ipfix-options", "ipfix-variable", "ipfix-biflow")
             for packet in CASES[name][0](v)]
    yield from damaged(v, whole)
