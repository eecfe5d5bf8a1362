/*
 * The way up, from one hart with a device tree to a running first process; and
 * the way off. Floor: the top of sys.
 *
 * kernel_main() brings up each floor on the ones before it, with one thread
 * and interrupts off. What must sleep is done by a thread of its own, main_thread().
 */
#include "abi/errno.h"
#include "abi/stats.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/console.h"
#include "dev/disk.h"
#include "dev/ramdisk.h"
#include "dev/virtio_blk.h"
#include "fs/file.h"
#include "kern/bootargs.h"
#include "kern/failpoint.h"
#include "kern/trace.h"
#include "riscv/boot.h"
#include "riscv/machine.h"
#include "riscv/plic.h"
#include "riscv/trap.h"
#include "san/san.h"
#include "sys/futex.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "sys/trap.h"
#include "vm/amap.h"
#include "vm/anon.h"
#include "vm/audit.h"
#include "vm/kmap.h"
#include "vm/page.h"
#include "vm/pdaemon.h"
#include "vm/pmap.h"
#include "vm/pool.h"
#include "vm/radix.h"
#include "vm/vmspace.h"
#include "vm/vnode.h"
#ifdef DEBUG
#include "test/test.h"
#endif

#define TRACE_AT_PANIC 40

bool under_test;

static void memory_init(void);
static void memory_boot(void);
static void harts_start(void);
static void main_thread(void *arg);
static void boot_memory_free(void);
static void root_mount(void);
static void init_start(void);
static void init_thread(void *arg);
static void *memory_alloc(size_t size);
static void panic_report(void);

static const struct thread_memory memory_hooks = {
	.alloc = memory_alloc, .free = kfree, .stack_alloc = kstack_alloc, .stack_free = kstack_free,
};

void kernel_main(void)
{
	panic_hook = panic_report;
	under_test = bootarg("test") || bootarg("ktest") || bootarg("exit");
	if (!bootarg("quiet"))
		kprintf("Pagoda: %u harts, %lu MiB\n", machine.hart_count, (machine.ram.end - machine.ram.start) >> 20);
	bootargs_check();
	memory_init();
	fail_boot();
	thread_memory = &memory_hooks;
	sched_init();
	memory_boot();
	if (trace_init() != 0)
		kprintf("no memory for the trace\n");
	proc_boot();
	futex_boot();
	trap_boot();
	file_boot();
	console_init();
	console_device_boot();
	plic_init_hart();
	harts_start();
	if (thread_spawn("main", main_thread, NULL) != 0)
		panic("no memory for the first thread");
	sched_start();
}

void hart_main(void)
{
	pmap_boot_hart();
	plic_init_hart();
	sched_start();
}

/* All of RAM but what is in use already. */
static void memory_init(void)
{
	struct page_range reserved[5 + ARRAY_COUNT(machine.reserved)];
	struct machine_range swap = ramdisk_reserve();
	const struct machine_range used[] = { machine.kernel, machine.initrd, machine.fdt, swap };
	size_t n = 0, ram = machine.ram.end - machine.ram.start, shadow = page_round(san_ram_shadow_size(ram));

	for (size_t i = 0; i < ARRAY_COUNT(used); i++)
		if (used[i].start < used[i].end)
			reserved[n++] = (struct page_range){ page_trunc(used[i].start), page_round(used[i].end) };
	for (size_t i = 0; i < machine.reserved_count; i++)
		reserved[n++] = (struct page_range){ page_trunc(machine.reserved[i].start), page_round(machine.reserved[i].end) };
	if (shadow) {
		paddr_t at = page_place(page_round(machine.ram.start), machine.ram.end, reserved, n, shadow);

		reserved[n++] = (struct page_range){ at, at + shadow };
		san_ram_begin(at, machine.ram.start, ram);
	}
	page_init(machine.ram.start, machine.ram.end, reserved, n, bootarg_number("mem", 0));
}

static void memory_boot(void)
{
	radix_boot();
	pmap_boot();
	anon_boot();
	amap_boot();
	vnode_boot();
	map_boot();
	vmspace_boot();
}

static void harts_start(void)
{
	for (uint32_t i = 1; i < machine.hart_count; i++)
		if (sched_idle_new(i) != 0)
			panic("no memory for the harts");
	hart_start_others();
}

