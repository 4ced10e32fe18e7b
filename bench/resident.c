/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Resident memory with many exporters: a process of its own, which has a whole worker, output to /dev/null and the
 * default configuration, and nothing else but the few datagrams that are under way.
 */
#include "bench/resident.h"

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/subject.h"
#include "bench/traffic.h"

#define EXPORTERS          10000
#define PORTION            100 /* exporters whose datagrams are made at a time */
#define TEMPLATES          5
#define RECORDS_A_DATAGRAM 24
#define TARGET_MIB         128

unsigned long resident_kib(void)
{
    char line[256];
    unsigned long sum = 0, value;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Rss: %lu", &value) == 1 || sscanf(line, "Private_Hugetlb: %lu", &value) == 1)
            sum += value;
    if (file)
        fclose(file);
    return sum;
}

static bool portion_take(struct subject *subject, uint32_t first)
{
    struct traffic traffic;
    struct traffic_setup setup = {.kind = TRAFFIC_V9,
                                  .exporters = PORTION,
                                  .datagrams = PORTION,
                                  .records_a_datagram = RECORDS_A_DATAGRAM,
                                  .templates_an_exporter = TEMPLATES,
                                  .first_exporter = first};
    if (traffic_make(&traffic, &setup))
        return false;
    uint64_t before = subject_records(subject);
    subject_take(subject, traffic.datagrams, traffic.count);
    bool good = subject_records(subject) - before == traffic.records;
    traffic_free(&traffic);
    return good;
}

int resident_measure(void)
{
    unsigned long empty_kib = resident_kib();
    struct subject *subject = subject_new(&(struct subject_setup){.depth = DEPTH_WORKER, .profile = PROFILE_WEIR});
    bool good = subject && portion_take(subject, 0);
    unsigned long first_kib = resident_kib();
    for (uint32_t first = PORTION; good && first < EXPORTERS; first += PORTION)
        good = portion_take(subject, first);
    good = good && subject_templates(subject) == EXPORTERS * TEMPLATES;
    printf("%lu %lu %lu\n", empty_kib, first_kib, resident_kib());
    subject_free(subject);
    return good ? 0 : 1;
}

/* Runs this program anew, whose memory is not yet touched by other sections. */
static pid_t child_start(int *output)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "weir-bench", "--resident-child", NULL);
        _exit(127);
    }
    close(ends[1]);
    *output = ends[0];
    return child;
}

bool bench_resident(struct bench *bench)
{
    int fd = -1, status = -1;
    unsigned long empty_kib = 0, first_kib = 0, full_kib = 0;
    pid_t child = child_start(&fd);
    FILE *stream = child < 0 ? NULL : fdopen(fd, "r");
    bool good = stream && fscanf(stream, "%lu %lu %lu", &empty_kib, &first_kib, &full_kib) == 3;
    if (stream)
        fclose(stream);
    good = child > 0 && waitpid(child, &status, 0) == child && status == 0 && good;
    if (!good) {
        fputs("weir-bench: the process whose memory was to be measured failed\n", stderr);
        return false;
    }
    double full = (double)full_kib / 1024, first = (double)first_kib / 1024;
    printf("\nresident memory, %d exporters with %d templates and a datagram of data each: %.1f MiB of at most %d\n"
           "  program %.1f, with worker, batches and %d exporters %.1f; each further exporter %.0f bytes\n",
           EXPORTERS, TEMPLATES, full, TARGET_MIB, (double)empty_kib / 1024, PORTION, first,
           (full - first) * 1048576 / (EXPORTERS - PORTION));
    report_list_begin(&bench->report, "resident");
    report_row_begin(&bench->report);
    report_number(&bench->report, "exporters", EXPORTERS);
    report_number(&bench->report, "templates_an_exporter", TEMPLATES);
    report_number(&bench->report, "mebibytes", full);
    report_number(&bench->report, "mebibytes_with_100_exporters", first);
    report_number(&bench->report, "mebibytes_of_the_program", (double)empty_kib / 1024);
    report_row_end(&bench->report);
    report_list_end(&bench->report);
    report_target(&bench->report, &(struct report_target){.name = "resident memory, 10,000 exporters of five templates",
                                                          .unit = "MiB",
                                                          .most = TARGET_MIB,
                                                          .value = full});
    return true;
}
