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
#define PROPERTIES_MOST  128        /* librdkafka has about as many, most of them for consumers or callbacks */
#define KEY_MOST         96         /* longest key of an option, as of outputs.NAME, with its NUL */
#define FIELDS_MOST      1024       /* members of "fields": each is written into every document */
#define FIELDS_JSON_MOST (16 << 10) /* bytes of them as JSON; documents must fit the smallest batch */

/* What kind of source it is; the stronger overrules the weaker. */
enum strength { STRENGTH_DEFAULT, STRENGTH_PRESET, STRENGTH_FILE, STRENGTH_ENVIRONMENT, STRENGTH_SETTING };

/* Where an option was set last. */
struct origin {
    const char *name; /* the loader's tree's; NULL = default */
    uint32_t line;    /* 0 = the source has no lines */
    uint32_t source;  /* its number */
    enum strength strength;
};

/* What options are set in: the whole configuration, or one of its outputs. */
struct scope {
    struct output_config *output; /* NULL = the whole configuration */
    struct origin named;          /* an output: where its name stands first */
    struct origin origins[OPTION_MOST];
    uint32_t property_sources[PROPERTIES_MOST]; /* of each in property_list: the source that set it; 0 = a weaker one */
};

/* What is being read: a file, "-o key=value", "WEIR_KEY". */
struct source {
    const char *name;   /* the loader's tree's */
    const char *folder;     /* relative paths of this source start here; NULL = working directory */
    uint32_t number;    /* from 1; 0 = the defaults */
    bool has_lines;     /* it is a file */
    enum strength strength;
};

/* What a source says about the outputs: it waits until "output" is known, which all of them start from. */
struct postponed {
    struct source source;
    const struct node *map; /* the key and its value; NULL = the source is a variable whose key is not known yet */
    const char *value;      /* of the variable */
};

struct loader {
    struct config *config;
    struct config_problems *problems;
    struct tree tree;       /* nodes and texts until the end of loading */
    struct node *fields;    /* map of what "fields" sets so far, or NULL */
    uint32_t fields_count;  /* nodes in it */
    struct source source;
    uint32_t source_count;
    enum strength strength; /* of the sources that begin now */
    bool no_memory;
    bool failed;            /* some problem is more than a warning */
    struct scope *scope; /* where options are set now: whole, or one of outputs */
    struct scope whole;
    struct scope outputs[OUTPUTS_MOST]; /* of config->outputs */
    struct output_config defaults;
    struct postponed *postponed;
    uint32_t postponed_count, postponed_room;
    bool outputs_turn;  /* what was postponed is being read */
    char key[KEY_MOST]; /* loader_key()'s */
};

/* The key of an option as it is called where it is set: "output.path", "outputs.NAME.path". Until the next call. */
const char *loader_key(struct loader *loader, const struct option_row *option);

/* Here and now: the line is that of the source which is being read. */
struct origin loader_here(const struct loader *loader, uint32_t line);

/* Where the option was set last for what the loader works on: for an output also in "output", or where it is named. */
const struct origin *loader_origin(const struct loader *loader, const struct option_row *option);

/* Adds a problem at a line of the source being read (0 = no line). remedy may be NULL. */
void loader_problem(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
void loader_warning(struct loader *loader, uint32_t line, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a problem at the place where the option of this key was set. what goes after the key and a colon. */
void loader_option_problem(struct loader *loader, const char *key, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
void loader_option_warning(struct loader *loader, const char *key, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Replaces an allocated text. The format's arguments may point into the old one. */
void loader_text_replace(struct loader *loader, char **text, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define SHORT_MOST 84
#define PATH_MOST  256 /* longer keys are no option's */

/* A value for a message: at most 80 bytes of it, on one line; returns text. */
const char *text_shorten(const char *value, char text[SHORT_MOST]);

/* A copy that lives as long as the loader; "" without memory. */
const char *loader_text(struct loader *loader, const char *text);

/* Reads YAML into the loader's tree. Returns the root, what there is of it where the text is broken, or NULL. */
struct node *yaml_read(struct loader *loader, const char *text, size_t size);

/* Sets the options that a map of keys (nested or dotted) names. */
void loader_map_apply(struct loader *loader, const struct node *map);

/* Sets "key=value"; what is wrong is reported under the source's name. */
void loader_setting_apply(struct loader *loader, const char *key, const char *value);

/* Begins to read a source. */
void loader_source_begin(struct loader *loader, const char *name, bool has_lines);

/* "key=value", called by prefix and itself in problems. */
void loader_setting_load(struct loader *loader, const char *prefix, const char *setting);

/* The variables of the environment that begin with WEIR_. */
void loader_environment_load(struct loader *loader);

/* The value of "key=value" in the shape that the option wants (NULL = it is no option's). NULL without memory, or where
   it is broken. */
struct node *loader_setting_node(struct loader *loader, const struct option_row *option, const char *value);

/* Keeps what the source says about outputs for outputs_finish(): a map of a key, or the value of a variable. */
void outputs_postpone(struct loader *loader, const struct node *map, const char *value);

/* A key that begins with "outputs": as a group, false, where what is below it is to be read. */
bool outputs_key_apply(struct loader *loader, const char *key, const struct node *value);

/* Sets what a whole key names in the loader's scope. False where it names a group. */
bool option_key_apply(struct loader *loader, const char *key, const struct node *value);

/* Sets the outputs after everything else was read, checks them and works out what follows from their options. */
void outputs_finish(struct loader *loader);

/* Checks the options of one output together; the loader's scope is the output's, or the whole's for the only one. */
void output_check(struct loader *loader, struct output_config *output);

/* Checks the options of the topic of templates together. */
void templates_kafka_check(struct loader *loader);

/* Puts in what COMPRESSION_AUTO is for the type of the output, and one way to write a fingerprint. */
void output_normalize(struct output_config *output);

/* Warns of options that nothing reads. */
void output_effects_check(struct loader *loader, const struct output_config *output);
void common_effects_check(struct loader *loader);

/* True where this option was set for this output alone, not by a source that the one of its type overrules. */
bool option_set_knowingly(const struct loader *loader, const struct option_row *option);

/* Sets the member of an option. A value that is wrong is a problem and changes nothing. */
void option_assign(struct loader *loader, const struct option_row *option, const struct node *value);

/* What may be written for the option: the remedy for most that is wrong with a value. Returns text. */
#define REMEDY_MOST 400
const char *option_remedy_print(struct loader *loader, const struct option_row *option, char text[REMEDY_MOST]);

/* Sets properties; path is the name of one, "" for a whole map. */
void properties_merge(struct loader *loader, const struct option_row *option, const char *path,
                      const struct node *value);

/* Adds a value to the map "fields"; path are the dotted names below it, "" for a whole map. */
void fields_merge(struct loader *loader, const char *path, const struct node *value);

/* Renders "fields" into the configuration. */
void fields_finish(struct loader *loader);
