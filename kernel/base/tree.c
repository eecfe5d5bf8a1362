/*
 * Red-black trees with data kept about each subtree.
 *
 * Rules: the root is black; a red node has black children; every way from the
 * root down to a missing child passes the same number of black nodes. So the
 * longest way is at most twice the shortest.
 *
 * A rotation keeps what a subtree contains, so only the two nodes that it turns
 * are recomputed; whatever changes the contents recomputes up to the root.
 */
#include "base/tree.h"

static bool is_red(const struct tree_node *n)
{
	return n && n->red;
}

static void node_update(struct tree *t, struct tree_node *n)
{
	if (t->update)
		t->update(n);
}

void tree_update(struct tree *t, struct tree_node *node)
{
	if (!t->update)
		return;
	for (struct tree_node *n = node; n; n = n->parent)
		t->update(n);
}

/* The link that leads to n: in its parent, or the root's. */
static struct tree_node **link_of(struct tree *t, struct tree_node *n)
{
	if (!n->parent)
		return &t->root;
	return n->parent->left == n ? &n->parent->left : &n->parent->right;
}

/*
 *	rotate_left(x):    x             y
 *	                  / \           / \
 *	                 a   y   ->    x   c
 *	                    / \       / \
 *	                   b   c     a   b
 */
static void rotate_left(struct tree *t, struct tree_node *x)
{
	struct tree_node *y = x->right;

	*link_of(t, x) = y;
	y->parent = x->parent;
	x->right = y->left;
	if (x->right)
		x->right->parent = x;
	y->left = x;
	x->parent = y;
	node_update(t, x);
	node_update(t, y);
}

static void rotate_right(struct tree *t, struct tree_node *y)
{
	struct tree_node *x = y->left;

	*link_of(t, y) = x;
	x->parent = y->parent;
	y->left = x->right;
	if (y->left)
		y->left->parent = y;
	x->right = y;
	y->parent = x;
	node_update(t, y);
	node_update(t, x);
}

/* n is red, and so may its parent be: the only rule that may be broken. */
static void insert_balance(struct tree *t, struct tree_node *n)
{
	while (is_red(n->parent)) {
		struct tree_node *parent = n->parent, *grand = parent->parent;
		bool left = parent == grand->left;
		struct tree_node *uncle = left ? grand->right : grand->left;

		if (is_red(uncle)) {
			parent->red = uncle->red = false;
			grand->red = true;
			n = grand;
			continue;
		}
		if (left) {
			if (n == parent->right) {
				rotate_left(t, parent);
				parent = n;
			}
			rotate_right(t, grand);
		} else {
			if (n == parent->left) {
				rotate_right(t, parent);
				parent = n;
			}
			rotate_left(t, grand);
		}
		parent->red = false;
		grand->red = true;
		break;
	}
	t->root->red = false;
}

void tree_insert(struct tree *t, struct tree_node *node, struct tree_node *parent, struct tree_node **link)
{
	node->left = node->right = NULL;
	node->parent = parent;
	node->red = true;
	*link = node;
	tree_update(t, node);
	insert_balance(t, node);
}

/*
 * The ways through n (perhaps missing), a child of parent, are one black node
 * short: takes one from the sibling's side, or hands the lack upwards.
 */
static void remove_balance(struct tree *t, struct tree_node *n, struct tree_node *parent)
{
	while (parent && !is_red(n)) {
		bool left = parent->left == n;
		struct tree_node *sibling = left ? parent->right : parent->left;

		if (sibling->red) {
			sibling->red = false;
			parent->red = true;
			if (left)
				rotate_left(t, parent);
			else
				rotate_right(t, parent);
			sibling = left ? parent->right : parent->left;
		}
		struct tree_node *near = left ? sibling->left : sibling->right;
		struct tree_node *far = left ? sibling->right : sibling->left;

		if (!is_red(near) && !is_red(far)) {
			sibling->red = true;
			n = parent;
			parent = n->parent;
			continue;
		}
		if (!is_red(far)) {
			near->red = false;
			sibling->red = true;
			if (left)
				rotate_right(t, sibling);
			else
				rotate_left(t, sibling);
			far = sibling;
			sibling = near;
		}
		sibling->red = parent->red;
		parent->red = false;
		far->red = false;
		if (left)
			rotate_left(t, parent);
		else
			rotate_right(t, parent);
		return;
	}
	if (n)
		n->red = false;
}

void tree_remove(struct tree *t, struct tree_node *node)
{
	struct tree_node *child, *parent; /* what moves into the hole, and where that is */
	bool lost_black;

	if (node->left && node->right) {
		/* Its successor, which has no left child, takes its place and colour. */
		struct tree_node *heir = node->right;
		while (heir->left)
			heir = heir->left;
		child = heir->right;
		parent = heir->parent == node ? heir : heir->parent;
		lost_black = !heir->red;
		*link_of(t, heir) = child;
		if (child)
			child->parent = heir->parent;
		*link_of(t, node) = heir;
		heir->left = node->left;
		heir->right = node->right;
		heir->parent = node->parent;
		heir->red = node->red;
		heir->left->parent = heir;
		if (heir->right)
			heir->right->parent = heir;
	} else {
		child = node->left ? node->left : node->right;
		parent = node->parent;
		lost_black = !node->red;
		*link_of(t, node) = child;
		if (child)
			child->parent = parent;
	}
	if (parent)
		tree_update(t, parent);
	if (lost_black)
		remove_balance(t, child, parent);
	node->left = node->right = node->parent = NULL;
}

struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;
	while (n && n->left)
		n = n->left;
	return n;
}

struct tree_node *tree_last(const struct tree *t)
{
	struct tree_node *n = t->root;
	while (n && n->right)
		n = n->right;
	return n;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	if (node->right) {
		struct tree_node *n = node->right;
		while (n->left)
			n = n->left;
		return n;
	}
	while (node->parent && node == node->parent->right)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_prev(const struct tree_node *node)
{
	if (node->left) {
		struct tree_node *n = node->left;
		while (n->right)
			n = n->right;
		return n;
	}
	while (node->parent && node == node->parent->left)
		node = node->parent;
	return node->parent;
}

/* The number of black nodes on every way down from n, or -1 when a rule is broken. */
static int black_height(const struct tree_node *n)
{
	if (!n)
		return 0;
	if ((n->left && n->left->parent != n) || (n->right && n->right->parent != n))
		return -1;
	if (n->red && (is_red(n->left) || is_red(n->right)))
		return -1;
	int left = black_height(n->left), right = black_height(n->right);
	if (left < 0 || left != right)
		return -1;
	return left + !n->red;
}

bool tree_check(const struct tree *t)
{
	return !t->root || (!t->root->parent && !t->root->red && black_height(t->root) >= 0);
}
