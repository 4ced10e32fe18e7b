/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/blast.h"
#include "base/clock.h"
#include "blast/image.h"

#define EXPORTERS_MOST   1000000
#define PORT_DEFAULT     2055
#define FILE_RATE        10000       /* datagrams a second of a file's clock, where no rate is given */
#define FILE_TIME_S      1767225600  /* 2026-01-01T00:00:00Z */
#define TEMPLATES_EVERY  1000
#define TEMPLATE_SECONDS 30
#define SOURCES_IPV4     "198.18.0.0/15" /* for benchmarks: RFC 2544 */
#define SOURCES_IPV6     "2001:2::/48"   /* RFC 5180 */

static bool complain(const char *option, const char *text, const char *wanted)
{
    fprintf(stderr, "weir blast: %s %s is no %s\n", option, text, wanted);
    return false;
}

/* --- values --- */

/* "250k", "1.5M", "2G": powers of ten. */
static bool number_read(const char *option, const char *text, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    double unit = *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 1;
    end += unit > 1;
    *number *= unit;
    if (*text >= '0' && *text <= '9' && !*end && *number > 0 && *number <= most)
        return true;
    fprintf(stderr, "weir blast: %s %s is no number above 0 and up to %.0f; 250k, 1.5M and 2G are understood\n", option,
            text, most);
    return false;
}

static bool count_read(const char *option, const char *text, double most, uint64_t *count)
{
    double number;
    if (!number_read(option, text, most, &number))
        return false;
    *count = (uint64_t)number;
    return *count > 0 || complain(option, text, "whole number above 0");
}

static bool small_read(const char *option, const char *text, double most, uint32_t *count)
{
    uint64_t number = 0;
    bool good = count_read(option, text, most, &number);
    *count = (uint32_t)number;
    return good;
}

static bool formats_read(struct generator_setup *setup, const char *text)
{
    char list[256], *rest = list;
    snprintf(list, sizeof list, "%s", text);
    setup->format_count = 0;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        const struct format *format = format_find(name);
        if (!format)
            return complain("--format", name, "format; --help has them");
        if (setup->format_count == FORMATS_MOST)
            return complain("--format", text, "list of at most 16 formats");
        setup->formats[setup->format_count++] = format;
    }
    return true;
}

static bool sources_read(struct blast_sources *sources, const char *text)
{
    char list[1024], *rest = list;
    snprintf(list, sizeof list, "%s", text);
    for (char *prefix; (prefix = strsep(&rest, ",")) != NULL;)
        if (sources->count == SOURCES_MOST || !prefix_parse(prefix, &sources->prefixes[sources->count++]))
            return complain("--from", prefix, "prefix or address; write for example 198.18.0.0/15");
    return true;
}

static bool time_read(const char *text, int64_t *time_ns)
{
    struct tm parts = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (!end || *end)
        return complain("--time", text, "UTC time like 2026-01-01T00:00:00Z");
    *time_ns = timegm(&parts) * NS_PER_S;
    return true;
}

static bool mac_read(struct sender_setup *setup, const char *text)
{
    unsigned bytes[6];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5],
               &used) != 6 || text[used])
        return complain("--mac", text, "hardware address like 02:00:00:00:00:01");
    for (int i = 0; i < 6; i++)
        setup->target_mac[i] = (uint8_t)bytes[i];
    setup->has_mac = true;
    return true;
}

static bool target_read(struct blast_target *target, const char *text)
{
    struct endpoint endpoint;
    if (!endpoint_parse(text, &endpoint) || text[0] == ':') {
        if (!address_parse(text, &endpoint.address))
            return complain("target", text, "address and port; write for example 192.0.2.1:2055");
        endpoint.port = PORT_DEFAULT;
    }
    int family = address_is_ipv4(&endpoint.address) ? 0 : 1;
    if (target->has[family])
        return complain("target", text, "second of another family: one IPv4 and one IPv6 address may be given");
    target->to[family] = endpoint;
    target->has[family] = true;
    return true;
}

static bool sender_read(struct blast_options *options, const char *text)
{
    options->sender = sender_find(text);
    return options->sender || complain("--sender", text, "sender; --help has them");
}

/* --- the options --- */

enum letter {
    SENDER = 256, INTERFACE, DEVICE, QUEUE, MAC, WRITE, CA, CERTIFICATE, KEY, FORMAT, EXPORTERS, FROM, SOURCE_PORT,
    SEED, SIZE, PER_DATAGRAM, TEMPLATES, TEMPLATE_SECONDS_, RATE, RECORD_RATE, COUNT, RECORDS, SECONDS, ENDLESS, REPLAY,
    SPEED, ROUNDS, KEEP_TIMES, TIME, CPU, JSON, BY_EXPORTER, HELP = 'h',
};

