#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the dashboards of deploy/ for Kibana, OpenSearch Dashboards and Grafana, all from the table of panels below.

    scripts/generate-dashboards.py

scripts/check-dashboards.py says whether they are current, and whether documents have every field that they name.
"""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
INDEX = "logs-netflow.log-*"
VIEW = "weir-flows"  # id of the data view
TIME = "@timestamp"
FLOWS = "event.action:(netflow_flow OR sflow_flow)"  # the same in KQL and in Lucene's syntax
OPTIONS = "event.action:netflow_options"

# Computed where it is shown: milliseconds from the exporter's clock in the message to its arrival.
DELAY = "weir.export_delay"
DELAY_VALUE = ("doc['event.created'].value.toInstant().toEpochMilli() - "
               "doc['@timestamp'].value.toInstant().toEpochMilli()")


class Metric:
    """One number: what is done (sum, max, avg, cardinality, count) with a field."""

    def __init__(self, label, kind, field=None, unit="short"):
        self.label, self.kind, self.field, self.unit = label, kind, field, unit


class Split:
    """Terms of a field: so many, ordered by one of the panel's metrics."""

    def __init__(self, label, field, size, by=0, order="desc"):
        self.label, self.field, self.size, self.by, self.order = label, field, size, by, order


class Panel:
    """kind: metric, time (stacked areas), line, or table. width of 48 columns."""

    def __init__(self, name, title, kind, query, metrics, splits=(), width=24, height=12):
        self.name, self.title, self.kind, self.query = name, title, kind, query
        self.metrics, self.splits, self.width, self.height = list(metrics), list(splits), width, height


class Dashboard:
    def __init__(self, name, title, description, since, panels):
        self.name, self.title, self.description, self.since, self.panels = name, title, description, since, panels


BYTES = Metric("Bytes", "sum", "network.bytes", "bytes")
PACKETS = Metric("Packets", "sum", "network.packets")
RECORDS = Metric("Flow records", "count")
DOCUMENTS = Metric("Documents", "count")
TRAFFIC = (BYTES, PACKETS, RECORDS)
DELAYED = Metric("Mean delay", "avg", DELAY, "ms")


def lost(label, key):
    return Metric(label, "max", f"netflow.options.{key}")


