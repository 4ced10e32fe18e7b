/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "config/config.h"

/*
 * Tokens for SASL OAUTHBEARER by OAuth's client credentials grant (RFC 6749 4.4), for builds of librdkafka that do not
 * fetch them themselves (Debian 12's is one). A thread of its own asks kafka.oauth_url, so that nobody waits for it.
 */
struct kafka_token;

/* event_fd: an eventfd that becomes readable when there is an answer. NULL when out of memory. */
struct kafka_token *kafka_token_new(const struct output_config *output, int event_fd);

/* Waits for what is under way. NULL is allowed. */
void kafka_token_free(struct kafka_token *token);

/* The client wants a token (librdkafka's refresh callback). */
void kafka_token_want(struct kafka_token *token, rd_kafka_t *client);

/* Gives the client the token, or says why there is none, if there is an answer. NULL is allowed. */
void kafka_token_advance(struct kafka_token *token);

/* The client ends. NULL is allowed. */
void kafka_token_forget(struct kafka_token *token);
