# SPDX-License-Identifier: Apache-2.0
"""weir setup at real servers: what it installs, what it says, and whether every document fits what is there then."""

import datetime
import json
import re
import subprocess
import sys

import pytest

import lab
from harness import ROOT
from servers import flat_types

sys.path.insert(0, str(ROOT / "tests" / "golden"))
import test_golden as golden  # noqa: E402

# What these builds lack (scripts/servers/README.md).
WITHOUT = {"elasticsearch": "lifecycle,data-stream", "opensearch": "lifecycle"}
STREAM = "logs-netflow.log-default"
SETTINGS = "/_component_template/weir-netflow@settings"
CUSTOM = "/_component_template/weir-netflow@custom"
SCRIPTED = "weir.export_delay"  # computed by the dashboards


@pytest.fixture(scope="module", params=["elasticsearch", "opensearch"])
def server(request, place):
    """Each of the two without anything in it."""
    found = getattr(place, request.param)
    found.call("wipe")
    found.start("--tls")
    yield found
    found.call("wipe")


def configuration(server, **more):
    output = {"type": server.script, "elasticsearch": {"hosts": [server.url]}, **more}
    if server.tls:
        output = {"username": "weir", "password": "weir-secret", "tls": {"ca": str(server.where.certificate("ca"))},
                  **output}
    return {"output": output}