DASHBOARDS = [
    Dashboard("overview", "[weir] Flow overview", "Traffic by transport, direction, port and application", "now-1h", [
        Panel("totals", "Totals", "metric", FLOWS,
              (*TRAFFIC, Metric("Exporters", "cardinality", "observer.ip"),
               Metric("Sources", "cardinality", "source.ip"), Metric("Destinations", "cardinality", "destination.ip")),
              width=48, height=6),
        Panel("transport", "Bytes by transport", "time", FLOWS, [BYTES], [Split("Transport", "network.transport", 8)]),
        Panel("direction", "Bytes by direction", "time", FLOWS, [BYTES], [Split("Direction", "network.direction", 5)]),
        Panel("packets", "Packets by transport", "time", FLOWS, [PACKETS],
              [Split("Transport", "network.transport", 8)]),
        Panel("records", "Flow records by locality", "time", FLOWS, [RECORDS],
              [Split("Locality", "flow.locality", 5)]),
        Panel("ports", "Destination ports", "table", FLOWS, TRAFFIC,
              [Split("Transport", "network.transport", 4), Split("Port", "destination.port", 20)], height=14),
        Panel("applications", "Applications", "table", FLOWS, TRAFFIC,
              [Split("Application", "network.application", 25)], height=14),
    ]),
    Dashboard("talkers", "[weir] Top talkers", "Sources, destinations and conversations by bytes", "now-1h", [
        Panel("source-history", "Bytes by source", "time", FLOWS, [BYTES], [Split("Source", "source.ip", 10)]),
        Panel("destination-history", "Bytes by destination", "time", FLOWS, [BYTES],
              [Split("Destination", "destination.ip", 10)]),
        Panel("sources", "Sources", "table", FLOWS, TRAFFIC, [Split("Source", "source.ip", 50)], height=16),
        Panel("destinations", "Destinations", "table", FLOWS, TRAFFIC,
              [Split("Destination", "destination.ip", 50)], height=16),
        Panel("conversations", "Conversations", "table", FLOWS, TRAFFIC,
              [Split("Source", "source.ip", 20), Split("Destination", "destination.ip", 5),
               Split("Port", "destination.port", 3)], width=48, height=16),
        Panel("source-as", "Source AS", "table", FLOWS, TRAFFIC,
              [Split("AS", "netflow.bgp_source_as_number", 25)], height=14),
        Panel("destination-as", "Destination AS", "table", FLOWS, TRAFFIC,
              [Split("AS", "netflow.bgp_destination_as_number", 25)], height=14),
    ]),
    Dashboard("exporters", "[weir] Exporters",
              "Who exports, who has gone silent, how late flows come, and what exporters say they lost", "now-24h", [
        Panel("silence", "Exporters, the longest silent first", "table", "",
              (Metric("Last received", "max", "event.created", "time"), Metric("Last export", "max", TIME, "time"),
               DOCUMENTS, DELAYED), [Split("Exporter", "observer.ip", 500, 0, "asc")], width=48, height=16),
        Panel("activity", "Documents by exporter", "time", "", [DOCUMENTS], [Split("Exporter", "observer.ip", 20)]),
        Panel("delay", "Mean delay by exporter, ms", "line", "", [DELAYED],
              [Split("Exporter", "observer.ip", 20)]),
        Panel("kinds", "Documents by kind", "time", "", [DOCUMENTS], [Split("Kind", "event.action", 8)]),
        Panel("versions", "Versions of NetFlow", "table", "",
              (DOCUMENTS, Metric("Exporters", "cardinality", "observer.ip")),
              [Split("Version", "netflow.exporter.version", 10)]),
        Panel("losses", "Losses that exporters tell of", "table", OPTIONS,
              (lost("Flows not sent", "not_sent_flow_total_count"),
               lost("Packets not sent", "not_sent_packet_total_count"),
               lost("Packets ignored", "ignored_packet_total_count"),
               lost("Flow records exported", "exported_flow_record_total_count")),
              [Split("Exporter", "observer.ip", 100)]),
    ]),
]


def compact(value):
    return json.dumps(value, separators=(",", ":"))


# --- Kibana and OpenSearch Dashboards: saved objects ---

class Kibana:
    """Saved objects of Kibana 8.0 and later."""

    path = ROOT / "deploy" / "kibana" / "weir.ndjson"
    versions = {"index-pattern": "8.0.0", "visualization": "8.0.0", "dashboard": "8.0.0"}
    panel_version = "8.0.0"
    interval = "useNormalizedEsInterval"

    def reference_name(self, number):
        return f"{number}:panel_{number}"

    def complete(self, row):
        return {**row, "coreMigrationVersion": "8.0.0"}

    def view(self):
        script = {"source": f"emit({DELAY_VALUE})"}
        return {"name": "weir flows", "fields": "[]",
                "runtimeFieldMap": compact({DELAY: {"type": "long", "script": script}})}


class OpenSearchDashboards(Kibana):
    """Saved objects of OpenSearch Dashboards 2."""

    path = ROOT / "deploy" / "opensearch-dashboards" / "weir.ndjson"
    versions = {"index-pattern": "7.6.0", "visualization": "7.10.0", "dashboard": "7.9.3"}
    panel_version = "2.0.0"
    interval = "useNormalizedOpenSearchInterval"

    def reference_name(self, number):
        return f"panel_{number}"

    def complete(self, row):
        return row

    def view(self):
        # Without readFromDocValues the fields of the index are read anew when it is first used.
        return {"fields": compact([{"name": DELAY, "type": "number", "count": 0, "scripted": True, "lang": "painless",
                                    "script": DELAY_VALUE, "searchable": True, "aggregatable": True}])}


