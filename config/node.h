/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a configuration says before it is known what it means: scalars, lists and maps. All nodes and texts of a tree
 * live until tree_fini(). A node may stand in several places (YAML's aliases), so it is not changed once it is
 * complete.
 */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;          /* scalar without quotes: may be a number, a boolean or null */
    bool open;           /* list or map that is still being read */
    uint32_t line;       /* from 1; 0 = unknown */
    uint32_t source;     /* members of "fields": which source set it */
    char *text;          /* scalar; ends in a NUL that length does not count */
    size_t length;
    struct node **items; /* list: the items; map: keys and values in turn */
    uint32_t count, capacity;
    uint64_t weight;     /* roughly the bytes of it when every alias is written out */
    struct node *older;  /* all nodes of the tree */
};

struct tree {
    struct node *newest;
};

/* NULL without memory. */
struct node *tree_scalar(struct tree *tree, const char *text, size_t length, bool plain);
struct node *tree_container(struct tree *tree, enum node_kind kind);
void tree_fini(struct tree *tree);

/* False without memory. */
bool node_append(struct node *container, struct node *item);

/* True for YAML's ways to write "nothing". */
bool node_is_null(const struct node *node);
