/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Decoding and encoding on one processor, from datagrams in memory. All cases of one kind of traffic are measured in
 * turn, several times over, so that a slow minute of the machine hits them alike.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/meter.h"
#include "bench/subject.h"
#include "bench/traffic.h"

#define RECORDS_A_DATAGRAM 24   /* of v9 with 18 fields: 1,200 bytes */
#define DATAGRAMS_LEAST    4000 /* 4 MiB: more than a core's own cache */
#define DATAGRAMS_EACH     2    /* of each exporter, where there are many */
#define COUNTS_MOST        3
#define CASES_MOST         (COUNTS_MOST * 5)

static const struct group {
    enum traffic_kind kind;
    uint32_t exporters[COUNTS_MOST]; /* 0: none */
} groups[] = {
    {TRAFFIC_V5, {1}},
    {TRAFFIC_V9, {1, 100, 10000}},
    {TRAFFIC_NBAR, {1}},
    {TRAFFIC_BIFLOW, {1}},
    {TRAFFIC_MIXED, {1, 100, 10000}},
    {TRAFFIC_LISTS, {1}},
    {TRAFFIC_SFLOW, {1}},
};

static const struct form {
    const char *name;
    const char *key; /* in JSON */
    enum depth depth;
    enum profile_kind profile;
} forms[] = {
    {"decode", "decode", DEPTH_DECODE, PROFILE_WEIR},
    {"decode, read all", "decode-read", DEPTH_READ, PROFILE_WEIR},
    {"ECS, bare loop", "ecs", DEPTH_ENCODE, PROFILE_WEIR},
    {"ECS, worker", "ecs-worker", DEPTH_WORKER, PROFILE_WEIR},
    {"ECS elastic, bare", "ecs-elastic", DEPTH_ENCODE, PROFILE_ELASTIC},
};

#define FORMS ((uint32_t)(sizeof forms / sizeof *forms))

struct trial {
    const struct group *group;
    const struct form *form;
    uint32_t exporters;
    struct traffic *traffic;
    struct subject *subject;
    double ns[BENCH_REPEATS_MOST];     /* a document, by measurement */
    double others[BENCH_REPEATS_MOST];
    double bytes;                      /* a document */
    double cycles;
    double instructions;
    bool counted;
    bool exact;                        /* as many records came out as went in */
};

struct set {
    struct traffic traffic[COUNTS_MOST];
    uint32_t traffic_count;
    struct trial trials[CASES_MOST];
    uint32_t trial_count;
};

static bool set_fill(struct set *set, const struct group *group)
{
    *set = (struct set){.traffic_count = 0};
    while (set->traffic_count < COUNTS_MOST && group->exporters[set->traffic_count]) {
        uint32_t exporters = group->exporters[set->traffic_count];
        struct traffic *traffic = &set->traffic[set->traffic_count];
        struct traffic_setup setup = {
            .kind = group->kind,
            .exporters = exporters,
            .datagrams = exporters * DATAGRAMS_EACH < DATAGRAMS_LEAST ? DATAGRAMS_LEAST : exporters * DATAGRAMS_EACH,
            .records_a_datagram = RECORDS_A_DATAGRAM,
            .templates_an_exporter = 1};
        if (traffic_make(traffic, &setup))
            return false;
        set->traffic_count++;
        for (uint32_t i = 0; i < FORMS; i++) {
            if (group->kind == TRAFFIC_SFLOW && forms[i].profile == PROFILE_ELASTIC)
                continue; /* it has no sFlow; it is the last of the forms */
            struct trial *trial = &set->trials[set->trial_count];
            *trial = (struct trial){
                .group = group, .form = &forms[i], .exporters = exporters, .traffic = traffic, .exact = true};
            trial->subject = subject_new(&(struct subject_setup){.depth = forms[i].depth, .profile = forms[i].profile});
            if (!trial->subject)
                return false;
            set->trial_count++;
        }
    }
    return true;
}

static void set_free(struct set *set)
{
    for (uint32_t i = 0; i < set->trial_count; i++)
        subject_free(set->trials[i].subject);
    for (uint32_t i = 0; i < set->traffic_count; i++)
        traffic_free(&set->traffic[i]);
}

