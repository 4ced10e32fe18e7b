/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "config/option.h"

/* What was meant by names that do not exist. */

#define DISTANCE_MOST 64 /* longer texts are no misspelt keys */

static uint32_t least_of(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

uint32_t text_distance(const char *one, const char *other)
{
    uint32_t row[DISTANCE_MOST + 1];
    size_t width = strnlen(other, DISTANCE_MOST + 1);
    if (width > DISTANCE_MOST || strnlen(one, DISTANCE_MOST + 1) > DISTANCE_MOST)
        return UINT32_MAX;
    for (uint32_t i = 0; i <= width; i++)
        row[i] = i;
    for (uint32_t line = 0; one[line]; line++) {
        uint32_t diagonal = row[0];
        row[0] = line + 1;
        for (size_t i = 1; i <= width; i++) {
            uint32_t above = row[i];
            uint32_t replaced = diagonal + (tolower((unsigned char)one[line]) != tolower((unsigned char)other[i - 1]));
            row[i] = least_of(replaced, least_of(above, row[i - 1]) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

/* Two slips, or a third of a longer text: more than that is another word. */
static uint32_t distance_allowed(const char *text)
{
    uint32_t third = (uint32_t)strnlen(text, DISTANCE_MOST) / 3;
    return third > 2 ? third : 2;
}

const char *text_nearest(const char *const *names, const char *text)
{
    const char *nearest = NULL;
    uint32_t length = (uint32_t)strnlen(text, DISTANCE_MOST);
    uint32_t best = least_of(distance_allowed(text) + 1, length); /* at least one letter must be right */
    for (; *names; names++) {
        uint32_t distance = text_distance(text, *names);
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* How far a key is from an option: `slips` decides, and `distance` where they are the same. */
struct likeness {
    uint32_t slips, distance;
};

static bool likeness_less(struct likeness one, struct likeness other)
{
    return one.slips < other.slips || (one.slips == other.slips && one.distance < other.distance);
}

static bool groups_equal(const char *one, const char *other)
{
    size_t length = (size_t)(last_part(one) - one);
    return length == (size_t)(last_part(other) - other) && strncmp(one, other, length) == 0;
}

static struct likeness likeness_of(const char *key, const struct option_row *option)
{
    struct likeness likeness = {.distance = text_distance(key, option->key)};
    if (option->alias)
        likeness.distance = least_of(likeness.distance, text_distance(key, option->alias));
    likeness.slips = likeness.distance;
    /* a client's own word for something is no slip, however long the names of the groups before it are */
    if (groups_equal(key, option->key) && likeness.distance > distance_allowed(last_part(key)))
        likeness.slips = UINT32_MAX;
    if (!option_has_value(option))
        return likeness;
    /* the right name in the wrong group is more likely than a slip; then a slip and the wrong group: "profil" */
    uint32_t distance = text_distance(last_part(key), last_part(option->key));
    if (distance == 0)
        likeness.slips = 0;
    else if (distance == 1)
        likeness.slips = least_of(likeness.slips, 2);
    return likeness;
}

const struct option_row *option_nearest(const char *key, const char *start)
{
    const struct option_row *nearest = NULL;
    struct likeness best = {.slips = distance_allowed(key) + 1};
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (strncmp(option->key, start, strlen(start)) != 0)
            continue;
        struct likeness likeness = likeness_of(key, option);
        if (likeness_less(likeness, best)) {
            best = likeness;
            nearest = option;
        }
    }
    return nearest;
}

/* Copies the group that ends at a dot of a key. */
static bool group_copy(const char *key, const char *dot, char group[OPTION_GROUP_MOST])
{
    size_t length = (size_t)(dot - key);
    if (length >= OPTION_GROUP_MOST)
        return false;
    memcpy(group, key, length);
    group[length] = '\0';
    return true;
}

/* Of two groups with the same last part, the outputs' is the one that is meant more often. */
static bool is_outputs(const char *group)
{
    return strncmp(group, OPTION_OUTPUT, sizeof OPTION_OUTPUT - 1) == 0;
}

bool option_group_nearest(const char *name, char group[OPTION_GROUP_MOST])
{
    uint32_t best = distance_allowed(last_part(name)) + 1;
    bool found = false;
    for (uint32_t i = 0; i < option_count(); i++) {
        const char *key = option_at(i)->key;
        for (const char *dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
            char candidate[OPTION_GROUP_MOST];
            if (!group_copy(key, dot, candidate))
                continue;
            uint32_t distance = text_distance(name, candidate);
            if (strcmp(last_part(name), last_part(candidate)) == 0) /* "kafka" without "output" */
                distance = least_of(distance, 1);
            bool preferred = found && distance == best && is_outputs(candidate) && !is_outputs(group);
            if (distance >= best && !preferred)
                continue;
            best = distance;
            memcpy(group, candidate, sizeof candidate);
            found = true;
        }
    }
    return found;
}

const char *option_foreign_remedy(const char *key)
{
    static const struct {
        const char *end, *remedy;
    } rows[] = {
        {".kafka.enabled", "type: kafka"},
        {".elasticsearch.enabled", "type: elasticsearch"},
        {".opensearch.enabled", "type: opensearch"},
        {".opensearch", "elasticsearch, with type: opensearch"},
        {".elastic", "elasticsearch"},
        {".file.enabled", "type: file"},
        {".file", "type: file, and path"},
        {".console", "type: stdout"},
        {".console.enabled", "type: stdout"},
        {".stdout", "type: stdout"},
        {".required_acks", "kafka.acks"},
        {".max_message_bytes", "kafka.message_size"},
        {".client_id", "kafka.properties: {client.id: NAME}"},
        {".mechanism", "kafka.sasl"},
        {".partition", "kafka.key"},
        {".bulk_max_size", "elasticsearch.bulk_size"},
        {".protocol", "elasticsearch.hosts: [\"https://HOST:9200\"]"},
        {".worker", "threads"},
        {".workers", "threads"},
        {".ssl", "tls"},
        {".ssl.enabled", "tls.enabled"},
        {".ssl.certificate_authorities", "tls.ca"},
        {".ssl.ca_trusted_fingerprint", "tls.ca_fingerprint"},
        {".ssl.certificate", "tls.certificate"},
        {".ssl.key", "tls.key"},
        {".ssl.key_passphrase", "tls.key_password"},
        {".ssl.verification_mode", "tls.verify"},
    };
    size_t length = strlen(key);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t end = strlen(rows[i].end);
        if (length >= end && strcmp(key + length - end, rows[i].end) == 0)
            return rows[i].remedy;
    }
    return NULL;
}
