/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/backend.h"

/* Can packets of that link type of a capture (LINKTYPE_ or DLT_ number of pcap) be read? */
bool link_known(int link_type);

/* Sets kind, and moves bytes and size_bytes to where the IP header or the Ethernet frame begins. */
void link_strip(int link_type, struct packet *packet);
