#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the tests, and counts them. scripts/test calls it once the packages are there.

    scripts/test [PART]... [-- PYTEST ARGUMENTS]

Without a part, all of them. The last line is "N passed, N failed"; the exit status is 0 only if none failed.
"""

import argparse
import collections
import concurrent.futures
import functools
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
JOBS = os.cpu_count() or 1
CAPTURES = os.environ.get("WEIR_CAPTURES")


def sanitized(sanitizers, *flags):
    """Quick to build: it takes half the time of -O2 -g, and lines are all that traces need."""
    flags = " ".join(["-g1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", *flags])
    return ["-Db_lundef=false", "-Doptimization=1", "-Ddebug=false", f"-Db_sanitize={sanitizers}", f"-Dc_args={flags}"]


# Folder build-NAME: compiler, options of meson setup.
BUILDS = {
    "gcc": ("gcc", ["--buildtype=release", "-Dwerror=true"]),
    "clang": ("clang", ["--buildtype=release", "-Dwerror=true"]),
    "asan": ("gcc", sanitized("address,undefined")),
    "tsan": ("gcc", sanitized("thread")),
    "fuzz": ("clang", ["-Dfuzz=true", *sanitized("address,undefined", "-fsanitize=fuzzer-no-link")]),
}
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=99:second_deadlock_stack=1",
}
TAP = re.compile(r"^(not )?ok \d+(?: -)?\s*(#\s*SKIP\b)?\s*(.*)$", re.IGNORECASE | re.MULTILINE)


class Tally:
    """What passed, failed and was skipped; a failure is shown when it comes. For several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = collections.Counter()
        self.failures = []
        self.slowest = []

    def add(self, result, name, detail="", seconds=0.0):
        with self.lock:
            self.count[result] += 1
            self.slowest = sorted([*self.slowest, (seconds, name)], reverse=True)[:20]
            if result == "failed":
                self.failures.append(name)
                print(f"FAILED {name}\n{detail[-8000:]}".rstrip(), flush=True)
            elif result == "skipped":
                print(f"skipped {name}: {detail}", flush=True)

    def line(self):
        text = f"{self.count['passed']} passed, {self.count['failed']} failed"
        return text + (f", {self.count['skipped']} skipped" if self.count["skipped"] else "")


def run(command, **options):
    """The finished process, with output and errors together as text."""
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", cwd=ROOT, check=False, **options)


def build(name, prefix=()):
    """Makes a build folder; the finished process that failed, or the last one."""
    compiler, options = BUILDS[name]
    folder = ROOT / f"build-{name}"
    print(f"-- building {folder.name} with {compiler}", flush=True)
    if not (folder / "build.ninja").exists():
        made = run([*prefix, "meson", "setup", folder, *options], env={**os.environ, "CC": compiler})
        if made.returncode:
            return made
    wanted = (ROOT / "tests" / "fuzz").glob("fuzz_*.c") if name == "fuzz" else []
    return run([*prefix, "ninja", "-C", folder, *(f"tests/fuzz/{path.stem}" for path in wanted)])


def wrapper():
    """setarch where it is allowed: old sanitizer runtimes ask for a memory layout without much randomness."""
    command = ["setarch", os.uname().machine, "-R"]
    return command if run([*command, "true"]).returncode == 0 else []


