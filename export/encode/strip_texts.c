/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/encode/strip.h"

/* The text in quotes as JSON has it; NULL without memory. */
static char *json_string(const char *text)
{
    size_t length = strlen(text);
    char *json = malloc(6 * length + 3 + TEXT_OVERRUN);
    if (!json)
        return NULL;
    json[0] = '"';
    char *end = text_json(json + 1, (const uint8_t *)text, length);
    memcpy(end, "\"", 2);
    return json;
}

static char *json_list(const struct text_list *list)
{
    char *json = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&json, &size_bytes);
    if (!out)
        return NULL;
    fputc('[', out);
    for (uint32_t i = 0; i < list->count; i++) {
        char *item = json_string(list->items[i]);
        fprintf(out, "%s%s", i ? "," : "", item ? item : "\"\"");
        free(item);
    }
    fputc(']', out);
    fclose(out);
    return json;
}

/* An identifier of this machine that tells nothing of it: a hash of its id, as systemd asks for (machine-id(5)). */
static char *agent_id(void)
{
    char id[64] = "";
    FILE *file = fopen("/etc/machine-id", "re");
    if (file) {
        size_t got = fread(id, 1, sizeof id - 1, file);
        id[got] = 0;
        fclose(file);
    }
    if (!id[0])
        gethostname(id, sizeof id - 1);
    XXH128_hash_t hash = XXH3_128bits_withSeed(id, strlen(id), 0x77656972);
    char *text = NULL;
    if (asprintf(&text, "\"%08x-%04x-%04x-%04x-%012llx\"", (unsigned)(hash.high64 >> 32),
                 (unsigned)(hash.high64 >> 16 & 0xffff), (unsigned)((hash.high64 & 0xfff) | 0x8000),
                 (unsigned)((hash.low64 >> 48 & 0x3fff) | 0x8000),
                 (unsigned long long)(hash.low64 & 0xffffffffffff)) < 0)
        return NULL;
    return text;
}

static char *agent_name(void)
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return json_string(name);
}

int strip_texts_init(struct strip_texts *texts, const struct config *config)
{
    *texts = (struct strip_texts){
        .agent_id = agent_id(),
        .agent_name = agent_name(),
        .namespace = json_string(config->output.namespace ? config->output.namespace : "default"),
        .tags = json_list(&config->tags),
        .fields = config->fields_json ? config->fields_json : "",
        .fields_under_root = config->fields_under_root,
    };
    return texts->agent_id && texts->agent_name && texts->namespace && texts->tags ? 0 : -ENOMEM;
}

void strip_texts_fini(struct strip_texts *texts)
{
    free(texts->agent_id);
    free(texts->agent_name);
    free(texts->namespace);
    free(texts->tags);
}
