/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/arguments.h"
#include "app/collector.h"
#include "app/command.h"
#include "base/log.h"
#include "dataplane/backend_capture.h"

#define STEP_MS 5 /* how soon the end, or a reader that went away, is noticed */

static const char help[] =
    "usage: weir decode [-c FILE] [-o KEY=VALUE]... [--exporter ADDRESS:PORT] [--port N]... FILE...\n\n"
    "Writes the documents of captures to standard output, one JSON document a line, and the ledger to standard\n"
    "error. The files are one stream in the given order. pcap and pcapng captures are known by their first bytes\n"
    "(Ethernet, Linux cooked, raw IP, null and loop link types). IPFIX files (RFC 5655) end in .ipfix, or are longer\n"
    "than a datagram can be; any other file is one datagram as it stands.\n"
    "\n" ARGUMENTS_HELP
    "  -e, --exporter ADDRESS:PORT\n"
    "                           who sent the files that are no captures (default 192.0.2.1:2055)\n"
    "  -p, --port N             of captures, take UDP to this port only; may be given again (default: every port)\n\n"
    "Unlike run, decode starts from output.type=stdout, output.envelope=false, detect_sequence_reset=false,\n"
    "expiration_timeout=0 and templates.park_time=0, for captures are often hours apart; it keeps no journal.\n";

static const char *const presets[] = {
    "output.type=stdout",    "output.envelope=false", "detect_sequence_reset=false", "expiration_timeout=0",
    "output.rotate_size=0",  "output.rotate_age=0",   "templates.park_time=0",
    "http.talkers=false",
};

/* What decode has besides the common arguments. */
struct decode_setup {
    struct arguments arguments;
    struct capture_input input;
    uint16_t *ports; /* room for one for each argument */
    uint32_t port_count;
};

/* "ADDRESS:PORT", or an address alone. */
static bool exporter_take(struct decode_setup *setup, const char *text)
{
    struct endpoint *exporter = &setup->input.exporter;
    if (text[0] != ':' && endpoint_parse(text, exporter))
        return true;
    exporter->port = 2055;
    if (address_parse(text, &exporter->address))
        return true;
    fprintf(stderr, "weir decode: --exporter %s is no address and port; write for example 192.0.2.1:2055\n", text);
    return false;
}

static bool port_take(struct decode_setup *setup, const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || !port || port > UINT16_MAX) {
        fprintf(stderr, "weir decode: --port %s is no number from 1 to 65535\n", text);
        return false;
    }
    setup->ports[setup->port_count++] = (uint16_t)port;
    return true;
}

/* Until all files are read or nobody reads the documents. */
static int captures_read(struct collector *collector, struct decode_setup *setup)
{
    bool broken = false;
    while (!crew_ended(collector->crew) && !broken) {
        poll(NULL, 0, STEP_MS);
        broken = outputs_broken(collector->outputs);
    }
    if (broken)
        outputs_stop_waiting(collector->outputs);
    collector_finish(collector);
    bool balanced = collector_print_ledger(collector);
    return broken || setup->input.files_failed || !balanced ? STATUS_FAILED : STATUS_GOOD;
}

static int decode(struct decode_setup *setup)
{
    struct config config;
    struct collector collector = {0};
    int status = STATUS_FAILED;
    if (!arguments_load(&setup->arguments, presets, sizeof presets / sizeof *presets, &config))
        return STATUS_FAILED;
    signal(SIGPIPE, SIG_IGN);
    /* One queue, so one worker: documents come in the order of the captures. */
    if (collector_init(&collector, &config) &&
        collector_add_backend(&collector, &backend_capture, &setup->input, 1) == 0 &&
        collector_start(&collector, 1, setup->ports, setup->port_count))
        status = captures_read(&collector, setup);
    else
        collector_finish(&collector);
    collector_close(&collector);
    config_fini(&config);
    return status;
}

/* Returns 0 to go on, or the letter that ends: 'h' or '?'. */
static int arguments_read(struct decode_setup *setup, int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS,
                                         {"exporter", required_argument, NULL, 'e'},
                                         {"port", required_argument, NULL, 'p'},
                                         {0}};
    int letter;
    while ((letter = getopt_long(count, words, ARGUMENTS_LETTERS "e:p:", rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?')
            return letter;
        if ((letter == 'e' && !exporter_take(setup, optarg)) || (letter == 'p' && !port_take(setup, optarg)))
            return '?';
        arguments_take(&setup->arguments, letter, optarg);
    }
    setup->input.files = (const char *const *)words + optind;
    setup->input.file_count = (uint32_t)(count - optind);
    if (!setup->input.file_count)
        fprintf(stderr, "weir decode: which files?\n");
    return setup->input.file_count ? 0 : '?';
}

int command_decode(int count, char **words)
{
    static const uint8_t documentation_address[] = {192, 0, 2, 1}; /* RFC 5737 */
    struct decode_setup setup = {.input.exporter = {address_from_ipv4(documentation_address), 2055}};
    int status = STATUS_FAILED;
    setup.ports = calloc((size_t)count, sizeof *setup.ports);
    words[0] = "weir decode";
    if (setup.ports && arguments_init(&setup.arguments, count)) {
        int letter = arguments_read(&setup, count, words);
        if (letter == 'h')
            fputs(help, stdout);
        status = letter == '?' ? usage_refer("decode") : letter == 'h' ? STATUS_GOOD : decode(&setup);
        arguments_fini(&setup.arguments);
    }
    free(setup.ports);
    return status;
}
