#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary traffic between two hosts, for an exporter to watch: web pages, names asked for, pings.

    traffic.py serve ADDRESS          answers until it is ended
    traffic.py ask ADDRESS            asks until it is ended
"""

import random
import socket
import socketserver
import subprocess
import sys
import threading
import time

TCP_PORTS = (80, 443, 8080)
UDP_PORTS = (53, 123)


class Page(socketserver.BaseRequestHandler):
    def handle(self):
        size = int(self.request.recv(64).split()[0])
        self.request.sendall(bytes(size))


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        question, link = self.request
        link.sendto(question * 3, self.client_address)


class PageServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(address):
    servers = [PageServer((address, port), Page) for port in TCP_PORTS]
    servers += [socketserver.UDPServer((address, port), Answer) for port in UDP_PORTS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


def fetch_page(address):
    with socket.create_connection((address, random.choice(TCP_PORTS)), 2) as link:
        link.sendall(b"%d please" % random.randint(200, 60000))
        while link.recv(65536):
            pass


def ask_name(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(1)
        link.sendto(random.randbytes(random.randint(30, 80)), (address, random.choice(UDP_PORTS)))
        link.recv(4096)


def ask(address):
    with subprocess.Popen(["ping", "-q", "-i", "0.5", address], stdout=subprocess.DEVNULL):
        while True:
            try:
                random.choice((fetch_page, ask_name, ask_name))(address)
            except OSError:
                time.sleep(0.2)  # the server is still starting, or gone
            time.sleep(random.expovariate(40))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("serve", "ask"):
        sys.exit(__doc__)
    {"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2])
