# SPDX-License-Identifier: Apache-2.0
"""Kafka, Elasticsearch and OpenSearch for tests: by scripts/servers, once a session, in a namespace of their own.

They listen on that namespace's loopback, on their usual ports, so they meet no server that runs on this machine. weir
runs beside them, and exporters reach it by the wire. A test that stops a server starts it again.
"""

import base64
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from harness import HERE, ROOT
import lab
from sent import ADDRESSES

SCRIPTS = ROOT / "scripts" / "servers"
PREFIX = "weir-servers"
USER, PASSWORD = "weir", "weir-secret"
NEEDED = ("java", "javac", "mvn", "openssl", "curl", "unzip", "unshare", "kcat", "nft")
CLONE_NEWNET = 0x40000000


def wait_for(what, seconds, call, every=0.1):
    """Until call() says something true, which is returned; else AssertionError says what (text, or what makes it)."""
    until = time.monotonic() + seconds
    while not (answer := call()):
        if time.monotonic() > until:
            text = what() if callable(what) else what
            raise AssertionError(f"not after {seconds} s: {text}; the last answer was {answer!r}")
        time.sleep(every)
    return answer


@contextlib.contextmanager
def inside(namespace):
    """Sockets made here belong to the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as own, open(f"/var/run/netns/{namespace.name}", "rb") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the namespace {namespace.name}")
        try:
            yield
        finally:
            if libc.setns(own.fileno(), CLONE_NEWNET):
                os._exit(1)  # every later test would run in the wrong place


class Server:
    """One of scripts/servers. `where` is the Place that it runs in."""

    script = None
    port = None

    version = "*"

    def __init__(self, where):
        self.where = where
        self.namespace = where.link.collector
        self.environment = {**os.environ, "WEIR_SERVERS_DATA": str(where.folder)}
        self.arguments = None  # of the last start

    def call(self, *arguments, seconds=300):
        done = subprocess.run(self.namespace.inside(SCRIPTS / self.script, *arguments), env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, check=False)
        if done.returncode:
            raise RuntimeError(f"scripts/servers/{self.script} {' '.join(arguments)}: {done.stdout}")
        return done.stdout

    def install(self):
        """What has to be fetched comes before the namespace, which has no way out."""
        done = subprocess.run([SCRIPTS / self.script, "install"], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
        if done.returncode and not os.environ.get("CI"):
            pytest.skip(f"{self.script} cannot be installed, is there a network? {done.stdout.strip()}")
        assert done.returncode == 0, done.stdout

    def start(self, *arguments):
        """With these arguments of the script; does nothing when it runs so already."""
        if self.pid() and self.arguments == arguments:
            return self
        if self.pid():
            self.stop()
        self.install()
        self.arguments = arguments
        self.call("start", *arguments)
        self.ready()
        return self

    def ready(self):
        """What is to be done after each start."""

    def again(self):
        """Starts it once more as it was."""
        return self.start(*self.arguments)

    def pid(self):
        """Of the running server, or None."""
        for folder in self.where.folder.glob(f"{self.script}-{self.version}"):
            with contextlib.suppress(FileNotFoundError, ValueError):
                pid = int((folder / "pid").read_text())
                if f"-Dweir.server={folder}".encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return pid
        return None

    def stop(self):
        self.call("stop")

    def kill(self):
        """kill -9."""
        pid = self.pid()
        assert pid, f"{self.script} does not run"
        os.kill(pid, signal.SIGKILL)
        wait_for(f"end of {self.script}", 10, lambda: not self.pid())

    def pause(self):
        """It keeps its connections and answers nothing."""
        os.kill(self.pid(), signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid(), signal.SIGCONT)


class Kafka(Server):
    script = "kafka"
    port, tls_port, sasl_port, sasl_tls_port = 9092, 9093, 9094, 9095
    broker = f"127.0.0.1:{port}"

    def __init__(self, where, version):
        super().__init__(where)
        self.version = self.environment["WEIR_KAFKA_VERSION"] = version

    def kcat(self, *arguments, seconds=120):
        done = subprocess.run(self.namespace.inside("kcat", "-b", self.broker, *map(str, arguments)),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                              check=False)
        if done.returncode:
            raise RuntimeError(f"kcat {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def topics(self):
        """Names and numbers of partitions."""
        found = json.loads(self.kcat("-L", "-J"))["topics"]
        return {row["topic"]: len(row["partitions"]) for row in found}

    def messages(self, topic):
        """All messages, in the order of each partition: dicts of kcat, `payload` as text and `headers` as a dict."""
        out = []
        for line in self.kcat("-C", "-e", "-q", "-J", "-o", "beginning", "-t", topic).splitlines():
            message = json.loads(line)
            pairs = message.get("headers") or []
            message["headers"] = dict(zip(pairs[::2], pairs[1::2]))
            out.append(message)
        return out

    def set_password(self, user, password):
        """Of a user that comes in by SCRAM; makes the user where there is none."""
        self.call("configs", "--alter", "--entity-type", "users", "--entity-name", user, "--add-config",
                  f"SCRAM-SHA-512=[iterations=4096,password={password}]")

    def documents(self, topic):
        """The documents of all messages, be it one or many a message."""
        if topic not in self.topics():
            return []
        text = self.kcat("-C", "-e", "-q", "-o", "beginning", "-t", topic)
        return [json.loads(line) for line in text.splitlines() if line]


class Search(Server):
    """What Elasticsearch and OpenSearch have in common."""

    tls = False

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self, *arguments):
        self.tls = "--tls" in arguments
        return super().start(*arguments)

    def request(self, method, path, body=None, fail=True, login=None, kind="application/json"):
        """(status, answer); with fail, only the answer, and a status of 300 or more is an error."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method, headers={"Content-Type": kind})
        context = None
        if self.tls:
            context = ssl.create_default_context(cafile=self.where.certificate("ca"))
            login = login or "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            request.add_header("Authorization", login)
        with inside(self.namespace):
            try:
                with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                    status, text = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read()
        assert status < 300 or not fail, f"{method} {path}: {status} {text.decode(errors='replace')}"
        found = json.loads(text) if text.startswith((b"{", b"[")) else text.decode()
        return found if fail else (status, found)

    def indices(self, pattern):
        """Names of indices, those behind data streams too."""
        return sorted(self.request("GET", f"/{pattern}/_settings?expand_wildcards=all&ignore_unavailable=true"))

    def streams(self, pattern):
        return [row["name"] for row in self.request("GET", f"/_resolve/index/{pattern}")["data_streams"]]

    def search(self, index, body):
        self.request("POST", f"/{index}/_refresh?ignore_unavailable=true")
        return self.request("POST", f"/{index}/_search?ignore_unavailable=true", {"track_total_hits": True, **body})

    def count(self, index, query=None):
        body = {"size": 0, **({"query": query} if query else {})}
        return self.search(index, body)["hits"]["total"]["value"]

    def sums(self, index):
        """By exporter: documents, bytes, packets. As Sent.sums()."""
        field = "netflow.exporter.address"
        answer = self.search(index, {"size": 0, "aggs": {"e": {"terms": {"field": field, "size": 1000}, "aggs": {
            "bytes": {"sum": {"field": "network.bytes"}}, "packets": {"sum": {"field": "network.packets"}}}}}})
        return {row["key"]: (row["doc_count"], int(row["bytes"]["value"]), int(row["packets"]["value"]))
                for row in answer["aggregations"]["e"]["buckets"]}

    def documents(self, index, fields=("netflow.exporter.address", "source.ip", "network.bytes", "network.packets")):
        """All documents, of their sources only these fields (all: None)."""
        if not self.indices(index):
            return []
        self.request("POST", f"/{index}/_refresh")
        body = {"size": 2000, "sort": ["_doc"], "_source": list(fields) if fields else True}
        answer = self.request("POST", f"/{index}/_search?scroll=1m", body)
        found = []
        while answer["hits"]["hits"]:
            found += [hit["_source"] for hit in answer["hits"]["hits"]]
            answer = self.request("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": answer["_scroll_id"]})
        self.request("DELETE", "/_search/scroll", {"scroll_id": answer["_scroll_id"]})
        return found

    def mapping(self, index):
        """Fields with their types, over all indices of the name: {"source.ip": "ip"}."""
        found = {}
        for row in self.request("GET", f"/{index}/_mapping").values():
            found.update(flat_types(row["mappings"].get("properties", {})))
        return found


