#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare two files of JSON documents, one a line: what was expected, what came out.

    ecsdiff.py [options] EXPECTED ACTUAL        ("-" is standard input)

Documents are compared in order. Timestamps compare as instants, numbers by value, null counts
as absent. Exit status: 0 equal, 1 different, 2 unreadable.
"""

import argparse
import collections
import datetime
import json
import re
import signal
import sys

TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$")
EPOCH = datetime.datetime(1970, 1, 1)


class Instant(int):
    """Nanoseconds since 1970: equal to another Instant, to no plain number."""

    def __eq__(self, other):
        return isinstance(other, Instant) and int(self) == int(other)

    __hash__ = int.__hash__


def normal(value):
    """A leaf in the form in which it is compared; lists keep their order."""
    if isinstance(value, str):
        return instant(value)
    if isinstance(value, list):
        return tuple(normal(item) for item in value)
    if isinstance(value, bool):
        return ("boolean", value)
    return value


def instant(text):
    match = TIMESTAMP.match(text)
    if not match:
        return text
    *whole, fraction = match.groups()
    try:
        since = datetime.datetime(*map(int, whole)) - EPOCH
    except ValueError:
        return text
    nanoseconds = int((fraction or "").ljust(9, "0"))
    return Instant((since.days * 86400 + since.seconds) * 10**9 + nanoseconds)


def flatten(value, path, into):
    """Leaves by dotted path; an empty object is a leaf, so that it is not overlooked."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            flatten(part, f"{path}.{key}" if path else key, into)
    elif value is not None:
        into[path] = value
    return into


def ignored(path, patterns):
    return any(path == p or path.startswith(p + ".") for p in patterns)


def read(name, patterns):
    with sys.stdin if name == "-" else open(name, encoding="utf-8") as lines:
        documents = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                leaves = flatten(json.loads(line), "", {})
            except ValueError as error:
                raise ValueError(f"{name}:{number}: {error}") from error
            documents.append({p: v for p, v in leaves.items() if not ignored(p, patterns)})
        return documents


class Comparison:
    def __init__(self, superset):
        self.superset = superset
        self.equal = 0
        self.missing = collections.Counter()
        self.extra = collections.Counter()
        self.different = collections.Counter()
        self.example = {}

    def differences(self, expected, actual):
        """(missing, extra, different) paths of a pair of documents."""
        missing = [p for p in expected if p not in actual]
        extra = [] if self.superset else [p for p in actual if p not in expected]
        different = [p for p in expected
                     if p in actual and normal(expected[p]) != normal(actual[p])]
        return missing, extra, different

    def add(self, number, expected, actual):
        missing, extra, different = self.differences(expected, actual)
        if not (missing or extra or different):
            self.equal += 1
        self.missing.update(missing)
        self.extra.update(extra)
        self.different.update(different)
        for path in missing + extra + different:
            self.example.setdefault(path, (number, expected.get(path), actual.get(path)))

    def report(self):
        for title, counter in (("missing", self.missing), ("extra", self.extra),
                               ("different", self.different)):
            for path, count in counter.most_common():
                number, expected, actual = self.example[path]
                values = [json.dumps(v, ensure_ascii=False) for v in (expected, actual)]
                shown = {"missing": values[0], "extra": values[1],
                         "different": " -> ".join(values)}[title]
                print(f"  {title} {count}x {path}: {shown} (event {number})")


def pair_up(expected, actual, comparison):
    """For --unordered: give each expected document the most similar one left over."""
    left = list(range(len(actual)))
    pairs = []
    for wanted in expected:
        best, best_score = None, None
        for position, index in enumerate(left):
            score = -sum(map(len, comparison.differences(wanted, actual[index])))
            if best_score is None or score > best_score:
                best, best_score = position, score
            if score == 0:
                break
        if best is not None:
            pairs.append((wanted, actual[left.pop(best)]))
    return pairs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expected")
    parser.add_argument("actual")
    parser.add_argument("--ignore", action="append", default=[], metavar="PATH",
                        help="leave out this dotted path and all below it (repeatable)")
    parser.add_argument("--superset", action="store_true",
                        help="fields that only the actual document has are fine")
    parser.add_argument("--unordered", action="store_true",
                        help="pair each document with the most similar one")
    arguments = parser.parse_args()
    try:
        expected = read(arguments.expected, arguments.ignore)
        actual = read(arguments.actual, arguments.ignore)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    comparison = Comparison(arguments.superset)
    if arguments.unordered:
        pairs = pair_up(expected, actual, comparison)
    else:
        pairs = list(zip(expected, actual))
    for number, pair in enumerate(pairs, 1):
        comparison.add(number, *pair)
    print(f"events: {len(expected)} expected, {len(actual)} actual, {comparison.equal} equal")
    comparison.report()
    return 0 if comparison.equal == len(expected) == len(actual) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
