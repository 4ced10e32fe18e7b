/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Documents as a set, however many there are: each is known by a hash of its text without event.created, which says
 * when a datagram came. Documents are lines of standard input.
 *
 *   weir-test-documents learn SET     writes the set, and as JSON what each exporter's documents add up to
 *   weir-test-documents compare SET   says as JSON how many are not in the set and how many of the set did not come,
 *                                     with the first of the former; writes the latter to SET.missing
 *   weir-test-documents find SET      writes the documents that are in the set
 *
 * A set may have a document several times, and then wants it as often.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define CREATED   "\"created\":\""
#define EXPORTER  "\"exporter\":{\"address\":\""
#define NETWORK   "\"network\":{"
#define OPTIONS   "\"action\":\"netflow_options\""
#define TEXT(literal) literal, sizeof literal - 1
#define NAME_MOST 64

enum {
    SHOWN_MOST = 5,
    EXPORTER_SLOTS = 1 << 17, /* a power of two, and more than there are exporters */
    FIRST_HASHES = 1 << 20,
    READ_BYTES = 1 << 20,
};

struct text {
    const char *at;
    size_t size_bytes;
};

struct entry {
    XXH128_hash_t hash; /* all zeros: free */
    uint64_t left;      /* how many documents of this text have not come yet */
};

/* Open addressing; capacity is a power of two, and never more than half of it is taken. */
struct set {
    struct entry *entries;
    size_t capacity;
};

struct hashes {
    XXH128_hash_t *hashes;
    size_t count;
    size_t capacity;
};

struct sums {
    char name[NAME_MOST];
    uint64_t records;
    uint64_t options;
    uint64_t bytes;
    uint64_t packets;
};

struct state {
    struct set set;
    struct hashes hashes;
    struct sums *exporters;
    uint64_t documents;
    uint64_t unexpected;
    struct text shown[SHOWN_MOST];
};

static void fail(const char *what)
{
    fprintf(stderr, "weir-test-documents: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *room(void *old, size_t size_bytes)
{
    void *new = realloc(old, size_bytes);
    if (!new)
        fail("memory");
    return new;
}

/* --- a document --- */

/* What stands behind a name, to the end of the document; empty where the name is not in it. */
static struct text behind(struct text line, const char *name, size_t name_bytes)
{
    const char *at = memmem(line.at, line.size_bytes, name, name_bytes);
    if (!at)
        return (struct text){0};
    at += name_bytes;
    return (struct text){at, (size_t)(line.at + line.size_bytes - at)};
}

static size_t length_to(struct text text, char end)
{
    const char *at = text.size_bytes ? memchr(text.at, end, text.size_bytes) : NULL;
    return at ? (size_t)(at - text.at) : text.size_bytes;
}

/* Of the text around event.created: what that says has to differ from run to run. */
static XXH128_hash_t document_hash(struct text line)
{
    struct text created = behind(line, TEXT(CREATED));
    if (!created.size_bytes)
        return XXH3_128bits(line.at, line.size_bytes);
    size_t cut = length_to(created, '"');
    XXH128_hash_t before = XXH3_128bits(line.at, (size_t)(created.at - line.at));
    return XXH3_128bits_withSeed(created.at + cut, created.size_bytes - cut, before.low64 ^ before.high64);
}

static bool same(XXH128_hash_t a, XXH128_hash_t b)
{
    return a.low64 == b.low64 && a.high64 == b.high64;
}

static uint64_t number_behind(struct text part, const char *name, size_t name_bytes)
{
    struct text digits = behind(part, name, name_bytes);
    uint64_t number = 0;
    for (size_t i = 0; i < digits.size_bytes && digits.at[i] >= '0' && digits.at[i] <= '9'; i++)
        number = 10 * number + (uint64_t)(digits.at[i] - '0');
    return number;
}

/* --- sets --- */

static struct entry *set_slot(struct set *set, XXH128_hash_t hash)
{
    for (size_t i = hash.low64;; i++) {
        struct entry *entry = &set->entries[i & (set->capacity - 1)];
        if (same(entry->hash, hash) || (!entry->hash.low64 && !entry->hash.high64))
            return entry;
    }
}

static void set_read(struct set *set, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) < 0)
        fail(path);
    size_t count = (size_t)ftell(file) / sizeof(XXH128_hash_t);
    rewind(file);
    for (set->capacity = 2; set->capacity < 2 * count; set->capacity *= 2)
        ;
    set->entries = calloc(set->capacity, sizeof *set->entries);
    if (!set->entries)
        fail("memory");
    XXH128_hash_t hash;
    while (fread(&hash, sizeof hash, 1, file) == 1) {
        struct entry *entry = set_slot(set, hash);
        entry->hash = hash;
        entry->left++;
    }
    fclose(file);
}

static void set_write_left(const struct set *set, const char *path, uint64_t *missing)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fail(path);
    *missing = 0;
    for (size_t i = 0; i < set->capacity; i++)
        for (uint64_t left = set->entries[i].left; left; left--, ++*missing)
            if (fwrite(&set->entries[i].hash, sizeof(XXH128_hash_t), 1, file) != 1)
                fail(path);
    if (fclose(file))
        fail(path);
}

/* --- what is done with each document --- */

