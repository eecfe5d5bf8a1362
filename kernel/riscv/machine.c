/*
 * Reads the device tree into `machine`, and ends the machine. Floor: riscv.
 *
 * One walk over the tree. A node's properties come before its children, so when a
 * child is read its parent's cell counts are known; what names another node by
 * its handle (the interrupt controller's contexts) is settled after the walk.
 * What a node lacks keeps the value for "absent"; nothing here is trusted to be there.
 */
#include "riscv/machine.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "riscv/csr.h"
#include "riscv/fdt.h"
#include "riscv/layout.h"
#include "riscv/sbi.h"

struct machine machine;

extern const char kernel_text_start[], kernel_end[];

#define DEPTH_MAX 16
#define S_MODE_EXTERNAL 9 /* the PLIC's name for a supervisor context */

/* What we want to know of the node being read. */
struct node {
	const char *name;
	uint32_t address_cells, size_cells; /* of its children */
	struct fdt_value compatible, reg, interrupts, device_type, status, isa, isa_list, phandle;
	struct fdt_value contexts, timebase, initrd_start, initrd_end, bootargs, rng_seed;
};

/* Known property names and where they go. */
static const struct {
	const char *name;
	size_t where;
} properties[] = {
	{ "compatible", offsetof(struct node, compatible) },
	{ "reg", offsetof(struct node, reg) },
	{ "interrupts", offsetof(struct node, interrupts) },
	{ "device_type", offsetof(struct node, device_type) },
	{ "status", offsetof(struct node, status) },
	{ "riscv,isa", offsetof(struct node, isa) },
	{ "riscv,isa-extensions", offsetof(struct node, isa_list) },
	{ "phandle", offsetof(struct node, phandle) },
	{ "interrupts-extended", offsetof(struct node, contexts) },
	{ "timebase-frequency", offsetof(struct node, timebase) },
	{ "linux,initrd-start", offsetof(struct node, initrd_start) },
	{ "linux,initrd-end", offsetof(struct node, initrd_end) },
	{ "bootargs", offsetof(struct node, bootargs) },
	{ "rng-seed", offsetof(struct node, rng_seed) },
};

/* The walk's own notes. */
struct walk {
	uint64_t boot_hartid;
	/* A hart's interrupt controller is a child of its node, so it is done first: its handle waits here until the hart's index is known. */
	uint32_t last_intc;
	uint32_t intc[HART_MAX];             /* the handle, by index */
	struct fdt_value contexts;           /* the PLIC's */
	bool any_sstc, all_sstc, any_svade;
};

static void node_done(struct walk *w, const struct node *n, const struct node *parent);
static void contexts_settle(const struct walk *w);
static void reserve(paddr_t start, paddr_t end);
static void reservations_settle(void);

static void note_property(struct node *n, const char *name, const struct fdt_value *v)
{
	for (size_t i = 0; i < ARRAY_COUNT(properties); i++)
		if (strcmp(name, properties[i].name) == 0)
			*(struct fdt_value *)((char *)n + properties[i].where) = *v;
	if (strcmp(name, "#address-cells") == 0)
		n->address_cells = MIN(fdt_cell(v, 0), 2u);
	if (strcmp(name, "#size-cells") == 0)
		n->size_cells = MIN(fdt_cell(v, 0), 2u);
}

bool machine_read(uint64_t boot_hartid, paddr_t dtb)
{
	struct fdt f;
	if (dtb >= DIRECT_MAP_SIZE || !fdt_open(&f, phys_to_virt(dtb)))
		return false;

	machine.fdt = (struct machine_range){ dtb, dtb + f.size };
	machine.kernel = (struct machine_range){ virt_to_phys(kernel_text_start), virt_to_phys(kernel_end) };
	machine.hart_count = 1;
	machine.hartid[0] = boot_hartid;

	static struct node nodes[DEPTH_MAX];
	struct walk w = { .boot_hartid = boot_hartid, .all_sstc = true };
	uint32_t at = f.structs, depth = 0;
	const char *name;
	struct fdt_value value;
	for (;;) {
		enum fdt_token token = fdt_next(&f, &at, &name, &value);
		if (token == FDT_NODE && depth < DEPTH_MAX) {
			nodes[depth++] = (struct node){ .name = name, .address_cells = 2, .size_cells = 1 };
		} else if (token == FDT_PROPERTY && depth > 0) {
			note_property(&nodes[depth - 1], name, &value);
		} else if (token == FDT_NODE_END && depth > 0) {
			depth--;
			node_done(&w, &nodes[depth], depth ? &nodes[depth - 1] : NULL);
		} else {
			break;
		}
	}

	contexts_settle(&w);
	machine.sstc = w.any_sstc && w.all_sstc;
	machine.svade = w.any_svade;
	uint64_t start, size;
	for (uint32_t i = 0; fdt_reservation(&f, i, &start, &size); i++)
		reserve(start, start + size);
	/* Below the image lies the firmware, whether the tree says so or not. */
	reserve(machine.ram.start, machine.kernel.start);
	reservations_settle();
	return machine.ram.end != 0 && machine.timebase != 0;
}

