/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/*
 * The API of a weir that runs (http.listen), asked from outside: what "weir top" and "weir explain" have in common. One
 * thread; it never waits longer than it is told to.
 */

#define CLIENT_URL_DEFAULT  "http://127.0.0.1:9478"
#define CLIENT_QUESTIONS    4   /* that are asked at once */
#define CLIENT_PROBLEM_MOST 512 /* with the NUL */

/* Where the API is, and what it takes to be let in; the command's arguments. */
struct client_setup {
    const char *url;        /* "http://127.0.0.1:9478" */
    const char *token_file; /* NULL: none; the file's first line is the token */
    const char *ca;         /* PEM file; NULL: the system's */
};

/* For getopt_long(): the rows and letters of commands that ask the API. */
#define CLIENT_LETTERS "u:t:a:"
#define CLIENT_OPTIONS                                                                                                \
    {"url", required_argument, NULL, 'u'}, {"token-file", required_argument, NULL, 't'},                              \
        {"ca", required_argument, NULL, 'a'}

#define CLIENT_HELP                                                                                                   \
    "  -u, --url URL            where http.listen of the collector is (default " CLIENT_URL_DEFAULT ")\n"             \
    "  -t, --token-file FILE    holds the collector's http.token\n"                                                   \
    "  -a, --ca FILE            PEM file with the CA of its certificate (default: the system's)\n"

/* Takes what getopt_long() returned with optarg, if it is one of CLIENT_LETTERS. */
void client_setup_take(struct client_setup *setup, int letter, const char *value);

struct question {
    CURL *handle;
    json_t *answer; /* the client's until it is taken or the next questions begin; NULL: see problem */
    long status;    /* HTTP's; 0 = no answer */
    char *body;
    size_t body_bytes;
    bool asked, done;
    char error[CURL_ERROR_SIZE];
};

struct client {
    CURLM *multi;
    char *url;
    struct output_config connection; /* what export/elastic/http.h makes handles from */
    struct curl_slist *headers;
    struct question questions[CLIENT_QUESTIONS];
    uint32_t count;
    char problem[CLIENT_PROBLEM_MOST]; /* of the last questions: one line, with what to do; "" = none */
};

/* False with the reason on standard error; client_close() is in order either way. */
bool client_open(struct client *client, const struct client_setup *setup, const char *command);
void client_close(struct client *client);

/* Begins to ask for so many paths ("/api/ledger"), at most CLIENT_QUESTIONS; what was asked before is given up. */
void client_ask(struct client *client, const char *const *paths, uint32_t count);

/*
 * Goes on for at most timeout_ms, or until fd can be read (-1: none), or a signal comes. True when nothing is being
 * asked any more: all answers are there, or problem says why not.
 */
bool client_wait(struct client *client, int fd, int timeout_ms);

/* Asks for one path and waits. NULL: see problem. The caller ends the answer with json_decref(). */
json_t *client_get(struct client *client, const char *path);

/* A member of an answer, 0 or "" where it is not there or of another type. */
uint64_t client_number(const json_t *object, const char *name);
double client_real(const json_t *object, const char *name);
const char *client_text(const json_t *object, const char *name);
