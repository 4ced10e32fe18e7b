/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Receive queues in use of a network interface: at least 1, at most `most`. */
uint32_t interface_queues(const char *interface, uint32_t most);

/* Its MTU in bytes; 0 where it cannot be told. */
uint32_t interface_mtu(const char *interface);
