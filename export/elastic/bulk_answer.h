/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a server answers to a bulk request, taken as it comes. "errors" at the top of the answer decides: where it is
 * false nothing more is kept or read; where it is true the answer is kept, up to a bound, and parsed at its end. An
 * answer is hostile input. One thread.
 */
enum bulk_errors {
    BULK_ERRORS_UNKNOWN, /* not seen yet */
    BULK_ERRORS_NONE,    /* every document is there */
    BULK_ERRORS_SOME,
};

/* A finding on one document, valid during the call. */
struct bulk_item {
    uint32_t document;  /* in the order of the request */
    long status;        /* 100 to 599 */
    const char *type;   /* the error's; "" where there is none */
    const char *reason;
};

struct bulk_answer {
    char *body;          /* NUL-terminated where size_bytes is not 0 */
    size_t size_bytes;
    size_t room_bytes;
    uint64_t total_bytes;
    uint64_t most_bytes;
    enum bulk_errors errors;
    bool too_long;
    char last;           /* the last character that is no white space */
    /* the scanner */
    uint32_t depth;
    bool in_text;
    bool escaped;
    bool expects;        /* the value of "errors" comes */
    uint8_t word_bytes;  /* of the last text at the top */
    char word[8];
};

#define BULK_REASON_MOST 512 /* bytes of a reason that are kept, with its NUL */
#define BULK_TYPE_MOST   64

/* Why a request was refused as a whole. */
struct bulk_error {
    char type[BULK_TYPE_MOST];     /* "" where the answer does not say */
    char reason[BULK_REASON_MOST]; /* the beginning of the answer where it is no JSON */
};

/* Memory is kept from one answer to the next; bulk_answer_fini() ends it. The struct is zeroed before the first. */
void bulk_answer_begin(struct bulk_answer *answer, uint32_t documents);
void bulk_answer_fini(struct bulk_answer *answer);

/* Takes the next bytes. False when the answer gets longer than one about so many documents can be, or memory is out. */
bool bulk_answer_take(struct bulk_answer *answer, const char *bytes, size_t size_bytes);

/* The same for an answer that is no success: what goes beyond a few KiB is left out. */
void bulk_answer_take_error(struct bulk_answer *answer, const char *bytes, size_t size_bytes);

/* Whether the answer says that all is well, and came to its end. */
bool bulk_answer_clean(const struct bulk_answer *answer);

/*
 * Reads what came of each document. Returns 0 after a call of visit for each, in order; or -EBADMSG when the answer is
 * not one to a request of so many documents: then there was no call.
 */
typedef void (*bulk_visit)(void *context, const struct bulk_item *item);
int bulk_answer_read(const struct bulk_answer *answer, uint32_t documents, bulk_visit visit, void *context);

/* The error of an answer that is no success. */
void bulk_answer_error(const struct bulk_answer *answer, struct bulk_error *error);
