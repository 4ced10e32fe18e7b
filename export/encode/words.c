/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void word_set(struct word *word, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void word_set(struct word *word, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(word->text, sizeof word->text, format, arguments);
    va_end(arguments);
    word->size_bytes = (uint8_t)size;
}

static void tcp_flags_set(struct word *word, unsigned bits)
{
    static const char names[8][4] = {"CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"};
    char text[sizeof word->text] = "";
    for (int i = 0; i < 8; i++)
        if (bits & 0x80u >> i) {
            strcat(text, text[0] ? ",\"" : "\"");
            strcat(text, names[i]);
            strcat(text, "\"");
        }
    word_set(word, "[%s]", text);
}

/* ECS's allowed values; what is denied by a rule is a success of the device that was told to (ECS, Using the
   Categorization Fields). */
static const struct event_row {
    const char *type, *outcome;
} event_rows[EVENT_KINDS] = {
    [EVENT_CONNECTION] = {"[\"connection\"]", ""},
    [EVENT_START] = {"[\"connection\",\"start\"]", ""},
    [EVENT_END] = {"[\"connection\",\"end\"]", ""},
    [EVENT_NOTICE] = {"[\"connection\",\"info\"]", ""},
    [EVENT_DENIED] = {"[\"connection\",\"denied\"]", "success"},
    [EVENT_DROPPED] = {"[\"connection\",\"denied\"]", ""},
    [EVENT_FAILED] = {"[\"connection\"]", "failure"},
    [EVENT_TAKEN] = {"[\"start\"]", ""},
    [EVENT_RETURNED] = {"[\"end\"]", ""},
    [EVENT_EXHAUSTED] = {"[\"info\"]", "failure"},
    [EVENT_THRESHOLD] = {"[\"info\"]", ""},
};

void words_init(struct words *words)
{
    for (unsigned n = 0; n < 256; n++) {
        word_set(&words->transport[n], "unknown (%u)", n);
        word_set(&words->direction[n], "unknown (%u)", n);
        word_set(&words->iana_number[n], "%u", n);
        tcp_flags_set(&words->tcp_flags[n], n);
    }
    word_set(&words->transport[1], "icmp");
    word_set(&words->transport[6], "tcp");
    word_set(&words->transport[17], "udp");
    word_set(&words->transport[58], "ipv6-icmp");
    word_set(&words->direction[0], "inbound");
    word_set(&words->direction[1], "outbound");
    word_set(&words->locality[0], "external");
    word_set(&words->locality[1], "internal");
    word_set(&words->sides[0][0], "external");
    word_set(&words->sides[0][1], "inbound");
    word_set(&words->sides[1][0], "outbound");
    word_set(&words->sides[1][1], "internal");
    word_set(&words->unknown, "unknown");
    word_set(&words->network_type[1], "\"ipv4\"");
    word_set(&words->network_type[2], "\"ipv6\"");
    word_set(&words->network_type[3], "[\"ipv4\",\"ipv6\"]");
    word_set(&words->category[0], "[\"network\"]");
    word_set(&words->category[1], "[\"network\",\"session\"]");
    static const char *const sources[RATE_SOURCES] = {"configuration", "record",   "sampler",  "selector",
                                                      "interface",     "template", "exporter", "header"};
    for (int i = 0; i < RATE_SOURCES; i++)
        word_set(&words->rate_source[i], "%s", sources[i]);
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        word_set(&words->event_type[kind], "%s", event_rows[kind].type);
        word_set(&words->event_outcome[kind], "%s", event_rows[kind].outcome);
    }
    names_init(&words->names);
}
