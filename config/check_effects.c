/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "config/loader.h"
#include "config/member.h"
#include "config/option_rows.h"

/* Warnings of options that somebody set and nothing reads: mostly, something else is missing that was meant. */

static bool is_of(const struct output_config *output, uint32_t types)
{
    return types & TYPE(output->kind);
}

static bool spool_on(const struct output_config *output)
{
    return *output->spool.path;
}

static bool tls_on(const struct output_config *output)
{
    bool elastic = is_of(output, TYPES_ELASTIC), on = output->tls.enabled;
    for (uint32_t i = 0; elastic && i < output->elastic.hosts.count; i++)
        on |= strncasecmp(output->elastic.hosts.items[i], "https://", 8) == 0;
    return on;
}

static bool login_on(const struct output_config *output)
{
    return !is_of(output, TYPES_KAFKA) || output->kafka.sasl != KAFKA_SASL_NONE;
}

static bool oauth_on(const struct output_config *output)
{
    return output->kafka.sasl == KAFKA_SASL_OAUTHBEARER;
}

static bool lines_on(const struct output_config *output)
{
    return output->kafka.message == KAFKA_MESSAGE_LINES;
}

/* Options that need another one. */
static const struct need {
    const char *start; /* of the keys */
    bool (*met)(const struct output_config *output);
    const char *what, *remedy;
} needs[] = {
    {"output.spool.", spool_on, "it has no effect without spool.path", "add spool.path, the folder of the spool"},
    {"output.memory_path", spool_on, "it has no effect without spool.path", "add spool.path, the folder of the spool"},
    {"output.tls.", tls_on, "it has no effect without TLS",
     "write tls.enabled: true for Kafka, https:// in the hosts else"},
    {"output.username", login_on, "it has no effect without kafka.sasl",
     "add kafka.sasl, as kafka.sasl: scram-sha-512"},
    {"output.password", login_on, "it has no effect without kafka.sasl",
     "add kafka.sasl, as kafka.sasl: scram-sha-512"},
    {"output.kafka.oauth_", oauth_on, "it has no effect without kafka.sasl: oauthbearer",
     "add kafka.sasl: oauthbearer"},
    {"output.kafka.message_size", lines_on, "it has no effect without kafka.message: lines",
     "add kafka.message: lines"},
};

static const char *kind_name(uint32_t kind)
{
    return option_find("output.type")->names[kind];
}

static void option_effect_check(struct loader *loader, const struct option_row *option,
                                const struct output_config *output)
{
    if (option->types && !is_of(output, option->types)) {
        loader_option_warning(loader, option->key, "leave it out, or write another type",
                              "it has no effect with type: %s", kind_name(output->kind));
        return;
    }
    for (unsigned i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        const struct need *need = &needs[i];
        if (strncmp(option->key, need->start, strlen(need->start)) == 0 && !need->met(output)) {
            loader_option_warning(loader, option->key, need->remedy, "%s", need->what);
            return;
        }
    }
}

static bool is_default(const struct loader *loader, const struct option_row *option, const struct output_config *output)
{
    return member_equal(option, option_member(option, NULL, (struct output_config *)output),
                        option_member(option, NULL, (struct output_config *)&loader->defaults));
}

void output_effects_check(struct loader *loader, const struct output_config *output)
{
    for (uint32_t i = 0; i < option_count() && !loader->no_memory; i++) {
        const struct option_row *option = option_at(i);
        if (option_is_output(option) && option_has_value(option) && option_set_knowingly(loader, option) &&
            !is_default(loader, option, output))
            option_effect_check(loader, option, output);
    }
}

/* What all outputs start from may be meant for some of them, but not for none. */
void common_effects_check(struct loader *loader)
{
    const struct config *config = loader->config;
    uint32_t types = 0;
    for (uint32_t i = 0; i < config->output_count; i++)
        types |= TYPE(config->outputs[i].kind);
    for (uint32_t i = 0; i < option_count() && !loader->no_memory; i++) {
        const struct option_row *option = option_at(i);
        if (option_is_output(option) && option->types && !(option->types & types) &&
            loader->whole.origins[option_index(option)].strength > STRENGTH_PRESET &&
            !is_default(loader, option, &config->output))
            loader_option_warning(loader, option->key, "leave it out, or write it for an output that has it",
                                  "it has no effect on any of the outputs");
    }
}
