/*
 * A red-black tree in the structures that it links, with room for data kept
 * about each subtree (the largest gap below an entry, say).
 *
 * The caller finds the place of a new node by walking from the root, links it
 * there and lets the tree balance itself:
 *
 *	struct tree_node **link = &t->root, *parent = NULL;
 *	while (*link) { parent = *link; link = before(new, parent) ? &parent->left : &parent->right; }
 *	tree_insert(t, &new->node, parent, link);
 *
 * t->update, if set, recomputes one node's subtree data from the node and its
 * children; the tree calls it bottom-up wherever a subtree changed. After the
 * owner changes a node's own data it calls tree_update(), which walks to the root.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/types.h"

struct tree_node {
	struct tree_node *left, *right, *parent;
	bool red;
};

struct tree {
	struct tree_node *root;
	void (*update)(struct tree_node *node);
};

#define tree_entry(n, type, member) container_of(n, type, member)

void tree_insert(struct tree *t, struct tree_node *node, struct tree_node *parent, struct tree_node **link);
void tree_remove(struct tree *t, struct tree_node *node);
void tree_update(struct tree *t, struct tree_node *node);
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_prev(const struct tree_node *node);

/* Every red-black rule and the parent links hold? For the audit and tests. */
bool tree_check(const struct tree *t);

#endif
