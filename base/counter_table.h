/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every counter of the ledger, one row each: X(name, unit, scope, part, help).
 *
 *   unit   packets, datagrams, sets, records, templates, bytes or events. Each of the first four is a level of the
 *          ledger with an identity of its own: received = delivered + waiting + dropped, exactly, at rest.
 *   scope  EXPORTER: kept for every exporter and in total; WORKER: in total only; OUTPUT: in total and for each output,
 *          counted by its thread. EXPORTER rows come first.
 *   part   RECEIVED, DELIVERED or DROPPED in the identity of the unit; NONE: informative; NOW: not a count but how many
 *          there are, which may fall. What waits is no counter: it is read off the batches.
 *
 * A row and a counter_add() at its place are all that a new counter takes.
 */
#define COUNTER_TABLE(X)                                                                                              \
    /* datagrams: from the exporter table to the decoder's verdict */                                                 \
    X(datagrams_received, DATAGRAMS, EXPORTER, RECEIVED, "Datagrams handed to the decoder")                           \
    X(datagrams_decoded, DATAGRAMS, EXPORTER, DELIVERED, "Datagrams decoded to their end")                            \
    X(datagrams_over_share, DATAGRAMS, EXPORTER, DROPPED,                                                             \
      "Datagrams beyond their exporter's part of the time of a worker that has more to do than it can: input.fair")   \
    X(datagrams_too_short, DATAGRAMS, EXPORTER, DROPPED, "Datagrams shorter than the header of their version")        \
    X(datagrams_unknown_version, DATAGRAMS, EXPORTER, DROPPED, "Datagrams of no known flow export version")           \
    X(datagrams_disabled_version, DATAGRAMS, EXPORTER, DROPPED, "Datagrams of a version that protocols leaves out")   \
    X(datagrams_bad_length, DATAGRAMS, EXPORTER, DROPPED, "IPFIX messages whose length field is impossible")          \
    X(datagrams_short_records, DATAGRAMS, EXPORTER, DROPPED, "v1-v8 datagrams with fewer records than announced")     \
    X(datagrams_short_samples, DATAGRAMS, EXPORTER, DROPPED,                                                          \
      "sFlow datagrams with a sample whose end is not there, or not known (v2, v4); those before it are kept")         \
    X(datagrams_bad_aggregation, DATAGRAMS, EXPORTER, DROPPED, "v8 datagrams of an unknown aggregation scheme")       \
    X(datagrams_bad_set, DATAGRAMS, EXPORTER, DROPPED, "Datagrams given up for a reserved set id (profile elastic)")  \
    X(datagrams_bad_template, DATAGRAMS, EXPORTER, DROPPED, "Datagrams given up for a bad template (profile elastic)")\
    X(datagrams_empty_template, DATAGRAMS, EXPORTER, DROPPED,                                                         \
      "Datagrams given up for data of a template without bytes (profile elastic)")                                    \
    X(datagram_bytes, BYTES, EXPORTER, NONE, "Payload bytes handed to the decoder")                                   \
    /* sets of v9 and IPFIX */                                                                                        \
    X(sets_received, SETS, EXPORTER, RECEIVED, "Sets found in v9 and IPFIX messages, samples in sFlow datagrams")     \
    X(sets_data, SETS, EXPORTER, DELIVERED, "Data sets and sFlow samples decoded")                                    \
    X(sets_template, SETS, EXPORTER, DELIVERED, "Template and options template sets read")                            \
    X(sets_padding, SETS, EXPORTER, DELIVERED, "Sets of zeroes that pad a message")                                   \
    X(sets_without_template, SETS, EXPORTER, DROPPED, "Data sets whose template is not known, or did not come in time")\
    X(sets_empty_template, SETS, EXPORTER, DROPPED, "Data sets whose template has records of no bytes")               \
    X(samples_unknown, SETS, EXPORTER, DROPPED, "sFlow samples of a kind that is not known")                          \
    X(samples_too_short, SETS, EXPORTER, DROPPED, "sFlow samples shorter than their own header")                      \
    X(sets_too_long, SETS, EXPORTER, DROPPED, "Sets longer than the rest of their message")                           \
    X(sets_too_short, SETS, EXPORTER, DROPPED, "Sets shorter than their own header")                                  \
    X(sets_reserved_id, SETS, EXPORTER, DROPPED, "Sets with an id below 256 that is no template set")                 \
    X(sets_bad_template, SETS, EXPORTER, DROPPED, "Template sets with a template that cannot be read")                \
    X(sets_of_dropped_datagrams, SETS, EXPORTER, DROPPED, "Sets given up with their datagram (profile elastic)")      \
    X(sets_no_memory, SETS, EXPORTER, DROPPED, "Template sets dropped at a cap, or data sets for want of memory")     \
    X(sets_parked, SETS, EXPORTER, NONE, "Data sets that came before their template, and had to wait for it")         \
    /* records: from the decoder to the acknowledgement */                                                            \
    X(records_received, RECORDS, EXPORTER, RECEIVED, "Data records decoded")                                          \
    X(records_copied, RECORDS, EXPORTER, RECEIVED, "Records again for each output after the first that takes them")   \
    X(records_delivered, RECORDS, EXPORTER, DELIVERED, "Documents that the output acknowledged")                      \
    X(records_no_batch, RECORDS, EXPORTER, DROPPED, "Records dropped because the output returned no batch in time")   \
    X(records_too_large, RECORDS, EXPORTER, DROPPED, "Records whose document could exceed a whole batch")             \
    X(records_no_output, RECORDS, EXPORTER, DROPPED, "Records of a kind that no output takes")                        \
    X(records_no_program, RECORDS, EXPORTER, DROPPED, "Records dropped at the cap on memory for encode programs")     \
    X(records_refused, RECORDS, EXPORTER, DROPPED, "Documents that the output refused for good")                      \
    X(records_failed, RECORDS, EXPORTER, DROPPED, "Documents that the output could not write before it was closed")   \
    X(records_spool_full, RECORDS, EXPORTER, DROPPED, "Documents let go by the spool at spool.size or a full disk") \
    X(records_spool_expired, RECORDS, EXPORTER, DROPPED, "Documents that the spool let go of at spool.age")           \
    X(options_records, RECORDS, EXPORTER, NONE, "Data records of options templates, among the received ones")         \
    X(counters_records, RECORDS, EXPORTER, NONE, "Records of sFlow counter samples, among the received ones")         \
    X(lists_bad, EVENTS, EXPORTER, NONE, "Lists that end inside a record or a header, or that nobody can read")       \
    X(lists_without_template, EVENTS, EXPORTER, NONE,                                                                 \
      "Lists of records whose template is not known: they are left out")                                              \
    X(lists_too_deep, EVENTS, EXPORTER, NONE, "Lists in lists in lists, more than four deep: they are left out")      \
    X(lists_too_large, EVENTS, EXPORTER, NONE, "Arrays of more than 256 KiB: they are left out")                      \
    X(records_scaled, RECORDS, EXPORTER, NONE, "Flow records whose counters were scaled by a sampling rate")           \
    X(records_rate_unknown, RECORDS, EXPORTER, NONE,                                                                  \
      "Flow records that name a sampler or selector whose rate nobody has told: their counters are as sent")          \
    X(records_properties_unknown, RECORDS, EXPORTER, NONE,                                                            \
      "Flow records with a commonPropertiesId of which nobody has told: they lack what it stands for (RFC 5473)")     \
    X(times_wrapped, RECORDS, EXPORTER, NONE,                                                                         \
      "Flow records with a start or end from before the uptime's wrap at 49.7 days: read so (profile weir)")          \
    X(times_ahead, RECORDS, EXPORTER, NONE,                                                                           \
      "Flow records with a start or end later than their message's uptime, by up to an hour: kept (profile weir)")    \
    X(times_exchanged, RECORDS, EXPORTER, NONE,                                                                       \
      "Flow records whose end is before their start: exchanged (profile weir)")                                       \
    X(durations_left_out, RECORDS, EXPORTER, NONE,                                                                    \
      "Of these, those more than an hour apart: without event.duration, for one of the two is wrong")                 \
    X(messages_clock_off, EVENTS, EXPORTER, NONE,                                                                     \
      "Messages of exporters whose clock is off by clock.tolerance or more")                                          \
    X(records_clock_off, RECORDS, EXPORTER, NONE, "Data records of these messages")                                   \
    X(records_clock_corrected, RECORDS, EXPORTER, NONE, "Of these, those whose times are corrected: clock.correct")   \
    X(records_cut, RECORDS, EXPORTER, NONE, "Sets that end inside a record; the cut record is not among the received")\
    X(sections_unread, EVENTS, EXPORTER, NONE,                                                                        \
      "Sections of packets in flow records in which no header is found: sectionOffset, or a kind of frame")           \
    X(frames_encrypted, EVENTS, EXPORTER, NONE,                                                                       \
      "Sampled frames of 802.11 that are encrypted: nothing behind their link header can be read")                    \
    /* inside sFlow samples */                                                                                        \
    X(sflow_samples_cut, EVENTS, EXPORTER, NONE,                                                                      \
      "Samples with a structure that ends behind them; the structures before it are kept")                            \
    X(sflow_structures_unknown, EVENTS, EXPORTER, NONE,                                                               \
      "Structures of a format that is not known, passed over by their length")                                        \
    X(sflow_structures_short, EVENTS, EXPORTER, NONE,                                                                 \
      "Structures that end before their last member; the members before it are kept")                                 \
    X(sflow_headers_unknown, EVENTS, EXPORTER, NONE, "Sampled headers of a protocol that is not read")                \
    X(sflow_values_cut, EVENTS, EXPORTER, NONE,                                                                       \
      "Texts and lists cut at 255 bytes or 64 numbers, and values that had no room")                                  \
    /* templates */                                                                                                   \
    X(templates_learned, TEMPLATES, EXPORTER, NONE, "Templates new to their session")                                 \
    X(templates_restored, TEMPLATES, EXPORTER, NONE, "Templates that an earlier run left in the journal")             \
    X(templates_shared, TEMPLATES, EXPORTER, NONE, "Templates that another collector or worker announced")            \
    X(templates_changed, TEMPLATES, EXPORTER, NONE, "Templates replaced by another definition of the same id")        \
    X(templates_renamed, TEMPLATES, EXPORTER, NONE,                                                                   \
      "Templates with other names or properties, as options records told new ones")                                   \
    X(templates_refreshed, TEMPLATES, EXPORTER, NONE, "Templates announced again unchanged")                          \
    X(templates_withdrawn, TEMPLATES, EXPORTER, NONE, "Withdrawals seen (over UDP and DTLS they remove nothing)")      \
    X(templates_expired, TEMPLATES, EXPORTER, NONE, "Templates removed after expiration_timeout without use")         \
    X(templates_discarded, TEMPLATES, EXPORTER, NONE, "Templates thrown away at a sequence reset")                    \
    X(templates_disproved, TEMPLATES, EXPORTER, NONE, "Templates that data did not fit after a reset or restart")\
    X(templates_over_exporter_cap, TEMPLATES, EXPORTER, NONE, "Templates refused: limits.templates_per_exporter")     \
    X(templates_over_field_cap, TEMPLATES, EXPORTER, NONE, "Templates refused: limits.fields_per_template")           \
    X(templates_over_memory_cap, TEMPLATES, EXPORTER, NONE, "Templates refused: limits.memory")                       \
    /* what options records say */                                                                                    \
    X(facts_learned, EVENTS, EXPORTER, NONE, "Names, rates and so on that options records have told")                 \
    X(facts_changed, EVENTS, EXPORTER, NONE, "Of these, those told differently later")                                \
    X(facts_restored, EVENTS, EXPORTER, NONE, "The same, from the journal")                                           \
    X(facts_shared, EVENTS, EXPORTER, NONE, "The same, from other collectors")                                        \
    X(facts_over_exporter_cap, EVENTS, EXPORTER, NONE, "Facts not kept: limits.facts_per_exporter")                   \
    X(facts_over_memory_cap, EVENTS, EXPORTER, NONE, "Facts not kept: limits.memory")                                 \
    X(facts_unsaid, EVENTS, EXPORTER, NONE, "Facts that found no room in their page of the journal")                  \
    X(element_names_refused, EVENTS, EXPORTER, NONE,                                                                  \
      "Elements that type information names and that keep their number: no name, too long, taken, or a list")         \
    X(properties_refused, EVENTS, EXPORTER, NONE,                                                                     \
      "Common properties that were not kept: elements beyond 24 of a session, values beyond 120 bytes or 8 pieces")   \
    X(reported_messages, EVENTS, EXPORTER, NONE, "Messages that the exporter says it has sent, since first told")     \
    X(reported_bytes, EVENTS, EXPORTER, NONE, "Octets that it says it has sent")                                      \
    X(reported_records, EVENTS, EXPORTER, NONE, "Flow records that it says it has sent")                              \
    X(reported_flows_observed, EVENTS, EXPORTER, NONE, "Flows that it says it has observed")                          \
    X(reported_packets_ignored, EVENTS, EXPORTER, NONE, "Packets that it says it has not metered")                    \
    X(reported_bytes_ignored, EVENTS, EXPORTER, NONE, "Octets of these")                                              \
    X(reported_records_not_sent, EVENTS, EXPORTER, NONE, "Flow records that it says it has dropped, and never sent")  \
    X(reported_packets_not_sent, EVENTS, EXPORTER, NONE, "Packets of these")                                          \
    X(reported_bytes_not_sent, EVENTS, EXPORTER, NONE, "Octets of these")                                             \
    /* by the exporter's sequence numbers: docs/architecture.md, "Sequence numbers" */                                \
    X(datagrams_missing, DATAGRAMS, EXPORTER, NONE,                                                                   \
      "Datagrams that never arrived, of exporters that count datagrams: v9, sFlow")                                   \
    X(records_missing, RECORDS, EXPORTER, NONE,                                                                       \
      "Records that never arrived, of exporters that count records: v5 to v8, IPFIX")                                 \
    X(records_without_template, RECORDS, EXPORTER, NONE,                                                              \
      "Records in sets_without_template and sets_parked, as far as sequence numbers tell: IPFIX")                     \
    X(datagrams_late, DATAGRAMS, EXPORTER, NONE, "Datagrams that a later one had overtaken; they are not missing")    \
    X(datagrams_duplicate, DATAGRAMS, EXPORTER, NONE, "Datagrams that had arrived before, by their sequence number")  \
    X(datagrams_stray, DATAGRAMS, EXPORTER, NONE,                                                                     \
      "Datagrams too old to tell late from duplicate, or whose sequence number makes no sense")                       \
    X(datagrams_unfollowed, DATAGRAMS, EXPORTER, NONE,                                                                \
      "Datagrams whose sequence is not to be trusted, or is one too many: what is missing there is not known")        \
    X(sequences_distrusted, EVENTS, EXPORTER, NONE,                                                                   \
      "Sequences that ceased to make sense; they are followed again once they do")                                    \
    X(sequence_resets, EVENTS, EXPORTER, NONE, "Sequences that began anew: the exporter was restarted")               \
    X(samples_missing, SETS, EXPORTER, NONE, "sFlow samples that never arrived, by the numbers of their data source") \
    X(samples_late, SETS, EXPORTER, NONE, "sFlow samples that a later one of their data source had overtaken")        \
    X(samples_duplicate, SETS, EXPORTER, NONE, "sFlow samples that had arrived before, by their number")              \
    X(samples_stray, SETS, EXPORTER, NONE,                                                                            \
      "sFlow samples too old to tell late from duplicate, or whose number makes no sense")                            \
    X(samples_unfollowed, SETS, EXPORTER, NONE,                                                                       \
      "sFlow samples whose numbers are not to be trusted, or of one data source too many")                            \
    X(samples_distrusted, EVENTS, EXPORTER, NONE, "Data sources of sFlow whose numbers ceased to make sense")         \
    X(sample_resets, EVENTS, EXPORTER, NONE, "Data sources of sFlow whose numbers began anew")                        \
    X(sequence_jumps, EVENTS, EXPORTER, NONE,                                                                         \
      "Jumps by 1000 or more, at which templates are thrown away (profile elastic)")                                  \
    X(addresses_split, EVENTS, EXPORTER, NONE, "Addresses seen to have two devices behind them: told apart by port")  \
    /* packets: from the backend to the exporter table */                                                             \
    X(packets_received, PACKETS, WORKER, RECEIVED, "Packets taken from the backend")                                  \
    X(packets_with_datagram, PACKETS, WORKER, DELIVERED, "Packets that held a datagram for an exporter of this worker")\
    X(packets_from_other_workers, PACKETS, WORKER, RECEIVED, "Datagrams taken over from the worker they landed on")   \
    X(packets_handed_over, PACKETS, WORKER, DELIVERED, "Datagrams handed to the worker that owns their exporter")     \
    X(packets_unpacked, PACKETS, WORKER, NONE, "Datagrams taken out of a tunnel or from behind a PROXY header")       \
    X(packets_malformed, PACKETS, WORKER, DROPPED, "Frames whose Ethernet, IP or UDP header is impossible or cut")    \
    X(packets_not_udp, PACKETS, WORKER, DROPPED, "Frames that hold no whole UDP datagram")                            \
    X(packets_other_port, PACKETS, WORKER, DROPPED, "UDP datagrams to other ports")                                   \
    X(packets_not_allowed, PACKETS, WORKER, DROPPED, "Datagrams of exporters that input.allow leaves out")            \
    X(packets_not_balancer, PACKETS, WORKER, DROPPED, "Tunnels and PROXY headers from others than input.balancers")   \
    X(packets_tunnel_fragment, PACKETS, WORKER, DROPPED, "Tunnelled packets that hold a fragment of a datagram")      \
    X(packets_tunnel_other, PACKETS, WORKER, DROPPED, "Tunnels and PROXY headers of another kind, or without UDP")    \
    X(packets_over_budget, PACKETS, WORKER, DROPPED, "Datagrams of exporters over input.exporter_rate")               \
    X(packets_too_large, PACKETS, WORKER, DROPPED, "Datagrams longer than max_message_size")                          \
    X(packets_handover_full, PACKETS, WORKER, DROPPED, "Datagrams dropped because their owner's ring was full")       \
    X(packets_no_exporter, PACKETS, WORKER, DROPPED, "Datagrams of new exporters dropped at limits.exporters")        \
    /* before the worker: known from the kernel or the driver, outside every identity */                              \
    X(losses_nic, PACKETS, WORKER, NONE,                                                                              \
      "Frames that NIC, driver or kernel dropped before rings and sockets: all traffic of the interfaces")            \
    X(losses_socket, PACKETS, WORKER, NONE, "Datagrams that the kernel dropped at a full socket buffer")              \
    X(losses_ring, PACKETS, WORKER, NONE, "Frames dropped because a ring of AF_XDP or of the device was full")        \
    X(losses_buffers, PACKETS, WORKER, NONE, "Frames dropped because DPDK had no free buffer")                        \
    X(losses_damaged, PACKETS, WORKER, NONE, "Frames that the device found damaged: checksum, length, errors (DPDK)") \
    X(losses_kernel, PACKETS, WORKER, NONE, "Frames for the kernel that its interface did not take in time (DPDK)")   \
    X(losses_filter, PACKETS, WORKER, NONE, "Frames dropped by the XDP program: exporter not on input.allow")         \
    X(losses_budget, PACKETS, WORKER, NONE, "Frames dropped by the XDP program: exporter over input.exporter_rate")   \
    X(packets_to_kernel, PACKETS, WORKER, NONE, "Frames that are not flow export, left to the kernel (DPDK)")         \
    X(packets_unsent, PACKETS, WORKER, NONE, "Frames of the kernel's that the device did not take (DPDK)")            \
    /* what the XDP program did with the other frames that it saw: no losses */                                       \
    X(xdp_redirected, PACKETS, WORKER, NONE, "Frames that it gave to an AF_XDP ring: received, or losses_ring")       \
    X(xdp_passed_other, PACKETS, WORKER, NONE, "Frames that it passed to the kernel: nothing that weir listens for")  \
    X(xdp_passed_fragments, PACKETS, WORKER, NONE, "Frames that it passed to the kernel: fragments of UDP datagrams") \
    X(xdp_passed_long, PACKETS, WORKER, NONE, "Frames that it passed to the kernel: too long for a ring")             \
    X(xdp_passed_no_socket, PACKETS, WORKER, NONE, "Frames that it passed to the kernel: from a queue without ring")  \
    X(packets_timed_nic, PACKETS, WORKER, NONE, "Frames of a ring whose time the NIC told (input.xdp_hints)")         \
    X(packets_timed_kernel, PACKETS, WORKER, NONE, "Frames of a ring whose time the XDP program told instead")        \
    X(xdp_budgets, EVENTS, WORKER, NONE, "Exporters new to the XDP program's budgets; at the cap an old one goes")    \
    /* sessions of transports that have them */                                                                        \
    X(streams_open, EVENTS, WORKER, NOW, "Sessions that are open")                                                    \
    X(streams_accepted, EVENTS, WORKER, NONE, "Sessions accepted and given to a worker")                               \
    X(streams_full, EVENTS, WORKER, NONE, "Connections closed at once: input.streams.most")                            \
    X(streams_full_address, EVENTS, WORKER, NONE, "Connections closed at once: input.streams.per_address")             \
    X(streams_not_allowed, EVENTS, WORKER, NONE, "Connections and sessions closed: not on input.allow")                \
    X(streams_handshake_failed, EVENTS, WORKER, NONE, "Connections whose handshake of TLS failed")                     \
    X(streams_handshake_late, EVENTS, WORKER, NONE, "Connections closed: input.streams.handshake_timeout")             \
    X(streams_closed, EVENTS, WORKER, NONE, "Sessions that the exporter ended, between two messages")                  \
    X(streams_cut, EVENTS, WORKER, NONE, "Sessions that the exporter ended inside a message")                          \
    X(streams_broken, EVENTS, WORKER, NONE, "Sessions that were reset, or whose exporter was gone, or spoke TLS badly")\
    X(streams_bad_message, EVENTS, WORKER, NONE, "Sessions ended because what came was no message of IPFIX")           \
    X(streams_stalled, EVENTS, WORKER, NONE, "Sessions ended: input.streams.message_timeout")                          \
    X(streams_idle, EVENTS, WORKER, NONE, "Sessions ended: input.streams.idle_timeout")                                \
    X(exporters_learned, EVENTS, WORKER, NONE, "Exporters seen for the first time")                                   \
    X(exporters_expired, EVENTS, WORKER, NONE, "Exporters forgotten after a time without datagrams")                  \
    X(records_counted_before, RECORDS, WORKER, NONE,                                                                  \
      "Last records of a firewall's connections, whose bytes its update events had said: left out of their documents")\
    X(connections_forgotten, EVENTS, WORKER, NONE,                                                                    \
      "Connections of firewalls that gave way to others in a full table: their last record counts bytes anew")        \
    X(programs_compiled, EVENTS, WORKER, NONE, "Encode programs compiled")                                            \
    X(template_events_late, EVENTS, WORKER, NONE, "News of templates that waited for room on the way to the journal") \
    X(template_events_lost, EVENTS, WORKER, NONE, "Removals of templates that the journal was never told")            \
    X(template_events, EVENTS, WORKER, NONE, "News of templates: learned, changed, still in use, gone")          \
    X(template_journal_full, EVENTS, WORKER, NONE, "News of templates over templates.size: not in the journal")  \
    X(template_journal_damaged, EVENTS, WORKER, NONE, "Places in the journal that cannot be read: torn, or changed") \
    X(template_journal_rewrites, EVENTS, WORKER, NONE, "Times that the journal was written anew")                   \
    X(template_journal_errors, EVENTS, WORKER, NONE, "Writes to the journal that failed and are tried again")         \
    X(template_topic_published, EVENTS, WORKER, NONE, "News of templates that Kafka has acknowledged")                \
    X(template_topic_received, EVENTS, WORKER, NONE, "Messages of the topic of templates that others wrote")          \
    X(template_topic_applied, EVENTS, WORKER, NONE, "Of these, those that said something new")                        \
    X(template_topic_refused, EVENTS, WORKER, NONE, "Of these, those that are no sound news of a template")           \
    X(template_topic_full, EVENTS, WORKER, NONE, "News of templates without room: templates.kafka.memory")            \
    X(template_topic_errors, EVENTS, WORKER, NONE, "News of templates that Kafka did not take, to be sent again")     \
    X(template_topic_lag, EVENTS, WORKER, NOW, "Messages of the topic that are still to be read")                     \
    X(template_topic_waiting, EVENTS, WORKER, NOW, "News of templates that Kafka has not acknowledged")               \
    X(values_unmappable, EVENTS, WORKER, NONE, "Values left out because no mapping could take them (profile weir)")   \
    /* of an output's thread */                                                                                       \
    X(records_recovered, RECORDS, OUTPUT, RECEIVED, "Documents that an earlier run left in the spool or in memory")  \
    X(records_inherited, RECORDS, OUTPUT, RECEIVED, "Records that a killed run had and that are lost with it")        \
    X(records_lost_by_kill, RECORDS, OUTPUT, DROPPED, "The same, as dropped: nobody can deliver them any more") \
    X(output_bytes, BYTES, OUTPUT, NONE, "Bytes of documents that the output acknowledged, as rendered")              \
    X(output_sent_bytes, BYTES, OUTPUT, NONE, "Bytes written or sent, after compression where that is known")         \
    X(output_requests, EVENTS, OUTPUT, NONE, "Writes, messages or requests that were answered")                       \
    X(output_retries, EVENTS, OUTPUT, NONE, "Documents or requests that were sent again")                             \
    X(output_write_errors, EVENTS, OUTPUT, NONE, "Writes or requests that failed and are tried again")                \
    X(spool_frames_written, EVENTS, OUTPUT, NONE, "Batches written to the spool")                                     \
    X(spool_bytes_written, BYTES, OUTPUT, NONE, "Bytes written to the spool")                                         \
    X(spool_frames_read, EVENTS, OUTPUT, NONE, "Batches read back from the spool")                                    \
    X(spool_frames_damaged, EVENTS, OUTPUT, NONE, "Places in the spool that cannot be read: torn or changed on disk") \
    X(spool_write_errors, EVENTS, OUTPUT, NONE, "Writes to the spool that failed")
