/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The journal of templates with a million of them: how long it takes to write and to read, what it takes on disk and in
 * memory, and what a session costs that is met for the first time. Each part has a process of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/resident.h"
#include "decode/journal/journal.h"

#define EXPORTERS 200000
#define TEMPLATES 5 /* of each: a million */
#define FIELDS    18

/* A row of the table: how many definitions there are among the templates. */
struct row {
    const char *name;
    uint32_t definitions;
};

static const struct row rows[] = {
    {"40 definitions", 40},
    {"each its own", EXPORTERS * TEMPLATES},
};

/* What the two processes find out. */
struct figures {
    double write_s, read_s, met_ns;
    unsigned long file_kib, memory_kib;
};

static struct template_event event_make(uint32_t number, const struct row *row, uint8_t record[4 + 4 * FIELDS])
{
    uint32_t definition = number % row->definitions, exporter = number / TEMPLATES;
    uint16_t id = (uint16_t)(256 + number % TEMPLATES);
    memset(record, 0, 4 + 4 * FIELDS);
    record[0] = (uint8_t)(id >> 8);
    record[1] = (uint8_t)id;
    record[3] = FIELDS;
    for (uint32_t i = 0; i < FIELDS; i++) {
        record[4 + 4 * i + 1] = (uint8_t)(1 + i);
        record[4 + 4 * i + 3] = (uint8_t)(1 + (definition >> i & 1) * 3);
    }
    record[5] = (uint8_t)(definition >> 18);
    record[4] = (uint8_t)(definition >> 26);
    uint8_t address[4] = {10, (uint8_t)(exporter >> 16), (uint8_t)(exporter >> 8), (uint8_t)exporter};
    return (struct template_event){
        .key = {.address = address_from_ipv4(address), .version = 9},
        .time_ns = clock_utc_ns(),
        .record = record,
        .record_bytes = 4 + 4 * FIELDS,
        .id = id,
        .change = CHANGE_LEARNED,
    };
}

static double seconds_since(int64_t began_ns)
{
    return (double)(clock_steady_ns() - began_ns) / NS_PER_S;
}

static bool journal_fill(const struct config *config, const struct row *row, struct figures *figures)
{
    struct journal *journal;
    struct stat status;
    char path[4200];
    uint8_t record[4 + 4 * FIELDS];
    int64_t began_ns = clock_steady_ns();
    if (journal_open(&journal, config, 1))
        return false;
    for (uint32_t number = 0; number < EXPORTERS * TEMPLATES; number++) {
        struct template_event event = event_make(number, row, record);
        while (!template_feed_push(journal_feed(journal, 0), &event))
            journal_turn(journal);
    }
    journal_finish(journal);
    journal_free(journal);
    figures->write_s = seconds_since(began_ns);
    snprintf(path, sizeof path, "%s/templates.journal", config->templates.path);
    if (stat(path, &status))
        return false;
    figures->file_kib = (unsigned long)(status.st_size >> 10);
    return true;
}

/* As a worker meets them: one session, then its templates. */
static bool sessions_meet(struct template_store *known, const struct row *row, struct figures *figures)
{
    uint8_t record[4 + 4 * FIELDS];
    uint64_t met = 0;
    int64_t began_ns = clock_steady_ns();
    for (uint32_t i = 0; i < EXPORTERS; i++) {
        uint32_t exporter = (uint32_t)((uint64_t)i * 7919 % EXPORTERS);
        struct template_event event = event_make(exporter * TEMPLATES, row, record);
        uint32_t session = template_store_session(known, &event.key);
        if (session == STORE_NONE || !template_store_take(known, session))
            return false;
        for (uint32_t slot = template_store_first(known, session); slot != STORE_NONE;
             slot = template_store_next(known, slot))
            met += template_store_at(known, slot, &event);
    }
    figures->met_ns = seconds_since(began_ns) * 1e9 / EXPORTERS;
    return met == EXPORTERS * TEMPLATES;
}

static bool journal_read(const struct config *config, const struct row *row, struct figures *figures)
{
    struct journal *journal;
    unsigned long before_kib = resident_kib();
    int64_t began_ns = clock_steady_ns();
    if (journal_open(&journal, config, 1))
        return false;
    figures->read_s = seconds_since(began_ns);
    figures->memory_kib = resident_kib() - before_kib;
    return sessions_meet(journal_known(journal), row, figures);
}

/* Runs a part in a process of its own, whose memory nothing else has touched. */
static bool part_run(bool (*part)(const struct config *, const struct row *, struct figures *),
                     const struct config *config, const struct row *row, struct figures *figures)
{
    int ends[2], status;
    fflush(NULL);
    if (pipe(ends) < 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        bool good = part(config, row, figures) && write(ends[1], figures, sizeof *figures) == sizeof *figures;
        _exit(!good);
    }
    close(ends[1]);
    bool good = child > 0 && read(ends[0], figures, sizeof *figures) == sizeof *figures;
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && good;
}

static void row_report(struct bench *bench, const struct row *row, const struct figures *figures)
{
    printf("  %-16s %8.2f %8.2f %10.1f %10.1f %10.0f\n", row->name, figures->write_s, figures->read_s,
           (double)figures->file_kib / 1024, (double)figures->memory_kib / 1024, figures->met_ns);
    report_row_begin(&bench->report);
    report_text(&bench->report, "templates", row->name);
    report_number(&bench->report, "write_seconds", figures->write_s);
    report_number(&bench->report, "read_seconds", figures->read_s);
    report_number(&bench->report, "file_mebibytes", (double)figures->file_kib / 1024);
    report_number(&bench->report, "memory_mebibytes", (double)figures->memory_kib / 1024);
    report_number(&bench->report, "session_nanoseconds", figures->met_ns);
    report_row_end(&bench->report);
}

static bool row_measure(struct bench *bench, const struct row *row)
{
    char folder[4150], path[4200];
    struct figures figures = {0};
    struct config config = {.templates = {.path = folder, .size = 1 << 30}};
    snprintf(folder, sizeof folder, "%s/bench-journal-XXXXXX", bench->build_path);
    if (!mkdtemp(folder))
        return false;
    bool good = part_run(journal_fill, &config, row, &figures) && part_run(journal_read, &config, row, &figures);
    static const char *const names[] = {"templates.journal", "lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    if (good)
        row_report(bench, row, &figures);
    else
        fputs("weir-bench: the journal could not be measured\n", stderr);
    return good;
}

bool bench_journal(struct bench *bench)
{
    bool good = true;
    printf("\njournal of %d templates of %d fields, %d of each of %d exporters\n  %-16s %8s %8s %10s %10s %10s\n",
           EXPORTERS * TEMPLATES, FIELDS, TEMPLATES, EXPORTERS, "", "write s", "read s", "disk MiB", "memory MiB",
           "session ns");
    report_list_begin(&bench->report, "journal");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        good = row_measure(bench, &rows[i]) && good;
    report_list_end(&bench->report);
    return good;
}