def saved(flavour, kind, name, attributes, references):
    return flavour.complete({"attributes": attributes, "id": name, "migrationVersion": {kind: flavour.versions[kind]},
                             "references": references, "type": kind})


def view_of(flavour):
    formats = {field: {"id": "bytes"} for field in ("network.bytes", "source.bytes", "destination.bytes")}
    formats["event.duration"] = {"id": "duration", "params": {"inputFormat": "nanoseconds",
                                                              "outputFormat": "asSeconds"}}
    attributes = {"title": INDEX, "timeFieldName": TIME, "fieldFormatMap": compact(formats), **flavour.view()}
    return saved(flavour, "index-pattern", VIEW, attributes, [])


def aggregations(flavour, panel):
    """Metrics have the ids from 1 on, buckets those behind them."""
    found = []
    for number, metric in enumerate(panel.metrics, 1):
        params = {"field": metric.field} if metric.field else {}
        found.append({"id": str(number), "enabled": True, "type": metric.kind, "schema": "metric",
                      "params": {**params, "customLabel": metric.label}})
    number = len(found)
    over_time = panel.kind in ("time", "line")
    if over_time:
        number += 1
        found.append({"id": str(number), "enabled": True, "type": "date_histogram", "schema": "segment", "params": {
            "field": TIME, flavour.interval: True, "scaleMetricValues": False, "interval": "auto",
            "drop_partials": False, "min_doc_count": 1, "extended_bounds": {}}})
    for split in panel.splits:
        number += 1
        found.append({"id": str(number), "enabled": True, "type": "terms", "schema": "group" if over_time else "bucket",
                      "params": {"field": split.field, "orderBy": str(split.by + 1), "order": split.order,
                                 "size": split.size, "otherBucket": over_time and split.order == "desc",
                                 "otherBucketLabel": "Other", "missingBucket": False, "missingBucketLabel": "Missing",
                                 "customLabel": split.label}})
    return found


def axes(panel, shape):
    label = panel.metrics[0].label
    return {
        "type": shape, "grid": {"categoryLines": False},
        "categoryAxes": [{"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": True, "style": {},
                          "scale": {"type": "linear"}, "labels": {"show": True, "filter": True, "truncate": 100},
                          "title": {}}],
        "valueAxes": [{"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": True,
                       "style": {}, "scale": {"type": "linear", "mode": "normal"},
                       "labels": {"show": True, "rotate": 0, "filter": False, "truncate": 100},
                       "title": {"text": label}}],
        "seriesParams": [{"show": True, "type": shape, "mode": "normal" if shape == "line" else "stacked",
                          "data": {"label": label, "id": "1"}, "valueAxis": "ValueAxis-1", "lineWidth": 2,
                          "drawLinesBetweenPoints": True, "showCircles": False, "interpolate": "linear"}],
        "addTooltip": True, "addLegend": True, "legendPosition": "right", "times": [], "addTimeMarker": False,
        "labels": {}, "thresholdLine": {"show": False, "value": 10, "width": 1, "style": "full", "color": "#E7664C"}}


def parameters(panel):
    if panel.kind == "time":
        return "area", axes(panel, "area")
    if panel.kind == "line":
        return "line", axes(panel, "line")
    if panel.kind == "table":
        return "table", {"perPage": 10, "showPartialRows": False, "showMetricsAtAllLevels": False, "showTotal": False,
                         "totalFunc": "sum", "percentageCol": ""}
    return "metric", {"type": "metric", "addTooltip": True, "addLegend": False, "metric": {
        "percentageMode": False, "useRanges": False, "colorSchema": "Green to Red", "metricColorMode": "None",
        "colorsRange": [{"from": 0, "to": 10000}], "labels": {"show": True}, "invertColors": False,
        "style": {"bgFill": "#000", "bgColor": False, "labelColor": False, "subText": "", "fontSize": 30}}}


