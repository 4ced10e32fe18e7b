/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/derive.h"

/* Cisco's numbers of a firewall's events, which are IANA's (233). */
enum firewall_event { FIREWALL_DELETED = 2, FIREWALL_UPDATE = 5 };

static void event_tell(struct derived *derived, const struct words *words, enum event_kind kind)
{
    derived->words[WORD_EVENT_TYPE] = &words->event_type[kind];
    derived->words[WORD_EVENT_OUTCOME] = &words->event_outcome[kind];
    if (words->event_outcome[kind].size_bytes)
        derived->conditions |= 1ull << WHEN_OUTCOME;
}

void derive_names(struct derived *derived, const struct program *program, const struct record *record,
                  const struct words *words)
{
    const struct names *names = &words->names;
    enum event_kind kind = EVENT_CONNECTION;
    for (uint32_t i = 0; i < program->name_count; i++) {
        const struct name_use *use = &program->names[i];
        if (!field_is_present(record, use->field))
            continue;
        uint64_t number = field_number(record, use->field) >> use->shift & use->mask;
        uint8_t row = names_find(names, use->table, number);
        if (!row)
            continue;
        derived->words[WORD_NAMED_FIRST + use->place] = &names->words[row];
        derived->conditions |= 1ull << (WHEN_NAMED_FIRST + use->place);
        kind = kind ? kind : names->kinds[row];
    }
    if (program->flags & PROGRAM_EVENTS)
        event_tell(derived, words, kind);
}

static void icmp_name(struct derived *derived, const struct words *words, enum name_table table, uint16_t number,
                      enum derived_word word)
{
    uint8_t row = names_find(&words->names, table, number);
    if (!row)
        return;
    derived->words[word] = &words->names.words[row];
    derived->conditions |= 1ull << (WHEN_ICMP_TYPE_NAME + (word - WORD_ICMP_TYPE));
}

static_assert(WHEN_ICMP_CODE_NAME == WHEN_ICMP_TYPE_NAME + 1 && WORD_ICMP_CODE == WORD_ICMP_TYPE + 1, "in pairs");

static void byte_render(struct slot *slot, uint8_t number)
{
    slot->size_bytes = (uint64_t)(text_byte(slot->text, number) - slot->text);
}

void derive_icmp(struct derived *derived, const struct derive_flow *flow, const struct words *words)
{
    bool six = flow->protocol == 58;
    byte_render(&derived->slots[SLOT_ICMP_TYPE], flow->icmp_type);
    byte_render(&derived->slots[SLOT_ICMP_CODE], flow->icmp_code);
    derived->conditions |= 1ull << WHEN_ICMP;
    icmp_name(derived, words, six ? NAMES_ICMP6_TYPE : NAMES_ICMP_TYPE, flow->icmp_type, WORD_ICMP_TYPE);
    icmp_name(derived, words, six ? NAMES_ICMP6_CODE : NAMES_ICMP_CODE,
              (uint16_t)(flow->icmp_type << 8 | flow->icmp_code), WORD_ICMP_CODE);
}

static const uint64_t counter_conditions =
    1ull << WHEN_SOURCE_BYTES | 1ull << WHEN_SOURCE_PACKETS | 1ull << WHEN_DESTINATION_BYTES |
    1ull << WHEN_DESTINATION_PACKETS | 1ull << WHEN_NETWORK_BYTES | 1ull << WHEN_NETWORK_PACKETS;

/* Of initiatorOctets and the like: in updates what is new, in the last event all. */
static bool connection_is_repeated(struct connections *connections, const struct connection *connection, bool update)
{
    if (update) {
        connections_note(connections, connection);
        return false;
    }
    bool repeated = connections_end(connections, connection);
    connections->ended += repeated;
    return repeated;
}

void derive_connection(struct derived *derived, const struct program *program, const struct record *record,
                       const struct message *message, struct connections *connections)
{
    const struct inputs *inputs = &program->inputs;
    if (!field_is_present(record, inputs->firewall_event))
        return;
    uint64_t event = field_number(record, inputs->firewall_event);
    bool update = event == FIREWALL_UPDATE;
    if (inputs->octets[1] != FIELD_NONE || inputs->packets[1] != FIELD_NONE) {
        /* totals: the last event has them all */
        derived->conditions &= update ? ~counter_conditions : UINT64_MAX;
    } else if ((update || event == FIREWALL_DELETED) && connections && field_is_present(record, inputs->flow_number)) {
        const struct connection connection = {
            .message = message,
            .number = field_number(record, inputs->flow_number),
            .flow_id = derived->flow_id,
        };
        if (connection_is_repeated(connections, &connection, update))
            derived->conditions &= ~counter_conditions;
    }
}
