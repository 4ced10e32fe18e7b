/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/state.h"

/*
 * Data sets that came before their template: where they enter and leave the park. While one is decoded, the decoder has
 * its message, exporter and all, instead of the one that brought the template, which goes on afterwards.
 * Its records count in the sequence of neither: they did, as bytes unread, when their own message came.
 */

bool data_park(struct decoder *decoder, const struct set *set)
{
    const struct parked like = {.key = decoder->walk.key,
                                .id = set->id,
                                .message = decoder->message,
                                .position = decoder->walk.records_taken};
    if (!decoder->profile->data_waits || transport_is_ordered(exporter_transport(decoder->datagram.exporter)) ||
        !park_put(decoder->park, &like, set->body, (uint32_t)(set->end - set->body)))
        return false;
    decoder_count(decoder, COUNTER_sets_parked, 1);
    return true;
}

void parked_release(struct decoder *decoder, uint16_t id)
{
    struct released *released = &decoder->released;
    if (released->count < RELEASED_MOST && park_find(decoder->park, NULL, &decoder->walk.key, id))
        released->ids[released->count++] = id;
}

/* The message that was interrupted goes on. */
static void message_resume(struct decoder *decoder)
{
    struct released *released = &decoder->released;
    park_give_back(decoder->park, released->at_hand);
    released->at_hand = NULL;
    if (!released->interrupting)
        return;
    released->interrupting = false;
    decoder->message = released->message;
    decoder->datagram.exporter = released->message.exporter;
    decoder->walk.records_taken = released->records_taken;
    decoder->walk.counts = released->counts;
}

/* Sets of one message go on counting its records: each has the place that it would have had. */
static void message_interrupt(struct decoder *decoder, struct parked *parked)
{
    struct released *released = &decoder->released;
    if (!released->interrupting) {
        released->interrupting = true;
        released->message = decoder->message;
        released->records_taken = decoder->walk.records_taken;
        released->counts = decoder->walk.counts;
        released->serial = 0;
    }
    if (released->serial != parked->message.serial)
        decoder->walk.records_taken = parked->position;
    released->serial = parked->message.serial;
    decoder->message = parked->message;
    decoder->message.serial = ++decoder->serial_last;
    decoder->datagram.exporter = parked->message.exporter;
}

/* The next one of those whose templates have come. */
static struct parked *released_next(struct decoder *decoder)
{
    struct released *released = &decoder->released;
    while (released->done < released->count) {
        struct parked *parked =
            park_find(decoder->park, released->skipped, &decoder->walk.key, released->ids[released->done]);
        if (parked)
            return parked;
        released->done++;
        released->skipped = NULL;
    }
    released->done = released->count = 0;
    return NULL;
}

/* The set is the parked one's, and the message its message, before it is known whether it may be read now. */
static bool parked_decode(struct decoder *decoder, struct parked *parked)
{
    struct released *released = &decoder->released;
    struct set set = {.body = parked->body, .end = parked->body + parked->size_bytes, .id = parked->id};
    message_interrupt(decoder, parked);
    if (!template_of(decoder, &set)) {
        released->skipped = parked; /* another device's: it waits on */
        return false;
    }
    park_remove(decoder->park, parked);
    park_give_back(decoder->park, released->at_hand);
    released->at_hand = parked;
    return data_decode(decoder, &set);
}

bool parked_begin(struct decoder *decoder)
{
    struct parked *parked;
    while ((parked = released_next(decoder)))
        if (parked_decode(decoder, parked))
            return true;
    message_resume(decoder);
    return false;
}

/* Counted as what it would have been at once without a park. */
static void parked_drop(struct decoder *decoder, struct parked *parked)
{
    counter_add(decoder->counters, COUNTER_sets_without_template, 1);
    counter_bump(&parked->message.exporter->counters.value[COUNTER_sets_without_template], 1);
    park_give_back(decoder->park, parked);
}

#define SLICE_PARKED 256

void parked_expire(struct decoder *decoder, int64_t now_ns)
{
    struct parked *parked;
    for (uint32_t i = 0; i < SLICE_PARKED && (parked = park_take_expired(decoder->park, now_ns)); i++)
        parked_drop(decoder, parked);
}

void parked_forget(struct decoder *decoder, const struct exporter *exporter)
{
    struct parked *parked;
    while ((parked = park_take_of(decoder->park, exporter)))
        parked_drop(decoder, parked);
}

void parked_finish(struct decoder *decoder)
{
    struct parked *parked;
    while ((parked = park_take_oldest(decoder->park)))
        parked_drop(decoder, parked);
}

uint32_t decoder_parked_sets(const struct decoder *decoder)
{
    return park_count(decoder->park);
}
