# SPDX-License-Identifier: Apache-2.0
"""The synthetic captures of mkflows.py.

A case is a generator of (label, payload), or of (label, payload, (address, port)) where the
exporter's address matters, with the seconds behind EXPORTED where it matters when the datagram
came, registered with @case. `v` is a flowwire.Values.
"""

CASES = {}


def case(name, about, **options):
    """Register a case; the options are those of the input."""
    def register(function):
        CASES[name] = (function, about, options)
        return function
    return register
