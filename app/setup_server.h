/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "config/config.h"
#include "export/elastic/index_template.h"

/* "weir setup" at a server: who it is, what it has, what it is told. Whatever fails says so on standard error. */

struct server {
    const struct output_config *output;
    const char *host;         /* of output->elastic.hosts, the first that answers */
    enum output_kind product; /* what the server says it is */
    char version_text[32];
    uint32_t version; /* INDEX_VERSION() */
};

/* "Elasticsearch" or "OpenSearch". */
const char *product_name(enum output_kind product);

/* Finds a host that answers and asks it who it is. Returns 0 or -EIO. */
int server_open(struct server *server, const struct output_config *output);

#define SERVER_QUERY_MOST 96

/* What a server has under an object's path. */
struct server_object {
    json_t *body;                  /* as a PUT would take it; NULL: nothing there */
    char query[SERVER_QUERY_MOST]; /* what a PUT that replaces it needs behind the path */
};

/* Takes an answer to GET of the wanted object's path apart; answer may be NULL. */
void server_object_parse(const struct index_object *wanted, json_t *answer, struct server_object *found);

/* Returns 0, also where there is nothing, or -EIO. The caller ends it with server_object_fini(). */
int server_get(const struct server *server, const struct index_object *wanted, struct server_object *found);
void server_object_fini(struct server_object *found);

/* Creates or replaces the object. Returns 0 or -EIO. */
int server_put(const struct server *server, const struct index_object *wanted, const struct server_object *found);
