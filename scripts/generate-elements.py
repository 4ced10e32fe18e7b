#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the C tables of information elements (decode/element_rows.h) from decode/*.csv.

usage: generate-elements.py ELEMENTS.CSV ENTERPRISES.CSV ELEMENT_SOURCES.CSV OUTPUT.C

A row that could not be true stops it: what the tables promise to each other is checked here, where they are read.
"""

import csv
import sys

COLUMNS = "enterprise,id,name,type,semantics,units,source,es_type,elastic,weir_type,key".split(",")
TYPES = set(
    "unsigned8 unsigned16 unsigned32 unsigned64 unsigned256 signed8 signed16 signed32 signed64 float32 float64 boolean "
    "macAddress octetArray string dateTimeSeconds dateTimeMilliseconds dateTimeMicroseconds dateTimeNanoseconds "
    "ipv4Address ipv6Address aclid basicList subTemplateList subTemplateMultiList "
    "hexadecimal unsigned32List communityList macAddressList".split())
ELASTIC = {"yes": "ELASTIC_YES", "no": "ELASTIC_NO", "omitted": "ELASTIC_OMITTED"}
SFLOW = 0xFFFFFFFE
NUMBERS = "byte short integer long float double".split()

# Keys below netflow that are not an element's.
FIXED = {"exporter", "type", "tcp_flags", "scope", "options"}

# Elastic's table has these, and weir has what Elastic has.
SAME_NAME = {(6871, "reverseRtpPayloadType")}


class Table:
    """The rows of a file, with what was met in the rows before."""

    def __init__(self, path, columns):
        self.path = path
        self.line = 1
        self.columns = columns

    def stop(self, problem):
        sys.exit(f"{self.path}:{self.line}: {problem}")

    def rows(self):
        with open(self.path, newline="", encoding="ascii") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != self.columns:
                self.stop(f"the columns are not {','.join(self.columns)}")
            for row in reader:
                self.line = reader.line_num
                if None in row or None in row.values():
                    self.stop(f"not {len(self.columns)} columns")
                if any(c in '"\\' or not c.isprintable() for value in row.values() for c in value):
                    self.stop("a character would need an escape")
                yield row

    def again(self, rows):
        """Rows that were read before, each with its line."""
        for self.line, row in rows:
            yield row


def texts(path, columns):
    """{key: the row's other values} of a table of texts, sorted by its key."""
    table, found, last = Table(path, columns), {}, None
    for row in table.rows():
        key = int(row[columns[0]]) if columns[0] == "number" else row[columns[0]]
        if last is not None and key <= last:
            table.stop("the rows are not sorted, or one is there twice")
        if not all(row.values()):
            table.stop("a column is empty")
        found[key] = last = key
        found[key] = [row[column] for column in columns[1:]]
    return found


class Checks:
    """What must hold of each row, and of all rows together."""

    def __init__(self, enterprises, sources):
        self.enterprises, self.sources = enterprises, sources
        self.last, self.names = (-1, -1), set()
        self.es_types, self.keys, self.mapped = {}, {}, {}
        self.used = set(), set()

    def problem(self, row, number):
        """Why the row cannot stand in the table, or None."""
        if not (0 <= number[0] <= 0xFFFFFFFF and 0 <= number[1] <= 0xFFFF) or number == (0, 0):
            return "enterprise or id out of range"
        if number <= self.last:
            return "the rows are not sorted by enterprise and id, or the element is there twice"
        if not row["name"] or (number[0], row["name"]) in self.names - SAME_NAME:
            return "the enterprise has another element of that name, or it has none"
        if row["type"] not in TYPES or row["weir_type"] not in TYPES | {""}:
            return "unknown type"
        if row["elastic"] not in ELASTIC:
            return f"elastic is none of {', '.join(ELASTIC)}"
        if number[0] not in self.enterprises:
            return "the enterprise is not in enterprises.csv"
        if row["source"] not in self.sources:
            return "the source is not in element_sources.csv"
        self.last = number
        self.names.add((number[0], row["name"]))
        for used, value in zip(self.used, (number[0], row["source"])):
            used.add(value)
        return None

    def es_type(self, row):
        return self.es_types.get(row["weir_type"] or row["type"], row["es_type"])

    def key_problem(self, row):
        """
        An index has one type for a field, so elements of one key must have types that go together. A vendor's element
        must not change the type of a field that every index has, nor have the key of one of IANA's: the same template
        may have both.
        """
        key = key_of(row)
        if not key or key.lower() != key or set(key) & set(" ."):
            return "the key is no field's name"
        if not is_rare(row):
            return None
        group = "number" if self.es_type(row) in NUMBERS else self.es_type(row)
        known = self.keys.setdefault(key, group)
        fixed, source = self.mapped.get(key, (self.es_type(row), ""))
        if known != group or fixed != self.es_type(row) or source == "iana" or key in FIXED:
            return f"the key {key} is another field's: give the element one in the column key"
        return None

    def unused(self):
        return [str(name) for table, used in zip((self.enterprises, self.sources), self.used)
                for name in table if name not in used]


def is_rare(row):
    """As in decode/elements.c."""
    return row["elastic"] == "no" and row["source"] not in ("iana", "sflow", "scope")


def key_of(row):
    return row["key"] or element_key(row["name"])


def element_key(name):
    """What decode/element.c makes of a name."""
    if name == "VRFname":
        return "vrf_name"
    if "_" in name:
        return name.lower()
    key, capitals = [], 1
    for letter in name:
        if letter.isupper():
            key += ["_"] if capitals == 0 else []
            capitals += 1
        else:
            if capitals > 2:
                key.insert(-1, "_")
            capitals = 0
        key.append(letter.lower())
    return "".join(key)


def text(value):
    return f'"{value}"' if value else "NULL"


def element_line(row):
    return (f'    {{{row["enterprise"]}u, {row["id"]}, {ELASTIC[row["elastic"]]}, "{row["name"]}", '
            f'"{row["type"]}", {text(row["weir_type"])}, {text(row["key"])}, {text(row["es_type"])}, '
            f'"{row["source"]}", {text(row["semantics"])}, {text(row["units"])}}},\n')


def elements(path, checks):
    table = Table(path, COLUMNS)
    rows = [(table.line, row) for row in table.rows()]
    for row in table.again(rows):
        if checks.es_types.setdefault(row["type"], row["es_type"]) != row["es_type"]:
            table.stop(f"{row['type']} has another Elasticsearch type in other rows")
    checks.mapped = {key_of(row): (checks.es_type(row), row["source"]) for _, row in reversed(rows)
                     if not is_rare(row) and int(row["enterprise"]) != SFLOW}
    for row in table.again(rows):
        problem = checks.problem(row, (int(row["enterprise"]), int(row["id"]))) or checks.key_problem(row)
        if problem:
            table.stop(problem)
        yield element_line(row)
    if checks.unused():
        table.stop(f"no element is of {', '.join(checks.unused())}")


def array(kind, name, lines):
    return (f"const struct {kind} {name}s[] = {{\n" + "".join(lines) + "};\n"
            f"const uint32_t {name}_count = {len(lines)};\n\n")


def main():
    rows, enterprise_file, source_file, output = sys.argv[1:]
    enterprises = texts(enterprise_file, ["number", "name"])
    sources = texts(source_file, ["key", "title", "address"])
    lines = list(elements(rows, Checks(enterprises, sources)))
    with open(output, "w", encoding="ascii") as file:
        file.write("/* Generated by scripts/generate-elements.py from decode/elements.csv and two tables beside. */\n"
                   '#include "decode/element_rows.h"\n\n'
                   + array("element_row", "element_row", lines)
                   + array("enterprise_row", "enterprise_row",
                           [f'    {{{number}u, "{name}"}},\n' for number, (name,) in enterprises.items()])
                   + array("source_row", "source_row",
                           [f'    {{"{key}", "{title}", "{address}"}},\n'
                            for key, (title, address) in sources.items()]))


if __name__ == "__main__":
    main()
