/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/index_template.h"

/*
 * Rollover by size and age, deletion by age. A day's worth in an index lets deletion follow the age closely; 50 GB in a
 * shard is what both makers advise at most.
 */
#define ROLLOVER_SIZE "50gb"
#define ROLLOVER_AGE  "1d"
#define DELETE_AGE    "30d"

/* Above that of policies for wider patterns. */
#define POLICY_PRIORITY 300

#define DESCRIPTION "weir: flow documents, deleted after " DELETE_AGE

static json_t *meta(void)
{
    return json_pack("{s:s,s:s}", "managed_by", "weir", "version", WEIR_VERSION);
}

/* Elasticsearch's index lifecycle management: ages count from the rollover, or from creation where there is none. */
static json_t *ilm_policy(bool rolls)
{
    json_t *hot = json_object();
    if (rolls)
        json_object_set_new(hot, "rollover",
                            json_pack("{s:s,s:s}", "max_primary_shard_size", ROLLOVER_SIZE, "max_age", ROLLOVER_AGE));
    return json_pack("{s:{s:{s:{s:s,s:o},s:{s:s,s:{s:{}}}},s:o}}", "policy", "phases", "hot", "min_age", "0ms",
                     "actions", hot, "delete", "min_age", DELETE_AGE, "actions", "delete", "_meta", meta());
}

/* OpenSearch's index state management. */
static json_t *ism_policy(const char *pattern, bool rolls)
{
    json_t *actions = json_array();
    if (rolls)
        json_array_append_new(actions, json_pack("{s:{s:s,s:s}}", "rollover", "min_primary_shard_size", ROLLOVER_SIZE,
                                                 "min_index_age", ROLLOVER_AGE));
    json_t *hot =
        json_pack("{s:s,s:o,s:[{s:s,s:{s:s}}]}", "name", "hot", "actions", actions, "transitions", "state_name",
                  "delete", "conditions", rolls ? "min_rollover_age" : "min_index_age", DELETE_AGE);
    json_t *last = json_pack("{s:s,s:[{s:{}}],s:[]}", "name", "delete", "actions", "delete", "transitions");
    json_t *binding = json_pack("{s:[s],s:i}", "index_patterns", pattern, "priority", POLICY_PRIORITY);
    return json_pack("{s:{s:s,s:s,s:[oo],s:[o]}}", "policy", "description", DESCRIPTION, "default_state", "hot",
                     "states", hot, last, "ism_template", binding);
}

json_t *index_policy(enum output_kind product, const char *pattern, bool rolls)
{
    return product == OUTPUT_OPENSEARCH ? ism_policy(pattern, rolls) : ilm_policy(rolls);
}
