/*
 * A doubly linked ring with a head, in the structures that it links.
 *
 * An empty list is a head that points at itself; a node that is on no list
 * does the same once list_remove() took it off.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(head) { &(head), &(head) }

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

/* b comes behind a; what they were linked to on those sides does not know. */
static inline void list_join(struct list *a, struct list *b)
{
	a->next = b;
	b->prev = a;
}

static inline void list_insert_after(struct list *where, struct list *node)
{
	node->next = where->next;
	node->prev = where;
	where->next->prev = node;
	where->next = node;
}

static inline void list_push_front(struct list *head, struct list *node) { list_insert_after(head, node); }
static inline void list_push_back(struct list *head, struct list *node) { list_insert_after(head->prev, node); }

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* First and last; NULL when empty. */
static inline struct list *list_first(const struct list *head) { return list_empty(head) ? NULL : head->next; }
static inline struct list *list_last(const struct list *head) { return list_empty(head) ? NULL : head->prev; }

/* Takes the first off; NULL when empty. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *node = list_first(head);
	if (node)
		list_remove(node);
	return node;
}

/* The same of a list that is not empty, for a node that is pushed somewhere next: its own links stay as they were. */
static inline struct list *list_take_front(struct list *head)
{
	struct list *node = head->next;

	list_join(head, node->next);
	return node;
}

/* Moves everything on src to the end of dst. */
static inline void list_splice_back(struct list *dst, struct list *src)
{
	if (list_empty(src))
		return;
	src->next->prev = dst->prev;
	dst->prev->next = src->next;
	src->prev->next = dst;
	dst->prev = src->prev;
	list_init(src);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_for_each(node, head) for (struct list *node = (head)->next; node != (head); node = node->next)
/* The node may be removed inside the loop. */
#define list_for_each_safe(node, head) \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
	     node = node##_next, node##_next = node->next)

#endif
