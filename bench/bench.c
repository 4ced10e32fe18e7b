/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "bench/sender.h"

static const char help[] =
    "usage: weir-bench [OPTION]... [SECTION]...\n"
    "       weir-bench [OPTION]... send [ADDRESS:]PORT\n\n"
    "Measures weir and prints tables. Sections, by default the first three:\n"
    "  cases      decoding, and decoding to ECS JSON, from datagrams in memory, on one processor\n"
    "  resident   memory with 10,000 exporters of five templates each\n"
    "  journal    the journal of a million templates: disk, memory, start\n"
    "  wire       weir run over loopback sockets: CPU time of a record, and losses at full speed\n"
    "  output     weir run over loopback sockets to the output that -o names, up to its acknowledgement\n"
    "  peers      the same load on nfcapd\n"
    "  compress   compressing documents, in memory\n"
    "  send       no measurement: NetFlow v9 to PORT of 127.0.0.1, or of ADDRESS (a test's own, in a namespace)\n\n"
    "  -o KEY=VALUE        a setting of weir run, for wire and output; as often as wanted\n"
    "  --json FILE         where the results go as JSON; bench-result.json in the build folder\n"
    "  --seconds S         CPU time of one measurement in memory (0.2)\n"
    "  --repeat N          measurements of each case, in turn with the others (5)\n"
    "  --only TEXT         cases of the traffic whose name has that: \"v9\"\n"
    "  --wire-seconds S    length of a run over loopback, and of send (3)\n"
    "  --rate N            datagrams a second of paced runs and of send, 0 for send = as fast as it can (25000)\n"
    "  --file-rate N       datagrams a second of paced runs to a file, and of output (8000)\n"
    "  --step N            datagrams that the sender hands over at a time, 1 to 64 (16)\n"
    "  --cpu N             processor for what is measured: the last\n"
    "  --sender-cpu N      processor for the sender: the first\n"
    "  --help              this text\n";

static const struct section {
    const char *name;
    bool (*run)(struct bench *);
    bool by_default;
} sections[] = {
    {"cases", bench_cases, true},
    {"resident", bench_resident, true},
    {"wire", bench_wire, true},
    {"journal", bench_journal, false},
    {"output", bench_output, false},
    {"peers", bench_peers, false},
    {"compress", bench_compress, false},
};

#define SECTIONS (sizeof sections / sizeof *sections)

void cpu_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        fprintf(stderr, "weir-bench: cannot run on processor %d: %s\n", cpu, strerror(errno));
}

/* The first and the last processor that this process may use. */
static void cpus_find(struct bench *bench)
{
    cpu_set_t set;
    bench->sender_cpu = -1;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        CPU_SET(0, &set);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((unsigned)cpu, &set))
            continue;
        bench->sender_cpu = bench->sender_cpu < 0 ? cpu : bench->sender_cpu;
        bench->cpu = cpu;
    }
}

/* This program lies in bench/ of the build folder. */
static bool build_find(struct bench *bench)
{
    ssize_t length = readlink("/proc/self/exe", bench->build_path, sizeof bench->build_path - 1);
    for (int level = 0; level < 2 && length > 0; level++) {
        bench->build_path[length] = '\0';
        char *slash = strrchr(bench->build_path, '/');
        length = slash ? slash - bench->build_path : 0;
    }
    if (length > 0)
        bench->build_path[length] = '\0';
    return length > 0;
}

enum letter { JSON = 256, SECONDS, REPEAT, ONLY, WIRE_SECONDS, RATE, FILE_RATE, STEP, CPU, SENDER_CPU, RESIDENT_CHILD };

