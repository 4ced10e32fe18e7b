/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

static void processor_name(char *name, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, size, "%s", value + 2);
        break;
    }
    if (file)
        fclose(file);
}

static void name_write(struct report *report, const char *name)
{
    fprintf(report->json, "%s\"%s\":", report->first_value ? "" : ",", name);
    report->first_value = false;
}

static void machine_write(struct report *report)
{
    char processor[128], date[32];
    struct utsname system;
    time_t now = time(NULL);
    struct tm parts;
    uname(&system);
    gmtime_r(&now, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    processor_name(processor, sizeof processor);
    fputs("{\"machine\":{", report->json);
    report->first_value = true;
    report_text(report, "version", WEIR_VERSION);
    report_text(report, "compiler", __VERSION__);
    report_text(report, "date", date);
    report_text(report, "kernel", system.release);
    report_text(report, "processor", processor);
    fputc('}', report->json);
    printf("weir %s, %s, Linux %s, %s\n", WEIR_VERSION, processor, system.release, date);
}

int report_open(struct report *report, const char *path)
{
    *report = (struct report){.json = fopen(path, "w")};
    if (!report->json) {
        int error = errno;
        fprintf(stderr, "weir-bench: %s: %s; choose another file with --json\n", path, strerror(error));
        return -error;
    }
    machine_write(report);
    return 0;
}

void report_list_begin(struct report *report, const char *name)
{
    fprintf(report->json, ",\n\"%s\":[", name);
    report->first_row = true;
}

void report_list_end(struct report *report)
{
    fputc(']', report->json);
    fflush(report->json);
}

void report_row_begin(struct report *report)
{
    fputs(report->first_row ? "\n{" : ",\n{", report->json);
    report->first_row = false;
    report->first_value = true;
}

void report_row_end(struct report *report)
{
    fputc('}', report->json);
}

void report_text(struct report *report, const char *name, const char *text)
{
    name_write(report, name);
    fprintf(report->json, "\"%s\"", text);
}

void report_number(struct report *report, const char *name, double value)
{
    name_write(report, name);
    fprintf(report->json, "%.10g", value);
}

void report_unknown(struct report *report, const char *name)
{
    name_write(report, name);
    fputs("null", report->json);
}

void report_target(struct report *report, const struct report_target *target)
{
    if (report->target_count < REPORT_TARGETS_MOST)
        report->targets[report->target_count++] = *target;
}

static void target_write(struct report *report, const struct report_target *target)
{
    bool met = target->value <= target->most;
    printf("%-64s %9.2f of at most %7.2f %-8s %s\n", target->name, target->value, target->most, target->unit,
           met ? "met" : "MISSED");
    report_row_begin(report);
    report_text(report, "name", target->name);
    report_number(report, "value", target->value);
    report_number(report, "most", target->most);
    report_text(report, "unit", target->unit);
    report_text(report, "verdict", met ? "met" : "missed");
    report_row_end(report);
}

int report_close(struct report *report)
{
    report_list_begin(report, "targets");
    if (report->target_count)
        printf("\ntargets\n");
    for (uint32_t i = 0; i < report->target_count; i++)
        target_write(report, &report->targets[i]);
    report_list_end(report);
    fputs("}\n", report->json);
    bool failed = ferror(report->json);
    if (fclose(report->json) != 0 || failed) {
        fprintf(stderr, "weir-bench: the results could not be written: %s\n", strerror(errno));
        return -EIO;
    }
    return 0;
}
