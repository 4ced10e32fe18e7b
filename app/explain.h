/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "app/arguments.h"
#include "app/top/page.h"
#include "base/address.h"

/* "weir explain": what its parts have in common. */

/* Whose templates, and which. */
struct explain_choice {
    const char *exporter; /* as given: an address, ADDRESS:PORT, or shared; NULL: all (captures) */
    struct address address;
    uint16_t port;        /* 0: any */
    bool shared;
    const char *template; /* as given: ID, DOMAIN/ID, or a version as v5; NULL: all */
    int64_t domain, id;   /* -1: any, and none */
    uint32_t format;      /* the version's number; 0 = none */
};

/* Is this template or format of an answer chosen? */
bool explain_chosen(const struct explain_choice *choice, const json_t *template);

/* {"templates": [...], "formats": [...]} of captures, which are decoded for it; NULL with the reason printed. */
json_t *explain_captures(const struct arguments *arguments, const char *const *files, uint32_t file_count,
                         const struct explain_choice *choice);

/* A template or format with its explanation, for people. */
void explain_page(struct top_page *page, const json_t *template);
