/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/profile.h"

static const struct profile profiles[] = {
    [PROFILE_WEIR] = {
        .name = "weir",
        .v8_prefix_lengths = true,
        .misfits_disprove = true,
        .data_waits = true,
        .reads_sflow = true,
        .reads_sections = true,
        .facts_kept = true,
        .corrects_clocks = true,
        .long_numbers = true,
        .keep_unknown = true,
        .arrays = true,
        .extra_fields = true,
    },
    [PROFILE_ELASTIC] = {
        .name = "elastic",
        .v9_count_is_sets = true,
        .sessions_by_port = true,
        .bad_set_drops_datagram = true,
        .one_message_a_datagram = true,
        .gap_discards_templates = true,
        .records_per_set_capped = true,
        .elastic_elements_only = true,
        .v9_scopes_as_elements = true,
        .related_unspecified = true,
        .mapped_sorts_as_ipv6 = true,
        .zero_ipv4_hides_ipv6 = true,
        .biflow_needs_direction = true,
        .icmp_ports_fixed = true,
        .times_from_uptime_only = true,
        .sampling_mode_in_interval = true,
        .unmappable_values = true,
        .ntp_era_zero_only = true,
    },
};

const struct profile *profile_of(enum profile_kind kind)
{
    return &profiles[kind];
}
