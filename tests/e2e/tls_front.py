#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows a certificate of its own on a port, and hands on what comes to a server behind it.

    tls_front.py PORT SERVER-PORT CERTIFICATE KEY CA

The certificate is read anew for each connection. One thread does all: a TLS connection is nothing for two at once.
"""

import asyncio
import contextlib
import socket
import ssl
import sys


async def pump(source, target):
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


async def accepted(connection, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def serve(connection, server_port, certificate, key, authority):
    with contextlib.suppress(OSError):
        client_reader, client = await accepted(connection, certificate, key)
        with contextlib.closing(client):
            outward = ssl.create_default_context(cafile=authority)
            server_reader, server = await asyncio.open_connection("127.0.0.1", server_port, ssl=outward,
                                                                  server_hostname="localhost")
            await asyncio.gather(pump(client_reader, server), pump(server_reader, client))


async def main():
    port, server_port = int(sys.argv[1]), int(sys.argv[2])
    served = set()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        print("ready", flush=True)
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            task = asyncio.create_task(serve(connection, server_port, *sys.argv[3:]))
            served.add(task)
            task.add_done_callback(served.discard)


if __name__ == "__main__":
    asyncio.run(main())