def setup(server, folder, *arguments, product=None, config=None):
    """(status, standard output, standard error)"""
    path = folder / "setup.yml"
    path.write_text(json.dumps(config or configuration(server)))
    done = subprocess.run(
        server.namespace.inside(*lab.weir_command(), "setup", product or server.script, "-c", path, *arguments),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def without(server):
    return "--without", WITHOUT[server.script]


def findings(text):
    """Name of each object to what was found of it."""
    return dict(re.findall(r"^  \w+ \w+ +(\S+) +(\S.*)$", text, re.MULTILINE))


@pytest.fixture
def installed(server, tmp_path):
    status, said, errors = setup(server, tmp_path, *without(server), "--install", "--replace")
    assert status == 0, said + errors
    return server


# --- installing ---

def test_install(server, tmp_path):
    """Missing, created, the same: the status is that of a question until it is done."""
    status, said, errors = setup(server, tmp_path, *without(server))
    assert (status, set(findings(said).values())) == (1, {"missing"}), said
    assert "--install" in errors
    assert server.request("GET", "/_index_template/weir-netflow", fail=False)[0] == 404, "showing has created it"
    status, said, errors = setup(server, tmp_path, *without(server), "--install")
    assert status == 0, said + errors
    assert said.count("\ncreated ") == len(findings(said))
    status, said, errors = setup(server, tmp_path, *without(server))
    assert (status, errors) == (0, ""), said + errors
    assert {"same", "there, and yours"} == set(findings(said).values())
    assert setup(server, tmp_path, *without(server), "--install")[0] == 0


def test_what_differs_is_shown_and_kept(installed, tmp_path):
    server = installed
    body = server.request("GET", SETTINGS)["component_templates"][0]["component_template"]
    body["template"]["settings"]["index"].update({"refresh_interval": "1s", "priority": "7"})
    server.request("PUT", SETTINGS, body)
    template = server.request("GET", "/_index_template/weir-netflow")["index_templates"][0]["index_template"]
    server.request("PUT", "/_index_template/weir-netflow", {**template, "priority": 400})
    for arguments in ((), ("--install",)):
        status, said, errors = setup(server, tmp_path, *without(server), *arguments)
        assert status == 1, said
        assert "      template.settings.index.refresh_interval: have 1s, want 10s\n" in said
        assert "      template.settings.index.priority: have 7, which is not weir's\n" in said
        assert "      priority: have 400, want 300\n" in said
        found = findings(said)
        assert (found["weir-netflow@settings"], found["weir-netflow"], found["weir-netflow@mappings"]) == (
            "differs", "differs", "same")
        assert ("nothing was changed" in errors) == bool(arguments)
        kept = server.request("GET", SETTINGS)["component_templates"][0]["component_template"]
        assert kept["template"]["settings"]["index"]["refresh_interval"] == "1s"
    status, said, errors = setup(server, tmp_path, *without(server), "--install", "--replace")
    assert status == 0, said + errors
    assert re.findall(r"^replaced .* (\S+)$", said, re.MULTILINE) == ["weir-netflow@settings", "weir-netflow"]
    assert setup(server, tmp_path, *without(server))[0] == 0


def test_custom_stays_and_is_the_strongest(installed, tmp_path):
    server = installed
    server.request("PUT", CUSTOM, {"template": {"settings": {"index": {"refresh_interval": "33s"}}}})
    status, said, errors = setup(server, tmp_path, *without(server), "--install", "--replace")
    assert status == 0, said + errors
    simulated = server.request("POST", f"/_index_template/_simulate_index/{STREAM}")
    assert simulated["template"]["settings"]["index"]["refresh_interval"] == "33s"
    assert simulated["template"]["settings"]["index"]["codec"] == "best_compression"
    server.request("PUT", CUSTOM, {"template": {}})


def test_custom_definitions_and_index(installed, tmp_path):
    """The elements and the name of the index are the configuration's."""
    (tmp_path / "own.yml").write_text('64999:\n  7: [":ip4_addr", "myAddress"]\n')
    config = configuration(installed)
    config["custom_definitions"] = ["own.yml"]
    config["output"]["elasticsearch"]["index"] = "flows-%{kind}"
    status, said, _ = setup(installed, tmp_path, *without(installed), config=config)
    assert status == 1
    assert "properties.netflow.properties.my_address.type: nothing there, want ip\n" in said
    assert "index_patterns: have [logs-netflow.log-*], want [flows-*]\n" in said


# --- what can be wrong ---

def test_wrong_product(server, tmp_path):
    other = "opensearch" if server.script == "elasticsearch" else "elasticsearch"
    config = configuration(server)
    config["output"]["type"] = other
    status, _, errors = setup(server, tmp_path, product=other, config=config)
    assert status == 1
    assert re.search(rf"is {server.script}; .*weir setup {server.script}", errors, re.IGNORECASE), errors


def test_missing_module_is_named(server, tmp_path):
    status, _, errors = setup(server, tmp_path, "--install")
    assert status == 1
    assert "--without lifecycle" in errors


def test_credentials(server, tmp_path):
    status, _, errors = setup(server, tmp_path, config=configuration(server, password="wrong"))
    assert status == 1 and "status 401" in errors and "password" in errors, errors
    if server.script == "opensearch":
        return  # its one user may do everything
    config = configuration(server)
    config["output"]["elasticsearch"].update({"api_key": server.api_key(), "index": "flows-%{kind}"})
    del config["output"]["username"], config["output"]["password"]
    status, _, errors = setup(server, tmp_path, *without(server), "--install", "--replace", config=config)
    assert status == 1 and "status 403" in errors and "manage_index_templates" in errors, errors


def test_nobody_answers(server, tmp_path):
    config = configuration(server)
    config["output"]["elasticsearch"]["hosts"] = ["http://127.0.0.1:9", server.url]
    status, said, errors = setup(server, tmp_path, *without(server), config=config)
    assert "127.0.0.1:9 does not answer" in errors
    assert server.url in said, said + errors
    config["output"]["elasticsearch"]["hosts"] = ["http://127.0.0.1:9"]
    assert setup(server, tmp_path, config=config)[0] == 1
    assert status in (0, 1)


# --- documents ---

NUMBERS = ["byte", "short", "integer", "long", "float", "double"]
FROM_THE_START = ("iana", "cisco", "assorted", "cert", "sflow", "scope")  # tables whose fields every index has
SECTION_ELEMENTS = range(16, 49)  # of sFlow's, those that a packet's headers in flow records tell, too


def type_of_all(types):
    """Of elements that share a key: the widest of numbers, and else keyword."""
    if len(types) > 1:
        return max(types, key=NUMBERS.index) if types <= set(NUMBERS) else "keyword"
    return next(iter(types))


def documented_types():
    """(field to the type that docs/fields.md and docs/elements.md say, those that come with the first document)"""
    found = {}
    for line in (ROOT / "docs" / "fields.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.split("|")]
        if len(cells) == 6 and cells[2] not in ("Elasticsearch type", "---", "object") and not cells[1].startswith("-"):
            found[cells[1]] = cells[2]
    seen, always, later = {}, set(), set()
    for line in (ROOT / "docs" / "elements.md").read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.split("|")]
        if len(cells) == 9 and cells[6] not in ("", "Elasticsearch type", "---"):
            place = cells[1] == "sFlow", cells[4]
            seen.setdefault(place, set()).add(cells[6])
            always |= {place} if cells[7] in FROM_THE_START else set()
            if place[0] and int(cells[2]) in SECTION_ELEMENTS:
                found[f"netflow.section.{cells[4]}"] = cells[6]
    for place, types in seen.items():
        for below in ("sflow.",) if place[0] else ("netflow.", "netflow.scope.", "netflow.options."):
            found.setdefault(below + place[1], type_of_all(types))
            later |= {below + place[1]} if place not in always or below.count(".") == 2 else set()
    return found, later


def decoded():
    """The documents of every synthetic capture, with everything that weir adds."""
    lines = []
    for case in golden.OWN:
        command = [*lab.weir_command(), "decode", "--exporter", golden.EXPORTER, "-o", "output.envelope=true"]
        for key, value in golden.options_of(case).items():
            command += ["-o", f"{key}={value}"]
        done = subprocess.run([*command, *map(str, golden.inputs_of(case))], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        lines += golden.lines_of(done.stdout)
    return lines


@pytest.fixture(scope="module")
def documents(server, tmp_path_factory):
    """All of them in the data stream; those that the server refused would be an error here."""
    status, said, errors = setup(server, tmp_path_factory.mktemp("setup"), *without(server), "--install", "--replace")
    assert status == 0, said + errors
    lines = decoded()
    for first in range(0, len(lines), 2000):
        body = "".join(f'{{"create":{{}}}}\n{line}\n' for line in lines[first:first + 2000])
        answer = server.request("POST", f"/{STREAM}/_bulk", body.encode(), kind="application/x-ndjson")
        refused = [item["create"].get("error") for item in answer["items"] if item["create"]["status"] != 201]
        assert refused == []
    server.request("POST", f"/{STREAM}/_refresh")
    return [json.loads(line) for line in lines]


def test_every_document_fits(server, documents):
    assert server.count(STREAM) == len(documents) > 1000
    assert server.count(STREAM, {"exists": {"field": "_ignored"}}) == 0, "values that do not fit their type"


def test_types_are_as_documented(server, documents):
    assert documents
    documented, later = documented_types()
    assert len(documented) > 9000
    mapped = server.mapping(STREAM)
    if server.script == "elasticsearch":  # without the component for constant_keyword
        documented.update({f"data_stream.{name}": "keyword" for name in ("type", "dataset", "namespace")})
    elif server.script == "opensearch":  # which wants a value for it beforehand
        documented["data_stream.namespace"] = "keyword"
    wrong = {field: (kind, documented[field]) for field, kind in mapped.items()
             if field in documented and kind != documented[field]}
    assert wrong == {}
    undocumented = [field for field in mapped if field not in documented
                    and not re.match(r"(netflow\.((scope|options)\.)?unknown_\d+_\d+|fields(\..*)?)$", field)]
    assert set(undocumented) <= set(of_custom_definitions(documents, documented)), undocumented
    assert [field for field in documented if field not in mapped and field not in later] == []


def of_custom_definitions(documents, documented):
    """Fields of elements that only the options of a capture define."""
    for document in documents:
        for below in ("", "scope.", "options."):
            netflow = document.get("netflow", {})
            fields = netflow.get(below.rstrip("."), {}) if below else netflow
            yield from (f"netflow.{below}{key}" for key in fields if f"netflow.{below}{key}" not in documented)


def test_fields_can_be_searched(server, documents):
    flows = [document for document in documents if document["event"]["action"] == "netflow_flow"]
    one = next(document for document in flows if "10.0.0.0" < document.get("source", {}).get("ip", "") < "9")
    same = [document for document in flows if document["flow"]["id"] == one["flow"]["id"]]
    assert server.count(STREAM, {"term": {"flow.id": one["flow"]["id"]}}) == len(same)
    inside = [document for document in flows if document.get("source", {}).get("ip", "").startswith("192.168.")]
    assert server.count(STREAM, {"term": {"source.ip": "192.168.0.0/16"}}) == len(inside) > 0
    year = [document for document in documents if document["@timestamp"].startswith("2026")]
    assert server.count(STREAM, {"range": {"@timestamp": {"gte": "2026-01-01", "lt": "2027-01-01"}}}) == len(year) > 0
    text = one["source"]["ip"]  # without a field: as people type it
    query = {"simple_query_string": {"query": f'"{text}"', "lenient": True}}
    assert server.count(STREAM, query) >= len([d for d in documents if d.get("source", {}).get("ip") == text])


def test_what_nobody_listed(installed):
    """Strings are keywords, numbers keep their fraction, places are places; a flood of fields costs itself at most."""
    def put(document):
        body = f'{{"create":{{}}}}\n{json.dumps({"@timestamp": "2026-01-01T00:00:00.000Z", **document})}\n'
        answer = installed.request("POST", "/logs-netflow.log-flood/_bulk?refresh", body.encode(),
                                   kind="application/x-ndjson")
        return answer["items"][0]["create"]["status"]

    assert put({"source": {"geo": {"location": {"lat": 1.5, "lon": 2}, "city_name": "2026-01-01"}},
                "fields": {"room": "x" * 40000, "share": 0.5, "rank": 7}}) == 201
    mapped = installed.mapping("logs-netflow.log-flood")
    wanted = {"source.geo.location": "geo_point", "source.geo.city_name": "keyword", "fields.room": "keyword",
              "fields.share": "double", "fields.rank": "long"}
    assert {name: mapped[name] for name in wanted} == wanted
    flood = put({"netflow": {f"unknown_1_{number}": "00" for number in range(7000)}})
    assert flood == (201 if installed.script == "elasticsearch" else 400)
    assert put({"netflow": {"options": {"sampling_interval": 10}, "octet_delta_count": 2**63 - 1}}) == 201


# --- dashboards ---

def saved_objects(name):
    path = ROOT / "deploy" / name / "weir.ndjson"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", ["kibana", "opensearch-dashboards"])
def test_saved_objects_are_whole(name):
    """As an import takes them: ids are there once, references lead somewhere, JSON inside texts can be read."""
    rows = saved_objects(name)
    ids = [(row["type"], row["id"]) for row in rows]
    assert len(set(ids)) == len(ids) and {kind for kind, _ in ids} == {"index-pattern", "visualization", "dashboard"}
    for row in rows:
        assert {(one["type"], one["id"]) for one in row["references"]} <= set(ids)
        assert list(row["migrationVersion"]) == [row["type"]]
        names = [one["name"] for one in row["references"]]
        attributes = row["attributes"]
        if row["type"] != "index-pattern":
            source = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
            assert source.get("indexRefName", names[0]) in names
        if row["type"] == "visualization":
            state = json.loads(attributes["visState"])
            numbers = [one["id"] for one in state["aggs"]]
            assert len(set(numbers)) == len(numbers)
            assert all(one["params"].get("orderBy", "1") in numbers for one in state["aggs"])
        if row["type"] == "dashboard":
            panels = json.loads(attributes["panelsJSON"])
            prefixes = [f"{panel['panelIndex']}:" if name == "kibana" else "" for panel in panels]
            assert [prefix + panel["panelRefName"] for prefix, panel in zip(prefixes, panels)] == names
            for panel in panels:
                place = panel["gridData"]
                assert place["x"] + place["w"] <= 48
                assert not any(overlap(place, other["gridData"]) for other in panels if other is not panel)


def overlap(one, other):
    return (one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
            and one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"])


def grafana_panels(name):
    board = json.loads((ROOT / "deploy" / "grafana" / name).read_text())
    variable, = board["templating"]["list"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert not any(overlap(panel["gridPos"], other["gridPos"]) for other in board["panels"] if other is not panel)
    for panel in panels:
        assert panel["datasource"] == {"type": variable["query"], "uid": "${datasource}"}
    return panels


def metric_of(kind, field, script):
    """An aggregation, or None for a count, which is always there."""
    if kind == "count":
        return None
    return {kind: {"script": {"source": script}} if field == SCRIPTED else {"field": field}}


def nest(buckets, metrics):
    """Bucket aggregations one in the other, with the metrics in each."""
    body = metrics
    for name, bucket in reversed(buckets):
        body = {name: {**bucket, "aggs": body}, **metrics}
    return {"aggs": body}


def ordered(field, size, by, order, counted):
    return {"terms": {"field": field, "size": int(size), "order": {"_count" if counted else f"m{by}": order}}}


def query_of(text):
    return {"query_string": {"query": text}} if text else {"match_all": {}}


def visualization_query(row, script):
    """The search that a saved visualization makes."""
    state = json.loads(row["attributes"]["visState"])
    source = json.loads(row["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    counted, metrics, buckets = set(), {}, []
    for one in state["aggs"]:
        params = one["params"]
        if one["schema"] == "metric":
            made = metric_of(one["type"], params.get("field"), script)
            if made is None:
                counted.add(one["id"])
            elif params.get("field") != SCRIPTED or script:
                metrics[f"m{one['id']}"] = made
        elif one["type"] == "date_histogram":
            buckets.append(("b" + one["id"], {"date_histogram": {"field": params["field"], "fixed_interval": "30d"}}))
        else:
            by = params["orderBy"]
            known = by in counted or f"m{by}" in metrics
            buckets.append(("b" + one["id"], ordered(params["field"], params["size"], by, params["order"],
                                                     by in counted or not known)))
    return {"size": 0, "query": query_of(source["query"]["query"]), **nest(buckets, metrics)}


def grafana_query(target, script):
    counted, metrics, buckets = set(), {}, []
    for one in target["metrics"]:
        own = one.get("settings", {}).get("script")
        made = metric_of(one["type"], one.get("field"), None)
        if own:
            made = {one["type"]: {"field": one["field"], "script": own}}
        if made is None:
            counted.add(one["id"])
        elif not own or script:
            metrics[f"m{one['id']}"] = made
    for one in target["bucketAggs"]:
        if one["type"] == "date_histogram":
            made = {"date_histogram": {"field": one["field"], "fixed_interval": "30d"}}
        else:
            by = one["settings"]["orderBy"]
            made = ordered(one["field"], one["settings"]["size"], by, one["settings"]["order"],
                           by == "_count" or f"m{by}" not in metrics)
        buckets.append(("b" + one["id"], made))
    return {"size": 0, "query": query_of(target["query"]), **nest(buckets, metrics)}


def script_of(name):
    """The scripted field of OpenSearch Dashboards' view; the Elasticsearch of the tests has no painless."""
    if name != "opensearch":
        return None
    view = saved_objects("opensearch-dashboards")[0]
    return json.loads(view["attributes"]["fields"])[0]["script"]


def traffic(documents):
    return sum(document.get("network", {}).get("bytes", 0) for document in documents)


def buckets_of(answer):
    return next(value for key, value in answer.items() if key.startswith("b"))["buckets"]


def milliseconds(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def check_delays(buckets, documents):
    """Mean time from export to arrival, by exporter."""
    delays = {}
    for document in documents:
        delays.setdefault(document["observer"]["ip"][0], []).append(
            milliseconds(document["event"]["created"]) - milliseconds(document["@timestamp"]))
    assert {bucket["key"]: bucket["m4"]["value"] for bucket in buckets} == {
        exporter: pytest.approx(sum(found) / len(found)) for exporter, found in delays.items()}


def test_dashboards_answer(server, documents):
    """Every panel's search has an answer, and where documents have its fields, the answer is theirs."""
    script = script_of(server.script)
    folder = "kibana" if server.script == "elasticsearch" else "opensearch-dashboards"
    answers = {}
    for row in saved_objects(folder):
        if row["type"] == "visualization":
            answers[row["id"]] = server.search(STREAM, visualization_query(row, script))["aggregations"]
    assert len(answers) > 15
    total = answers["weir-overview-totals"]
    assert total["m1"]["value"] == pytest.approx(traffic(documents))  # a sum is a double
    assert total["m4"]["value"] == len({ip for document in documents for ip in document["observer"]["ip"]})
    assert total["m5"]["value"] == pytest.approx(
        len({document["source"]["ip"] for document in documents if "ip" in document.get("source", {})}), rel=0.05)
    silence = buckets_of(answers["weir-exporters-silence"])
    assert sum(bucket["doc_count"] for bucket in silence) == len(documents)
    times = [bucket["m1"]["value"] for bucket in silence]
    assert times == sorted(times)
    if script:
        check_delays(silence, documents)
    assert buckets_of(answers["weir-talkers-conversations"]) and buckets_of(answers["weir-talkers-sources"])


def test_grafana_answers(server, documents):
    name = "weir-flows.json" if server.script == "elasticsearch" else "weir-flows-opensearch.json"
    script = script_of(server.script)
    answers = {}
    for panel in grafana_panels(name):
        for target in panel["targets"]:
            answer = server.search(STREAM, grafana_query(target, script))
            answers[panel["title"], target["refId"]] = answer["aggregations"]
    total = sum(bucket["m1"]["value"] for bucket in buckets_of(answers["Totals", "A"]))
    assert total == pytest.approx(traffic(documents))
    if script:
        check_delays(buckets_of(answers["Exporters, the longest silent first", "A"]), documents)


def test_dashboards_name_only_mapped_fields(installed):
    """What is not mapped before a document has it would be an error in Kibana."""
    simulated = installed.request("POST", "/_index_template/_simulate_index/logs-netflow.log-nobody")
    mapped = set(flat_types(simulated["template"]["mappings"]["properties"])) | {SCRIPTED}
    for row in saved_objects("kibana"):
        if row["type"] == "visualization":
            for one in json.loads(row["attributes"]["visState"])["aggs"]:
                assert one["params"].get("field", "@timestamp") in mapped


# --- without a server ---

@pytest.mark.light
@pytest.mark.parametrize("product", ["elasticsearch", "opensearch"])
def test_print(tmp_path, product):
    """For consoles, and as files that curl can send: the same objects."""
    done = subprocess.run([*lab.weir_command(), "setup", product, "--print"], stdout=subprocess.PIPE, check=True,
                          stdin=subprocess.DEVNULL, timeout=60, text=True)
    printed = {}
    for part in re.split(r"^PUT ", done.stdout, flags=re.MULTILINE)[1:]:
        path, _, body = part.partition("\n")
        printed[path] = json.loads(body)
    policy = "/_ilm/policy/weir-netflow" if product == "elasticsearch" else "/_plugins/_ism/policies/weir-netflow"
    assert {policy, "/_index_template/weir-netflow", SETTINGS, CUSTOM} <= set(printed)
    done = subprocess.run([*lab.weir_command(), "setup", product, f"--print={tmp_path}/out"], stdout=subprocess.PIPE,
                          check=True, stdin=subprocess.DEVNULL, timeout=60, text=True)
    written = {str(path.relative_to(tmp_path / "out")): json.loads(path.read_text())
               for path in (tmp_path / "out").rglob("*.json")}
    assert {f"/{name.removesuffix('.json')}": body for name, body in written.items()} == printed


@pytest.mark.light
@pytest.mark.parametrize("arguments", [
    (), ("mysql",), ("elasticsearch", "more"), ("elasticsearch", "--replace"), ("elasticsearch", "--without", "x"),
    ("elasticsearch", "--install", "--print"),
], ids=lambda arguments: " ".join(arguments) or "nothing")
def test_usage(arguments):
    done = subprocess.run([*lab.weir_command(), "setup", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=60, text=True, check=False)
    assert done.returncode == 2
    assert "weir setup --help tells how" in done.stderr


@pytest.mark.light
def test_no_such_output(tmp_path):
    (tmp_path / "weir.yml").write_text("output:\n  type: stdout\n")
    done = subprocess.run([*lab.weir_command(), "setup", "elasticsearch", "-c", tmp_path / "weir.yml"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60,
                          text=True, check=False)
    assert done.returncode == 1
    assert "no output of type elasticsearch" in done.stderr
    done = subprocess.run([*lab.weir_command(), "setup", "elasticsearch", "--print", "--output", "other"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60,
                          text=True, check=False)
    assert done.returncode == 1
    assert "no output other" in done.stderr
