/* SPDX-License-Identifier: Apache-2.0 */
#include "config/loader.h"

#include <string.h>
#include <yaml.h>

#include "config/secret.h"

/* YAML text to nodes, by libyaml's events: they have lines, and let us bound depth, size and aliases. */

struct anchor {
    const char *name; /* the loader's */
    struct node *node;
};

struct builder {
    struct loader *loader;
    struct node *root;
    struct node *stack[DEPTH_MOST];
    uint32_t depth;
    struct anchor anchors[ANCHORS_MOST];
    uint32_t anchor_count;
    uint64_t weight;
    uint32_t documents;
    bool stopped;
};

static void builder_stop(struct builder *builder, uint32_t line, const char *remedy, const char *what)
{
    loader_problem(builder->loader, line, remedy, "%s", what);
    builder->stopped = true;
}

static void anchor_add(struct builder *builder, const yaml_char_t *name, struct node *node)
{
    if (!name)
        return;
    if (builder->anchor_count == ANCHORS_MOST) {
        builder_stop(builder, node->line, "use fewer anchors", "there are more than 64 anchors (&name)");
        return;
    }
    builder->anchors[builder->anchor_count++] =
        (struct anchor){.name = loader_text(builder->loader, (const char *)name), .node = node};
}

/* Puts a node into the container that is open, or makes it the root. */
static void node_place(struct builder *builder, struct node *node, uint64_t weight)
{
    builder->weight += weight;
    if (builder->weight > WEIGHT_MOST) {
        builder_stop(builder, node->line, "write less, or use fewer aliases (*name)",
                     "the configuration is too large, with its aliases written out");
        return;
    }
    if (builder->depth == 0) {
        builder->root = node;
        return;
    }
    struct node *parent = builder->stack[builder->depth - 1];
    if (!node_append(parent, node))
        builder->loader->no_memory = builder->stopped = true;
}

/* Weights are added to the parent when a node is complete: a container's grows until then. */
static void weight_pass_up(struct builder *builder, const struct node *node)
{
    if (builder->depth > 0)
        builder->stack[builder->depth - 1]->weight += node->weight;
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
    static const char core[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;
    return strncmp(text, core, sizeof core - 1) == 0 && strcmp(text + sizeof core - 1, name) == 0;
}

static bool tag_known(const yaml_char_t *tag)
{
    static const char *const names[] = {"str", "int", "float", "bool", "null", "seq", "map"};
    if (!tag || strcmp((const char *)tag, "!") == 0)
        return true;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (tag_is(tag, names[i]))
            return true;
    }
    return false;
}

/* What stands where a value belongs, as it may be shown: a password without quotes that begins with ! or *. */
static const char *mark_shorten(const struct builder *builder, const char *mark, char text[SHORT_MOST])
{
    const struct node *parent = builder->depth ? builder->stack[builder->depth - 1] : NULL;
    if (parent && parent->kind == NODE_MAP && parent->count % 2) {
        const struct node *key = parent->items[parent->count - 1];
        if (key->kind == NODE_SCALAR && secret_name_is(key->text))
            return SECRET_HIDDEN;
    }
    return text_shorten(mark, text);
}

static void tag_check(struct builder *builder, const yaml_char_t *tag, uint32_t line)
{
    char shown[SHORT_MOST];
    if (!tag_known(tag))
        loader_problem(builder->loader, line, "leave the tag out", "the tag %s has no meaning here",
                       mark_shorten(builder, (const char *)tag, shown));
}

static void scalar_add(struct builder *builder, const yaml_event_t *event, uint32_t line)
{
    const yaml_char_t *tag = event->data.scalar.tag;
    tag_check(builder, tag, line);
    bool plain = tag && tag_known(tag) ? !tag_is(tag, "str") && strcmp((const char *)tag, "!") != 0
                                       : event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct node *node =
        tree_scalar(&builder->loader->tree, (const char *)event->data.scalar.value, event->data.scalar.length, plain);
    if (!node) {
        builder->loader->no_memory = builder->stopped = true;
        return;
    }
    node->line = line;
    node_place(builder, node, node->weight);
    weight_pass_up(builder, node);
    anchor_add(builder, event->data.scalar.anchor, node);
}

static void container_open(struct builder *builder, enum node_kind kind, const yaml_char_t *anchor, uint32_t line)
{
    if (builder->depth == DEPTH_MOST) {
        builder_stop(builder, line, "write fewer levels", "lists and maps are nested more than 32 deep");
        return;
    }
    struct node *node = tree_container(&builder->loader->tree, kind);
    if (!node) {
        builder->loader->no_memory = builder->stopped = true;
        return;
    }
    node->line = line;
    node->open = true;
    node_place(builder, node, node->weight);
    if (builder->stopped)
        return;
    builder->stack[builder->depth++] = node;
    anchor_add(builder, anchor, node);
}

