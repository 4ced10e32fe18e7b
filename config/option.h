/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The option table: one row an option. The parser, the checks, "weir docs options", the sample configuration and the
 * names of the environment variables are all made from these rows. Constant; any thread may read.
 */

struct complaint;
struct config;
struct output_config;

enum option_type {
    OPTION_BOOLEAN,     /* bool */
    OPTION_NUMBER,      /* uint32_t */
    OPTION_SIZE,        /* uint64_t, bytes */
    OPTION_DURATION,    /* uint64_t, ns */
    OPTION_TEXT,        /* char * */
    OPTION_ENUM,        /* uint32_t, index of names */
    OPTION_SET,         /* uint32_t, bit i for names[i] */
    OPTION_LIST,        /* struct text_list */
    OPTION_MAP,         /* char *, JSON members */
    OPTION_PROPERTIES,  /* struct property_list */
    OPTION_IGNORED,     /* accepted and without effect: no member; help says why */
    OPTION_UNSUPPORTED, /* refused: no member; help says why and what to do */
};

/* False, with the reason in complaint, where text (a value, or one item of a list) is impossible. */
typedef bool (*option_check)(const char *text, struct complaint *complaint);

struct option_row {
    const char *key;             /* as in the file, groups before a dot: "output.profile" */
    const char *alias;           /* another name of it, or NULL */
    enum option_type type;
    bool elastic;                /* name and meaning are those of Elastic's netflow input */
    bool power_of_two;           /* number */
    bool path;                   /* text or list: files; in a configuration file they are relative to its folder */
    bool secret;                 /* text: never shown; "file:PATH" stands for the first line of a file */
    bool live;                   /* SIGHUP reads it anew */
    bool common;                 /* of outputs: the same for all of them */
    uint32_t types;              /* of outputs: 1 << enum output_kind, or-ed, of those that have it; 0 = all */
    size_t offset;               /* of the member of struct config */
    const char *default_text;    /* as for -o: lists separated by commas */
    uint64_t least, most;        /* number, size, duration: in the member's unit */
    uint64_t multiple;           /* size: of so many bytes; 0 = any */
    const char *unit;            /* number: what is counted, where the help does not say; or NULL */
    const char *const *names;    /* enum and set: the values in their order, then NULL */
    const char *const *synonyms; /* enum: another way to write each of names, or NULL */
    uint32_t without;            /* enum: bit i where names[i] is not for this option */
    option_check check;          /* text and list: of each item; or NULL */
    const char *help;            /* one sentence or more, without line breaks */
};

#define OPTION_MOST 160 /* room for arrays of one entry an option; asserted where the tables are put together */

/* All options in the order in which they are shown: the options of a group stand together. */
uint32_t option_count(void);
const struct option_row *option_at(uint32_t index);
uint32_t option_index(const struct option_row *option);

/* By key or alias; NULL when there is none. */
const struct option_row *option_find(const char *key);

/*
 * The option that is meant most likely by a key that does not exist, or NULL when nothing resembles it. Only options
 * whose key begins with start.
 */
const struct option_row *option_nearest(const char *key, const char *start);

/* What to write instead of a key below "output." that other collectors have and weir does not, or NULL. */
const char *option_foreign_remedy(const char *key);

/*
 * The option that a key continues: the map or list of properties "output.kafka.properties" of
 * "output.kafka.properties.linger.ms", with *rest at "linger.ms". NULL where there is none.
 */
const struct option_row *option_of_member(const char *key, const char **rest);

/* False where the option has no member: it is only accepted, or refused. */
bool option_has_value(const struct option_row *option);

#define OPTION_OUTPUT "output." /* what the keys of outputs' options begin with */

bool option_is_output(const struct option_row *option);

/* The option's member in output, or where that is NULL, in config. */
void *option_member(const struct option_row *option, struct config *config, struct output_config *output);

/* True where options begin with group and a dot; groups have dots themselves: "output.kafka". */
bool option_group_exists(const char *group);

#define OPTION_GROUP_MOST 32 /* longest name of a group with its NUL */

/* Writes the group that resembles name; false when none does. */
bool option_group_nearest(const char *name, char group[OPTION_GROUP_MOST]);

#define OPTION_VARIABLE_MOST 80 /* longest name of an environment variable with its NUL */

/* Writes the environment variable of a key, "WEIR_OUTPUT_PROFILE"; false when it is longer than any option's. */
bool option_variable_name(const char *key, char name[OPTION_VARIABLE_MOST]);

/* Levenshtein distance; both texts at most 64 bytes, else UINT32_MAX. */
uint32_t text_distance(const char *one, const char *other);

/* The one of names (NULL at the end) that resembles text, or NULL. */
const char *text_nearest(const char *const *names, const char *text);
