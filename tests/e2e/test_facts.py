# SPDX-License-Identifier: Apache-2.0
"""What options records have said once outlives weir, as templates do."""

import pathlib
import signal

from harness import BACKENDS
import lab
import many
import pytest

EXPORTERS = 100
RECORDS = 10


@pytest.fixture
def stream(link, send):
    link.collector.ip("route", "add", "10.78.0.0/16", "dev", lab.COLLECT_INTERFACE)  # rp_filter asks for it
    return lambda pairs: send.frames(many.frames_of(link, pairs), rate=10000)


def named(documents, exporters):
    """Flows of each exporter whose interface has its name; those that have not, or another's."""
    by_name = {exporter.name: exporter for exporter in exporters}
    flows = [one for one in documents if one["event"]["action"] == "netflow_flow"]
    good = [one for one in flows if by_name[one["netflow"]["exporter"]["address"]].is_named(one)]
    return len(good), len(flows) - len(good)


@pytest.mark.light
@pytest.mark.parametrize("how", ["end", "kill"])
def test_names_outlive_a_restart(collect, stream, tmp_path, how):
    settings = {**BACKENDS["socket"], "templates.path": str(tmp_path / "journal")}
    exporters = [many.Named(number) for number in range(EXPORTERS)]
    first = collect(folder="first", **settings)
    stream([(exporter, exporter.template()) for exporter in exporters])
    stream([(exporter, exporter.names()) for exporter in exporters])
    stream([(exporter, exporter.data(RECORDS)) for exporter in exporters])
    first.wait_documents(EXPORTERS * (RECORDS + 1))
    assert named(first.documents(), exporters) == (EXPORTERS * RECORDS, 0)
    if how == "end":
        assert first.stop() == 0, first.log()
    else:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(20)
    second = collect(folder="second", **settings)
    stream([(exporter, exporter.data(RECORDS)) for exporter in exporters])
    second.wait_documents(EXPORTERS * RECORDS)
    assert second.stop() == 0, second.log()
    ledger = second.ledger()
    assert lab.unbalanced(ledger) == []
    assert named(second.documents(), exporters) == (EXPORTERS * RECORDS, 0)
    assert lab.counter(ledger, "facts_restored") == EXPORTERS
    assert lab.counter(ledger, "template_journal_damaged") == 0


GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "synthetic-ipfix-names"


@pytest.mark.light
def test_names_of_elements_outlive_a_restart(collect, send, tmp_path):
    settings = {**BACKENDS["socket"], "templates.path": str(tmp_path / "journal")}
    before, told, after = (next(GOLDEN.glob(f"{number}-*.dat")).read_bytes() for number in (1, 2, 3))
    first = collect(folder="first", **settings)
    send([before, told])
    first.wait_documents(13)
    first.process.send_signal(signal.SIGTERM)
    first.process.wait(20)
    second = collect(folder="second", **settings)
    send([after])
    second.wait_documents(1)
    assert second.stop() == 0, second.log()
    netflow = second.documents()[0]["netflow"]
    assert netflow["session_count"] == 4711 and netflow["gateway_ipv4_address"] == "192.0.2.77"
    assert not [key for key in netflow if key.startswith("unknown_")]
    assert lab.unbalanced(second.ledger()) == []