static const struct option options[] = {
    {"json", required_argument, NULL, JSON},
    {"seconds", required_argument, NULL, SECONDS},
    {"repeat", required_argument, NULL, REPEAT},
    {"only", required_argument, NULL, ONLY},
    {"wire-seconds", required_argument, NULL, WIRE_SECONDS},
    {"rate", required_argument, NULL, RATE},
    {"file-rate", required_argument, NULL, FILE_RATE},
    {"step", required_argument, NULL, STEP},
    {"cpu", required_argument, NULL, CPU},
    {"sender-cpu", required_argument, NULL, SENDER_CPU},
    {"resident-child", no_argument, NULL, RESIDENT_CHILD},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The number of an option between least and most; ends the program at another. */
static double number_read(const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && !*end && value >= least && value <= most)
        return value;
    fprintf(stderr, "weir-bench: %s is no number between %g and %g\n", text, least, most);
    exit(2);
}

static void setting_take(struct bench *bench, const char *setting)
{
    if (bench->setting_count == BENCH_SETTINGS_MOST) {
        fprintf(stderr, "weir-bench: more than %d settings\n", BENCH_SETTINGS_MOST);
        exit(2);
    }
    bench->settings[bench->setting_count++] = setting;
}

static void option_take(struct bench *bench, int letter)
{
    switch (letter) {
    case 'o':
        setting_take(bench, optarg);
        break;
    case SECONDS:
        bench->seconds = number_read(optarg, 0.001, 60);
        break;
    case ONLY:
        bench->only = optarg;
        break;
    case REPEAT:
        bench->repeats = (uint32_t)number_read(optarg, 1, BENCH_REPEATS_MOST);
        break;
    case WIRE_SECONDS:
        bench->wire_seconds = number_read(optarg, 0.1, 600);
        break;
    case RATE:
        bench->wire_rate = number_read(optarg, 0, 1e8);
        break;
    case FILE_RATE:
        bench->file_rate = number_read(optarg, 1, 1e8);
        break;
    case STEP:
        bench->wire_step = (uint32_t)number_read(optarg, 1, SENDER_STEP_MOST);
        break;
    case CPU:
        bench->cpu = (int)number_read(optarg, 0, CPU_SETSIZE - 1);
        break;
    case SENDER_CPU:
        bench->sender_cpu = (int)number_read(optarg, 0, CPU_SETSIZE - 1);
        break;
    }
}

/* Is the section among the words, or without words among the usual ones? */
static bool section_wanted(const struct section *section, char **words, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], section->name) == 0)
            return true;
    return count == 0 && section->by_default;
}

static bool words_known(char **words, int count)
{
    for (int i = 0; i < count; i++) {
        bool known = false;
        for (size_t j = 0; j < SECTIONS; j++)
            known = known || strcmp(words[i], sections[j].name) == 0;
        if (!known) {
            fprintf(stderr, "weir-bench: %s is no section; --help names them\n", words[i]);
            return false;
        }
    }
    return true;
}

static int measure(struct bench *bench, const char *json_path, char **words, int count)
{
    char usual[4200];
    bool good = true;
    if (!words_known(words, count))
        return 2;
    snprintf(usual, sizeof usual, "%s/bench-result.json", bench->build_path);
    if (report_open(&bench->report, json_path ? json_path : usual))
        return 1;
    for (size_t i = 0; i < SECTIONS; i++)
        if (section_wanted(&sections[i], words, count))
            good = sections[i].run(bench) && good;
    return report_close(&bench->report) == 0 && good ? 0 : 1;
}

int main(int count, char **words)
{
    static struct bench bench = {
        .seconds = 0.2, .repeats = 5, .wire_seconds = 3, .wire_step = 16, .wire_rate = 25000, .file_rate = 8000};
    const char *json_path = NULL;
    int letter;
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);
    cpus_find(&bench);
    while ((letter = getopt_long(count, words, "ho:", options, NULL)) != -1) {
        if (letter == '?')
            return 2;
        if (letter == 'h')
            return fputs(help, stdout) < 0;
        if (letter == RESIDENT_CHILD)
            return resident_measure();
        if (letter == JSON)
            json_path = optarg;
        option_take(&bench, letter);
    }
    if (!build_find(&bench)) {
        fputs("weir-bench: its own place cannot be read from /proc/self/exe\n", stderr);
        return 1;
    }
    return measure(&bench, json_path, words + optind, count - optind);
}
