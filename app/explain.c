/* SPDX-License-Identifier: Apache-2.0 */
#include "app/explain.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/command.h"
#include "decode/plan.h"

#define PATH_MOST      256
#define TEMPLATES_MOST 10000 /* the API's, of one answer */

static const char help[] =
    "usage: weir explain [--url URL] [--json] EXPORTER [TEMPLATE]\n"
    "       weir explain --capture FILE [-c FILE] [-o KEY=VALUE]... [--json] [EXPORTER [TEMPLATE]]\n\n"
    "Says what becomes of a template: its bytes; each field's offset, type, and who names it; the paths of\n"
    "documents that it becomes; what is left out and why; and what is derived from which fields. From a collector\n"
    "that runs, by its HTTP API, or from captures. EXPORTER is an address, ADDRESS:PORT, or shared\n"
    "(share_templates); TEMPLATE is an id, DOMAIN/ID, or a version without templates as v5. Without them it says it\n"
    "of all.\n\n"
    CLIENT_HELP
    "  -C, --capture FILE       a capture as of weir decode, and no collector; may be given again\n"
    "  -c, --config FILE        with --capture: configuration in YAML\n"
    "  -o, --option KEY=VALUE   with --capture: set one option (weir docs options), as output.profile=elastic\n"
    "  -j, --json               for programs\n"
    "  -h, --help               this text\n";

struct explain {
    struct client_setup setup;
    struct arguments arguments;
    const char **files; /* room for one for each argument */
    uint32_t file_count;
    struct explain_choice choice;
    bool json;
};

/* ---- choosing ---- */

/* The number of a version without templates, by its name; 0: it is none. */
static uint32_t format_number(const char *name)
{
    if (strcmp(name, "sflow") == 0)
        return VERSION_SFLOW;
    return name[0] == 'v' && name[1] >= '1' && name[1] <= '8' && !name[2] ? (uint32_t)(name[1] - '0') : 0;
}

bool explain_chosen(const struct explain_choice *choice, const json_t *template)
{
    const json_t *port = json_object_get(template, "port"), *id = json_object_get(template, "id");
    if (choice->port && json_is_integer(port) && json_integer_value(port) != choice->port)
        return false;
    if (!choice->template)
        return true;
    const char *version = client_text(template, "version");
    if (choice->format)
        return !id && format_number(version) == choice->format;
    return id && json_integer_value(id) == choice->id &&
           (choice->domain < 0 || json_integer_value(json_object_get(template, "domain")) == choice->domain);
}

static bool exporter_take(struct explain_choice *choice, const char *text)
{
    struct endpoint endpoint = {0};
    choice->exporter = text;
    choice->shared = strcmp(text, "shared") == 0;
    if (choice->shared || address_parse(text, &choice->address))
        return true;
    if (*text != ':' && endpoint_parse(text, &endpoint)) {
        choice->address = endpoint.address;
        choice->port = endpoint.port;
        return true;
    }
    fprintf(stderr, "weir explain: %s is no exporter; write an address, ADDRESS:PORT, [IPV6]:PORT, or shared\n", text);
    return false;
}

static bool number_read(const char *text, const char *end, uint64_t most, int64_t *number)
{
    char *stop;
    uint64_t value = strtoull(text, &stop, 10);
    *number = (int64_t)value;
    return *text >= '0' && *text <= '9' && stop == end && value <= most;
}

/* "256", "7/256", "v5" or "sflow". */
static bool template_take(struct explain_choice *choice, const char *text)
{
    const char *slash = strchr(text, '/'), *id = slash ? slash + 1 : text;
    choice->template = text;
    choice->domain = -1;
    choice->format = format_number(text);
    if (choice->format)
        return true;
    if (number_read(id, id + strlen(id), UINT16_MAX, &choice->id) &&
        (!slash || number_read(text, slash, UINT32_MAX, &choice->domain)))
        return true;
    fprintf(stderr, "weir explain: %s is no template; write its id, DOMAIN/ID, or a version as v5\n", text);
    return false;
}

/* ---- from a collector ---- */

/* False where the answer has none; then its problem is printed. */
static bool answer_add(struct client *client, const char *path, const char *list, json_t *to)
{
    json_t *answer = client_get(client, path);
    json_t *found = json_object_get(answer, list);
    if (answer && found)
        json_array_extend(to, found);
    else
        fprintf(stderr, "weir explain: %s\n",
                *client->problem ? client->problem : "the workers did not tell in time; try again");
    json_decref(answer);
    return answer && found;
}

static bool template_ask(struct client *client, const json_t *template, const char *exporter, json_t *to)
{
    char path[PATH_MOST];
    snprintf(path, sizeof path,
             "/api/templates?explain&limit=%u&exporter=%s&version=%s&domain=%" PRIu64 "&id=%" PRIu64, TEMPLATES_MOST,
             exporter, client_text(template, "version"), client_number(template, "domain"),
             client_number(template, "id"));
    return answer_add(client, path, "templates", to);
}

static bool templates_ask(struct client *client, const struct explain_choice *choice, const char *exporter, json_t *to)
{
    char path[PATH_MOST];
    json_t *list = json_array();
    snprintf(path, sizeof path, "/api/templates?limit=%u&exporter=%s", TEMPLATES_MOST, exporter);
    bool good = answer_add(client, path, "templates", list);
    for (size_t i = 0; i < json_array_size(list) && good; i++) {
        const json_t *template = json_array_get(list, i), *before = i ? json_array_get(list, i - 1) : NULL;
        /* those of several ports come in one answer */
        bool repeated = before && client_number(before, "id") == client_number(template, "id") &&
                        client_number(before, "domain") == client_number(template, "domain");
        if (explain_chosen(choice, template) && !repeated)
            good = template_ask(client, template, exporter, to);
    }
    json_decref(list);
    return good;
}