static void reserve(paddr_t start, paddr_t end)
{
	KASSERT(machine.reserved_count < ARRAY_COUNT(machine.reserved));
	machine.reserved[machine.reserved_count++] = (struct machine_range){ page_trunc(start), page_round(end) };
}

/* Keeps of each reservation what lies in RAM; the tree may name it before it names the RAM. */
static void reservations_settle(void)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < machine.reserved_count; i++) {
		paddr_t start = MAX(machine.reserved[i].start, machine.ram.start);
		paddr_t end = MIN(machine.reserved[i].end, machine.ram.end);
		if (start < end)
			machine.reserved[kept++] = (struct machine_range){ start, end };
	}
	machine.reserved_count = kept;
}

/* One word of an ISA string: single letters, then names between underscores. */
static bool isa_has(const struct fdt_value *isa, const char *extension)
{
	size_t length = strlen(extension);
	for (size_t i = 0; i + 1 + length <= isa->size; i++) {
		const char *p = (const char *)isa->data + i;
		char after = i + 1 + length < isa->size ? p[1 + length] : '\0';
		if (p[0] == '_' && memcmp(p + 1, extension, length) == 0 && (after == '_' || after == '\0'))
			return true;
	}
	return false;
}

static bool hart_has(const struct node *n, const char *extension)
{
	return isa_has(&n->isa, extension) || fdt_has_string(&n->isa_list, extension);
}

static void cpu_done(struct walk *w, const struct node *n, const struct node *parent)
{
	uint64_t hartid = fdt_number(&n->reg, 0, parent->address_cells);
	if (n->status.data && !fdt_has_string(&n->status, "okay") && !fdt_has_string(&n->status, "ok"))
		return;

	uint32_t index = 0;
	if (hartid != w->boot_hartid) {
		if (machine.hart_count == HART_MAX)
			return;
		index = machine.hart_count++;
	}
	machine.hartid[index] = hartid;
	w->intc[index] = w->last_intc;
	if (hart_has(n, "sstc"))
		w->any_sstc = true;
	else
		w->all_sstc = false;
	/* With svadu as well the firmware leaves the choice to us, and the bits are set by fault until we choose. */
	w->any_svade |= hart_has(n, "svade");
	if (n->timebase.data)
		machine.timebase = fdt_number(&n->timebase, 0, n->timebase.size / 4);
}

static void memory_done(const struct node *n, const struct node *parent)
{
	uint32_t ac = parent->address_cells, sc = parent->size_cells;
	for (uint32_t i = 0; (ac + sc) && (i + ac + sc) * 4UL <= n->reg.size; i += ac + sc) {
		paddr_t start = fdt_number(&n->reg, i, ac);
		paddr_t end = MIN(start + fdt_number(&n->reg, i + ac, sc), DIRECT_MAP_SIZE);
		if (start <= machine.kernel.start && machine.kernel.end <= end)
			machine.ram = (struct machine_range){ start, page_trunc(end) };
	}
}

