/* SPDX-License-Identifier: Apache-2.0 */
#include "app/reload.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "config/member.h"
#include "config/option.h"
#include "dataplane/rules.h"

/* Says which options were changed in vain. The outputs' are left out: there may be several. */
static void changes_say(const struct config *running, const struct config *read)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (option->live || option_is_output(option) || !option_has_value(option))
            continue;
        if (!member_equal(option, option_member(option, (struct config *)running, NULL),
                          option_member(option, (struct config *)read, NULL)))
            log_warning("SIGHUP: %s has changed; that takes a restart", option->key);
    }
}

/* The backends first: what they cannot take changes nothing. */
static int rules_set(struct collector *collector, const struct config *config, struct rules *rules)
{
    int result = 0;
    for (uint32_t i = 0; i < collector->backend_count && !result; i++)
        if (collector->backends[i].ops->set_rules)
            result = collector->backends[i].ops->set_rules(&collector->backends[i], config);
    if (!result)
        crew_set_rules(collector->crew, rules);
    return result;
}

static void rules_take(struct collector *collector, const struct config *config)
{
    struct rules *rules = rules_new(config);
    int result = rules ? rules_set(collector, config, rules) : -errno;
    if (!result) {
        log_info("SIGHUP: the rules of %u entries in input.allow hold from now on%s", config->input.allow.count,
                 config->input.allow.count ? "" : ": every exporter may send");
        return;
    }
    log_error("SIGHUP: the rules stay as they are: %s", strerror(-result));
    rules_free(rules);
}

void reload_rules(struct collector *collector, const struct reload *reload)
{
    struct config config;
    if (!arguments_load_again(reload->arguments, reload->presets, reload->preset_count, &config)) {
        log_error("SIGHUP: the configuration has errors, and the rules stay as they are; weir check says more");
        return;
    }
    changes_say(collector->config, &config);
    /* sockets were opened for what was to be unpacked at the start, and a table made for budgets */
    config.input.unpack = collector->config->input.unpack;
    config.input.gue_port = collector->config->input.gue_port;
    config.input.exporter_rate = collector->config->input.exporter_rate;
    config.input.exporter_burst = collector->config->input.exporter_burst;
    rules_take(collector, &config);
    config_fini(&config);
}
