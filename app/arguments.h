/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* -c FILE and -o KEY=VALUE, which run, decode and check have in common. */
struct arguments {
    const char *file;      /* NULL: none */
    const char **settings; /* room for one for each argument */
    uint32_t setting_count;
};

/* For getopt_long(): the rows and letters that every command has; "h" is --help. */
#define ARGUMENTS_LETTERS "c:o:h"
#define ARGUMENTS_OPTIONS                                                                                             \
    {"config", required_argument, NULL, 'c'}, {"option", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}

#define ARGUMENTS_HELP                                                                                                \
    "  -c, --config FILE        configuration in YAML (weir docs sample prints one to start from)\n"                 \
    "  -o, --option KEY=VALUE   set one option, over the file and the environment (weir docs options)\n"             \
    "  -h, --help               this text\n"

/* False for want of memory. */
bool arguments_init(struct arguments *arguments, int count);
void arguments_fini(struct arguments *arguments);

/* Takes what getopt_long() returned with optarg, if it is 'c' or 'o'. */
void arguments_take(struct arguments *arguments, int letter, const char *value);

/* Standard error: where help on the command is. Returns STATUS_USAGE. */
int usage_refer(const char *command);

/*
 * Loads the configuration over presets and sets the log up. False with every problem printed. The caller ends a good
 * one with config_fini().
 */
bool arguments_load(const struct arguments *arguments, const char *const *presets, uint32_t preset_count,
                    struct config *config);

#define JOURNAL_PRESET_MOST 1024

/*
 * The journal's folder where systemd has made one for the service's state (StateDirectory=, systemd.exec(5)), as
 * "key=value": weaker than whatever somebody has written. Returns the number of presets, 0 or 1.
 */
uint32_t journal_preset(char setting[JOURNAL_PRESET_MOST]);

/* The same once more while weir runs: the log stays as it is, and warnings have been said. */
bool arguments_load_again(const struct arguments *arguments, const char *const *presets, uint32_t preset_count,
                    struct config *config);

/* One line a problem on standard error: where, what, remedy. Ends the problems. */
void problems_print(struct config_problems *problems);
