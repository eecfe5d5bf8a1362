/* base/tree.c: all orders of insertion and removal of a few nodes, and many nodes at random. */
#include "host.h"

#include "base/tree.h"

struct item {
	struct tree_node node;
	int key, weight, heaviest; /* heaviest: of the subtree */
};

#define ITEM(n) tree_entry(n, struct item, node)

static int heaviest(struct tree_node *n)
{
	int w = ITEM(n)->weight;

	w = n->left ? MAX(w, ITEM(n->left)->heaviest) : w;
	return n->right ? MAX(w, ITEM(n->right)->heaviest) : w;
}

static void update(struct tree_node *n) { ITEM(n)->heaviest = heaviest(n); }

static void insert(struct tree *t, struct item *it)
{
	struct tree_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < ITEM(parent)->key ? &parent->left : &parent->right;
	}
	tree_insert(t, &it->node, parent, link);
}

/* In order, by the rules, and the data of every subtree is right. Returns how many nodes. */
static unsigned check(struct tree *t)
{
	unsigned n = 0;
	int last = -1;

	CHECK(tree_check(t));
	for (struct tree_node *x = tree_first(t); x; x = tree_next(x), n++) {
		CHECK(ITEM(x)->key > last);
		CHECK(!tree_prev(x) || ITEM(tree_prev(x))->key == last);
		CHECK_EQ(ITEM(x)->heaviest, heaviest(x));
		last = ITEM(x)->key;
	}
	CHECK(!tree_last(t) || ITEM(tree_last(t))->key == last);
	return n;
}

#define N 5
static int orders[120][N];
static unsigned order_count;

static void permute(int *order, unsigned from)
{
	if (from == N) {
		for (unsigned i = 0; i < N; i++)
			orders[order_count][i] = order[i];
		order_count++;
		return;
	}
	for (unsigned i = from; i < N; i++) {
		int x = order[from];

		order[from] = order[i], order[i] = x;
		permute(order, from + 1);
		x = order[from];
		order[from] = order[i], order[i] = x;
	}
}

HTEST(all_orders, "", "every order of insertion and removal of five nodes keeps the rules and the subtree data")
{
	int order[N] = { 0, 1, 2, 3, 4 };

	permute(order, 0);
	for (unsigned in = 0; in < order_count; in++)
		for (unsigned out = 0; out < order_count; out++) {
			struct tree t = { .update = update };
			struct item items[N];

			for (unsigned i = 0; i < N; i++) {
				items[i] = (struct item){ .key = i, .weight = (i * 7 + in) % 11 };
			}
			for (unsigned i = 0; i < N; i++) {
				insert(&t, &items[orders[in][i]]);
				CHECK_EQ(check(&t), i + 1);
			}
			for (unsigned i = 0; i < N; i++) {
				tree_remove(&t, &items[orders[out][i]].node);
				CHECK_EQ(check(&t), N - 1 - i);
			}
		}
}

HTEST(many, "", "a thousand nodes come and go at random")
{
	static struct item items[300];
	static bool in[300];
	struct tree t = { .update = update };
	unsigned n = 0;

	for (unsigned i = 0; i < 300; i++)
		items[i] = (struct item){ .key = i, .weight = host_pick(1000) };
	for (unsigned step = 0; step < 4000; step++) {
		unsigned i = host_pick(300);

		if (in[i])
			tree_remove(&t, &items[i].node);
		else
			insert(&t, &items[i]);
		n += in[i] ? -1 : 1;
		in[i] = !in[i];
		if (in[i] && host_pick(2)) {
			items[i].weight = host_pick(1000);
			tree_update(&t, &items[i].node);
		}
		if (step % 8 == 0)
			CHECK_EQ(check(&t), n);
	}
}
