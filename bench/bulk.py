#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Elasticsearch or OpenSearch can take at most: sends bulk requests that were made and compressed beforehand, over
several connections at once, and does not look into the answers but for their "errors". Prints a JSON object."""

import argparse
import gzip
import http.client
import json
import pathlib
import sys
import threading
import time
import urllib.parse

ACTION = b'{"create":{}}\n'
BODIES = 4  # in turn
QUERY = "/_bulk?filter_path=errors"


def bodies_make(path, size, plain):
    """(body, documents) each; they begin at different documents."""
    lines = pathlib.Path(path).read_bytes().splitlines(keepends=True)
    made = []
    for number in range(BODIES):
        body, count, at = bytearray(), 0, number * len(lines) // BODIES
        while not body or len(body) + len(ACTION) + len(lines[at]) <= size:
            body += ACTION + lines[at]
            count, at = count + 1, (at + 1) % len(lines)
        made.append((bytes(body) if plain else gzip.compress(bytes(body), 1), count))
    return made


class Loader:
    def __init__(self, arguments, bodies):
        url = urllib.parse.urlsplit(arguments.url)
        self.address = url.hostname, url.port or 9200
        self.path = f"/{urllib.parse.quote(arguments.index)}{QUERY}"
        self.headers = {"Content-Type": "application/x-ndjson"}
        if not arguments.plain:
            self.headers["Content-Encoding"] = "gzip"
        self.bodies = bodies
        self.until = time.monotonic() + arguments.seconds
        self.lock = threading.Lock()
        self.documents = self.bytes = self.requests = 0
        self.end = time.monotonic()
        self.fault = None

    def send(self, number):
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            while time.monotonic() < self.until and not self.fault:
                body, count = self.bodies[number % len(self.bodies)]
                connection.request("POST", self.path, body, self.headers)
                answer = connection.getresponse()
                text = answer.read()
                self.account(answer.status, text, body, count)
                number += 1
        except OSError as error:
            self.fault = str(error)
        finally:
            connection.close()

    def account(self, status, text, body, count):
        with self.lock:
            if status != 200 or json.loads(text).get("errors"):
                self.fault = f"status {status}: {text[:200].decode(errors='replace')}"
                return
            self.documents += count
            self.bytes += len(body)
            self.requests += 1
            self.end = time.monotonic()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the server, as http://127.0.0.1:9200")
    parser.add_argument("documents", help="file with a document a line")
    parser.add_argument("--index", default="logs-netflow.log-default")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--size", type=int, default=5 << 20, help="bytes of a body before compression")
    parser.add_argument("--plain", action="store_true", help="no compression")
    arguments = parser.parse_args()
    loader = Loader(arguments, bodies_make(arguments.documents, arguments.size, arguments.plain))
    threads = [threading.Thread(target=loader.send, args=(number,)) for number in range(arguments.connections)]
    begin, cpu = time.monotonic(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if loader.fault or not loader.documents:
        print(f"bulk.py: {arguments.url}: {loader.fault or 'nothing was sent'}", file=sys.stderr)
        return 1
    seconds = loader.end - begin
    print(json.dumps({"documents": loader.documents, "seconds": seconds, "requests": loader.requests,
                      "documents_per_second": loader.documents / seconds,
                      "sent_bytes": loader.bytes / loader.documents,
                      "busy": (time.process_time() - cpu) / seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
