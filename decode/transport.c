/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/transport.h"

const char *transport_name(enum transport transport)
{
    static const char *const names[] = {
        [TRANSPORT_UDP] = "udp",   [TRANSPORT_TCP] = "tcp",   [TRANSPORT_TLS] = "tls",
        [TRANSPORT_SCTP] = "sctp", [TRANSPORT_DTLS] = "dtls", [TRANSPORT_FILE] = "file",
    };
    return names[transport];
}
