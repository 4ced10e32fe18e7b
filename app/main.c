/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "app/arguments.h"
#include "app/build.h"
#include "app/command.h"

struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *summary;
};

static const struct command commands[] = {
    {"run", command_run, "receive flow export and write documents"},
    {"decode", command_decode, "documents of captures to standard output, without a network"},
    {"top", command_top, "watch a collector that runs"},
    {"explain", command_explain, "what becomes of a template, field by field"},
    {"blast", command_blast, "generate flow export, and say exactly what was sent"},
    {"check", command_check, "is this configuration right?"},
    {"doctor", command_doctor, "what this machine can do, and what to change"},
    {"docs", command_docs, "options, fields, elements and counters"},
    {"setup", command_setup, "prepare Elasticsearch or OpenSearch for the documents"},
};

static void help_print(FILE *stream)
{
    fprintf(stream,
            "weir - NetFlow and IPFIX off the wire, ECS documents out\n\nusage: weir COMMAND [ARGUMENT]...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\nweir COMMAND --help tells more; weir --version says which weir this is.\n");
}

/* The build is for x86-64-v3; on less it would end by an illegal instruction somewhere. */
static int processor_suffices(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return 1;
    fprintf(stderr, "weir: this processor has no AVX2 or BMI2, which this build needs; build for it with: meson setup "
                    "build -Dcpu=x86-64\n");
    return 0;
}

int main(int count, char **arguments)
{
    const char *word = count > 1 ? arguments[1] : "";
    if (BUILD_NEEDS_AVX2 && !processor_suffices())
        return STATUS_FAILED;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help_print(stdout);
        return STATUS_GOOD;
    }
    if (strcmp(word, "--version") == 0) {
        printf("weir %s\n", WEIR_VERSION);
        return STATUS_GOOD;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(count - 1, arguments + 1);
    if (*word)
        fprintf(stderr, "weir: there is no command %s\n", word);
    else
        help_print(stderr);
    return usage_refer("");
}
