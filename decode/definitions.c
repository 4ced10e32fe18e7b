/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/definitions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* More than any real file has; keeps a device or a wrong path from filling the memory. */
#define FILE_MOST_BYTES (16U << 20)

#define NAME_MOST 60 /* a key is at most twice as long */

/* What Elastic's files call a type. An integer in place of the name is the number of bytes of an unsigned one. */
static const struct {
    const char *name;
    struct data_type type;
} type_names[] = {
    {"uint8", {"unsigned8", TYPE_UNSIGNED, 1, 1, "short"}},
    {"uint15", {"unsigned120", TYPE_UNSIGNED, 1, 15, "long"}}, /* 15 and 24 are bytes there, not bits */
    {"uint16", {"unsigned16", TYPE_UNSIGNED, 1, 2, "integer"}},
    {"uint24", {"unsigned192", TYPE_UNSIGNED, 1, 24, "long"}},
    {"uint32", {"unsigned32", TYPE_UNSIGNED, 1, 4, "long"}},
    {"uint64", {"unsigned64", TYPE_UNSIGNED, 1, 8, "long"}},
    {"int8", {"signed8", TYPE_SIGNED, 1, 1, "byte"}},
    {"int15", {"signed120", TYPE_SIGNED, 1, 15, "long"}},
    {"int16", {"signed16", TYPE_SIGNED, 1, 2, "short"}},
    {"int24", {"signed192", TYPE_SIGNED, 1, 24, "long"}},
    {"int32", {"signed32", TYPE_SIGNED, 1, 4, "integer"}},
    {"int64", {"signed64", TYPE_SIGNED, 1, 8, "long"}},
    {"float", {"float32", TYPE_FLOAT, 4, 4, "float"}},
    {"double", {"float64", TYPE_FLOAT, 4, 8, "double"}},
    {"ip4_addr", {"ipv4Address", TYPE_IPV4, 4, 4, "ip"}},
    {"ip4addr", {"ipv4Address", TYPE_IPV4, 4, 4, "ip"}},
    {"ip6_addr", {"ipv6Address", TYPE_IPV6, 16, 16, "ip"}},
    {"ip6addr", {"ipv6Address", TYPE_IPV6, 16, 16, "ip"}},
    {"mac_addr", {"macAddress", TYPE_MAC, 6, 6, "keyword"}},
    {"macaddr", {"macAddress", TYPE_MAC, 6, 6, "keyword"}},
    {"string", {"string", TYPE_STRING, 0, 65535, "keyword"}},
    {"octet_array", {"octetArray", TYPE_OCTETS, 0, 65535, "short"}},
    {"octetarray", {"octetArray", TYPE_OCTETS, 0, 65535, "short"}},
    {"acl_id_asa", {"aclid", TYPE_ACL, 12, 12, "keyword"}},
    /* accepted, but never output by Elastic; the type's name says what they are */
    {"mpls_label_stack_octets", {"octetArray", TYPE_NONE, 0, 65535, ""}},
    {"application_id", {"octetArray", TYPE_NONE, 0, 65535, ""}},
    {"forwarding_status", {"unsigned32", TYPE_NONE, 0, 65535, ""}},
    /* lengths */
    {"0", {"unsigned32", TYPE_UNSIGNED, 1, 4, "long"}},
    {"1", {"unsigned8", TYPE_UNSIGNED, 1, 1, "short"}},
    {"2", {"unsigned16", TYPE_UNSIGNED, 1, 2, "integer"}},
    {"3", {"unsigned192", TYPE_UNSIGNED, 1, 24, "long"}},
    {"4", {"unsigned32", TYPE_UNSIGNED, 1, 4, "long"}},
    {"8", {"unsigned64", TYPE_UNSIGNED, 1, 8, "long"}},
};

/* One file at work. */
struct reading {
    struct definitions *definitions;
    struct config_problems *problems;
    const char *path;
    yaml_document_t *document;
    uint32_t first; /* of this file's definitions */
    int result;
    uint8_t *seen; /* one bit an id: those of the map at hand */
};

static void problem(struct reading *reading, size_t line, const char *what, const char *detail, const char *remedy)
{
    char where[512];
    snprintf(where, sizeof where, "%s:%zu", reading->path, line + 1);
    int result = config_problem_add(reading->problems, where, remedy, "%s%s%.64s%s", what, *detail ? " \"" : "", detail,
                                    *detail ? "\"" : "");
    if (reading->result != -ENOMEM)
        reading->result = result ? result : -EINVAL;
}

