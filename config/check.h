/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* Why a value is impossible, and what to write instead: constant texts. */
struct complaint {
    const char *what;   /* goes after the value: "is no address and port" */
    const char *remedy;
    bool secret;        /* the value holds one: it is not shown */
};

/* Checks of single values, for the rows of the option table (option_check). */
bool check_host(const char *text, struct complaint *complaint);
bool check_network(const char *text, struct complaint *complaint);
bool check_prefix(const char *text, struct complaint *complaint);
bool check_cpu(const char *text, struct complaint *complaint);
bool check_interface(const char *text, struct complaint *complaint);
bool check_file(const char *text, struct complaint *complaint);
bool check_namespace(const char *text, struct complaint *complaint);
bool check_file_pattern(const char *text, struct complaint *complaint);
bool check_listen(const char *text, struct complaint *complaint);
bool check_peer_name(const char *text, struct complaint *complaint);
bool check_sampling_rate(const char *text, struct complaint *complaint);
bool check_token(const char *text, struct complaint *complaint);

/* The same for options of outputs. */
bool check_file_or_none(const char *text, struct complaint *complaint);
bool check_file_pattern_or_none(const char *text, struct complaint *complaint);
bool check_folder_or_none(const char *text, struct complaint *complaint);
bool check_memory_folder(const char *text, struct complaint *complaint);
bool check_fingerprint(const char *text, struct complaint *complaint);
bool check_broker(const char *text, struct complaint *complaint);
bool check_topic_name(const char *text, struct complaint *complaint);
bool check_topic(const char *text, struct complaint *complaint);
bool check_index(const char *text, struct complaint *complaint);
bool check_message_key(const char *text, struct complaint *complaint);
bool check_url(const char *text, struct complaint *complaint);
bool check_url_or_none(const char *text, struct complaint *complaint);

/* Sets what and remedy; returns false. */
bool complain(struct complaint *complaint, const char *what, const char *remedy);

struct loader;

/* http.listen and what it needs: completes the addresses, and empties the list where it is off. */
void http_check(struct loader *loader);

/* What the transports with sessions need; completes their addresses. */
void streams_check(struct loader *loader);

/* Checks that need more than one option, and values that follow from another. Adds its problems to the loader's. */
void check_together(struct loader *loader);