static void *memory_alloc(size_t size)
{
	return kmalloc(size, POOL_ZERO);
}

/* ---- with threads ---- */

static void main_thread(void *arg __unused)
{
	char pattern[64];

	boot_memory_free();
	ramdisk_init();
	virtio_blk_init();
	pdaemon_start();
	if (bootarg_copy("ktest", pattern, sizeof(pattern))) {
#ifdef DEBUG
		if (disk_root())
			root_mount();
		ktest_main(pattern);
#else
		kprintf("ktest=%s: this kernel has no tests in it\n", pattern);
#endif
		system_off(REBOOT_FAIL);
	}
	root_mount();
	init_start();
}

/* The device tree has been read: what it names is in `machine`. With mem=N the frames handed out are counted, so it stays; the kernel's tests read it again. */
static void boot_memory_free(void)
{
	paddr_t start = page_round(machine.fdt.start), end = page_trunc(machine.fdt.end);

	if (bootarg("mem") == NULL && bootarg("ktest") == NULL && start < end && start >= machine.ram.start && end <= machine.ram.end)
		page_add(start, end);
}

static void root_mount(void)
{
	char name[16];
	bool named = bootarg_copy("root", name, sizeof(name));
	struct disk *d = named ? disk_find(name) : disk_root();
	int error;

	if (d == NULL) {
		if (named)
			kprintf("root=%s: there is no such disk\n", name);
		else
			kprintf("no disk to mount: give QEMU an initrd or a virtio disk\n");
		system_off(REBOOT_FAIL);
	}
	error = fs_mount_root(d);
	if (error) {
		kprintf("cannot mount %s: error %d\n", d->name, error);
		system_off(REBOOT_FAIL);
	}
}

static void init_start(void)
{
	char path[128] = "/bin/init", test[128] = "test=";
	char *argv[] = { "init", NULL, NULL, NULL };
	int error;

	bootarg_copy("init", path, sizeof(path));
	if (bootarg_copy("test", test + strlen(test), sizeof(test) - strlen(test)))
		argv[1] = test;
	if (argv[1] && bootarg("parallel")) /* the harts run at once, without icount: a test does not rely on exact counts */
		argv[2] = "parallel";
	error = proc_start_init(path, argv);
	if (error) {
		kprintf("cannot run %s: error %d\n", path, error);
		system_off(REBOOT_FAIL);
	}
}

/* How the first process starts: its own thread loads the program. */
static struct init_request {
	const char *path;
	char *const *argv;
	int error;
	bool done;
	struct spinlock lock; /* RANK_PROC */
} init_request = { .lock = SPINLOCK_INIT(RANK_PROC, "init") };

int proc_start_init(const char *path, char *const argv[])
{
	struct init_request *rq = &init_request;
	struct proc *p;
	struct thread *t;
	int error;

	rq->path = path;
	rq->argv = argv;
	error = proc_new(&p);
	if (error)
		return error;
	error = fdtable_new(&p->files);
	if (error)
		return error;
	error = path_lookup("/", NULL, &p->cwd);
	if (error)
		return error;
	error = thread_new(&t, p->name, init_thread, rq, p);
	if (error)
		return error;
	strlcpy(p->name, "init", sizeof(p->name));
	proc_publish(p, NULL, 0);
	init_proc = p;
	proc_thread_add(p, t);
	thread_start(t);

	spinlock_acquire(&rq->lock);
	while (!rq->done)
		thread_sleep(rq, &rq->lock, "init", 0);
	spinlock_release(&rq->lock);
	return rq->error;
}

static void init_thread(void *arg)
{
	struct init_request *rq = arg;
	int error = proc_exec_kernel(rq->path, rq->argv);

	spinlock_acquire(&rq->lock);
	rq->error = error;
	rq->done = true;
	thread_wakeup(rq);
	spinlock_release(&rq->lock);
	while (error)
		thread_pause(1000000000, 0); /* the kernel is about to be switched off */
	trap_return(curthread->trapframe);
}

/* ---- the way off ---- */

void system_off(int how)
{
	fs_unmount();
	if (how == REBOOT_RESTART)
		machine_restart();
	machine_off(how == REBOOT_FAIL);
}

static void panic_report(void)
{
	trace_on = false; /* what the report does is not of interest */
	trace_print_last(TRACE_AT_PANIC);
	audit_now("at the panic");
}
