/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/arguments.h"
#include "app/command.h"
#include "app/doctor/checks.h"
#include "base/log.h"
#include "bpf/shared.h"
#include "dataplane/interface.h"

static const char help[] =
    "usage: weir doctor [-c FILE] [-o KEY=VALUE]... [--json] [INTERFACE]...\n\n"
    "Looks at what this machine can do for weir run with that configuration, as the user who asks: NIC, processors,\n"
    "memory, kernel, rights, folders, clock. Each line is ok, worth changing or stops weir, with the command that "
    "mends\n"
    "it. Interfaces named here are those of input.interface. Nothing is changed. The status is 1 where something "
    "stops\n"
    "weir.\n\n" ARGUMENTS_HELP "  -j, --json               as JSON\n";

/* As weir run would choose. */
static void machine_init(struct machine *machine, const struct config *config)
{
    cpu_set_t allowed;
    uint32_t queues = 0;
    *machine = (struct machine){.config = config, .root = "", .workers = config->workers};
    machine->xdp_must = config->input.backend == BACKEND_XDP;
    machine->dpdk = config->input.backend == BACKEND_DPDK;
    machine->xdp = machine->xdp_must || (config->input.backend == BACKEND_AUTO && config->input.interface.count);
    for (uint32_t i = 0; i < config->input.interface.count; i++)
        queues += interface_queues(config->input.interface.items[i], STEER_QUEUES_MOST);
    processors_allowed(&allowed);
    if (!machine->workers)
        machine->workers = machine->xdp && queues ? queues : (uint32_t)CPU_COUNT(&allowed);
}

static int examine(const struct config *config, bool json)
{
    struct machine machine;
    struct report report = {0};
    machine_init(&machine, config);
    if (!json)
        printf("weir %s, receiving by %s\n\n", WEIR_VERSION,
               machine.dpdk       ? "DPDK, and sockets beside it"
               : machine.xdp_must ? "AF_XDP"
               : machine.xdp      ? "AF_XDP, or by sockets where that cannot be had"
                                  : "sockets");
    checks_run(&machine, &config->input.interface, &report);
    bool good = !report.no_memory;
    if (json)
        good = report_print_json(stdout, &report) && good;
    else
        report_print_text(stdout, &report);
    if (!good)
        log_error("no memory for all that was found");
    int status = good && !report_count(&report, FINDING_STOP) ? STATUS_GOOD : STATUS_FAILED;
    report_fini(&report);
    return status;
}

/* "input.interface=" and the names; NULL: there are none, or there is no memory. The caller frees. */
static char *interfaces_setting(char **names, int count)
{
    char *text = NULL;
    size_t size;
    FILE *stream = count ? open_memstream(&text, &size) : NULL;
    if (!stream)
        return NULL;
    fputs("input.interface=", stream);
    for (int i = 0; i < count; i++)
        fprintf(stream, "%s%s", i ? "," : "", names[i]);
    fclose(stream);
    return text;
}

static int doctor(struct arguments *arguments, char **names, int count, bool json)
{
    struct config config;
    char journal[JOURNAL_PRESET_MOST];
    const char *presets[] = {journal};
    char *setting = interfaces_setting(names, count);
    if (setting)
        arguments_take(arguments, 'o', setting);
    int status = STATUS_FAILED;
    if (arguments_load(arguments, presets, journal_preset(journal), &config)) {
        status = examine(&config, json);
        config_fini(&config);
    }
    free(setting);
    return status;
}

int command_doctor(int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS, {"json", no_argument, NULL, 'j'}, {0}};
    struct arguments arguments;
    bool json = false;
    int letter;
    if (!arguments_init(&arguments, count))
        return STATUS_FAILED;
    words[0] = "weir doctor";
    while ((letter = getopt_long(count, words, ARGUMENTS_LETTERS "j", rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?') {
            arguments_fini(&arguments);
            return letter == '?' ? usage_refer("doctor") : (fputs(help, stdout), STATUS_GOOD);
        }
        json = json || letter == 'j';
        arguments_take(&arguments, letter, optarg);
    }
    int status = doctor(&arguments, words + optind, count - optind, json);
    arguments_fini(&arguments);
    return status;
}
