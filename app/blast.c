/* SPDX-License-Identifier: Apache-2.0 */
#include "app/blast.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/arguments.h"
#include "app/command.h"
#include "base/log.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void signals_take(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool cpu_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        return true;
    fprintf(stderr, "weir blast: --cpu %d: this process may not run there\n", cpu);
    return false;
}

/* Captures are read by weir's decoder, as "weir decode" has it set up. */
static struct blast_supply *replay_open(struct replay_setup *setup)
{
    static const char *const presets[] = {"detect_sequence_reset=false", "expiration_timeout=0",
                                          "templates.park_time=0", "log.level=warning"};
    static const struct arguments nothing;
    struct config config;
    if (!arguments_load(&nothing, presets, sizeof presets / sizeof *presets, &config))
        return NULL;
    setup->config = &config;
    struct blast_supply *supply = replay_new(setup);
    config_fini(&config);
    return supply;
}

/* Has every exporter a target of its family? The generator's have, by their making. */
static bool families_fit(const struct blast_supply *supply, const struct blast_options *options)
{
    for (uint32_t i = 0; options->sender->spoofs && i < supply->exporter_count; i++) {
        bool four = address_is_ipv4(&supply->exporters[i].endpoint.address);
        if (!options->setup.target.has[four ? 0 : 1]) {
            fprintf(stderr, "weir blast: the captures have %s exporters, and no target is one; give one, or other "
                            "addresses by --from\n", four ? "IPv4" : "IPv6");
            return false;
        }
    }
    return true;
}

static struct blast_supply *supply_open(struct blast_options *options)
{
    if (options->replay.file_count)
        return replay_open(&options->replay);
    struct blast_supply *supply = generator_new(&options->generator);
    if (!supply)
        fprintf(stderr, "weir blast: no memory\n");
    return supply;
}

static int blast(struct blast_options *options)
{
    struct blast_supply *supply = supply_open(options);
    if (!supply || !families_fit(supply, options)) {
        if (supply)
            supply->ops->free(supply);
        return STATUS_FAILED;
    }
    struct sender sender = {.ops = options->sender, .setup = &options->setup, .supply = supply};
    struct blast_run run = {.sender = &sender,
                            .supply = supply,
                            .seconds = options->seconds,
                            .time_ns = options->time_ns,
                            .stop = &stop};
    int error = sender.ops->open(&sender);
    bool opened = !error;
    signals_take();
    if (opened)
        blast_run(&run);
    error |= run.error;
    error |= sender.ops->close(&sender);
    bool good = !opened || blast_report(&run, options);
    supply->ops->free(supply);
    return error || !good ? STATUS_FAILED : STATUS_GOOD;
}

int command_blast(int count, char **words)
{
    struct blast_options options = {.cpu = -1};
    words[0] = "weir blast";
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    options.files = calloc((size_t)count, sizeof *options.files);
    if (!options.files)
        return STATUS_FAILED;
    int letter = blast_options_read(&options, count, words), status = STATUS_FAILED;
    if (letter)
        status = letter == 'h' ? STATUS_GOOD : usage_refer("blast");
    else if (options.cpu < 0 || cpu_pin(options.cpu))
        status = blast(&options);
    free(options.files);
    return status;
}
