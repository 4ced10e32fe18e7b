# SPDX-License-Identifier: Apache-2.0
"""Real servers for the bench, each by its script of scripts/servers: started on processors of their own, with data,
ports and the faster compiler of Java for themselves, and what they and a tool of their own do and use."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
FIRST_PORT = 28600
TOPIC = "bench"
INDEX = "logs-netflow.log-default"
TOPIC_SETTINGS = {"retention.bytes": 512 << 20, "segment.bytes": 128 << 20}  # a table of runs must fit the disk
DELIMITER = "\x1e"  # between messages of lines; no document has it
WARM_RECORDS = 0.3  # of the messages of Kafka's own tool: Java's compiler is not what is measured
NAMES = {"kafka": "Kafka", "elasticsearch": "Elasticsearch", "opensearch": "OpenSearch"}
PORTS = {"kafka": ("WEIR_KAFKA_PORT", "WEIR_KAFKA_CONTROLLER_PORT"),
         "elasticsearch": ("WEIR_ELASTICSEARCH_PORT", "WEIR_ELASTICSEARCH_TRANSPORT_PORT"),
         "opensearch": ("WEIR_OPENSEARCH_PORT", "WEIR_OPENSEARCH_TRANSPORT_PORT")}
TEMPLATE = {"index_patterns": ["logs-netflow.log-*"], "data_stream": {}, "priority": 500,
            "template": {"settings": {"number_of_shards": 1, "number_of_replicas": 0},
                         "mappings": {"dynamic_templates": [
                             {"text": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
                             "properties": {"@timestamp": {"type": "date"}}}}}


class Trouble(Exception):
    """Something that ends one group of rows; its text says what to do."""


def environment(**more):
    """Without weir's own variables: what is measured is configured here alone."""
    return {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")} | more


def on_cpus(cpus, *command):
    return ["taskset", "-c", ",".join(map(str, cpus)), *map(str, command)]


def run(command, timeout, what, **options):
    """Standard output of a command that has to succeed."""
    try:
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False, **options)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise Trouble(f"{what}: {error}") from error
    if done.returncode:
        raise Trouble(f"{what}: {(done.stderr.strip() or done.stdout.strip())[-600:]}")
    return done.stdout


def ports_find(count, first):
    """Ports above `first` that nobody listens on."""
    found = []
    while len(found) < count:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", first))
            found.append(first)
        first += 1
    return found


