/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_hints.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "bpf/shared.h"

void hint_clocks_read(struct hint_clocks *clocks)
{
    struct timespec tai;
    clock_gettime(CLOCK_TAI, &tai);
    clocks->tai_ns = tai.tv_sec * NS_PER_S + tai.tv_nsec;
    clocks->utc_ns = clock_utc_ns();
    clocks->monotonic_ns = clock_steady_ns();
}

/* 0: the NIC has none that can be believed. */
static int64_t nic_utc_ns(uint64_t nic_ns, const struct hint_clocks *clocks)
{
    int64_t time_ns = (int64_t)nic_ns;
    if (time_ns <= 0)
        return 0;
    if (llabs(time_ns - clocks->utc_ns) < HINT_NIC_OFF_NS)
        return time_ns;
    if (llabs(time_ns - clocks->tai_ns) < HINT_NIC_OFF_NS)
        return time_ns - (clocks->tai_ns - clocks->utc_ns);
    return 0;
}

int64_t hint_take(uint8_t *frame, const struct hint_clocks *clocks, struct hint_counts *counts)
{
    static const struct steer_hint none;
    struct steer_hint hint;
    uint8_t *at = frame - sizeof hint;
    memcpy(&hint, at, sizeof hint);
    if (hint.check != (STEER_HINT_CHECK ^ hint.nic_ns ^ hint.kernel_ns))
        return clocks->utc_ns;
    memcpy(at, &none, sizeof none);
    int64_t nic_ns = nic_utc_ns(hint.nic_ns, clocks), waited_ns = clocks->monotonic_ns - (int64_t)hint.kernel_ns;
    if (nic_ns) {
        counts->nic++;
        return nic_ns;
    }
    if (waited_ns < 0 || waited_ns > HINT_WAIT_MOST_NS)
        return clocks->utc_ns;
    counts->kernel++;
    return clocks->utc_ns - waited_ns;
}