def visualization_of(flavour, dashboard, panel):
    shape, params = parameters(panel)
    state = {"title": panel.title, "type": shape, "aggs": aggregations(flavour, panel), "params": params}
    source = {"query": {"query": panel.query, "language": "kuery"}, "filter": [],
              "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index"}
    attributes = {"title": f"[weir] {panel.title}", "description": "", "version": 1, "uiStateJSON": "{}",
                  "visState": compact(state), "kibanaSavedObjectMeta": {"searchSourceJSON": compact(source)}}
    return saved(flavour, "visualization", f"weir-{dashboard.name}-{panel.name}", attributes,
                 [{"id": VIEW, "name": source["indexRefName"], "type": "index-pattern"}])


def places(panels, columns):
    """(panel, x, y, width) from left to right, from the top down, in a grid of so many columns; the panels' is 48."""
    x = y = row = 0
    for panel in panels:
        width = panel.width * columns // 48
        if x + width > columns:
            x, y, row = 0, y + row, 0
        yield panel, x, y, width
        x, row = x + width, max(row, panel.height)


def dashboard_of(flavour, dashboard):
    panels, references = [], []
    for number, (panel, x, y, width) in enumerate(places(dashboard.panels, 48), 1):
        panels.append({"version": flavour.panel_version, "type": "visualization", "panelIndex": str(number),
                       "gridData": {"x": x, "y": y, "w": width, "h": panel.height, "i": str(number)},
                       "embeddableConfig": {}, "panelRefName": f"panel_{number}"})
        references.append({"id": f"weir-{dashboard.name}-{panel.name}", "name": flavour.reference_name(number),
                           "type": "visualization"})
    source = {"query": {"query": "", "language": "kuery"}, "filter": []}
    attributes = {"title": dashboard.title, "description": dashboard.description, "hits": 0, "version": 1,
                  "optionsJSON": compact({"hidePanelTitles": False, "useMargins": True}),
                  "panelsJSON": compact(panels), "timeRestore": True, "timeFrom": dashboard.since, "timeTo": "now",
                  "refreshInterval": {"pause": False, "value": 60000},
                  "kibanaSavedObjectMeta": {"searchSourceJSON": compact(source)}}
    return saved(flavour, "dashboard", f"weir-{dashboard.name}", attributes, references)


def saved_objects(flavour):
    rows = [view_of(flavour)]
    for dashboard in DASHBOARDS:
        rows += [visualization_of(flavour, dashboard, panel) for panel in dashboard.panels]
        rows.append(dashboard_of(flavour, dashboard))
    return "".join(f"{json.dumps(row, separators=(',', ':'), sort_keys=True)}\n" for row in rows)


# --- Grafana ---

GRAFANA = {  # file: the type of the data source
    ROOT / "deploy" / "grafana" / "weir-flows.json": "elasticsearch",
    ROOT / "deploy" / "grafana" / "weir-flows-opensearch.json": "grafana-opensearch-datasource",
}
SHAPES = {"metric": "stat", "time": "timeseries", "line": "timeseries", "table": "table"}


def grafana_metric(number, metric):
    row = {"id": str(number), "type": metric.kind}
    if metric.field == DELAY:
        return {**row, "field": "event.created", "settings": {"script": DELAY_VALUE}}
    return {**row, "field": metric.field} if metric.field else row


