/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/node.h"
#include "config/option.h"

/* The state of one config_load(): private to config/. */

#define PROBLEMS_MOST    100        /* nobody reads more, and a file of nonsense must not fill memory */
#define FILE_MOST        (1U << 20) /* bytes of a configuration file */
#define WEIGHT_MOST      (1U << 24) /* of a file with its aliases written out: see struct node */
#define DEPTH_MOST       32         /* of lists and maps inside each other */
#define ANCHORS_MOST     64
#define FIELDS_MOST      1024       /* members of "fields": each is written into every document */
#define FIELDS_JSON_MOST (16 << 10) /* bytes of them as JSON; documents must fit the smallest batch */

/* Where an option was set last. */
struct origin {
    const char *name; /* the loader's tree's; NULL = default */
    uint32_t line;    /* 0 = the source has no lines */
    uint32_t source;
};

struct loader {
    struct config *config;
    struct config_problems *problems;
    struct tree tree;       /* nodes and texts until the end of loading */
    struct node *fields;    /* map of what "fields" sets so far, or NULL */
    uint32_t fields_count;  /* nodes in it */
    const char *name;       /* of the source being read: file, "-o key=value", "WEIR_KEY" */
    bool has_lines;         /* the source is a file */
    const char *folder;     /* relative paths of this source start here; NULL = working directory */
    uint32_t source;        /* number of the source being read, from 1 */
    bool no_memory;
    bool failed;            /* some problem is more than a warning */
    struct origin origins[OPTION_MOST];
};

/* Adds a problem at a line of the source being read (0 = no line). remedy may be NULL. */
void loader_problem(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
void loader_warning(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a problem at the place where the option of this key was set. */
void loader_option_problem(struct loader *loader, const char *key, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Replaces an allocated text. The format's arguments may point into the old one. */
void loader_text_replace(struct loader *loader, char **text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define SHORT_MOST 84

/* A value for a message: at most 80 bytes of it, on one line; returns text. */
const char *text_shorten(const char *value, char text[SHORT_MOST]);

/* A copy that lives as long as the loader; "" without memory. */
const char *loader_text(struct loader *loader, const char *text);

/* Reads YAML into the loader's tree. Returns the root, what there is of it where the text is broken, or NULL. */
struct node *yaml_read(struct loader *loader, const char *text, size_t size);

/* Sets the options that a map of keys (nested or dotted) names. */
void loader_map_apply(struct loader *loader, const struct node *map);

/* Sets "key=value"; what is wrong is reported under the loader's name. */
void loader_setting_apply(struct loader *loader, const char *key, const char *value);

/* Sets the member of an option. A value that is wrong is a problem and changes nothing. */
void option_assign(struct loader *loader, const struct option_row *option, const struct node *value);

void text_list_fini(struct text_list *list);

/* Adds a value to the map "fields"; path are the dotted names below it, "" for a whole map. */
void fields_merge(struct loader *loader, const char *path, const struct node *value);

/* Renders "fields" into the configuration. */
void fields_finish(struct loader *loader);