def print_table(rows):
    """Rows with the same keys, as Markdown."""
    for number, row in enumerate(rows):
        if not number:
            print("|", " | ".join(row), "|")
            print("|", " | ".join("---" for _ in row), "|")
        print("|", " | ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()), "|")


class Runner:
    def __init__(self, arguments):
        self.arguments = arguments
        self.tally = Tally()
        self.built = {}
        self.build_lock = threading.Lock()
        self.ran = []  # tests in each lane of e2e
        self.builder = concurrent.futures.ThreadPoolExecutor(1)
        self.ahead = {}

    # --- building ---

    def build(self, name):
        """The build folder, or None when it does not build (counted once)."""
        with self.build_lock:
            if name not in self.built:
                done = self.ahead[name].result() if name in self.ahead else build(name)
                warned = any("warning:" in line for line in done.stdout.splitlines())
                bad = done.returncode or (warned and name in ("gcc", "clang"))
                self.tally.add("failed" if bad else "passed", f"build {name}", done.stdout)
                self.built[name] = None if done.returncode else ROOT / f"build-{name}"
            return self.built[name]

    def build_ahead(self, names):
        """Builds in the background, in the time that tests leave, what will be needed."""
        for name in names:
            if name not in self.built and name not in self.ahead:
                self.ahead[name] = self.builder.submit(build, name, ["nice", "-n", "19"])

    # --- the kinds of test ---

    def meson(self, build, suite, wrap=()):
        """Test programs: each cmocka test counts, and each program that ends badly without saying so."""
        folder = self.build(build)
        if not folder:
            return
        for log in (folder / "meson-logs").glob("testlog*.json"):  # its name tells of the wrapper
            log.unlink()
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--suite", suite, "--num-processes", JOBS]
        command += ["--timeout-multiplier", 5 if wrap else 1]
        command += [f"--wrapper={' '.join(wrap)}"] if wrap else []
        done = run(command, env={**os.environ, **SANITIZER_OPTIONS, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
        logs = list((folder / "meson-logs").glob("testlog*.json"))
        lines = logs[0].read_text().splitlines() if logs else []
        if not lines:
            self.tally.add("failed", f"{build} {suite}: no test program ran", done.stdout)
        for line in lines:
            self.meson_program(f"{build}/{suite}", json.loads(line))

    def meson_program(self, prefix, row):
        name = f"{prefix}/{row['name'].split(' / ')[-1]}"
        stdout, stderr = row.get("stdout") or "", row.get("stderr") or ""
        found = TAP.findall(stdout)
        bad = False
        for negated, skip, what in found:
            result = "skipped" if skip else "failed" if negated else "passed"  # cmocka: "not ok 1 # SKIP name"
            bad |= result == "failed"
            self.tally.add(result, f"{name}: {what}", stdout + stderr if result == "failed" else "by the test itself")
        if row["result"] in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT") and not bad:
            self.tally.add("failed", f"{name}: {row['result']}, status {row['returncode']}", stdout + stderr)
        elif not found:
            self.tally.add("skipped" if row["result"] == "SKIP" else "passed", name, stdout[-200:])

    def pytest(self, build, folder, *more, **options):
        if self.build(build) and not self.pytest_run(build, folder, *more, **options):
            self.tally.add("failed", f"{build}/{folder}: no test ran")

    def pytest_run(self, build, folder, *more, wrap=(), environment=None):
        """The number of tests that ran or were skipped. The build is there."""
        built = self.build(build)
        environment = {**os.environ, **SANITIZER_OPTIONS, "WEIR": " ".join([*wrap, str(built / "app" / "weir")]),
                       "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        with tempfile.TemporaryDirectory(prefix="weir-test-") as scratch:
            report = pathlib.Path(scratch) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
                       f"--junitxml={report}", f"--basetemp={scratch}/tmp", folder, *more, *self.arguments.pytest]
            done = run(command, env=environment)
            if not report.exists():
                self.tally.add("failed", f"{build}/{folder}: pytest, status {done.returncode}", done.stdout)
                return 1
            return sum(self.pytest_case(build, case) for case in xml.etree.ElementTree.parse(report).iter("testcase"))

    def pytest_case(self, build, case):
        name = f"{build}/{case.get('classname')}.{case.get('name')}"
        for kind, result in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
            part = case.find(kind)
            if part is not None:
                self.tally.add(result, name, f"{part.get('message') if result == 'skipped' else part.text or ''}")
                return 1
        self.tally.add("passed", name, seconds=float(case.get("time")))
        return 1

    def run_parts(self, parts):
        """Parts in turn; what they say that they would do, all of it in two lanes."""
        jobs = [job for part in parts for job in getattr(self, part)() or ()]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def command(self, name, command, **options):
        done = run(command, **options)
        self.tally.add("failed" if done.returncode else "passed", name, done.stdout)
        return done

    # --- the parts ---

    def checks(self):
        """Rules that a program can check: layers, lengths, licences, generated pages, warnings of both compilers."""
        for script in sorted((ROOT / "scripts").glob("check-*.py")):
            self.command(f"checks/{script.stem}", [sys.executable, script])
        for script in ("setup", "demo", "test", "bench", "generate-docs", "nic-setup", "vm"):
            self.command(f"checks/syntax of scripts/{script}", ["bash", "-n", ROOT / "scripts" / script])
        folder = self.build("gcc")
        if folder:
            self.command("checks/generated pages", [ROOT / "scripts" / "generate-docs", "--check"],
                         env={**os.environ, "WEIR": str(folder / "app" / "weir")})
        self.build("clang")

    def unit(self):
        """cmocka tests of each folder, built by gcc and by clang."""
        self.meson("gcc", "unit")
        self.meson("clang", "unit")

    def golden(self):
        """Datagrams in, documents out: tests/golden, and WEIR_CAPTURES when it is set."""
        self.pytest("gcc", "tests/golden")

    def e2e(self):
        """The real program between network namespaces, with real exporters and real servers."""
        lanes = ("servers", "others") if self.build("gcc") else ()
        return [functools.partial(self.e2e_lane, lane, len(lanes)) for lane in lanes]

    def e2e_lane(self, lane, lanes):
        self.ran.append(self.pytest_run("gcc", "tests/e2e", environment={"TEST_LANE": lane}))
        if len(self.ran) == lanes and not sum(self.ran):
            self.tally.add("failed", "gcc/tests/e2e: no test ran")

    def faults(self):
        """Not among all: every fault that weir is to survive for 30 s, three times, and a table of figures."""
        with tempfile.TemporaryDirectory(prefix="weir-faults-") as scratch:
            table = pathlib.Path(scratch) / "figures"
            table.touch()
            outages = {name: os.environ.get(name, usual) for name, usual in
                       (("FAULT_SECONDS", "30"), ("FAULT_ROUNDS", "3"))}
            self.pytest("gcc", "tests/e2e/test_faults.py",
                        environment={**outages, "TEST_LONG": "1", "FAULT_TABLE": str(table)})
            print_table([json.loads(line) for line in table.read_text().splitlines()])

    def long(self):
        """Not among all: the end-to-end tests that take minutes, faults apart."""
        self.pytest("gcc", "tests/e2e", "-m", "long", "--ignore=tests/e2e/test_faults.py",
                    environment={"TEST_LONG": "1"})

    def fuzz(self):
        """Every fuzz target: its corpus replayed, then fuzzed for a while."""
        self.meson("gcc", "fuzz")
        folder = self.build("fuzz")
        if not folder:
            return
        targets = sorted(path for path in (folder / "tests" / "fuzz").glob("fuzz_*") if path.is_file())
        if not targets:
            self.tally.add("failed", "fuzz: no targets were built")
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            for target, done in zip(targets, pool.map(self.fuzz_target, targets)):
                states = re.findall(r"^#\d+.*cov: \d+.*$", done.stdout, re.MULTILINE)
                print(f"{target.name}: {states[-1] if states else 'no coverage said'}", flush=True)
                self.tally.add("failed" if done.returncode else "passed", f"fuzz/{target.name}", done.stdout)

    def fuzz_target(self, target):
        found = ROOT / "build-fuzz" / "found" / target.name
        corpus = ROOT / "build-fuzz" / "corpus" / target.name
        for folder in (found, corpus):
            folder.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "tests" / "fuzz" / "corpus" / target.name.removeprefix("fuzz_")
        return run([target, f"-max_total_time={self.arguments.fuzz_seconds}", "-timeout=10", "-rss_limit_mb=2048",
                    "-print_final_stats=1", f"-artifact_prefix={found}/", corpus, *([seeds] if seeds.is_dir() else [])],
                   env={**os.environ, **SANITIZER_OPTIONS})

    def asan_units(self):
        wrap = wrapper()
        self.meson("asan", "unit", wrap)
        self.meson("asan", "fuzz", wrap)
        self.pytest("asan", "tests/golden", wrap=wrap)

    def asan_light(self):
        self.pytest("asan", "tests/e2e", "-m", "light", wrap=wrapper())

    def tsan_units(self):
        self.meson("tsan", "unit", wrapper())

    def tsan_light(self):
        self.pytest("tsan", "tests/e2e", "-m", "light and not kafka", wrap=wrapper())  # librdkafka's are C11's threads

    def asan(self):
        """Unit, golden and the light end-to-end tests under address and undefined behaviour sanitizers."""
        self.asan_units()
        self.asan_light()

    def tsan(self):
        """Unit and the light end-to-end tests under the thread sanitizer."""
        self.tsan_units()
        self.tsan_light()

    def sanitize(self):
        """asan and tsan."""
        return [self.asan_light, self.asan_units, self.tsan_light, self.tsan_units]


# Builds of the parts that come after e2e, whose tests wait for much and leave the processors to a build.
NEEDS = {"sanitize": ("asan", "tsan"), "asan": ("asan",), "tsan": ("tsan",), "fuzz": ("fuzz",)}
PARTS = ("checks", "unit", "golden", "e2e", "long", "faults", "fuzz", "sanitize", "asan", "tsan")
ALL = ("checks", "unit", "golden", "e2e", "sanitize", "fuzz")
LANED = ("e2e", "sanitize")  # these say what they would do: tests that wait more than they work, so two at a time


def arguments_of(command_line):
    pytest_arguments = []
    if "--" in command_line:
        at = command_line.index("--")
        command_line, pytest_arguments = command_line[:at], command_line[at + 1:]
    parts = "\n".join(f"  {part:10} {getattr(Runner, part).__doc__}" for part in PARTS)
    parser = argparse.ArgumentParser(prog="scripts/test", description="Builds weir and runs its tests.",
                                     epilog=f"parts:\n{parts}\n\nWhat stands behind -- goes to pytest.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []],
                        help="default: all but long and faults")
    seconds = os.environ.get("FUZZ_SECONDS") or "4"
    parser.add_argument("--fuzz-seconds", type=int, default=int(seconds), help=f"for each target (default {seconds})")
    arguments = parser.parse_args(command_line)
    arguments.pytest = pytest_arguments
    return arguments


def main():
    arguments = arguments_of(sys.argv[1:])
    runner = Runner(arguments)
    parts = arguments.parts or ALL
    number = itertools.count()
    for _, group in itertools.groupby(parts, lambda part: next(number) if part not in LANED else "lanes"):
        group = tuple(group)
        started = time.monotonic()
        if "e2e" in group:
            runner.build_ahead(name for later in parts[parts.index("e2e"):] for name in NEEDS.get(later, ()))
        print(f"== {', '.join(group)}", flush=True)
        runner.run_parts(group)
        print(f"-- {', '.join(group)}: {time.monotonic() - started:.0f} s, so far {runner.tally.line()}", flush=True)
    print("slowest:", *(f"{seconds:5.1f} s  {name}" for seconds, name in runner.tally.slowest), sep="\n  ")
    if runner.tally.failures:
        print("failed:", *runner.tally.failures, sep="\n  ")
    print(runner.tally.line())
    return 1 if runner.tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