def flat_types(properties, stem=""):
    found = {}
    for name, row in properties.items():
        if "properties" in row:
            found.update(flat_types(row["properties"], f"{stem}{name}."))
        else:
            found[stem + name] = row["type"]
    return found


class Elasticsearch(Search):
    script = "elasticsearch"
    port = 9201

    def set_password(self, user, password):
        """Of a user that may do everything; makes the user where there is none."""
        self.request("PUT", f"/_security/user/{user}", {"password": password, "roles": ["superuser"]})

    def api_key(self, names=("*",)):
        """ID:SECRET of a new key that may write."""
        row = self.request("POST", "/_security/api_key", {"name": f"k{time.time_ns()}", **writer(names)})
        return f"{row['id']}:{row['api_key']}"

    def allow_key(self, key, names=("*",)):
        """The key may write to these indices from now on, and to no others."""
        self.request("PUT", f"/_security/api_key/{key.partition(':')[0]}", writer(names))


def writer(names):
    """What an API key may that writes to these indices."""
    return {"role_descriptors": {"w": {"cluster": ["monitor"], "indices": [
        {"names": names, "privileges": ["auto_configure", "create_doc"]}]}}}


class OpenSearch(Search):
    script = "opensearch"
    port = 9200

    def set_password(self, user, password):
        """Of a user that may do everything; makes the user where there is none."""
        self.request("PUT", f"/_plugins/_security/api/internalusers/{user}",
                     {"password": password, "backend_roles": ["admin"]})


