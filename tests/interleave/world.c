/* What scenarios begin and end with, and files for the pagedaemon: those of tests/host/fake/pager.c. */
#include "interleave.h"

#include "base/kassert.h"
#include "vm/vnode.h"

struct vmspace *vs, *child;
struct vm_map *map;
struct host_object *file;

static struct host_use at_begin;

void begin(void)
{
	at_begin = host_use();
	vs = host_space();
	map = &vs->map;
	child = NULL;
	file = NULL;
}

void fork_child(void) { CHECK_EQ(vmspace_fork(vs, &child), 0); }

void end(void)
{
	if (child)
		vmspace_release(child);
	vmspace_release(vs);
	if (file)
		host_object_put(file);
	CHECK_NO_LEAK(at_begin);
}

void expect_read(struct vm_map *m, vaddr_t va, int value)
{
	uint8_t byte = 0;

	CHECK_EQ(user_read(m, va, &byte), 0);
	CHECK_EQ(byte, value);
}

void expect_write(struct vm_map *m, vaddr_t va, int value) { CHECK_EQ(user_write(m, va, value), 0); }

void expect_no_read(struct vm_map *m, vaddr_t va, int error)
{
	uint8_t byte;

	CHECK_EQ(user_read(m, va, &byte), error);
}

void expect_no_write(struct vm_map *m, vaddr_t va, int error) { CHECK_EQ(user_write(m, va, 0), error); }

/* Every object here is a file. */
struct vnode *vnode_of(struct vm_object *o) { return container_of(o, struct vnode, object); }

/* Clean pages only: nothing here is written back. */
void vnode_reclaim(struct vnode *vn, struct vm_page *pg, size_t *freed, size_t *written)
{
	KASSERT(!(pg->flags & PG_DIRTY));
	object_page_free(&vn->object, pg);
	*freed = 1;
	*written = 0;
	sleeplock_release(&vn->object.lock);
}
