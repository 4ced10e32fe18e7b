/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/*
 * What backend_capture reads: set backend.state to it before open; it stays the caller's and outlives the backend.
 *
 * A file that begins like a pcap or pcapng capture yields its packets (Ethernet, Linux cooked v1 and v2, raw IP, null
 * and loop link types) with the capture's times; fragmented datagrams are put together again. An IPFIX file
 * (stream/file.h) is a session of `exporter`; any other file is one datagram as it stands, of the same, received now.
 * One queue; files in the given order.
 */
struct capture_input {
    const char *const *files;
    uint32_t file_count;
    struct endpoint exporter;
    uint32_t files_failed; /* the backend counts: files that could not be opened or read to their end; each is logged */
};