def grafana_targets(source, panel):
    """A table or a graph is one query, and of totals each number is one."""
    groups = [[metric] for metric in panel.metrics] if panel.kind == "metric" else [panel.metrics]
    for letter, metrics in zip("ABCDEFGH", groups):
        buckets = []
        for number, split in enumerate(panel.splits, 10):
            by = panel.metrics[split.by]
            buckets.append({"id": str(number), "type": "terms", "field": split.field, "settings": {
                "size": str(split.size), "order": split.order, "min_doc_count": "1",
                "orderBy": "_count" if by.kind == "count" else str(split.by + 1)}})
        if panel.kind != "table":
            buckets.append({"id": "2", "type": "date_histogram", "field": TIME,
                            "settings": {"interval": "auto", "min_doc_count": "0", "trimEdges": "0"}})
        yield {"refId": letter, "datasource": source, "query": panel.query, "timeField": TIME,
               "alias": metrics[0].label if panel.kind == "metric" else "",
               "metrics": [grafana_metric(number, metric) for number, metric in enumerate(metrics, 1)],
               "bucketAggs": buckets}


def grafana_units(panel):
    """Units of a table's columns, which are named by what is done with which field."""
    for metric in panel.metrics:
        if panel.kind == "table" and metric.unit != "short":
            name = f"{metric.kind.replace('avg', 'average').capitalize()} {metric.field}"
            if metric.field == DELAY:
                name = "Average event.created"
            yield {"matcher": {"id": "byName", "options": name}, "properties": [
                {"id": "unit", "value": "dateTimeFromNow" if metric.unit == "time" else metric.unit},
                {"id": "displayName", "value": metric.label}]}
        elif panel.kind == "metric":
            yield {"matcher": {"id": "byName", "options": metric.label},
                   "properties": [{"id": "unit", "value": metric.unit}]}


def grafana_panel(number, source, panel, place):
    defaults = {"unit": panel.metrics[0].unit if panel.kind in ("time", "line") else "short"}
    options = {}
    if panel.kind == "time":
        defaults["custom"] = {"drawStyle": "line", "fillOpacity": 40, "lineWidth": 1, "showPoints": "never",
                              "stacking": {"group": "A", "mode": "normal"}}
    elif panel.kind == "metric":
        options = {"reduceOptions": {"calcs": ["sum"], "fields": "", "values": False}, "textMode": "value_and_name",
                   "colorMode": "none", "graphMode": "area"}
    return {"id": number, "type": SHAPES[panel.kind], "title": panel.title, "datasource": source, "gridPos": place,
            "fieldConfig": {"defaults": defaults, "overrides": list(grafana_units(panel))}, "options": options,
            "targets": list(grafana_targets(source, panel))}


def grafana_panels(source):
    found, y, number = [], 0, 0
    for dashboard in DASHBOARDS:
        number += 1
        found.append({"id": number, "type": "row", "title": dashboard.title.removeprefix("[weir] "), "collapsed": False,
                      "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})
        y += 1
        bottom = y
        for panel, x, at, width in places(dashboard.panels, 24):
            number += 1
            place = {"x": x, "y": y + at, "w": width, "h": panel.height}
            found.append(grafana_panel(number, source, panel, place))
            bottom = max(bottom, y + at + panel.height)
        y = bottom
    return found


def grafana(kind):
    source = {"type": kind, "uid": "${datasource}"}
    variable = {"name": "datasource", "label": "Data source", "type": "datasource", "query": kind, "regex": "",
                "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1}
    uid = "weir-flows" if kind == "elasticsearch" else "weir-flows-opensearch"
    whole = {"uid": uid, "title": "weir flows", "description": "Flow documents of weir: traffic, talkers, exporters",
             "tags": ["weir", "netflow", "ipfix"], "schemaVersion": 39, "version": 1, "editable": True,
             "time": {"from": "now-6h", "to": "now"}, "refresh": "1m", "timezone": "", "graphTooltip": 1,
             "annotations": {"list": []}, "links": [], "templating": {"list": [variable]},
             "panels": grafana_panels(source)}
    return json.dumps(whole, indent=2) + "\n"


def files():
    """Every file with its content."""
    found = {flavour.path: saved_objects(flavour) for flavour in (Kibana(), OpenSearchDashboards())}
    found.update((path, grafana(kind)) for path, kind in GRAFANA.items())
    return found


def main():
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