static const char *scalar_text(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* The text without the colon that marks a symbol. */
static const char *symbol_text(const yaml_node_t *node)
{
    const char *text = scalar_text(node);
    return text && *text == ':' ? text + 1 : text;
}

/* Reads a decimal, hexadecimal (0x) or octal (0) number of at most `most`. */
static bool number_read(const yaml_node_t *node, uint64_t most, uint64_t *number)
{
    const char *text = scalar_text(node);
    if (!text || *text < '0' || *text > '9')
        return false;
    int base = 0;
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'O')) { /* YAML 1.2's octal */
        text += 2;
        base = 8;
        if (*text < '0' || *text > '7')
            return false;
    }
    char *end;
    errno = 0;
    *number = strtoull(text, &end, base);
    return errno == 0 && *end == 0 && *number <= most;
}

static int definition_add(struct definitions *definitions, const struct definition *definition)
{
    if (definitions->count == definitions->capacity) {
        uint32_t capacity = definitions->capacity ? 2 * definitions->capacity : 64;
        struct definition *items = realloc(definitions->items, capacity * sizeof *items);
        if (!items)
            return -ENOMEM;
        definitions->items = items;
        definitions->capacity = capacity;
    }
    struct definition *added = &definitions->items[definitions->count];
    *added = *definition;
    added->name = strdup(definition->name);
    if (!added->name)
        return -ENOMEM;
    definitions->count++;
    return 0;
}

static const struct data_type *type_find(const char *name)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (strcmp(type_names[i].name, name) == 0)
            return &type_names[i].type;
    return NULL;
}

/* Names become keys of JSON as they are, short enough for a path below netflow.scope and netflow.options. */
static bool name_is_plain(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\' || name[i] == '.')
            return false;
    return length <= NAME_MOST;
}

/* [type, name], or [:skip], which adds nothing. */
static void definition_read(struct reading *reading, uint32_t enterprise, uint16_t id, const yaml_node_t *list)
{
    const yaml_node_item_t *items = list->data.sequence.items.start;
    ptrdiff_t count = list->data.sequence.items.top - items;
    const yaml_node_t *nodes[2] = {NULL, NULL};
    for (ptrdiff_t i = 0; i < count && i < 2; i++)
        nodes[i] = yaml_document_get_node(reading->document, items[i]);
    const char *type_name = symbol_text(nodes[0]), *name = symbol_text(nodes[1]);
    size_t line = list->start_mark.line;

    if (count == 1 && type_name && strcmp(type_name, "skip") == 0)
        return;
    if (count != 2 || !type_name || !name || !*name) {
        problem(reading, line, "not a list of a type and a name", "", "write [\":uint32\", \":name\"], or [\":skip\"]");
        return;
    }
    const struct data_type *type = type_find(type_name);
    if (!type) {
        problem(reading, line, "unknown type", type_name,
                "write a number of bytes (1, 2, 3, 4, 8), or one of the types that the documentation of "
                "custom_definitions lists");
        return;
    }
    if (!name_is_plain(name)) {
        problem(reading, line, "a name that cannot be a field's", name,
                "write a name of at most 60 letters, digits, hyphens and underscores");
        return;
    }
    struct definition definition = {.enterprise = enterprise, .id = id, .type = *type, .name = (char *)name};
    if (definition_add(reading->definitions, &definition) < 0)
        reading->result = -ENOMEM;
}

/* A map of ids to definitions. */
static void elements_read(struct reading *reading, uint32_t enterprise, const yaml_node_t *map)
{
    memset(reading->seen, 0, 65536 / 8);
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reading->document, pair->value);
        const char *text = scalar_text(key);
        uint64_t id;
        if (!number_read(key, 65535, &id)) {
            problem(reading, key->start_mark.line, "not an element id:", text ? text : "",
                    "write a number of 0 to 65535");
        } else if (reading->seen[id / 8] & 1 << id % 8) {
            problem(reading, key->start_mark.line, "this id is defined twice:", text, "remove one of the two");
        } else if (value->type != YAML_SEQUENCE_NODE) {
            problem(reading, value->start_mark.line, "not a list of a type and a name", "",
                    "write [\":uint32\", \":name\"], or [\":skip\"]");
        } else {
            reading->seen[id / 8] |= (uint8_t)(1 << id % 8);
            definition_read(reading, enterprise, (uint16_t)id, value);
        }
    }
}

