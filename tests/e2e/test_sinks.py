# SPDX-License-Identifier: Apache-2.0
"""The unit tests of the sinks that want a real server: they drive a sink directly, and look at each verdict."""

import os
import pathlib
import subprocess

import lab


def run_program(server, program, **environment):
    path = pathlib.Path(lab.weir_command()[-1]).resolve().parent.parent / "tests" / "unit" / program
    done = subprocess.run(server.namespace.inside(str(path)), env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text[-4000:]
    assert "[       OK ]" in text, f"nothing ran: {text[-2000:]}"


def test_kafka_sink(kafka):
    run_program(kafka, "test_kafka_server", WEIR_KAFKA=kafka.broker)


def test_elastic_sink(opensearch):
    run_program(opensearch, "test_elastic_server", WEIR_ELASTIC=opensearch.url)
