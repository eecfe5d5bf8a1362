/*
 * Virtio block devices behind virtio-mmio, version 2 (Virtual I/O Device 1.1).
 * Floor: dev, above vm/page, which gives the rings their memory.
 *
 * A request is a chain of descriptors: header, one for each block, status. A chain
 * is named by its first descriptor, which also names the header, the status byte
 * and the request that it carries. Invariant, under the lock: a descriptor is on
 * the free list or in exactly one chain; requests wait in `queue` only while
 * fewer descriptors are free than the first of them needs.
 */
#include "dev/virtio_blk.h"
#include "abi/errno.h"
#include "base/kassert.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/disk.h"
#include "riscv/layout.h"
#include "riscv/machine.h"
#include "riscv/plic.h"
#include "vm/page.h"

/* Registers (section 4.2.2). */
#define REG_MAGIC 0x000
#define REG_VERSION 0x004
#define REG_DEVICE_ID 0x008
#define REG_DEVICE_FEATURES 0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES 0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL 0x030
#define REG_QUEUE_NUM_MAX 0x034
#define REG_QUEUE_NUM 0x038
#define REG_QUEUE_READY 0x044
#define REG_QUEUE_NOTIFY 0x050
#define REG_INTERRUPT_STATUS 0x060
#define REG_INTERRUPT_ACK 0x064
#define REG_STATUS 0x070
#define REG_QUEUE_DESC 0x080
#define REG_QUEUE_DRIVER 0x090
#define REG_QUEUE_DEVICE 0x0a0
#define REG_GENERATION 0x0fc
#define REG_CAPACITY 0x100 /* of a block device: 512-byte sectors */

#define MAGIC 0x74726976
#define ID_BLOCK 2

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER 2
#define STATUS_DRIVER_OK 4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED 128

#define FEATURE_READ_ONLY (1UL << 5)
#define FEATURE_FLUSH (1UL << 9)
#define FEATURE_VERSION_1 (1UL << 32)

#define QUEUE_SIZE 256u
#define SECTORS_PER_BLOCK (BLOCK_SIZE / 512)

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
#define DESC_NEXT 1
#define DESC_DEVICE_WRITES 2

struct available_ring {
	uint16_t flags, index;
	uint16_t ring[QUEUE_SIZE];
};

struct used_ring {
	uint16_t flags, index;
	struct {
		uint32_t id, length;
	} ring[QUEUE_SIZE];
};

struct request_header {
	uint32_t type, reserved;
	uint64_t sector;
};
#define TYPE_READ 0
#define TYPE_WRITE 1
#define TYPE_FLUSH 4

/* Four frames in a row; what the device reads and writes first. */
struct virtio_blk {
	struct descriptor descriptors[QUEUE_SIZE];  /* lock; a chain's, the device's */
	struct available_ring available;            /* lock */
	struct used_ring used __attribute__((aligned(4))); /* the device's */
	struct request_header headers[QUEUE_SIZE];  /* as the chain */
	uint8_t results[QUEUE_SIZE];                /* as the chain */

	struct disk disk;
	char name[8];
	volatile uint8_t *registers;                /* fixed */
	bool can_flush;                             /* fixed */
	struct spinlock lock;                       /* RANK_DISK */
	struct disk_request *carried[QUEUE_SIZE];   /* lock: by first descriptor */
	struct list queue;                          /* lock: requests that found too few descriptors */
	uint16_t free_first;                        /* lock: free descriptors, linked by next */
	uint32_t free_count;                        /* lock */
	uint16_t used_seen;                         /* lock: used.index up to which we looked */
	bool broken;                                /* lock: the device wants a reset; everything fails */
};
#define MEMORY_ORDER 2
_Static_assert(sizeof(struct virtio_blk) <= PAGE_SIZE << MEMORY_ORDER, "struct virtio_blk");

static uint32_t reg_read(const struct virtio_blk *v, uint32_t reg)
{
	return *(volatile uint32_t *)(v->registers + reg);
}

static void reg_write(const struct virtio_blk *v, uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(v->registers + reg) = value;
}

/* Orders our writes to memory against the device's registers and what it reads and writes. */
static void device_fence(void)
{
	__asm__ volatile("fence iorw, iorw" : : : "memory");
}

/* ---- finding and setting up ------------------------------------------------ */

static bool features_settle(struct virtio_blk *v);
static bool queue_set_up(struct virtio_blk *v);
static uint64_t capacity(const struct virtio_blk *v);
static void virtio_submit(struct disk *d, struct disk_request *rq);
static void virtio_interrupt(void *arg);