/* Has an earlier pair of the map the same number as its key? */
static bool key_repeated(struct reading *reading, const yaml_node_t *map, const yaml_node_pair_t *pair, uint64_t number)
{
    for (yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++) {
        uint64_t earlier;
        if (number_read(yaml_document_get_node(reading->document, other->key), UINT32_MAX, &earlier) &&
            earlier == number)
            return true;
    }
    return false;
}

/* A map of enterprise numbers to maps of ids. */
static void enterprises_read(struct reading *reading, const yaml_node_t *map)
{
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        const char *text = scalar_text(key);
        uint64_t enterprise;
        if (!number_read(key, UINT32_MAX, &enterprise)) {
            problem(reading, key->start_mark.line, "not an enterprise number:", text ? text : "",
                    "write a number of 0 to 4294967295");
        } else if (key_repeated(reading, map, pair, enterprise)) {
            problem(reading, key->start_mark.line, "this enterprise number stands here twice:", text, "join the two");
        } else {
            elements_read(reading, (uint32_t)enterprise, yaml_document_get_node(reading->document, pair->value));
        }
    }
}

/* The two shapes are told apart by the values below the top: lists are NetFlow's, maps are IPFIX's. */
static void root_read(struct reading *reading)
{
    const yaml_node_t *root = yaml_document_get_root_node(reading->document);
    if (!root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
        return; /* an empty file defines nothing */
    if (root->type != YAML_MAPPING_NODE) {
        problem(reading, root->start_mark.line, "not a map", "", "write \"id: [type, name]\" lines");
        return;
    }
    size_t lists = 0, maps = 0, pairs = 0;
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *value = yaml_document_get_node(reading->document, pair->value);
        lists += value->type == YAML_SEQUENCE_NODE;
        maps += value->type == YAML_MAPPING_NODE;
        pairs++;
    }
    if (lists == pairs)
        elements_read(reading, 0, root);
    else if (maps == pairs)
        enterprises_read(reading, root);
    else
        problem(reading, root->start_mark.line, "neither all lists nor all maps below the top", "",
                "keep \"id: [type, name]\" and \"enterprise: {id: [type, name]}\" in files of their own");
}

/* Takes back what a file with problems has added. */
static void definitions_cut(struct definitions *definitions, uint32_t count)
{
    while (definitions->count > count)
        free(definitions->items[--definitions->count].name);
}

int definitions_parse(struct definitions *definitions, const char *path, const char *text, size_t size_bytes,
                      struct config_problems *problems)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct reading reading = {.definitions = definitions,
                              .problems = problems,
                              .path = path,
                              .document = &document,
                              .first = definitions->count,
                              .seen = malloc(65536 / 8)};
    if (!reading.seen || !yaml_parser_initialize(&parser)) {
        free(reading.seen);
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size_bytes);
    if (yaml_parser_load(&parser, &document)) {
        root_read(&reading);
        yaml_document_delete(&document);
    } else if (parser.error == YAML_MEMORY_ERROR) {
        reading.result = -ENOMEM;
    } else {
        problem(
            &reading, parser.problem_mark.line, "not YAML:", parser.problem ? parser.problem : "",
            "correct the indentation or the quotes there; in brackets, a name that begins with a colon needs quotes");
    }
    yaml_parser_delete(&parser);
    free(reading.seen);
    if (reading.result)
        definitions_cut(definitions, reading.first);
    return reading.result;
}

/* The whole file in memory that the caller frees; NULL with errno. */
static char *file_read(const char *path, size_t *size_bytes)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = malloc(FILE_MOST_BYTES + 1);
    size_t size = text ? fread(text, 1, FILE_MOST_BYTES + 1, file) : 0;
    int error = text ? 0 : ENOMEM;
    if (ferror(file))
        error = errno ? errno : EIO;
    else if (size > FILE_MOST_BYTES)
        error = EFBIG;
    fclose(file);
    if (error) {
        free(text);
        errno = error;
        return NULL;
    }
    *size_bytes = size;
    return text;
}

int definitions_read(struct definitions *definitions, const char *path, struct config_problems *problems)
{
    size_t size_bytes = 0;
    char *text = file_read(path, &size_bytes);
    if (!text) {
        int result = config_problem_add(problems, path, "name a file that weir may read in custom_definitions",
                                        "cannot be read: %s", strerror(errno));
        return result ? result : -EINVAL;
    }
    int result = definitions_parse(definitions, path, text, size_bytes, problems);
    free(text);
    return result;
}

void definitions_fini(struct definitions *definitions)
{
    definitions_cut(definitions, 0);
    free(definitions->items);
    *definitions = (struct definitions){0};
}
