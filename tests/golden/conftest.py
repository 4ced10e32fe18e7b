# SPDX-License-Identifier: Apache-2.0
"""Options of the golden tests."""


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true",
                     help="write weir.ndjson from what weir says now; review the difference before it is committed")