static void probe(paddr_t base, uint32_t irq)
{
	static int found;
	volatile uint32_t *r = phys_to_virt(base);
	if (r[REG_MAGIC / 4] != MAGIC || r[REG_DEVICE_ID / 4] != ID_BLOCK)
		return;
	if (r[REG_VERSION / 4] != 2) {
		kprintf("virtio disk at %lx speaks the legacy protocol: start QEMU with -global virtio-mmio.force-legacy=false\n", base);
		return;
	}
	struct vm_page *pg = page_alloc_block(MEMORY_ORDER, PAGE_ZERO);
	if (!pg) {
		kprintf("virtio disk at %lx: no memory\n", base);
		return;
	}

	struct virtio_blk *v = page_kva(pg);
	memset(v, 0, sizeof(*v));
	v->registers = (volatile uint8_t *)r;
	ksnprintf(v->name, sizeof(v->name), "vd%d", found);
	spinlock_init(&v->lock, RANK_DISK, v->name);
	list_init(&v->queue);

	reg_write(v, REG_STATUS, 0);
	reg_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (!features_settle(v) || !queue_set_up(v)) {
		kprintf("virtio disk at %lx: refuses what we need\n", base);
		reg_write(v, REG_STATUS, STATUS_FAILED);
		page_free_block(pg, MEMORY_ORDER);
		return;
	}
	plic_register(irq, virtio_interrupt, v);
	reg_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);

	found++;
	v->disk.name = v->name;
	v->disk.blocks = capacity(v) / SECTORS_PER_BLOCK;
	v->disk.submit = virtio_submit;
	v->disk.driver = v;
	disk_register(&v->disk);
}

void virtio_blk_init(void)
{
	if (!machine.plic)
		return; /* a request would never be over */
	for (uint32_t i = 0; i < machine.virtio_count; i++)
		probe(machine.virtio[i].base, machine.virtio[i].irq);
}

static bool features_settle(struct virtio_blk *v)
{
	reg_write(v, REG_DEVICE_FEATURES_SEL, 0);
	uint64_t offered = reg_read(v, REG_DEVICE_FEATURES);
	reg_write(v, REG_DEVICE_FEATURES_SEL, 1);
	offered |= (uint64_t)reg_read(v, REG_DEVICE_FEATURES) << 32;
	if (!(offered & FEATURE_VERSION_1))
		return false;

	uint64_t taken = offered & (FEATURE_VERSION_1 | FEATURE_READ_ONLY | FEATURE_FLUSH);
	v->disk.read_only = taken & FEATURE_READ_ONLY;
	v->can_flush = taken & FEATURE_FLUSH;
	reg_write(v, REG_DRIVER_FEATURES_SEL, 0);
	reg_write(v, REG_DRIVER_FEATURES, taken);
	reg_write(v, REG_DRIVER_FEATURES_SEL, 1);
	reg_write(v, REG_DRIVER_FEATURES, taken >> 32);
	reg_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return reg_read(v, REG_STATUS) & STATUS_FEATURES_OK;
}

static void reg_write_address(struct virtio_blk *v, uint32_t reg, const volatile void *p)
{
	paddr_t pa = virt_to_phys((const void *)p);
	reg_write(v, reg, pa);
	reg_write(v, reg + 4, pa >> 32);
}

static bool queue_set_up(struct virtio_blk *v)
{
	reg_write(v, REG_QUEUE_SEL, 0);
	if (reg_read(v, REG_QUEUE_READY) || reg_read(v, REG_QUEUE_NUM_MAX) < QUEUE_SIZE)
		return false;
	for (uint32_t i = 0; i < QUEUE_SIZE; i++)
		v->descriptors[i].next = i + 1;
	v->free_count = QUEUE_SIZE;
	reg_write(v, REG_QUEUE_NUM, QUEUE_SIZE);
	reg_write_address(v, REG_QUEUE_DESC, v->descriptors);
	reg_write_address(v, REG_QUEUE_DRIVER, &v->available);
	reg_write_address(v, REG_QUEUE_DEVICE, &v->used);
	device_fence();
	reg_write(v, REG_QUEUE_READY, 1);
	return true;
}

/* Two reads make the number: again if the device changed it in between. */
static uint64_t capacity(const struct virtio_blk *v)
{
	uint32_t before;
	uint64_t sectors;
	do {
		before = reg_read(v, REG_GENERATION);
		sectors = reg_read(v, REG_CAPACITY) | (uint64_t)reg_read(v, REG_CAPACITY + 4) << 32;
	} while (before != reg_read(v, REG_GENERATION));
	return sectors;
}

/* ---- requests ---------------------------------------------------------------- */

static uint32_t descriptors_needed(const struct disk_request *rq)
{
	return 2 + (rq->op == DISK_FLUSH ? 0 : rq->count);
}

/* Takes a free descriptor. => lock held, one is free */
static uint16_t descriptor_take(struct virtio_blk *v)
{
	uint16_t i = v->free_first;
	v->free_first = v->descriptors[i].next;
	v->free_count--;
	return i;
}

