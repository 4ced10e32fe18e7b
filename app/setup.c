/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/arguments.h"
#include "app/command.h"
#include "app/setup_compare.h"
#include "app/setup_server.h"
#include "decode/element.h"
#include "decode/profile.h"
#include "export/elastic/index_template.h"

static const char help[] =
    "usage: weir setup elasticsearch|opensearch [-c FILE] [-o KEY=VALUE]... [--output NAME] [--without PART,...]\n"
    "                  [--install [--replace] | --print[=FOLDER]]\n\n"
    "Prepares a server for weir's documents: component templates with the type of every field, an index template for\n"
    "the data stream, and a lifecycle policy. Says for each of them whether it is missing, the same, or differs, and\n"
    "in what; the status is 0 when all are the same.\n\n" ARGUMENTS_HELP
    "      --output NAME        the output of the configuration whose server is meant (default: the first of that "
    "type)\n"
    "      --install            create what is missing; where anything differs, change nothing: status 1\n"
    "      --replace            with --install: replace what differs, too\n"
    "      --without PART,...   leave parts out: lifecycle, mappings, settings, data-stream, custom, template\n"
    "      --print[=FOLDER]     show the requests, or write a file for each, and ask no server\n";

/* How many differences of one object are shown: a rewritten mapping has thousands. */
#define DIFFERENCES_SHOWN 30

struct setup {
    struct arguments arguments;
    enum output_kind product;
    const char *output_name; /* NULL: the first of that type */
    const char *folder;      /* of --print; NULL: standard output */
    bool print;
    bool install;
    bool replace;
    uint32_t parts; /* 1 << enum index_part, or-ed */
};

/* --- printing --- */

/* Makes the folders of a path that are missing. Returns 0 or -errno. */
static int folders_make(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        int result = mkdir(path, 0777) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
        if (result)
            return result;
    }
    return 0;
}

static int object_write(const char *folder, const struct index_object *object)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s.json", folder, object->path) < 0)
        return -ENOMEM;
    int result = folders_make(path);
    FILE *file = result ? NULL : fopen(path, "we");
    if (!result && !file)
        result = -errno;
    if (file && json_dumpf(object->body, file, JSON_INDENT(2)) < 0)
        result = -EIO;
    if (file && (fputc('\n', file) == EOF || fclose(file) == EOF))
        result = -errno;
    if (result)
        fprintf(stderr, "weir setup: %s: %s\n", path, strerror(-result));
    else
        printf("%s\n", path);
    free(path);
    return result;
}

