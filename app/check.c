/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "app/arguments.h"
#include "app/command.h"
#include "config/render.h"
#include "decode/element.h"
#include "decode/profile.h"
#include "enrich/networks.h"

static const char help[] =
    "usage: weir check [-c FILE] [-o KEY=VALUE]... [--effective]\n\n"
    "Says everything that is wrong with a configuration, with the line and what to write instead. The status is 0\n"
    "when nothing is.\n\n" ARGUMENTS_HELP
    "  -e, --effective          print the configuration that results from file, environment and -o\n";

/* What is only known when the files that the configuration names are read. */
static bool contents_check(const struct config *config)
{
    struct config_problems problems = {0};
    struct elements *elements =
        elements_new(profile_of(config->output.profile), &config->custom_definitions, &problems);
    bool good = elements != NULL;
    problems_print(&problems);
    elements_free(elements);
    problems = (struct config_problems){0};
    struct networks *networks = networks_new(&config->internal_networks, &problems);
    good = good && networks;
    problems_print(&problems);
    networks_free(networks);
    return good;
}

static int configuration_check(const struct arguments *arguments, bool effective)
{
    struct config config;
    if (!arguments_load(arguments, NULL, 0, &config))
        return STATUS_FAILED;
    bool good = contents_check(&config);
    if (good && effective)
        config_print(stdout, &config);
    else if (good)
        printf("%s: nothing is wrong\n", arguments->file ? arguments->file : "configuration");
    config_fini(&config);
    return good ? STATUS_GOOD : STATUS_FAILED;
}

int command_check(int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS, {"effective", no_argument, NULL, 'e'}, {0}};
    struct arguments arguments;
    bool effective = false;
    int letter;
    if (!arguments_init(&arguments, count))
        return STATUS_FAILED;
    words[0] = "weir check";
    while ((letter = getopt_long(count, words, ARGUMENTS_LETTERS "e", rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?') {
            arguments_fini(&arguments);
            return letter == '?' ? usage_refer("check") : (fputs(help, stdout), STATUS_GOOD);
        }
        effective = effective || letter == 'e';
        arguments_take(&arguments, letter, optarg);
    }
    int status = STATUS_USAGE;
    if (optind < count)
        fprintf(stderr, "weir check: %s is not understood; the file goes behind -c\n", words[optind]);
    else
        status = configuration_check(&arguments, effective);
    arguments_fini(&arguments);
    return status;
}