/* The versions without templates that the exporter sent. */
static bool formats_ask(struct client *client, const struct explain_choice *choice, json_t *to)
{
    char path[PATH_MOST];
    uint32_t asked = 0;
    json_t *list = json_array();
    snprintf(path, sizeof path, "/api/exporters/%s", choice->exporter);
    bool good = answer_add(client, path, "exporters", list);
    for (size_t i = 0; i < json_array_size(list) && good; i++) {
        const json_t *versions = json_object_get(json_array_get(list, i), "versions");
        for (size_t k = 0; k < json_array_size(versions) && good; k++) {
            const char *version = json_string_value(json_array_get(versions, k));
            uint32_t number = version ? format_number(version) : 0;
            if (!number || asked & 1U << number)
                continue;
            asked |= 1U << number;
            snprintf(path, sizeof path, "/api/formats?version=%s", version);
            good = answer_add(client, path, "formats", to);
        }
    }
    json_decref(list);
    return good;
}

static json_t *collector_ask(const struct explain *explain)
{
    const struct explain_choice *choice = &explain->choice;
    struct client client;
    char address[ADDRESS_TEXT_MOST] = "shared";
    json_t *answer = json_pack("{s:[],s:[]}", "templates", "formats");
    if (!choice->shared)
        address_format(&choice->address, address);
    bool good = client_open(&client, &explain->setup, "explain") &&
                (choice->shared || formats_ask(&client, choice, json_object_get(answer, "formats"))) &&
                templates_ask(&client, choice, address, json_object_get(answer, "templates"));
    client_close(&client);
    if (good)
        return answer;
    json_decref(answer);
    return NULL;
}

/* ---- showing ---- */

static void list_choose(const struct explain_choice *choice, json_t *list)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (!explain_chosen(choice, json_array_get(list, i)))
            json_array_remove(list, i);
}

static void list_show(struct top_page *page, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (page->count)
            page_line(page, STYLE_PLAIN, "%s", "");
        explain_page(page, json_array_get(list, i));
    }
}

static int answer_show(const struct explain *explain, json_t *answer)
{
    json_t *templates = json_object_get(answer, "templates"), *formats = json_object_get(answer, "formats");
    struct top_page page = {0};
    list_choose(&explain->choice, templates);
    list_choose(&explain->choice, formats);
    if (!json_array_size(templates) && !json_array_size(formats)) {
        fprintf(stderr, "weir explain: %s%s: no such template is known\n",
                explain->choice.exporter ? explain->choice.exporter : "the captures",
                explain->choice.template ? ", " : "");
        return STATUS_FAILED;
    }
    if (explain->json) {
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        list_show(&page, templates);
        list_show(&page, formats);
        page_print(&page, stdout);
    }
    bool good = !page.failed && fflush(stdout) == 0;
    page_clear(&page);
    return good ? STATUS_GOOD : STATUS_FAILED;
}

static int explain_run(const struct explain *explain)
{
    json_t *answer = explain->file_count ? explain_captures(&explain->arguments, explain->files, explain->file_count,
                                                            &explain->choice)
                                         : collector_ask(explain);
    int status = answer ? answer_show(explain, answer) : STATUS_FAILED;
    json_decref(answer);
    return status;
}

/* ---- arguments ---- */

/* Returns 0 to go on, or the letter that ends: 'h' or '?'. */
static int arguments_read(struct explain *explain, int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS,
                                         CLIENT_OPTIONS,
                                         {"capture", required_argument, NULL, 'C'},
                                         {"json", no_argument, NULL, 'j'},
                                         {0}};
    int letter;
    while ((letter = getopt_long(count, words, ARGUMENTS_LETTERS CLIENT_LETTERS "C:j", rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?')
            return letter;
        if (letter == 'C')
            explain->files[explain->file_count++] = optarg;
        explain->json = explain->json || letter == 'j';
        arguments_take(&explain->arguments, letter, optarg);
        client_setup_take(&explain->setup, letter, optarg);
    }
    int left = count - optind;
    if (left > 2 || (left == 0 && !explain->file_count)) {
        fprintf(stderr, "weir explain: %s\n", left ? "one EXPORTER and one TEMPLATE at most" : "which EXPORTER?");
        return '?';
    }
    bool good = (left < 1 || exporter_take(&explain->choice, words[optind])) &&
                (left < 2 || template_take(&explain->choice, words[optind + 1]));
    return good ? 0 : '?';
}

int command_explain(int count, char **words)
{
    struct explain explain = {.setup.url = CLIENT_URL_DEFAULT};
    int status = STATUS_FAILED;
    words[0] = "weir explain";
    explain.files = calloc((size_t)count, sizeof *explain.files);
    if (explain.files && arguments_init(&explain.arguments, count)) {
        int letter = arguments_read(&explain, count, words);
        if (letter == 'h')
            fputs(help, stdout);
        status = letter == '?' ? usage_refer("explain") : letter == 'h' ? STATUS_GOOD : explain_run(&explain);
        arguments_fini(&explain.arguments);
    }
    free(explain.files);
    return status;
}
