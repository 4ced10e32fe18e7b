/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* SHA-256 of the token, to compare with. */
void auth_digest(const char *token, uint8_t digest[32]);

/*
 * Does the value of an Authorization header (NULL: none) bring the token (RFC 6750 2.1)? The time that it takes depends
 * on what was sent alone, not on how much of it is right.
 */
bool auth_passes(const uint8_t digest[32], const char *header);