def process_seconds(pid):
    """CPU time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children_seconds():
    times = os.times()
    return times.children_user + times.children_system


def machine_seconds():
    """CPU time that was used on all processors together, for whatever."""
    numbers = pathlib.Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, interrupt, soft, steal = (int(number) for number in numbers[:8])
    return (user + nice + system + interrupt + soft + steal) / TICKS


class Usage:
    """CPU time within a `with`, as shares of one processor: a server's, and that of all else on this machine beside
    the server and what ran for us."""

    def __init__(self, server):
        self.server = server

    def read(self):
        return time.monotonic(), self.server.cpu_seconds() if self.server else 0, children_seconds(), machine_seconds()

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        wall, server, ours, machine = (now - before for now, before in zip(self.read(), self.before))
        self.server_seconds = server
        self.ours = ours / wall
        self.others = max(0.0, (machine - server - ours) / wall)


class Server:
    """One of scripts/servers; `with` starts it, and stops and removes it at the end."""

    def __init__(self, name, build, cpus, weir_cpu):
        self.name, self.title, self.build = name, NAMES[name], build
        self.cpus, self.weir_cpu = cpus, weir_cpu
        self.data = build / "bench-servers"
        ports = ports_find(2, FIRST_PORT + 10 * list(PORTS).index(name))
        self.port = ports[0]
        self.environment = os.environ | dict(zip(PORTS[name], map(str, ports))) | {
            "WEIR_SERVERS_DATA": str(self.data), "WEIR_SERVERS_JVM": ""}

    def script(self, *arguments, cpus=None, timeout=240):
        command = on_cpus(cpus or self.cpus, ROOT / "scripts" / "servers" / self.name, *arguments)
        return run(command, timeout, f"{self.title}: {arguments[0]}", env=self.environment)

    def __enter__(self):
        print(f"{self.title} starts on processor {','.join(map(str, self.cpus))}", file=sys.stderr, flush=True)
        try:
            self.script("start")
            self.pid = int(next(self.data.glob(f"{self.name}-*/pid")).read_text(encoding="ascii"))
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "scripts" / "servers" / self.name, "wipe"], env=self.environment, check=False,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)

    def cpu_seconds(self):
        try:
            return process_seconds(self.pid)
        except OSError as error:
            raise Trouble(f"{self.title} has ended; its log was in {self.data}") from error

    def tool_measure(self, command):
        """Runs the server's own tool on weir's processor: command() returns what it measured."""
        with Usage(self) as usage:
            result = command()
        result.setdefault("busy", usage.ours)  # with what Java takes to start
        result["server_busy"] = usage.server_seconds / result["seconds"] / len(self.cpus)
        result["others"] = usage.others
        return result


class Kafka(Server):
    def prepare(self):
        settings = [word for key, value in TOPIC_SETTINGS.items() for word in ("--config", f"{key}={value}")]
        self.script("topics", "--create", "--topic", TOPIC, "--partitions", "1", *settings)

    def settings(self):
        return [f"output.kafka.brokers=127.0.0.1:{self.port}", f"output.kafka.topic={TOPIC}",
                "output.kafka.properties.statistics.interval.ms=200"]  # they say what was sent

    def warm(self, documents, seconds):
        del documents
        for kind in ("output.kafka.message=lines", "output.kafka.message=document"):
            words = [word for setting in ("output.type=kafka", kind, *self.settings()) for word in ("-o", setting)]
            command = [self.build / "bench" / "weir-bench-output", "--seconds", seconds / 2, *words]
            run(on_cpus([self.weir_cpu], *command), seconds + 60, "Kafka: warming up", env=environment())

    def tool(self, documents, row, count, seconds):
        """kafka-producer-perf-test with the same documents, in messages of the same kind; so many documents. seconds is
        for others."""
        del seconds
        lines = row["message"] == "lines"
        path = documents.with_suffix(".lines" if lines else ".ndjson")
        messages = path.read_text(encoding="utf-8").split(DELIMITER) if lines else documents_read(documents)
        a_message = len(documents_read(documents)) / len(messages)
        records = max(200, int(count / a_message))
        properties = {"acks": "1" if row["acks"] == "leader" else "all", "compression.type": row["compression"],
                      "linger.ms": 5, "batch.size": 1 << 20, "max.request.size": 1048576, "buffer.memory": 64 << 20}
        if row["acks"] == "leader":
            properties["enable.idempotence"] = "false"
        return self.tool_measure(lambda: self.perf(path, DELIMITER if lines else "\n", records, a_message, properties))

    def perf(self, path, delimiter, records, a_message, properties):
        text = self.script("perf", "--topic", TOPIC, "--payload-file", path, "--payload-delimiter", delimiter,
                           "--num-records", str(records), "--warmup-records", str(int(records * WARM_RECORDS)),
                           "--throughput", "-1", "--producer-props",
                           *(f"{key}={value}" for key, value in properties.items()), cpus=[self.weir_cpu])
        found = re.findall(r"(\d+)(?: steady state)? records sent, ([\d.]+) records/sec", text)
        if not found:
            raise Trouble(f"Kafka's own tool printed no result: {text[-300:]}")
        rate = float(found[-1][1])
        return {"documents": records * a_message, "documents_per_second": rate * a_message, "seconds": records / rate}


class Bulk(Server):
    """Elasticsearch and OpenSearch."""

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def prepare(self):
        weir = self.build / "app" / "weir"
        left_out = "lifecycle,data-stream" if self.name == "elasticsearch" else "lifecycle"  # what these builds lack
        try:
            run([weir, "setup", self.name, "-o", f"output.elasticsearch.hosts={self.url()}", "--without", left_out,
                 "--install"], 60, "weir setup", env=environment())
        except Trouble as trouble:
            print(f"{trouble}\na smaller template is used", file=sys.stderr)
            run(["curl", "-sf", "-X", "PUT", f"{self.url()}/_index_template/bench", "-H",
                 "Content-Type: application/json", "-d", json.dumps(TEMPLATE)], 30, f"{self.title}: template")

    def settings(self):
        # The batches fill all connections' requests; with more, a slow server would take long to end a short run.
        return [f"output.elasticsearch.hosts={self.url()}", f"output.elasticsearch.index={INDEX}", "output.batches=32"]

    def warm(self, documents, seconds):
        self.bulk(documents, False, seconds, ["--size", str(512 << 10)])

    def tool(self, documents, row, count, seconds):
        del count
        return self.tool_measure(lambda: self.bulk(documents, row["compression"] == "none", seconds))

    def bulk(self, documents, plain, seconds, more=()):
        command = [sys.executable, ROOT / "bench" / "bulk.py", self.url(), documents, "--index", INDEX,
                   "--seconds", str(seconds), *(["--plain"] if plain else []), *more]
        return json.loads(run(on_cpus([self.weir_cpu], *command), seconds + 90, "bulk.py"))


SERVERS = {"kafka": Kafka, "elasticsearch": Bulk, "opensearch": Bulk}


def documents_read(path):
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def documents_join(path, size):
    """Beside the file of documents one with messages of so many bytes of them at most."""
    messages, message, length = [], [], 0
    for line in documents_read(path):
        if message and length + len(line) > size:
            messages.append("".join(message))
            message, length = [], 0
        message.append(line)
        length += len(line)
    messages.append("".join(message))
    path.with_suffix(".lines").write_text(DELIMITER.join(messages), encoding="utf-8")


def missing():
    """Programs that the servers need and this machine lacks."""
    return [name for name in ("java", "mvn", "curl", "unzip", "taskset") if not shutil.which(name)]
