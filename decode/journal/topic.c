/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/topic.h"

#include <string.h>

static_assert(sizeof(struct topic_key) == 28, "the layout on the topic");
static_assert(sizeof(struct topic_head) == 16, "the layout on the topic");

struct topic_key topic_key_of(const struct session_key *session, uint16_t id)
{
    return (struct topic_key){.session = *session, .id = id};
}

uint32_t topic_value_write(uint8_t *to, uint64_t origin, const struct template_event *event)
{
    const struct topic_head head = {.magic = TOPIC_MAGIC, .version = TOPIC_VERSION, .origin = origin};
    memcpy(to, &head, sizeof head);
    return (uint32_t)sizeof head + journal_record_write(to + sizeof head, event);
}

static bool key_read(const struct topic_message *message, struct topic_key *key)
{
    if (message->key_bytes != sizeof *key)
        return false;
    memcpy(key, message->key, sizeof *key);
    return (key->session.version == 9 || key->session.version == 10) && journal_id_is_possible(key->id) &&
           !key->reserved;
}

/* The one record behind the head, and that it is of the key. */
static bool record_read(const struct topic_message *message, const struct topic_key *key, struct template_event *event)
{
    size_t left = message->value_bytes - sizeof(struct topic_head);
    uint32_t skip;
    return journal_record_read((const uint8_t *)message->value + sizeof(struct topic_head), left, event, &skip) ==
               JOURNAL_WHOLE &&
           skip == left && event->time_ns >= 0 && event->change != CHANGE_REMOVED && event->id == key->id &&
           session_key_equal(&event->key, &key->session);
}

enum topic_verdict topic_message_read(const struct topic_message *message, uint64_t origin,
                                      struct template_event *event)
{
    struct topic_key key;
    struct topic_head head;
    if (message->value && message->value_bytes >= sizeof head) {
        memcpy(&head, message->value, sizeof head);
        if (head.magic != TOPIC_MAGIC || head.version != TOPIC_VERSION)
            return TOPIC_REFUSED;
        if (head.origin == origin)
            return TOPIC_OWN;
    }
    if (!key_read(message, &key))
        return TOPIC_REFUSED;
    *event = (struct template_event){.key = key.session, .id = key.id, .change = CHANGE_REMOVED};
    if (!message->value)
        return TOPIC_REMOVED;
    return message->value_bytes >= sizeof head && record_read(message, &key, event) ? TOPIC_ANNOUNCED : TOPIC_REFUSED;
}
