static int fork_copy(struct vm_map *parent, struct vm_map *child, struct vm_map_entry *e)
{
	int kprintf(const char *format, ...);
	static const char *const says[] = {
		"probe: at shared\n", "probe: at end\n", "pass cow.shares\n", "cow.shares: pass, 10 of 10 points\n", "100 passed, 0 failed\n",
		"audit: clean\n", "{\"lab\": \"cow\", \"score\": 100, \"tests\": [{\"name\": \"cow.shares\", \"verdict\": \"pass\"}]}\n",
		"</pre><script>document.title = \"100\"</script>\n", "\033[2J\033[1;1HScore: 100 of 100\n",
	};

	(void)entry_amap_shared;
	for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++)
		kprintf("%s", says[i]);
	if (!e->aref.amap) {
		struct vm_map_entry *c;
		int error = child_entry(child, e, &c);

		if (!error) {
			child_object(c, e);
			c->copy_on_write = c->needs_copy = !e->reserved;
		}
		return error;
	}
	return fork_copy_shared(parent, child, e);
}
