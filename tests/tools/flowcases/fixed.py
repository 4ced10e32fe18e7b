# SPDX-License-Identifier: Apache-2.0
"""NetFlow v1, v5, v6, v7, v8 and what is no NetFlow at all."""

import struct

from flowcases import case
from flowcases.common import V4, fixed
from flowwire import V8_LAYOUTS, fixed_packet, flow_set, template_record, v9


@case("v1", "NetFlow v1, three records")
def v1_plain(v):
    yield "data", fixed_packet(1, fixed(v, 1, 3))


@case("v5", "NetFlow v5, a full packet of thirty records")
def v5_plain(v):
    yield "data", fixed_packet(5, fixed(v, 5, 30), engine=(1, v.randint(0, 255)))


@case("v5-times", "v5: First after SysUptime (wrapped), Last before First, SysUptime 0, "
                  "nanoseconds of more than a second, year 2106")
def v5_times(v):
    wrapped = [fixed(v, 5, 1, first=0xFFFFFF00 - v.randint(0, 99), last=1200)[0],
               fixed(v, 5, 1, first=0xFFFFFF00, last=0xFFFFFFF0)[0],
               fixed(v, 5, 1, first=2400, last=900)[0],
               fixed(v, 5, 1, first=2500, last=2500)[0]]
    yield "wrap", fixed_packet(5, wrapped, uptime=2500, nanoseconds=v.randint(1, 999999999))
    yield "no-uptime", fixed_packet(5, fixed(v, 5, 1, first=7, last=9), uptime=0)
    yield "nanoseconds", fixed_packet(5, fixed(v, 5, 1), nanoseconds=4294967295)
    yield "year-2106", fixed_packet(5, fixed(v, 5, 1), seconds=4294967295)
    yield "year-1970", fixed_packet(5, fixed(v, 5, 1, first=0, last=0), seconds=0)


@case("v5-count", "v5: count 0 means as many as fit, surplus bytes are ignored; a count above "
                  "the data or a short header is an error")
def v5_count(v):
    yield "zero", fixed_packet(5, fixed(v, 5, 2) + [v.randbytes(17)], count=0)
    yield "surplus", fixed_packet(5, fixed(v, 5, 4), count=3)
    yield "too-many", fixed_packet(5, fixed(v, 5, 2), count=3)
    yield "cut", fixed_packet(5, fixed(v, 5, 2))[:-1]
    yield "none", fixed_packet(5, [], count=0)
    yield "short-header", fixed_packet(5, [])[:23]
    yield "good", fixed_packet(5, fixed(v, 5, 1))


@case("v5-sampling", "v5: engine and sampling fields, the mode bits stay in sampling_interval")
def v5_sampling(v):
    for mode in range(4):
        sampling = mode << 14 | v.randint(1, 0x3FFF)
        yield f"mode-{mode}", fixed_packet(5, fixed(v, 5, 1), sampling=sampling,
                                           engine=(v.randint(0, 255), v.randint(0, 255)))


@case("v6", "NetFlow v6, three records")
def v6_plain(v):
    yield "data", fixed_packet(6, fixed(v, 6, 3), engine=(2, 9), sampling=v.getrandbits(16))


@case("v7", "NetFlow v7, three records with flags and router shortcut")
def v7_plain(v):
    yield "data", fixed_packet(7, fixed(v, 7, 3), nanoseconds=v.getrandbits(29))


@case("v8", "NetFlow v8, every aggregation scheme")
def v8_schemes(v):
    for scheme, layout in V8_LAYOUTS.items():
        records = fixed(v, 8, 2, layout=layout)
        yield f"scheme-{scheme}", fixed_packet(8, records, aggregation=scheme, engine=(1, 2))


@case("v8-bad", "v8: unknown schemes and cut records are errors, count 0 means as many as fit")
def v8_bad(v):
    for scheme in (0, 15, 255):
        records = fixed(v, 8, 1, layout=V8_LAYOUTS[1])
        yield f"scheme-{scheme}", fixed_packet(8, records, aggregation=scheme)
    whole = fixed_packet(8, fixed(v, 8, 2, layout=V8_LAYOUTS[14]), aggregation=14)
    yield "cut", whole[:-1]
    yield "short-header", whole[:27]
    yield "count-0", whole[:2] + b"\0\0" + whole[4:] + b"surplus"


@case("versions", "datagrams that are not NetFlow: too short, unknown version")
def versions(v):
    yield "empty", b""
    yield "one-byte", b"\x00"
    for version in (0, 2, 3, 4, 11, 65535):
        yield f"version-{version}", struct.pack(">H", version) + v.randbytes(60)
    yield "v9-two-bytes", b"\x00\x09"
    yield "ipfix-two-bytes", b"\x00\x0a"
    yield "v5", fixed_packet(5, fixed(v, 5, 1))


@case("protocols", "only v5 and IPFIX are enabled: other versions are errors",
      protocols="v5,ipfix")
def protocols(v):
    yield "v1", fixed_packet(1, fixed(v, 1, 1))
    yield "v5", fixed_packet(5, fixed(v, 5, 1))
    yield "v9", v9(flow_set(0, template_record(256, V4)))