static void chosen_done(const struct node *n)
{
	if (n->bootargs.data && n->bootargs.size)
		strlcpy(machine.bootargs, (const char *)n->bootargs.data, MIN(sizeof(machine.bootargs), (size_t)n->bootargs.size));
	if (n->initrd_start.data && n->initrd_end.data) {
		machine.initrd.start = fdt_number(&n->initrd_start, 0, n->initrd_start.size / 4);
		machine.initrd.end = fdt_number(&n->initrd_end, 0, n->initrd_end.size / 4);
	}
	if (n->rng_seed.data) {
		machine.rng_seed_size = MIN(n->rng_seed.size, (uint32_t)sizeof(machine.rng_seed));
		memcpy(machine.rng_seed, n->rng_seed.data, machine.rng_seed_size);
	}
}

/* In order of address, which is the order of the slots. */
static void virtio_add(paddr_t base, uint32_t irq)
{
	if (machine.virtio_count == MACHINE_VIRTIO_MAX)
		return;
	uint32_t i = machine.virtio_count++;
	for (; i > 0 && machine.virtio[i - 1].base > base; i--)
		machine.virtio[i] = machine.virtio[i - 1];
	machine.virtio[i].base = base;
	machine.virtio[i].irq = irq;
}

static void node_done(struct walk *w, const struct node *n, const struct node *parent)
{
	if (!parent)
		return;
	paddr_t base = fdt_number(&n->reg, 0, parent->address_cells);
	const struct fdt_value *compatible = &n->compatible;

	if (strcmp(n->name, "interrupt-controller") == 0 && fdt_has_string(compatible, "riscv,cpu-intc"))
		w->last_intc = fdt_cell(&n->phandle, 0);
	else if (fdt_has_string(&n->device_type, "cpu"))
		cpu_done(w, n, parent);
	else if (fdt_has_string(&n->device_type, "memory"))
		memory_done(n, parent);
	else if (strcmp(n->name, "cpus") == 0 && n->timebase.data)
		machine.timebase = fdt_number(&n->timebase, 0, n->timebase.size / 4);
	else if (strcmp(n->name, "chosen") == 0)
		chosen_done(n);
	else if (strcmp(parent->name, "reserved-memory") == 0 && n->reg.data)
		reserve(base, base + fdt_number(&n->reg, parent->address_cells, parent->size_cells));
	else if (base >= DIRECT_MAP_SIZE)
		return; /* a device that we could not reach */
	else if (fdt_has_string(compatible, "ns16550a") && !machine.uart) {
		machine.uart = base;
		machine.uart_irq = fdt_cell(&n->interrupts, 0);
	} else if (fdt_has_string(compatible, "sifive,plic-1.0.0") || fdt_has_string(compatible, "riscv,plic0")) {
		machine.plic = w->contexts.data ? 0 : base; /* of several, each serves some of the devices and harts: as good as none */
		w->contexts = n->contexts;
	} else if (fdt_has_string(compatible, "sifive,test0"))
		machine.test = base;
	else if (fdt_has_string(compatible, "virtio,mmio"))
		virtio_add(base, fdt_cell(&n->interrupts, 0));
}

/* Context number k of the PLIC is the k-th pair (hart's controller, interrupt) in its node. */
static void contexts_settle(const struct walk *w)
{
	for (uint32_t k = 0; k < w->contexts.size / 8; k++)
		for (uint32_t i = 0; i < machine.hart_count; i++)
			if (fdt_cell(&w->contexts, 2 * k) == w->intc[i] && fdt_cell(&w->contexts, 2 * k + 1) == S_MODE_EXTERNAL)
				machine.plic_context[i] = k;
}

/* The virt machine's test device: QEMU exits when it is written. */
#define TEST_PASS 0x5555
#define TEST_FAIL(status) ((status) << 16 | 0x3333)
#define TEST_RESET 0x7777

static void test_device_write(uint32_t v)
{
	if (machine.test)
		*(volatile uint32_t *)phys_to_virt(machine.test) = v;
}

static void hart_halt(void) __noreturn;

static void hart_halt(void)
{
	irq_disable();
	for (;;)
		__asm__ volatile("wfi");
}

void machine_off(bool failed)
{
	test_device_write(failed ? TEST_FAIL(1) : TEST_PASS);
	sbi_shutdown(failed);
	kprintf("It is now safe to turn off the machine.\n");
	hart_halt();
}

void machine_restart(void)
{
	sbi_reboot();
	test_device_write(TEST_RESET);
	kprintf("The firmware cannot restart the machine.\n");
	hart_halt();
}