/* As the consoles of Kibana and OpenSearch Dashboards take it. */
static int objects_print(const struct setup *setup, const struct index_objects *objects)
{
    int result = 0;
    for (uint32_t i = 0; i < objects->count && !result; i++) {
        const struct index_object *object = &objects->items[i];
        if (setup->folder) {
            result = object_write(setup->folder, object);
            continue;
        }
        printf("%sPUT %s\n", i ? "\n" : "", object->path);
        json_dumpf(object->body, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    return fflush(stdout) || ferror(stdout) || result ? STATUS_FAILED : STATUS_GOOD;
}

/* --- comparing and installing --- */

enum finding { FINDING_SAME, FINDING_MISSING, FINDING_DIFFERS };

struct look {
    struct server_object found[INDEX_OBJECTS_MOST];
    enum finding findings[INDEX_OBJECTS_MOST];
    uint32_t missing, different;
};

static void finding_print(const struct index_object *object, const char *word)
{
    printf("  %-18s %-26s %s\n", object->kind, object->name, word);
}

static enum finding object_compare(const struct index_object *object, json_t *have)
{
    struct comparison comparison;
    if (!have) {
        finding_print(object, "missing");
        return FINDING_MISSING;
    }
    if (object->part == INDEX_CUSTOM) {
        finding_print(object, "there, and yours");
        return FINDING_SAME;
    }
    bool compared = comparison_make(&comparison, have, object->body) == 0;
    finding_print(object, !compared ? "not compared: no memory" : comparison.count ? "differs" : "same");
    comparison_print(stdout, &comparison, DIFFERENCES_SHOWN);
    enum finding finding = compared && !comparison.count ? FINDING_SAME : FINDING_DIFFERS;
    comparison_fini(&comparison);
    return finding;
}

/* What the server has of each object. Returns 0 or -EIO. */
static int objects_look(const struct server *server, const struct index_objects *objects, struct look *look)
{
    for (uint32_t i = 0; i < objects->count; i++) {
        if (server_get(server, &objects->items[i], &look->found[i]) < 0)
            return -EIO;
        look->findings[i] = object_compare(&objects->items[i], look->found[i].body);
        look->missing += look->findings[i] == FINDING_MISSING;
        look->different += look->findings[i] == FINDING_DIFFERS;
    }
    return 0;
}

static int objects_install(const struct server *server, const struct index_objects *objects, const struct look *look)
{
    for (uint32_t i = 0; i < objects->count; i++) {
        if (look->findings[i] == FINDING_SAME)
            continue;
        if (server_put(server, &objects->items[i], &look->found[i]) < 0)
            return STATUS_FAILED;
        printf("%s %s %s\n", look->findings[i] == FINDING_MISSING ? "created" : "replaced", objects->items[i].kind,
               objects->items[i].name);
    }
    if (look->different)
        printf("Indices that are there keep their mappings and settings; a data stream takes the new ones when it "
               "rolls over: POST /NAME/_rollover\n");
    return STATUS_GOOD;
}

/* What follows from a look, in words or in deeds. */
static int look_conclude(const struct setup *setup, const struct server *server, const struct index_objects *objects,
                         const struct look *look)
{
    if (!look->missing && !look->different) {
        printf("everything is there\n");
        return STATUS_GOOD;
    }
    if (setup->install && (setup->replace || !look->different))
        return objects_install(server, objects, look);
    fflush(stdout);
    if (setup->install)
        fprintf(stderr, "weir setup: nothing was changed, since %u of %u differ; --install --replace replaces them\n",
                look->different, objects->count);
    else
        fprintf(stderr, "weir setup: %u missing, %u different; --install creates what is missing%s\n", look->missing,
                look->different, look->different ? ", with --replace it replaces what differs" : "");
    return STATUS_FAILED;
}

static int server_setup(const struct setup *setup, const struct server *server, const struct index_objects *objects)
{
    struct look look = {0};
    printf("%s ", product_name(server->product));
    server_text_print(stdout, server->version_text, sizeof server->version_text);
    printf(" at %s\n", server->host);
    int status =
        objects_look(server, objects, &look) < 0 ? STATUS_FAILED : look_conclude(setup, server, objects, &look);
    for (uint32_t i = 0; i < objects->count; i++)
        server_object_fini(&look.found[i]);
    return fflush(stdout) || ferror(stdout) ? STATUS_FAILED : status;
}

/* --- what is asked for --- */

/* The output that is meant; NULL when the configuration has none. */
static const struct output_config *output_find(const struct setup *setup, const struct config *config)
{
    for (uint32_t i = 0; i < config->output_count; i++) {
        const struct output_config *output = &config->outputs[i];
        if (setup->output_name ? strcmp(output->name, setup->output_name) == 0
                               : output->kind == (uint32_t)setup->product)
            return output;
    }
    return NULL;
}

static bool output_fits(const struct setup *setup, const struct output_config *output)
{
    const char *word = setup->product == OUTPUT_OPENSEARCH ? "opensearch" : "elasticsearch";
    if (!output && setup->output_name)
        fprintf(stderr, "weir setup: the configuration has no output %s\n", setup->output_name);
    else if (!output)
        fprintf(stderr,
                "weir setup: the configuration has no output of type %s; name a file with one by -c, or give "
                "-o output.type=%s -o output.elasticsearch.hosts=URL\n",
                word, word);
    else if (output->kind != (uint32_t)setup->product)
        fprintf(stderr, "weir setup: the output %s is not of type %s\n", output->name, word);
    return output && output->kind == (uint32_t)setup->product;
}

/* The server must be what was said: the two have different policies and types. */
static bool server_fits(const struct setup *setup, const struct server *server)
{
    if (server->product == setup->product)
        return true;
    bool open = server->product == OUTPUT_OPENSEARCH;
    fprintf(stderr, "weir setup: %s is %s; set the output's type to %s, and call: weir setup %s\n", server->host,
            product_name(server->product), open ? "opensearch" : "elasticsearch",
            open ? "opensearch" : "elasticsearch");
    return false;
}

static int objects_make(const struct index_request *request, struct index_objects *objects)
{
    int result = index_objects_make(objects, request);
    if (result == -EINVAL)
        fprintf(stderr,
                "weir setup: with the index \"%s\" the template would take in other indices, too; let "
                "elasticsearch.index begin with a name of its own\n",
                request->index);
    else if (result < 0)
        fprintf(stderr, "weir setup: no memory\n");
    return result;
}

static int output_setup(const struct setup *setup, const struct output_config *output, const struct elements *elements)
{
    struct index_objects objects;
    struct server server = {0};
    if (!setup->print && (server_open(&server, output) < 0 || !server_fits(setup, &server)))
        return STATUS_FAILED;
    const struct index_request request = {.product = setup->product,
                                          .index = output->elastic.index,
                                          .elements = elements,
                                          .parts = setup->parts,
                                          .version = server.version};
    int status = STATUS_FAILED;
    if (objects_make(&request, &objects) == 0)
        status = setup->print ? objects_print(setup, &objects) : server_setup(setup, &server, &objects);
    index_objects_fini(&objects);
    return status;
}

static int configuration_setup(const struct setup *setup)
{
    const char *const presets[] = {setup->product == OUTPUT_OPENSEARCH ? "output.type=opensearch"
                                                                       : "output.type=elasticsearch"};
    struct config config;
    struct config_problems problems = {0};
    /* a file says what its outputs are; without one, naming the server must be enough */
    if (!arguments_load(&setup->arguments, presets, setup->arguments.file ? 0 : 1, &config))
        return STATUS_FAILED;
    const struct output_config *output = output_find(setup, &config);
    bool fits = true;
    if (setup->print && !output && !setup->output_name)
        output = &config.output; /* no server is asked: the defaults will do */
    else
        fits = output_fits(setup, output);
    struct elements *elements =
        fits ? elements_new(profile_of(config.output.profile), &config.custom_definitions, &problems) : NULL;
    problems_print(&problems);
    int status = elements ? output_setup(setup, output, elements) : STATUS_FAILED;
    elements_free(elements);
    config_fini(&config);
    return status;
}

/* --- the command line --- */

/* The part of that name, with '_' as good as '-'; INDEX_PARTS when there is none. */
static uint32_t part_find(const char *name, size_t length)
{
    uint32_t part = 0;
    for (; part < INDEX_PARTS; part++) {
        const char *known = index_part_names[part];
        size_t same = 0;
        while (same < length && known[same] && (known[same] == name[same] || (known[same] == '-' && name[same] == '_')))
            same++;
        if (same == length && !known[same])
            break;
    }
    return part;
}

/* Takes parts out of those that are made. False when a word is no part's name. */
static bool parts_leave_out(uint32_t *parts, const char *words)
{
    while (*words) {
        size_t length = strcspn(words, ",");
        uint32_t part = part_find(words, length);
        if (part == INDEX_PARTS) {
            fprintf(stderr, "weir setup: there is no part %.*s; parts are", (int)length, words);
            for (part = 0; part < INDEX_PARTS; part++)
                fprintf(stderr, "%s %s", part ? "," : "", index_part_names[part]);
            fputc('\n', stderr);
            return false;
        }
        *parts &= ~(1U << part);
        words += length + (words[length] == ',');
    }
    return true;
}

/* False when the option's value is wrong. */
static bool option_take(struct setup *setup, int letter, const char *value)
{
    if (letter == 'O')
        setup->output_name = value;
    else if (letter == 'W')
        return parts_leave_out(&setup->parts, value);
    else if (letter == 'P')
        setup->print = true, setup->folder = value;
    setup->install = setup->install || letter == 'I';
    setup->replace = setup->replace || letter == 'R';
    arguments_take(&setup->arguments, letter, value);
    return true;
}

static bool product_take(struct setup *setup, const char *word)
{
    bool open = strcmp(word, "opensearch") == 0;
    setup->product = open ? OUTPUT_OPENSEARCH : OUTPUT_ELASTICSEARCH;
    return open || strcmp(word, "elasticsearch") == 0;
}

/* False when the words make no sense together. */
static bool words_check(struct setup *setup, int count, char **words)
{
    const char *wrong = NULL;
    if (optind + 1 != count || !product_take(setup, words[optind]))
        wrong = "which server? elasticsearch or opensearch";
    else if (setup->replace && !setup->install)
        wrong = "--replace goes with --install";
    else if (setup->print && setup->install)
        wrong = "--print asks no server, so there is nothing to --install";
    if (wrong)
        fprintf(stderr, "weir setup: %s\n", wrong);
    return !wrong;
}

int command_setup(int count, char **words)
{
    static const struct option rows[] = {ARGUMENTS_OPTIONS,
                                         {"output", required_argument, NULL, 'O'},
                                         {"print", optional_argument, NULL, 'P'},
                                         {"install", no_argument, NULL, 'I'},
                                         {"replace", no_argument, NULL, 'R'},
                                         {"without", required_argument, NULL, 'W'},
                                         {0}};
    struct setup setup = {.parts = INDEX_PARTS_ALL};
    int letter, status = STATUS_GOOD;
    if (!arguments_init(&setup.arguments, count))
        return STATUS_FAILED;
    words[0] = "weir setup";
    while (status == STATUS_GOOD && (letter = getopt_long(count, words, ARGUMENTS_LETTERS, rows, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            arguments_fini(&setup.arguments);
            return STATUS_GOOD;
        }
        if (letter == '?' || !option_take(&setup, letter, optarg))
            status = usage_refer("setup");
    }
    if (status == STATUS_GOOD)
        status = words_check(&setup, count, words) ? configuration_setup(&setup) : usage_refer("setup");
    arguments_fini(&setup.arguments);
    return status;
}
