/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/collector.h"
#include "app/explain.h"
#include "app/http/exporters.h"
#include "dataplane/backend_capture.h"

#define STEP_MS 5 /* how soon the end of the captures is noticed */

/* As of "weir decode". */
static const char *const presets[] = {
    "output.type=file",              "output.path=/dev/null", "output.envelope=false",
    "detect_sequence_reset=false",   "expiration_timeout=0",  "log.level=warning",
    "http.talkers=false",
};

static void text_set(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}

/* Nobody wants the documents: whatever outputs the configuration has, nothing is written or sent, no spool touched. */
static bool outputs_silence(struct config *config)
{
    bool good = true;
    for (uint32_t i = 0; i < config->output_count; i++) {
        struct output_config *output = &config->outputs[i];
        output->kind = OUTPUT_FILE;
        output->threads = 1;
        output->rotate_size = output->rotate_age = 0;
        output->compression = COMPRESSION_NONE;
        text_set(&output->path, "/dev/null");
        text_set(&output->spool.path, "");
        good = good && output->path && output->spool.path;
    }
    return good;
}

/* The versions without templates that the chosen exporters sent: 1 << N each. */
static uint32_t versions_seen(const struct collector *collector, const struct explain_choice *choice)
{
    const struct exporters *exporters = worker_exporters(crew_worker(collector->crew, 0));
    uint32_t versions = 0;
    struct exporter_view view;
    for (uint32_t slot = 0; slot < exporters_slots_used(exporters); slot++) {
        if (!exporters_look(exporters, slot, &view))
            continue;
        if (!choice->exporter || (address_equal(&view.endpoint.address, &choice->address) &&
                                  (!choice->port || choice->port == view.endpoint.port)))
            versions |= view.versions;
    }
    return versions;
}

/* What the workers know when all is read, in the form of the API's answers. */
static json_t *answer_make(struct collector *collector, const struct explain_choice *choice)
{
    struct http_site site = {.collector = collector, .config = collector->config};
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *stream = open_memstream(&text, &size_bytes);
    if (!stream)
        return NULL;
    fputs("{\"templates\":", stream);
    bool good = templates_at_rest(stream, &site, choice->exporter ? &choice->address : NULL);
    fputs(",\"formats\":", stream);
    formats_print(stream, &site, versions_seen(collector, choice));
    fputc('}', stream);
    good = fclose(stream) == 0 && good;
    json_t *answer = good ? json_loadb(text, size_bytes, 0, NULL) : NULL;
    free(text);
    return answer;
}

static json_t *captures_read(struct collector *collector, const struct capture_input *input,
                             const struct explain_choice *choice)
{
    while (!crew_ended(collector->crew))
        poll(NULL, 0, STEP_MS);
    collector_finish(collector);
    json_t *answer = input->files_failed ? NULL : answer_make(collector, choice);
    if (!answer && !input->files_failed)
        fprintf(stderr, "weir explain: no memory\n");
    return answer;
}

json_t *explain_captures(const struct arguments *arguments, const char *const *files, uint32_t file_count,
                         const struct explain_choice *choice)
{
    static const uint8_t documentation_address[] = {192, 0, 2, 1}; /* RFC 5737, as of "weir decode" */
    struct capture_input input = {.files = files,
                                  .file_count = file_count,
                                  .exporter = {address_from_ipv4(documentation_address), 2055}};
    struct config config;
    struct collector collector = {0};
    json_t *answer = NULL;
    if (!arguments_load(arguments, presets, sizeof presets / sizeof *presets, &config))
        return NULL;
    if (outputs_silence(&config) && collector_init(&collector, &config) &&
        collector_add_backend(&collector, &backend_capture, &input, 1) == 0 &&
        collector_start(&collector, 1, NULL, 0))
        answer = captures_read(&collector, &input, choice);
    else
        collector_finish(&collector);
    collector_close(&collector);
    config_fini(&config);
    return answer;
}
