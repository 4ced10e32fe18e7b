/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "decode/element.h"

/*
 * What Elasticsearch or OpenSearch has to know before documents come: component templates, an index template and a
 * lifecycle policy, made from the ECS table and the element registry, so that no documented field is mapped by guess.
 * Each is one object of the server's REST interface, created by PUT of body to path.
 */

/* Parts of the set-up, in the order in which they must be created. Each can be left out. */
enum index_part {
    INDEX_LIFECYCLE, /* the policy; for Elasticsearch also the component template that names it */
    INDEX_MAPPINGS,
    INDEX_SETTINGS,
    INDEX_DATA_STREAM, /* fields of type constant_keyword */
    INDEX_CUSTOM,      /* empty, for the user's own: created once, never changed */
    INDEX_TEMPLATE,
    INDEX_PARTS
};

#define INDEX_PARTS_ALL ((1U << INDEX_PARTS) - 1)

/* "lifecycle", "mappings" and so on. */
extern const char *const index_part_names[INDEX_PARTS];

struct index_object {
    enum index_part part;
    const char *kind; /* "component template", for people */
    const char *name; /* "weir-netflow@mappings" */
    char path[64];    /* "/_component_template/weir-netflow@mappings" */
    json_t *body;
};

#define INDEX_OBJECTS_MOST 8

struct index_objects {
    struct index_object items[INDEX_OBJECTS_MOST];
    uint32_t count;
};

/* What the objects are made for. */
struct index_request {
    enum output_kind product;        /* OUTPUT_ELASTICSEARCH or OUTPUT_OPENSEARCH */
    const char *index;               /* as output.elasticsearch.index: a name with %{...} and strftime's letters */
    const struct elements *elements; /* as the output's profile and custom_definitions make them */
    uint32_t parts;                  /* 1 << enum index_part, or-ed */
    uint32_t version;                /* the server's: major * 1000 + minor; 0 = a new one */
};

#define INDEX_VERSION(major, minor) ((major)*1000U + (minor))

/*
 * Makes the objects that request asks for. Returns 0; -EINVAL when the name of the index begins with a variable part,
 * so that the template would take in other people's indices; -ENOMEM. The caller ends them with index_objects_fini(),
 * whatever was returned.
 */
int index_objects_make(struct index_objects *objects, const struct index_request *request);
void index_objects_fini(struct index_objects *objects);

#define INDEX_PATTERN_MOST 256 /* longest pattern of an index with its NUL */

/*
 * The pattern that matches every name that index can stand for: "*" for each variable part. dated: it has a part of the
 * date, so that it names plain indices, where a data stream would roll over by itself. Returns 0, or -EINVAL (see
 * above).
 */
int index_pattern(const char *index, char pattern[INDEX_PATTERN_MOST], bool *dated);

/* The mappings alone: for index_template.c. fields counts what they define, objects too. NULL when out of memory. */
json_t *index_mappings(const struct elements *elements, uint32_t *fields);

/* The fields that a search without a field looks at: every address and name of ECS. NULL when out of memory. */
json_t *index_default_fields(void);

/* The fields of type constant_keyword, as mappings; OpenSearch wants their value beforehand. NULL when out of memory.
 */
json_t *index_constant_mappings(enum output_kind product);

/* The policy of ILM or ISM for indices of pattern; rolls: of a data stream. NULL when out of memory. */
json_t *index_policy(enum output_kind product, const char *pattern, bool rolls);
