/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/losses.h"

#include <stddef.h>
#include <string.h>

static const struct {
    size_t offset; /* in struct losses */
    enum counter counter;
} loss_rows[] = {
    {offsetof(struct losses, socket), COUNTER_losses_socket},
    {offsetof(struct losses, ring), COUNTER_losses_ring},
    {offsetof(struct losses, filter), COUNTER_losses_filter},
    {offsetof(struct losses, buffers), COUNTER_losses_buffers},
    {offsetof(struct losses, damaged), COUNTER_losses_damaged},
    {offsetof(struct losses, kernel), COUNTER_losses_kernel},
    {offsetof(struct losses, to_kernel), COUNTER_packets_to_kernel},
    {offsetof(struct losses, unsent), COUNTER_packets_unsent},
    {offsetof(struct losses, budget), COUNTER_losses_budget},
    {offsetof(struct losses, budgets), COUNTER_xdp_budgets},
    {offsetof(struct losses, redirected), COUNTER_xdp_redirected},
    {offsetof(struct losses, passed_other), COUNTER_xdp_passed_other},
    {offsetof(struct losses, passed_fragments), COUNTER_xdp_passed_fragments},
    {offsetof(struct losses, passed_long), COUNTER_xdp_passed_long},
    {offsetof(struct losses, passed_no_socket), COUNTER_xdp_passed_no_socket},
    {offsetof(struct losses, timed_nic), COUNTER_packets_timed_nic},
    {offsetof(struct losses, timed_kernel), COUNTER_packets_timed_kernel},
    {offsetof(struct losses, streams_open), COUNTER_streams_open},
    {offsetof(struct losses, streams_accepted), COUNTER_streams_accepted},
    {offsetof(struct losses, streams_full), COUNTER_streams_full},
    {offsetof(struct losses, streams_full_address), COUNTER_streams_full_address},
    {offsetof(struct losses, streams_not_allowed), COUNTER_streams_not_allowed},
    {offsetof(struct losses, streams_handshake_failed), COUNTER_streams_handshake_failed},
    {offsetof(struct losses, streams_handshake_late), COUNTER_streams_handshake_late},
    {offsetof(struct losses, streams_closed), COUNTER_streams_closed},
    {offsetof(struct losses, streams_cut), COUNTER_streams_cut},
    {offsetof(struct losses, streams_broken), COUNTER_streams_broken},
    {offsetof(struct losses, streams_bad_message), COUNTER_streams_bad_message},
    {offsetof(struct losses, streams_stalled), COUNTER_streams_stalled},
    {offsetof(struct losses, streams_idle), COUNTER_streams_idle},
};

static uint64_t loss_at(const struct losses *losses, size_t offset)
{
    uint64_t count;
    memcpy(&count, (const uint8_t *)losses + offset, sizeof count);
    return count;
}

void losses_add(struct counters *counters, const struct losses *now, const struct losses *before)
{
    for (size_t i = 0; i < sizeof loss_rows / sizeof *loss_rows; i++)
        counter_add(counters, loss_rows[i].counter,
                    loss_at(now, loss_rows[i].offset) - loss_at(before, loss_rows[i].offset));
}