static uint16_t descriptor_add(struct virtio_blk *v, uint16_t previous, const void *p, uint32_t length, uint16_t flags)
{
	uint16_t i = descriptor_take(v);
	v->descriptors[i] = (struct descriptor){ virt_to_phys(p), length, flags, 0 };
	v->descriptors[previous].flags |= DESC_NEXT;
	v->descriptors[previous].next = i;
	return i;
}

/* Builds the chain and hands it to the device. => lock held, enough are free */
static void request_start(struct virtio_blk *v, struct disk_request *rq)
{
	uint16_t first = descriptor_take(v), last = first;
	struct request_header *h = &v->headers[first];
	h->type = rq->op == DISK_READ ? TYPE_READ : rq->op == DISK_WRITE ? TYPE_WRITE : TYPE_FLUSH;
	h->reserved = 0;
	h->sector = rq->op == DISK_FLUSH ? 0 : rq->block * SECTORS_PER_BLOCK;
	v->descriptors[first] = (struct descriptor){ virt_to_phys(h), sizeof(*h), 0, 0 };
	for (uint32_t i = 0; rq->op != DISK_FLUSH && i < rq->count; i++)
		last = descriptor_add(v, last, rq->segment[i], BLOCK_SIZE, rq->op == DISK_READ ? DESC_DEVICE_WRITES : 0);
	v->results[first] = 0xff;
	descriptor_add(v, last, &v->results[first], 1, DESC_DEVICE_WRITES);

	v->carried[first] = rq;
	v->available.ring[v->available.index % QUEUE_SIZE] = first;
	device_fence();
	v->available.index++;
	device_fence();
	reg_write(v, REG_QUEUE_NOTIFY, 0);
}

static void virtio_submit(struct disk *d, struct disk_request *rq)
{
	struct virtio_blk *v = d->driver;
	if (rq->op == DISK_FLUSH && !v->can_flush) {
		disk_finish(rq, 0); /* such a device has nothing that could be lost */
		return;
	}
	spinlock_acquire(&v->lock);
	bool broken = v->broken;
	if (!broken && list_empty(&v->queue) && v->free_count >= descriptors_needed(rq))
		request_start(v, rq);
	else if (!broken)
		list_push_back(&v->queue, &rq->link);
	spinlock_release(&v->lock);
	if (broken)
		disk_finish(rq, EIO);
}

/* Takes a chain back; its request goes on `over`. => lock held */
static void request_end(struct virtio_blk *v, uint16_t first, int error, struct list *over)
{
	struct disk_request *rq = v->carried[first];
	v->carried[first] = NULL;
	uint16_t last = first;
	v->free_count++;
	while (v->descriptors[last].flags & DESC_NEXT) {
		last = v->descriptors[last].next;
		v->free_count++;
	}
	v->descriptors[last].next = v->free_first;
	v->free_first = first;
	rq->error = error;
	list_push_back(over, &rq->link);
}

/* The device has lost its mind: it is reset, which ends its access to memory, and everything in flight fails. => lock held */
static void device_give_up(struct virtio_blk *v, struct list *over)
{
	v->broken = true;
	reg_write(v, REG_STATUS, 0);
	for (uint32_t i = 0; i < QUEUE_SIZE; i++)
		if (v->carried[i])
			request_end(v, i, EIO, over);
	list_for_each(link, &v->queue)
		list_entry(link, struct disk_request, link)->error = EIO;
	list_splice_back(over, &v->queue);
	list_init(&v->queue);
}

static void used_ring_read(struct virtio_blk *v, struct list *over)
{
	while (!v->broken && v->used_seen != *(volatile uint16_t *)&v->used.index) {
		device_fence();
		uint32_t first = v->used.ring[v->used_seen++ % QUEUE_SIZE].id;
		if (first < QUEUE_SIZE && v->carried[first])
			request_end(v, first, v->results[first] == 0 ? 0 : EIO, over);
		else
			device_give_up(v, over);
	}
}

static void virtio_interrupt(void *arg)
{
	struct virtio_blk *v = arg;
	struct list over = LIST_INIT(over);

	spinlock_acquire(&v->lock);
	reg_write(v, REG_INTERRUPT_ACK, reg_read(v, REG_INTERRUPT_STATUS) & 3);
	device_fence();
	used_ring_read(v, &over);
	if (!v->broken && (reg_read(v, REG_STATUS) & STATUS_NEEDS_RESET))
		device_give_up(v, &over);
	while (!list_empty(&v->queue)) {
		struct disk_request *rq = list_entry(list_first(&v->queue), struct disk_request, link);
		if (v->free_count < descriptors_needed(rq))
			break;
		list_remove(&rq->link);
		request_start(v, rq);
	}
	spinlock_release(&v->lock);

	/* With no lock held: who is told may submit the next request. */
	struct list *link;
	while ((link = list_pop_front(&over)) != NULL) {
		struct disk_request *rq = list_entry(link, struct disk_request, link);
		disk_finish(rq, rq->error);
	}
}