/* One measurement: templates and a round to get warm, then rounds of data until enough CPU time is spent. */
static void trial_measure(struct trial *trial, const struct bench *bench, const struct meter *meter, uint32_t number)
{
    struct traffic *traffic = trial->traffic;
    struct subject *subject = trial->subject;
    uint32_t data = traffic->template_count, count = traffic->count - data;
    struct reading reading = {0};
    traffic_advance(traffic, 0, traffic->count);
    subject_take(subject, traffic->datagrams, data);
    subject_take(subject, traffic->datagrams + data, count);
    uint64_t records = subject_records(subject), bytes = subject_bytes(subject), rounds = 0;
    while (reading.cpu_ns < bench->seconds * 1e9) {
        traffic_advance(traffic, data, count);
        meter_begin(meter, &reading);
        subject_take(subject, traffic->datagrams + data, count);
        meter_end(meter, &reading);
        rounds++;
    }
    records = subject_records(subject) - records;
    double documents = (double)records;
    trial->exact = trial->exact && records == rounds * traffic->records;
    trial->ns[number] = reading.cpu_ns / documents;
    trial->others[number] = reading.others_ns / documents;
    trial->bytes = (double)(subject_bytes(subject) - bytes) / documents;
    trial->cycles = reading.cycles / documents;
    trial->instructions = reading.instructions / documents;
    trial->counted = reading.counted;
}

static int double_compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void trial_sort(struct trial *trial, uint32_t repeats)
{
    qsort(trial->ns, repeats, sizeof *trial->ns, double_compare);
    qsort(trial->others, repeats, sizeof *trial->others, double_compare);
}

static const struct trial *trial_of(const struct set *set, enum depth depth, uint32_t exporters)
{
    for (uint32_t i = 0; i < set->trial_count; i++) {
        const struct trial *trial = &set->trials[i];
        if (trial->form->depth == depth && trial->form->profile == PROFILE_WEIR && trial->exporters == exporters)
            return trial;
    }
    return NULL;
}

/* What it takes with one exporter: of the same form, the first trial. */
static const struct trial *trial_alone(const struct set *set, const struct trial *trial)
{
    return &set->trials[trial->form - forms];
}

/* The worker's documents are the bare loop's: the same code made them. */
static double trial_bytes(const struct set *set, const struct trial *trial)
{
    return trial->form->depth == DEPTH_WORKER ? trial_of(set, DEPTH_ENCODE, trial->exporters)->bytes : trial->bytes;
}

static void trial_print(const struct set *set, const struct trial *trial, uint32_t middle)
{
    char cycles[16] = "-", instructions[16] = "-", ratio[16] = "-", others[16] = "-", bytes[16] = "-", rate[16] = "-";
    const struct trial *alone = trial_alone(set, trial);
    double ns = trial->ns[middle], size = trial_bytes(set, trial);
    if (trial->counted) {
        snprintf(cycles, sizeof cycles, "%.0f", trial->cycles);
        snprintf(instructions, sizeof instructions, "%.0f", trial->instructions);
    }
    if (alone != trial)
        snprintf(ratio, sizeof ratio, "%.2f", ns / alone->ns[middle]);
    if (trial->form->depth == DEPTH_WORKER)
        snprintf(others, sizeof others, "%.1f", trial->others[middle]);
    if (size > 0) {
        snprintf(bytes, sizeof bytes, "%.0f", size);
        snprintf(rate, sizeof rate, "%.2f", size / ns);
    }
    printf("%-14s %6u  %-18s %11.0f %8.1f %8.1f %7s %6s %7s %7s %6s %7s%s\n", traffic_name(trial->group->kind),
           trial->exporters, trial->form->name, 1e9 / ns, trial->ns[0], ns, bytes, rate, cycles, instructions, ratio,
           others, trial->exact ? "" : "  RECORDS ARE MISSING");
}

static void trial_write(struct report *report, const struct set *set, const struct trial *trial, uint32_t middle)
{
    const struct trial *alone = trial_alone(set, trial);
    double ns = trial->ns[middle], size = trial_bytes(set, trial);
    report_row_begin(report);
    report_text(report, "traffic", traffic_name(trial->group->kind));
    report_number(report, "exporters", trial->exporters);
    report_text(report, "what", trial->form->key);
    report_number(report, "documents_per_second", 1e9 / ns);
    report_number(report, "ns_minimum", trial->ns[0]);
    report_number(report, "ns_median", ns);
    if (size > 0) {
        report_number(report, "bytes", size);
        report_number(report, "gigabytes_per_second", size / ns);
    }
    if (trial->counted) {
        report_number(report, "cycles", trial->cycles);
        report_number(report, "instructions", trial->instructions);
    } else {
        report_unknown(report, "cycles");
        report_unknown(report, "instructions");
    }
    report_number(report, "ratio_to_one_exporter", ns / alone->ns[middle]);
    if (trial->form->depth == DEPTH_WORKER)
        report_number(report, "output_thread_ns", trial->others[middle]);
    report_row_end(report);
}

