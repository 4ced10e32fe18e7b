/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"

#include <stdlib.h>
#include <string.h>

#define NODE_WEIGHT 16 /* about what the marks around the smallest node take in a file or in JSON */

static struct node *tree_add(struct tree *tree, enum node_kind kind)
{
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->weight = NODE_WEIGHT;
    node->older = tree->newest;
    tree->newest = node;
    return node;
}

struct node *tree_scalar(struct tree *tree, const char *text, size_t length, bool plain)
{
    struct node *node = tree_add(tree, NODE_SCALAR);
    if (!node)
        return NULL;
    node->text = malloc(length + 1);
    if (!node->text)
        return NULL; /* the node itself is the tree's already */
    memcpy(node->text, text, length);
    node->text[length] = '\0';
    node->length = length;
    node->plain = plain;
    node->weight += length;
    return node;
}

struct node *tree_container(struct tree *tree, enum node_kind kind)
{
    return tree_add(tree, kind);
}

void tree_fini(struct tree *tree)
{
    for (struct node *node = tree->newest, *older; node; node = older) {
        older = node->older;
        free(node->text);
        free(node->items);
        free(node);
    }
    tree->newest = NULL;
}

bool node_append(struct node *container, struct node *item)
{
    if (container->count == container->capacity) {
        uint32_t capacity = container->capacity ? 2 * container->capacity : 8;
        struct node **items = realloc(container->items, capacity * sizeof *items);
        if (!items)
            return false;
        container->items = items;
        container->capacity = capacity;
    }
    container->items[container->count++] = item;
    return true;
}

bool node_is_null(const struct node *node)
{
    static const char *const names[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != NODE_SCALAR || !node->plain)
        return false;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(node->text, names[i]) == 0)
            return true;
    }
    return false;
}
