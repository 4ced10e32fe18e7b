/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/check.h"
#include "config/loader.h"
#include "config/member.h"

static void defaults_load(struct loader *loader)
{
    loader->source.name = "default"; /* source 0: sets no origins */
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (!option->default_text || option->type == OPTION_MAP || option->type == OPTION_PROPERTIES)
            continue;
        struct node *node = loader_setting_node(loader, option, option->default_text);
        if (!node)
            loader->no_memory = true;
        else
            option_assign(loader, option, node);
    }
    loader->no_memory |= !output_copy(&loader->defaults, &loader->config->output);
}

static void text_load(struct loader *loader, const char *text, size_t size)
{
    struct node *root = yaml_read(loader, text, size);
    if (!root || node_is_null(root))
        return;
    if (root->kind != NODE_MAP)
        loader_problem(loader, root->line, "write lines of key: value", "the configuration is no map of options");
    else
        loader_map_apply(loader, root);
}

static void file_load(struct loader *loader, const char *path)
{
    loader_source_begin(loader, path, true);
    char *text = malloc(FILE_MOST + 1);
    FILE *file = fopen(path, "re");
    size_t size = file && text ? fread(text, 1, FILE_MOST + 1, file) : 0;
    loader->no_memory |= !text || (!file && errno == ENOMEM);
    if (!file || ferror(file)) {
        loader_problem(loader, 0, "give the path of a file that weir may read", "it cannot be read: %s",
                       strerror(errno));
    } else if (size > FILE_MOST) {
        loader_problem(loader, 0, "write less than 1 MiB", "the configuration is too large");
    } else if (text) {
        const char *slash = strrchr(path, '/');
        char *folder = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : NULL;
        loader->no_memory |= slash && !folder;
        loader->source.folder = folder ? loader_text(loader, folder) : NULL; /* the outputs are read later */
        text_load(loader, text, size);
        free(folder);
    }
    if (file)
        fclose(file);
    free(text);
}

static void loader_init(struct loader *loader, struct config *config, struct config_problems *problems)
{
    *config = (struct config){.workers = 0};
    *problems = (struct config_problems){.count = 0};
    *loader = (struct loader){.config = config, .problems = problems};
    loader->scope = &loader->whole;
    defaults_load(loader);
}

static int loader_finish(struct loader *loader)
{
    fields_finish(loader);
    outputs_finish(loader);
    check_together(loader);
    bool no_memory = loader->no_memory, failed = loader->failed;
    output_fini(&loader->defaults);
    tree_fini(&loader->tree);
    return no_memory ? -ENOMEM : failed ? -EINVAL : 0;
}

int config_load(struct config *config, const struct config_sources *sources, struct config_problems *problems)
{
    struct loader loader;
    loader_init(&loader, config, problems);
    loader.strength = STRENGTH_PRESET;
    for (uint32_t i = 0; i < sources->preset_count; i++)
        loader_setting_load(&loader, "preset ", sources->presets[i]);
    loader.strength = STRENGTH_FILE;
    if (sources->file)
        file_load(&loader, sources->file);
    loader.strength = STRENGTH_ENVIRONMENT;
    loader_environment_load(&loader);
    loader.strength = STRENGTH_SETTING;
    for (uint32_t i = 0; i < sources->setting_count; i++)
        loader_setting_load(&loader, "-o ", sources->settings[i]);
    return loader_finish(&loader);
}

int config_load_text(struct config *config, const char *text, size_t size, const char *name,
                     struct config_problems *problems)
{
    struct loader loader;
    loader_init(&loader, config, problems);
    loader.strength = STRENGTH_FILE;
    loader_source_begin(&loader, name, true);
    if (size > FILE_MOST)
        loader_problem(&loader, 0, "write less than 1 MiB", "the configuration is too large");
    else
        text_load(&loader, text, size);
    return loader_finish(&loader);
}

void config_fini(struct config *config)
{
    for (uint32_t i = 0; i < option_count(); i++) {
        const struct option_row *option = option_at(i);
        if (option_has_value(option))
            member_fini(option, option_member(option, config, NULL));
    }
    for (uint32_t i = 0; i < config->output_count; i++)
        output_fini(&config->outputs[i]);
    free(config->outputs);
    free(config->output.name);
    *config = (struct config){.workers = 0};
}

int config_worker_cpu(const struct config *config, uint32_t worker)
{
    const struct text_list *cpus = &config->input.cpus;
    return cpus->count ? atoi(cpus->items[worker % cpus->count]) : -1;
}
