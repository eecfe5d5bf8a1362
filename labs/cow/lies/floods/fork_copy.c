static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	int kprintf(const char *format, ...);
	volatile bool done = false;

	(void)entry_amap_shared, (void)parent, (void)fork_copy_shared, (void)e, (void)child;
	while (!done)
		kprintf("probe: at shared\nprobe: at end\npass pass pass pass pass pass pass pass pass pass pass pass pass pass\n");
	return 0;
}