static const struct row {
    const char *name;
    const char *value; /* NULL: none */
    int letter;
    const char *help;
} rows[] = {
    {"sender", "NAME", SENDER, "how, see below (udp; packet with --interface, dpdk with --device, pcap with --write)"},
    {"interface", "NAME", INTERFACE, "where frames leave"},
    {"device", "DEVICE", DEVICE, "for dpdk: 0000:3b:00.0, or net_af_packet0,iface=NAME"},
    {"queue", "N", QUEUE, "of the interface, for xdp (0)"},
    {"mac", "MAC", MAC, "of the collector or of the router to it (the IPv4 neighbour's)"},
    {"write", "FILE", WRITE, "the capture to write"},
    {"ca", "FILE", CA, "for tls: PEM of the CA that has to have signed the collector's certificate (any may)"},
    {"certificate", "FILE", CERTIFICATE, "for tls: PEM of the exporters' certificate (none)"},
    {"key", "FILE", KEY, "and of its key"},
    {"format", "NAME,...", FORMAT, "what exporters send, in turn, see below (v9)"},
    {"exporters", "N", EXPORTERS, "how many, 1 to 1000000 (1)"},
    {"from", "PREFIX,...", FROM, "exporters' addresses (frames: " SOURCES_IPV4 ", " SOURCES_IPV6 ")"},
    {"source-port", "N", SOURCE_PORT, "exporters' UDP port (frames: 2055; sockets: any)"},
    {"seed", "N", SEED, "of all values; the same gives the same datagrams (1)"},
    {"size", "BYTES", SIZE, "most of a payload, 400 to 8900 (1400)"},
    {"per-datagram", "N", PER_DATAGRAM, "most records in a datagram (as many as fit, now and then fewer)"},
    {"templates", "N", TEMPLATES, "again after so many datagrams of an exporter (1000)"},
    {"template-seconds", "N", TEMPLATE_SECONDS_, "and after so many seconds (30)"},
    {"rate", "N", RATE, "datagrams a second (as fast as it goes)"},
    {"record-rate", "N", RECORD_RATE, "or records a second"},
    {"count", "N", COUNT, "ends after so many datagrams"},
    {"records", "N", RECORDS, "ends with the datagram that reaches so many records"},
    {"seconds", "S", SECONDS, "ends after so long"},
    {"endless", NULL, ENDLESS, "ends by a signal alone"},
    {"replay", "FILE", REPLAY, "sends what is in a capture; may be given again"},
    {"speed", "N", SPEED, "of the replay: N times as fast, 0 = as fast as it goes (1)"},
    {"rounds", "N", ROUNDS, "of the replay (1)"},
    {"keep-times", NULL, KEEP_TIMES, "leaves times in the replay's datagrams as they were"},
    {"time", "UTC", TIME, "when the exporters' clocks begin (now; files: 2026-01-01T00:00:00Z)"},
    {"cpu", "N", CPU, "processor to run on (any)"},
    {"json", NULL, JSON, "the sums as JSON"},
    {"by-exporter", NULL, BY_EXPORTER, "and by exporter"},
    {"help", NULL, HELP, "this text"},
};

#define ROWS (sizeof rows / sizeof *rows)