static void document_compare(struct state *state, struct text line)
{
    struct entry *entry = set_slot(&state->set, document_hash(line));
    if (entry->left) {
        entry->left--;
        return;
    }
    if (state->unexpected < SHOWN_MOST) {
        char *copy = room(NULL, line.size_bytes);
        memcpy(copy, line.at, line.size_bytes);
        state->shown[state->unexpected] = (struct text){copy, line.size_bytes};
    }
    state->unexpected++;
}

static void document_find(struct state *state, struct text line)
{
    if (set_slot(&state->set, document_hash(line))->left)
        printf("%.*s\n", (int)line.size_bytes, line.at);
}

static struct sums *exporter_find(struct sums *exporters, struct text name)
{
    size_t at = XXH3_64bits(name.at, name.size_bytes);
    if (!name.size_bytes || name.size_bytes >= NAME_MOST) {
        errno = EINVAL;
        fail("a document without exporter");
    }
    for (;; at++) {
        struct sums *exporter = &exporters[at & (EXPORTER_SLOTS - 1)];
        if (!exporter->name[0])
            memcpy(exporter->name, name.at, name.size_bytes);
        if (strlen(exporter->name) == name.size_bytes && memcmp(exporter->name, name.at, name.size_bytes) == 0)
            return exporter;
    }
}

static void document_learn(struct state *state, struct text line)
{
    struct hashes *hashes = &state->hashes;
    if (hashes->count == hashes->capacity) {
        hashes->capacity = hashes->capacity ? 2 * hashes->capacity : FIRST_HASHES;
        hashes->hashes = room(hashes->hashes, hashes->capacity * sizeof *hashes->hashes);
    }
    hashes->hashes[hashes->count++] = document_hash(line);
    struct text name = behind(line, TEXT(EXPORTER)), network = behind(line, TEXT(NETWORK));
    name.size_bytes = length_to(name, '"');
    network.size_bytes = length_to(network, '}');
    struct sums *exporter = exporter_find(state->exporters, name);
    if (behind(line, TEXT(OPTIONS)).size_bytes) {
        exporter->options++;
        return;
    }
    exporter->records++;
    exporter->bytes += number_behind(network, TEXT("\"bytes\":"));
    exporter->packets += number_behind(network, TEXT("\"packets\":"));
}

/* --- begin and end of each command --- */

static void learn_begin(struct state *state, const char *path)
{
    (void)path;
    state->exporters = calloc(EXPORTER_SLOTS, sizeof *state->exporters);
    if (!state->exporters)
        fail("memory");
}

static void learn_end(struct state *state, const char *path)
{
    FILE *file = fopen(path, "wb");
    const struct hashes *hashes = &state->hashes;
    if (!file || fwrite(hashes->hashes, sizeof *hashes->hashes, hashes->count, file) != hashes->count || fclose(file))
        fail(path);
    printf("{\"documents\":%" PRIu64 ",\"exporters\":{", state->documents);
    const char *comma = "";
    for (size_t i = 0; i < EXPORTER_SLOTS; i++) {
        const struct sums *exporter = &state->exporters[i];
        if (!exporter->name[0])
            continue;
        printf("%s\"%s\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", comma, exporter->name, exporter->records,
               exporter->options, exporter->bytes, exporter->packets);
        comma = ",";
    }
    printf("}}\n");
}

static void compare_begin(struct state *state, const char *path)
{
    set_read(&state->set, path);
}

static void compare_end(struct state *state, const char *path)
{
    char left[4096];
    uint64_t missing;
    snprintf(left, sizeof left, "%s.missing", path);
    set_write_left(&state->set, left, &missing);
    printf("{\"documents\":%" PRIu64 ",\"unexpected\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"shown\":[",
           state->documents, state->unexpected, missing);
    for (uint64_t i = 0; i < state->unexpected && i < SHOWN_MOST; i++)
        printf("%s%.*s", i ? "," : "", (int)state->shown[i].size_bytes, state->shown[i].at);
    printf("]}\n");
}

static void find_end(struct state *state, const char *path)
{
    (void)state, (void)path;
}

static const struct command {
    const char *name;
    void (*begin)(struct state *state, const char *path);
    void (*document)(struct state *state, struct text line);
    void (*end)(struct state *state, const char *path);
} commands[] = {
    {"learn", learn_begin, document_learn, learn_end},
    {"compare", compare_begin, document_compare, compare_end},
    {"find", compare_begin, document_find, find_end},
};

/* A line that the end of the input cuts off is no document. */
static void lines_read(struct state *state, const struct command *command)
{
    char *line = NULL;
    size_t capacity = 0;
    setvbuf(stdin, NULL, _IOFBF, READ_BYTES);
    for (ssize_t length; (length = getline(&line, &capacity, stdin)) > 0;) {
        if (line[length - 1] != '\n')
            break;
        state->documents++;
        command->document(state, (struct text){line, (size_t)length - 1});
    }
    free(line);
}

int main(int count, char **arguments)
{
    for (size_t i = 0; count == 3 && i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        if (strcmp(arguments[1], command->name) != 0)
            continue;
        static struct state state;
        command->begin(&state, arguments[2]);
        lines_read(&state, command);
        command->end(&state, arguments[2]);
        return 0;
    }
    fprintf(stderr, "usage: weir-test-documents learn|compare|find SET < documents\n");
    return 2;
}
