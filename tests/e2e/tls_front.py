#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows a certificate of its own on a port, and hands on what comes to a server behind it.

    tls_front.py PORT SERVER-PORT CERTIFICATE KEY CA

The certificate is read anew for each connection.
"""

import contextlib
import socket
import ssl
import sys
import threading


def pump(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve(connection, server_port, certificate, key, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        with context.wrap_socket(connection, server_side=True) as client:
            outward = ssl.create_default_context(cafile=authority)
            with socket.create_connection(("127.0.0.1", server_port)) as plain:
                with outward.wrap_socket(plain, server_hostname="localhost") as server:
                    back = threading.Thread(target=pump, args=(server, client), daemon=True)
                    back.start()
                    pump(client, server)
                    back.join()


def main():
    port, server_port = int(sys.argv[1]), int(sys.argv[2])
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, server_port, *sys.argv[3:]), daemon=True).start()


if __name__ == "__main__":
    main()