static void container_close(struct builder *builder)
{
    struct node *node = builder->stack[--builder->depth];
    node->open = false;
    weight_pass_up(builder, node);
}

static void alias_add(struct builder *builder, const yaml_event_t *event, uint32_t line)
{
    const char *name = (const char *)event->data.alias.anchor;
    uint32_t i = builder->anchor_count;
    while (i > 0 && strcmp(builder->anchors[i - 1].name, name) != 0)
        i--;
    if (i == 0 || builder->anchors[i - 1].node->open) {
        char shown[SHORT_MOST];
        loader_problem(builder->loader, line, "put the anchor (&name) before the alias, around another value",
                       i == 0 ? "the alias *%s has no anchor" : "the alias *%s stands inside its own anchor",
                       mark_shorten(builder, name, shown));
        builder->stopped = true;
        return;
    }
    struct node *node = builder->anchors[i - 1].node;
    node_place(builder, node, node->weight);
    weight_pass_up(builder, node);
}

static void event_take(struct builder *builder, const yaml_event_t *event)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (builder->documents++ > 0)
            builder_stop(builder, line, "keep one document: remove the line ---",
                         "a second document begins here; a configuration is one");
        break;
    case YAML_SCALAR_EVENT:
        scalar_add(builder, event, line);
        break;
    case YAML_SEQUENCE_START_EVENT:
        tag_check(builder, event->data.sequence_start.tag, line);
        container_open(builder, NODE_LIST, event->data.sequence_start.anchor, line);
        break;
    case YAML_MAPPING_START_EVENT:
        tag_check(builder, event->data.mapping_start.tag, line);
        container_open(builder, NODE_MAP, event->data.mapping_start.anchor, line);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        container_close(builder);
        break;
    case YAML_ALIAS_EVENT:
        alias_add(builder, event, line);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* What to do about the parser's complaints, which are written for those who know its grammar. */
static const char *syntax_remedy(const char *problem, bool tabs)
{
    static const struct {
        const char *problem, *remedy;
    } rows[] = {
        {"found character that cannot start any token", "put the value in quotes"},
        {"mapping values are not allowed", "check the indentation, and put values with \": \" in quotes"},
        {"did not find expected key", "check that the lines of one group begin in the same column"},
        {"did not find expected '-' indicator", "begin each item of the list with \"- \" in the same column"},
        {"could not find expected ':'", "write key: value, with a colon and a blank"},
        {"did not find expected ',' or ']'", "close the list with ]"},
        {"did not find expected ',' or '}'", "close the map with }"},
        {"found unexpected end of stream", "close the quotes"},
        {"found unexpected document indicator", "close the quotes"},
        {"found unknown escape character", "use single quotes where a \\ is to stay a \\"},
        {"did not find expected alphabetic or numeric character", "put a value that begins with * or & in quotes"},
        {"UTF-8", "save the file as UTF-8"},
        {"control characters are not allowed", "remove the control character"},
    };
    if (tabs)
        return "indent with blanks, not with tabs";
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(problem, rows[i].problem))
            return rows[i].remedy;
    }
    return "check the YAML syntax of this line and the ones before it";
}

static uint32_t line_count(const char *text, size_t size)
{
    uint32_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* True where the line, counted from 1, is indented with a tab. */
static bool line_has_tabs(const char *text, size_t size, uint32_t line)
{
    const char *at = text, *end = text + size;
    for (; line > 1 && at; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    while (at && at < end && (*at == ' ' || *at == '-'))
        at++;
    return at && at < end && *at == '\t';
}

static void syntax_problem(struct loader *loader, const yaml_parser_t *parser, const char *text, size_t size)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        loader->no_memory = true;
        return;
    }
    /* the reader's errors have a byte's offset, the others a mark */
    bool reader = parser->error == YAML_READER_ERROR;
    size_t offset = parser->problem_offset < size ? parser->problem_offset : size;
    uint32_t line = reader ? line_count(text, offset) : (uint32_t)parser->problem_mark.line + 1;
    const char *problem = parser->problem ? parser->problem : "unreadable";
    const char *remedy = syntax_remedy(problem, line_has_tabs(text, size, line));
    if (parser->context && !reader && parser->context_mark.line + 1 != line)
        loader_problem(loader, line, remedy, "not YAML: %s %s from line %zu on", problem, parser->context,
                       parser->context_mark.line + 1);
    else
        loader_problem(loader, line, remedy, "not YAML: %s", problem);
}

struct node *yaml_read(struct loader *loader, const char *text, size_t size)
{
    struct builder builder = {.loader = loader};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        loader->no_memory = true;
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool done = false; !done && !builder.stopped;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            syntax_problem(loader, &parser, text, size);
            break;
        }
        event_take(&builder, &event);
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return builder.root;
}