class Place:
    """The namespaces, and the servers in one of them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.link = lab.Link(PREFIX)
        for address in ADDRESSES:
            self.link.exporter.ip("addr", "add", f"{address}/24", "dev", lab.EXPORT_INTERFACE)
        self.kafka = Kafka(self, "4.3.1")
        self.kafka_3 = Kafka(self, "3.9.2")
        self.elasticsearch = Elasticsearch(self)
        self.opensearch = OpenSearch(self)

    def certificate(self, name):
        return self.folder / "tls" / f"{name}.pem"

    def key(self, name):
        return self.folder / "tls" / f"{name}.key"

    # --- the network between weir and the servers: the loopback of their namespace ---

    def nft(self, rules):
        done = subprocess.run(self.link.collector.inside("nft", "-f", "-"), input=rules, text=True, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"nft: {done.stdout}\n{rules}"

    def drop(self, condition):
        """From now on the kernel drops packets like these without a word."""
        rows = "".join(f"tcp {side} {condition} drop\n" for side in ("dport", "sport"))
        self.nft(f"table inet cut {{\nchain input {{\ntype filter hook input priority 0\n{rows}}}\n}}\n")

    def mend(self):
        self.nft("table inet cut\ndelete table inet cut\n")

    def connections(self, port):
        """Local ports of established connections to this port."""
        rows = self.link.collector.run("ss", "-Htn", "state", "established", "dport", "=", f":{port}").splitlines()
        return sorted(int(row.split()[2].rpartition(":")[2]) for row in rows)

    def reset(self, port):
        """Ends the established connections to this port."""
        self.link.collector.run("ss", "-K", "state", "established", "dport", "=", f":{port}")

    @contextlib.contextmanager
    def tls_front(self, server, certificate, key, port=9443):
        """
        A way to the server by a certificate of another kind: its URL. certificate is PEM text; to show another, write
        the file that the URL's own `certificate` names.
        """
        shown = self.folder / f"front-{port}.pem"
        shown.write_text(certificate)
        process = self.link.collector.start(sys.executable, HERE / "tls_front.py", port, server.port, shown, key,
                                            self.certificate("ca"), stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Front(f"https://127.0.0.1:{port}", shown)
        finally:
            lab.end(process)
            process.stdout.close()

    def expired(self):
        """PEM text of a certificate of the server's that was good until a moment ago."""
        tls = self.folder / "tls"
        request = must_openssl(tls, "req", "-new", "-key", "server.key", "-subj", "/CN=localhost")
        (tls / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n")
        return must_openssl(tls, "x509", "-req", "-days", "-1", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                            "-extfile", "names", given=request)

    def close(self):
        self.link.close()


class Front(str):
    """A URL, and the file with the certificate that is shown there."""

    def __new__(cls, url, certificate):
        made = super().__new__(cls, url)
        made.certificate = certificate
        return made


def must_openssl(folder, *arguments, given=None):
    done = subprocess.run(["openssl", *arguments], cwd=folder, input=given, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


# --- fixtures ---

@pytest.fixture(scope="session")
def place(rights, tmp_path_factory):
    """Namespaces for servers and weir, and nothing started yet."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        assert not os.environ.get("CI"), f"scripts/setup has not installed: {', '.join(missing)}"
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/setup installs all)")
    lab.remove_stale(PREFIX)
    made = Place(tmp_path_factory.mktemp("servers"))
    yield made
    made.close()


# OAUTHBEARER by tokens that nobody has signed: Kafka has a validator for tests.
OAUTH = ("listener.name.sasl_plaintext.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER",
         "listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer."
         'OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="weir";')


@pytest.fixture
def kafka(place):
    """Kafka 4 with all its ways in, and four partitions for a topic that comes by itself."""
    if place.kafka_3.pid():
        place.kafka_3.stop()
    return place.kafka.start("--tls", "--sasl", "num.partitions=4", *OAUTH)


@pytest.fixture
def kafka_3(place):
    """Kafka 3.9 on the same ports; where there is TLS without SASL it demands a certificate."""
    if place.kafka.pid():
        place.kafka.stop()
    return place.kafka_3.start("--tls", "--sasl", "num.partitions=4", "ssl.client.auth=required")


@pytest.fixture
def elasticsearch(place):
    """Elasticsearch with TLS, users and API keys."""
    return place.elasticsearch.start("--tls")


@pytest.fixture
def opensearch(place):
    """OpenSearch, which anyone may ask."""
    return place.opensearch.start()


@pytest.fixture
def opensearch_tls(place):
    """OpenSearch with TLS and users."""
    return place.opensearch.start("--tls")


@pytest.fixture(params=["elasticsearch", "opensearch"])
def search(request):
    """Each of the two, in turn."""
    return request.getfixturevalue(request.param)