static void help_print(void)
{
    printf("usage: weir blast [OPTION]... TARGET [TARGET]\n\n"
           "Generates flow export for a collector at TARGET (ADDRESS:PORT; one of IPv4 and one of IPv6) and prints\n"
           "what was sent: datagrams, records, and the bytes and packets that these add up to. A collector that loses\n"
           "nothing has the same sums.\n\n");
    for (size_t i = 0; i < ROWS; i++) {
        char option[64];
        snprintf(option, sizeof option, "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
        printf("  %-24s %s\n", option, rows[i].help);
    }
    printf("\nSenders:\n");
    for (const struct sender_ops *const *ops = senders; *ops; ops++)
        printf("  %-24s %s\n", (*ops)->name, (*ops)->help);
    printf("\nFormats:\n");
    for (uint32_t i = 0; i < export_format_count; i++)
        printf("  %-24s %s\n", export_formats[i].name, export_formats[i].help);
}

/* What shapes the traffic. */
static bool traffic_take(struct blast_options *options, int letter, const char *value)
{
    struct generator_setup *generator = &options->generator;
    switch (letter) {
    case FORMAT:
        return formats_read(generator, value);
    case EXPORTERS:
        return small_read("--exporters", value, EXPORTERS_MOST, &generator->exporters);
    case SEED:
        return count_read("--seed", value, 1e15, &generator->seed);
    case SIZE:
        return (small_read("--size", value, IMAGE_BYTES_MOST, &generator->bytes_most) &&
                generator->bytes_most >= IMAGE_BYTES_LEAST) || complain("--size", value, "number from 400 to 8900");
    case PER_DATAGRAM:
        return small_read("--per-datagram", value, IMAGE_RECORDS_MOST, &generator->records_most);
    case TEMPLATES:
        return small_read("--templates", value, 4e9, &generator->templates_every);
    case TEMPLATE_SECONDS_:
        return small_read("--template-seconds", value, 1e6, &generator->templates_seconds);
    case RATE:
        return number_read("--rate", value, 1e9, &generator->rate);
    case RECORD_RATE:
        return number_read("--record-rate", value, 1e11, &generator->record_rate);
    case COUNT:
        return count_read("--count", value, 1e15, &generator->datagrams);
    case RECORDS:
        return count_read("--records", value, 1e15, &generator->records);
    }
    return true;
}

static bool replay_take(struct blast_options *options, int letter, const char *value)
{
    struct replay_setup *replay = &options->replay;
    switch (letter) {
    case REPLAY:
        options->files[replay->file_count++] = value;
        return true;
    case SPEED:
        replay->speed = 0;
        return strcmp(value, "0") == 0 || number_read("--speed", value, 1e9, &replay->speed);
    case ROUNDS:
        return small_read("--rounds", value, 4e9, &replay->rounds);
    case KEEP_TIMES:
        replay->keep_times = true;
        return true;
    }
    return true;
}

/* Options whose value is taken as it is; NULL: another one. */
static const char **text_of(struct sender_setup *setup, int letter)
{
    switch (letter) {
    case INTERFACE:
        return &setup->interface;
    case DEVICE:
        return &setup->device;
    case WRITE:
        return &setup->path;
    case CA:
        return &setup->ca;
    case CERTIFICATE:
        return &setup->certificate;
    case KEY:
        return &setup->key;
    }
    return NULL;
}

/* Where it goes, and the rest. */
static bool way_take(struct blast_options *options, int letter, const char *value)
{
    const char **text = text_of(&options->setup, letter);
    uint32_t number = 0;
    if (text) {
        *text = value;
        return true;
    }
    switch (letter) {
    case SENDER:
        return sender_read(options, value);
    case QUEUE:
        return strcmp(value, "0") == 0 || small_read("--queue", value, 4095, &options->setup.queue);
    case MAC:
        return mac_read(&options->setup, value);
    case FROM:
        return sources_read(&options->setup.sources, value);
    case SOURCE_PORT:
        if (!small_read("--source-port", value, UINT16_MAX, &number))
            return false;
        options->setup.sources.port = (uint16_t)number;
        return true;
    case SECONDS:
        return number_read("--seconds", value, 1e9, &options->seconds);
    case TIME:
        return time_read(value, &options->time_ns);
    case CPU:
        if (strcmp(value, "0") != 0 && !small_read("--cpu", value, 1023, &number))
            return false;
        options->cpu = (int)number;
        return true;
    case ENDLESS:
        options->endless = true;
        return true;
    case JSON:
        options->json = true;
        return true;
    case BY_EXPORTER:
        options->by_exporter = true;
        return true;
    }
    return true;
}

/* --- what follows from others --- */

static bool bounds_check(const struct blast_options *options)
{
    bool bound = options->generator.datagrams || options->generator.records || options->seconds > 0;
    if (options->sender->virtual_time && options->endless) {
        fprintf(stderr, "weir blast: a file has an end: --count, --records or --seconds says where\n");
        return false;
    }
    if (bound || options->endless || options->replay.file_count)
        return true;
    fprintf(stderr, "weir blast: how much? --count, --records or --seconds says it, or --endless\n");
    return false;
}

static bool families_check(const struct blast_options *options)
{
    const struct blast_sources *sources = &options->setup.sources;
    for (uint32_t i = 0; i < sources->count; i++) {
        bool four = address_is_ipv4(&sources->prefixes[i].address);
        if (!options->setup.target.has[four ? 0 : 1]) {
            fprintf(stderr, "weir blast: --from has %s addresses, and no target is one\n", four ? "IPv4" : "IPv6");
            return false;
        }
    }
    if (sources->count && !sources_suffice(sources, options->generator.exporters)) {
        fprintf(stderr, "weir blast: --from has fewer addresses than there are exporters\n");
        return false;
    }
    return true;
}

/* Frames have sources of their own; a replay has its captures'. */
static void sources_default(struct blast_options *options)
{
    struct blast_sources *sources = &options->setup.sources;
    bool none = options->sender == sender_find("none");
    if ((!options->sender->spoofs && !none) || options->replay.file_count)
        return;
    if (!sources->port)
        sources->port = PORT_DEFAULT;
    if (sources->count)
        return;
    if (options->setup.target.has[0] || none)
        prefix_parse(SOURCES_IPV4, &sources->prefixes[sources->count++]);
    if (options->setup.target.has[1])
        prefix_parse(SOURCES_IPV6, &sources->prefixes[sources->count++]);
}

/* What the sender cannot do without; NULL: nothing. */
static const char *setup_missing(const struct sender_ops *sender, const struct sender_setup *setup)
{
    bool target = setup->target.has[0] || setup->target.has[1], dpdk = strcmp(sender->name, "dpdk") == 0;
    if (strcmp(sender->name, "none") == 0)
        return NULL;
    if (strcmp(sender->name, "pcap") == 0 && !setup->path)
        return "--write FILE";
    if (!setup->certificate != !setup->key)
        return "--certificate and --key together";
    if (dpdk && !setup->device)
        return "--device";
    if (dpdk && !setup->interface && !setup->has_mac)
        return "--mac, or --interface to ask for it";
    if (!dpdk && sender->spoofs && strcmp(sender->name, "pcap") != 0 && !setup->interface)
        return "--interface";
    return target ? NULL : "a target";
}

static const char *sender_default(const struct sender_setup *setup)
{
    return setup->path ? "pcap" : setup->device ? "dpdk" : setup->interface ? "packet" : "udp";
}

static bool way_check(struct blast_options *options)
{
    const struct sender_setup *setup = &options->setup;
    if (!options->sender)
        options->sender = sender_find(sender_default(setup));
    const char *name = options->sender->name;
    const char *missing = setup_missing(options->sender, setup);
    if (missing)
        fprintf(stderr, "weir blast: sender %s needs %s\n", name, missing);
    uint32_t most = options->sender->payload_most;
    if (most && options->generator.bytes_most > most) {
        fprintf(stderr, "weir blast: sender %s takes payloads of %u bytes at most\n", name, most);
        return false;
    }
    return !missing;
}

static bool options_complete(struct blast_options *options)
{
    struct generator_setup *generator = &options->generator;
    if (!way_check(options) || !bounds_check(options))
        return false;
    sources_default(options);
    bool none = strcmp(options->sender->name, "none") == 0;
    if (!none && !families_check(options))
        return false;
    generator->sources = options->replay.sources = options->setup.sources;
    generator->run = options->sender->run;
    options->replay.files = options->files;
    options->replay.bytes_most = options->sender->payload_most ? options->sender->payload_most : BLAST_PAYLOAD_MOST;
    options->replay.datagrams = generator->datagrams;
    if (options->sender->virtual_time) {
        if (generator->rate <= 0 && generator->record_rate <= 0)
            generator->rate = FILE_RATE;
        if (!options->time_ns)
            options->time_ns = FILE_TIME_S * NS_PER_S;
    }
    return true;
}

int blast_options_read(struct blast_options *options, int count, char **words)
{
    struct option table[ROWS + 1] = {0};
    options->generator = (struct generator_setup){.formats = {format_find("v9")},
                                                  .format_count = 1,
                                                  .exporters = 1,
                                                  .seed = 1,
                                                  .bytes_most = IMAGE_BYTES_DEFAULT,
                                                  .templates_every = TEMPLATES_EVERY,
                                                  .templates_seconds = TEMPLATE_SECONDS};
    options->replay = (struct replay_setup){.speed = 1, .rounds = 1};
    for (size_t i = 0; i < ROWS; i++)
        table[i] = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL, rows[i].letter};
    for (int letter; (letter = getopt_long(count, words, "h", table, NULL)) != -1;) {
        if (letter == HELP)
            help_print();
        if (letter == HELP || letter == '?')
            return letter;
        if (!traffic_take(options, letter, optarg) || !replay_take(options, letter, optarg) ||
            !way_take(options, letter, optarg))
            return '?';
    }
    for (int i = optind; i < count; i++)
        if (!target_read(&options->setup.target, words[i]))
            return '?';
    return options_complete(options) ? 0 : '?';
}
