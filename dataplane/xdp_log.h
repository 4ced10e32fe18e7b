/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From now on what libbpf and libxdp have to say, the verifier's reasons among it, is logged, for who debugs. */
void xdp_log_open(void);
