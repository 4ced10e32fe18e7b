# SPDX-License-Identifier: Apache-2.0
"""Datagrams dropped, doubled and swapped on purpose: the losses of each exporter are exactly what was done."""

import random
import struct
import time

import exports
from harness import check_stop
import lab
import pytest

COUNT = 400  # datagrams of each exporter
STEADY = 12  # first and last ones that are left alone

# By version: where the sequence number lies, what is missing when a datagram is, and how much.
NUMBERS = {5: (16, "records_missing"), 9: (12, "datagrams_missing"), 10: (8, "records_missing")}
SFLOW = 0  # its version has 32 bits, of which these are the first 16
OTHERS = ("datagrams_stray", "datagrams_unfollowed", "sequence_resets", "sequences_distrusted",
          "records_without_template")
SAMPLES = ("samples_missing", "samples_late", "samples_duplicate", "samples_stray", "samples_unfollowed",
           "sample_resets", "samples_distrusted")
NAMES = ("datagrams_missing", "records_missing", "datagrams_late", "datagrams_duplicate", *OTHERS, *SAMPLES)


def renumbered(payloads, by):
    """The same with higher sequence numbers, modulo 2^32."""
    found = []
    for payload in payloads:
        at, _ = NUMBERS[struct.unpack_from(">H", payload)[0]]
        number, = struct.unpack_from(">I", payload, at)
        found.append(payload[:at] + struct.pack(">I", (number + by) % 2**32) + payload[at + 4:])
    return found


class Network:
    """Drops, doubles and swaps datagrams, and keeps the account."""

    def __init__(self, seed, drop=0.1, double=0.05, swap=0.05):
        self.random = random.Random(seed)
        self.drop, self.double, self.swap = drop, double, swap

    def order(self, count):
        """Places of datagrams as they come, and how many are dropped, late and doubled."""
        chance, places, dropped = self.random.random, [], 0
        for place in range(count):
            steady = not STEADY <= place < count - STEADY
            if not steady and chance() < self.drop:
                dropped += 1
                continue
            places += [place, place] if not steady and chance() < self.double else [place]
        at = STEADY
        while at < len(places) - STEADY - 3:
            if chance() < self.swap:
                other = at + self.random.randint(1, 3)
                places[at], places[other] = places[other], places[at]
                at = other
            at += 1
        seen, late, doubled = set(), 0, 0
        for place in places:
            doubled += place in seen
            late += place not in seen and place < max(seen, default=0)
            seen.add(place)
        return places, dropped, late, doubled

    def carry(self, payloads, records):
        """What arrives, and the counters of it."""
        places, dropped, late, doubled = self.order(len(payloads))
        version, = struct.unpack_from(">H", payloads[0])
        name = "datagrams_missing" if version == SFLOW else NUMBERS[version][1]
        missing = dropped * (records if name == "records_missing" else 1)
        counts = {name: missing, "datagrams_late": late, "datagrams_duplicate": doubled}
        if version == SFLOW:  # each sample has a number, too
            counts |= {"samples_missing": dropped * records, "samples_late": late * records,
                       "samples_duplicate": doubled * records}
        return [payloads[place] for place in places], {name: value for name, value in counts.items() if value}


def losses_of(counters):
    return {name: counters[name] for name in NAMES if counters.get(name)}


def by_exporter(ledger):
    return {row["exporter"]: losses_of(row["counters"]) for row in ledger["exporters"]}


def added(*counters):
    return {name: sum(row.get(name, 0) for row in counters) for name in NAMES
            if any(row.get(name) for row in counters)}


def test_losses_by_exporter(backend, collect, send):
    streams = [exports.v5(COUNT), exports.v9(COUNT), exports.ipfix(COUNT), exports.ipfix(COUNT, records=3),
               renumbered(exports.v5(COUNT), 2**32 - 2000), renumbered(exports.v9(COUNT), 2**32 - 200),
               renumbered(exports.ipfix(COUNT), 2**32 - 2000), exports.sflow(COUNT, 4)]
    records = [10, 10, 10, 3, 10, 10, 10, 4]
    weir = collect(**backend)
    wanted, sent = {}, 0
    for number, payloads in enumerate(streams):
        arriving, counts = Network(number).carry(payloads, records[number])
        assert len(counts) in (3, 6), counts
        send(arriving, rate=4000, source_port=21000 + number)
        wanted[f"{lab.EXPORTER}:{21000 + number}"] = counts
        sent += len(arriving) * records[number]
    weir.wait_documents(sent)
    _, ledger = check_stop(weir, sent)
    assert by_exporter(ledger) == wanted
    assert losses_of(ledger["counters"]) == added(*wanted.values())


def test_domains_of_one_exporter(collect, send):
    """Two source ids and two observation domains, one after the other in turn, each with a network of its own."""
    streams = [exports.v9(COUNT, source=source) for source in (0, 7)]
    streams += [[message[:12] + struct.pack(">I", domain) + message[16:] for message in exports.ipfix(COUNT)]
                for domain in (1, 2)]
    carried = [Network(50 + number).carry(payloads, 10) for number, payloads in enumerate(streams)]
    arriving = [[payloads[place] for payloads, _ in carried if place < len(payloads)] for place in range(2 * COUNT)]
    arriving = [payload for row in arriving for payload in row]
    weir = collect(input__backend="socket", read_buffer="16MiB")
    send(arriving, rate=4000, source_port=21000)
    weir.wait_documents(10 * len(arriving))
    _, ledger = check_stop(weir, 10 * len(arriving))
    assert by_exporter(ledger) == {f"{lab.EXPORTER}:21000": added(*(counts for _, counts in carried))}


@pytest.mark.parametrize("make", [exports.v5, exports.v9, exports.ipfix])
def test_a_restart_is_no_loss(collect, send, make):
    payloads = renumbered(make(100), 50000) + make(100)
    weir = collect(input__backend="socket")
    send(payloads, rate=4000)
    weir.wait_documents(2000)
    _, ledger = check_stop(weir, 2000)
    assert losses_of(ledger["counters"]) == {"sequence_resets": 1}


def test_losses_show_while_it_runs(collect, send):
    """A second after the gap, though the exporter is silent by then."""
    weir = collect(input__backend="socket", stats_interval="200ms")
    payloads = exports.v9(100)
    send(payloads[:60] + payloads[67:], rate=4000)
    weir.wait_documents(930)
    for _ in range(100):
        if losses_of(weir.ledger()["counters"]) == {"datagrams_missing": 7}:
            break
        time.sleep(0.1)
    assert losses_of(weir.ledger()["counters"]) == {"datagrams_missing": 7}
    check_stop(weir, 930)
