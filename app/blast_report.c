/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "app/blast.h"

static double rate_of(uint64_t count, const struct blast_run *run)
{
    return run->elapsed_s > 0 ? (double)count / run->elapsed_s : 0;
}

static void sums_print_json(const struct blast_sums *sums)
{
    printf("\"datagrams\":%" PRIu64 ",\"template_datagrams\":%" PRIu64 ",\"records\":%" PRIu64
           ",\"options_records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"payload_bytes\":%" PRIu64,
           sums->datagrams, sums->templates, sums->records, sums->options, sums->octets, sums->packets,
           sums->payload_bytes);
}

static void exporters_print_json(const struct blast_supply *supply)
{
    fputs(",\"exporters\":[", stdout);
    for (uint32_t i = 0, rows = 0; i < supply->exporter_count; i++) {
        const struct blast_exporter *exporter = &supply->exporters[i];
        char text[ENDPOINT_TEXT_MOST];
        if (!exporter->sums.datagrams)
            continue;
        endpoint_format(&exporter->endpoint, text);
        printf("%s{\"exporter\":\"%s\",", rows++ ? "," : "", text);
        if (exporter->format)
            printf("\"format\":\"%s\",", exporter->format->name);
        sums_print_json(&exporter->sums);
        putchar('}');
    }
    putchar(']');
}

static void report_json(const struct blast_run *run, const struct blast_options *options)
{
    printf("{\"sender\":\"%s\",\"seconds\":%.6f,", options->sender->name, run->elapsed_s);
    sums_print_json(&run->supply->sums);
    printf(",\"refused_datagrams\":%" PRIu64 ",\"datagrams_per_second\":%.1f,\"records_per_second\":%.1f", run->refused,
           rate_of(run->supply->sums.datagrams, run), rate_of(run->supply->sums.records, run));
    if (options->by_exporter)
        exporters_print_json(run->supply);
    puts("}");
}

static void exporters_print(const struct blast_supply *supply)
{
    printf("\n%-47s %-12s %12s %14s %10s %20s %16s\n", "exporter", "format", "datagrams", "records", "options", "bytes",
           "packets");
    for (uint32_t i = 0; i < supply->exporter_count; i++) {
        const struct blast_exporter *exporter = &supply->exporters[i];
        const struct blast_sums *sums = &exporter->sums;
        char text[ENDPOINT_TEXT_MOST];
        if (!sums->datagrams)
            continue;
        endpoint_format(&exporter->endpoint, text);
        printf("%-47s %-12s %12" PRIu64 " %14" PRIu64 " %10" PRIu64 " %20" PRIu64 " %16" PRIu64 "\n", text,
               exporter->format ? exporter->format->name : "captured", sums->datagrams, sums->records, sums->options,
               sums->octets, sums->packets);
    }
}

static void report_text(const struct blast_run *run, const struct blast_options *options)
{
    const struct blast_sums *sums = &run->supply->sums;
    printf("datagrams        %20" PRIu64 "  with templates %" PRIu64 ", refused %" PRIu64 "\n", sums->datagrams,
           sums->templates, run->refused);
    printf("records          %20" PRIu64 "\n", sums->records);
    printf("options records  %20" PRIu64 "\n", sums->options);
    printf("bytes            %20" PRIu64 "  as the records say\n", sums->octets);
    printf("packets          %20" PRIu64 "  as the records say\n", sums->packets);
    printf("payload bytes    %20" PRIu64 "\n", sums->payload_bytes);
    printf("exporters        %20" PRIu32 "\n", run->supply->exporter_count);
    printf("%.3f s by sender %s: %.0f datagrams/s, %.0f records/s\n", run->elapsed_s, options->sender->name,
           rate_of(sums->datagrams, run), rate_of(sums->records, run));
    if (options->by_exporter)
        exporters_print(run->supply);
}

bool blast_report(const struct blast_run *run, const struct blast_options *options)
{
    (options->json ? report_json : report_text)(run, options);
    return fflush(stdout) == 0 && !ferror(stdout);
}
