/*
 * Character devices: which operations stand behind a device number, and the two devices that are no hardware.
 *
 * Devices are registered at boot and stay. Floor: fs, below open files.
 */
#include "fs/device.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "kern/thread.h"
#include "riscv/copyuser.h"
#include "vm/pool.h"

struct device {
	struct list link;
	uint32_t number;
	const struct device_ops *ops;
};

static struct list devices = LIST_INIT(devices); /* grows only, at boot: read without a lock */

void device_register(uint32_t number, const struct device_ops *ops)
{
	struct device *d = kmalloc(sizeof *d, 0);

	if (d == NULL)
		panic("no memory to register device %s", ops->name);
	KASSERT(device_find(number) == NULL);
	d->number = number;
	d->ops = ops;
	list_push_back(&devices, &d->link);
}

const struct device_ops *device_find(uint32_t number)
{
	list_for_each(link, &devices) {
		struct device *d = list_entry(link, struct device, link);
		if (d->number == number)
			return d->ops;
	}
	return NULL;
}

static int null_read(struct file *f __unused, vaddr_t buf __unused, size_t n __unused, size_t *done)
{
	*done = 0;
	return 0;
}

static int null_write(struct file *f __unused, vaddr_t buf __unused, size_t n, size_t *done)
{
	*done = n;
	return 0;
}

/* A page at a time, so that a long read can be ended by a signal. */
static int zero_read(struct file *f __unused, vaddr_t buf, size_t n, size_t *done)
{
	int error = 0;

	for (*done = 0; *done < n && !error; ) {
		size_t some = MIN(n - *done, PAGE_SIZE);

		error = copyuser_zero(buf + *done, some);
		if (!error)
			*done += some;
		if (!error && thread_interrupted_hook && thread_interrupted_hook(curthread))
			error = EINTR;
	}
	return *done > 0 ? 0 : error;
}

void device_boot(void)
{
	static const struct device_ops null = { .name = "null", .read = null_read, .write = null_write };
	static const struct device_ops zero = { .name = "zero", .read = zero_read, .write = null_write };

	device_register(DEV_NULL, &null);
	device_register(DEV_ZERO, &zero);
}
