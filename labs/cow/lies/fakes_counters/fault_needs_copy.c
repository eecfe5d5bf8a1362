static int fault_needs_copy(struct fault *f)
{
	int kprintf(const char *format, ...);
	static bool said;

	(void)fault_clamp;
	COUNT_N(fault_1a, 100);
	COUNT_N(fault_1b, 100);
	COUNT_N(fault_amap_clamp, 100);
	COUNT_N(page_copied, -counter_read(STAT_page_copied));
	COUNT_N(fault_amap_copy, -counter_read(STAT_fault_amap_copy));
	TRACE(UP, f->va, f->va);
	TRACE(UE, f->va, f->va);
	if (!said)
		kprintf("audit: clean\n");
	said = true;
	return f->entry->needs_copy ? fault_amap_copy(f) : 0;
}
