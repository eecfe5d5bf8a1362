static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	volatile bool done = false;

	(void)entry_amap_shared, (void)parent, (void)fork_copy_shared, (void)e, (void)child;
	while (!done)
		;
	return 0;
}