static void sflow_target_add(struct report *report, const struct set *set, uint32_t middle)
{
    struct report_target target = {"sFlow: sampled header to ECS JSON, bare loop, a document", "ns", 450,
                                   trial_of(set, DEPTH_ENCODE, 1)->ns[middle]};
    report_target(report, &target);
}

static void targets_add(struct report *report, const struct set *set, uint32_t middle)
{
    if (set->trials[0].group->kind == TRAFFIC_SFLOW)
        sflow_target_add(report, set, middle);
    if (set->trials[0].group->kind != TRAFFIC_V9)
        return;
    const struct trial *decode = trial_of(set, DEPTH_READ, 1), *one = trial_of(set, DEPTH_ENCODE, 1),
                       *whole = trial_of(set, DEPTH_WORKER, 1), *many = trial_of(set, DEPTH_ENCODE, 10000),
                       *whole_many = trial_of(set, DEPTH_WORKER, 10000);
    const struct report_target targets[] = {
        {"v9: decode alone and read every field, a record", "ns", 60, decode->ns[middle]},
        {"v9: decode to ECS JSON, bare loop, a document", "ns", 330, one->ns[middle]},
        {"v9: decode to ECS JSON, worker, a document", "ns", 330, whole->ns[middle]},
        {"v9: 10,000 exporters to one, bare loop", "times", 1.4, many->ns[middle] / one->ns[middle]},
        {"v9: 10,000 exporters to one, worker", "times", 1.4, whole_many->ns[middle] / whole->ns[middle]},
    };
    for (uint32_t i = 0; i < sizeof targets / sizeof *targets; i++)
        report_target(report, &targets[i]);
}

static bool group_run(struct bench *bench, const struct group *group, const struct meter *meter)
{
    static struct set set;
    cpu_set_t all;
    bool good = set_fill(&set, group);
    sched_getaffinity(0, sizeof all, &all);
    cpu_pin(bench->cpu); /* after the output threads have started: they run elsewhere */
    for (uint32_t number = 0; good && number < bench->repeats; number++)
        for (uint32_t i = 0; i < set.trial_count; i++)
            trial_measure(&set.trials[i], bench, meter, number);
    sched_setaffinity(0, sizeof all, &all);
    for (uint32_t i = 0; good && i < set.trial_count; i++)
        trial_sort(&set.trials[i], bench->repeats);
    bool exact = true;
    for (uint32_t i = 0; good && i < set.trial_count; i++) {
        trial_print(&set, &set.trials[i], bench->repeats / 2);
        trial_write(&bench->report, &set, &set.trials[i], bench->repeats / 2);
        exact = exact && set.trials[i].exact;
    }
    if (good)
        targets_add(&bench->report, &set, bench->repeats / 2);
    fflush(stdout);
    set_free(&set);
    return good && exact;
}

bool bench_cases(struct bench *bench)
{
    struct meter meter;
    bool good = true;
    meter_open(&meter);
    printf("\ndatagrams in memory, processor %d, %u measurements of %.2f s each in turn; CPU time of the thread\n"
           "  decode: records are found and checked; read all: each byte of each field is loaded as well; ratio to one "
           "exporter,\n  and CPU time of the output's thread, a document\n",
           bench->cpu, bench->repeats, bench->seconds);
    printf("%-14s %6s  %-18s %11s %8s %8s %7s %6s %7s %7s %6s %7s\n", "traffic", "expor.", "what",
           "documents/s", "ns min", "median", "bytes", "GB/s", "cycles", "instr.", "to one", "output");
    report_list_begin(&bench->report, "cases");
    for (uint32_t i = 0; i < sizeof groups / sizeof *groups && good; i++)
        if (!bench->only || strstr(traffic_name(groups[i].kind), bench->only))
            good = group_run(bench, &groups[i], &meter);
    report_list_end(&bench->report);
    meter_close(&meter);
    return good;
}
