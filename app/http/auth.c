/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

void auth_digest(const char *token, uint8_t digest[32])
{
    SHA256((const unsigned char *)token, strlen(token), digest);
}

/* Digests are compared, so that not even the length of the token shows. */
bool auth_passes(const uint8_t digest[32], const char *header)
{
    static const char scheme[] = "Bearer ";
    uint8_t sent[32];
    if (!header || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return false;
    header += sizeof scheme - 1;
    auth_digest(header + strspn(header, " "), sent);
    return CRYPTO_memcmp(digest, sent, sizeof sent) == 0;
}
