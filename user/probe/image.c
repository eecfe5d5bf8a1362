/*
 * Memory of the probe's own program that scripts can name: pages of its file that
 * are written, only read, or are not in the file. Nothing else touches them, so
 * that a script meets them as exec left them.
 */
#include "probe.h"

uint8_t image_data[IMAGE_SIZE] __attribute__((aligned(4096))) = { [0 ... IMAGE_SIZE - 1] = 0xda };
uint8_t image_bss[IMAGE_SIZE] __attribute__((aligned(4096)));
const uint8_t image_const[IMAGE_SIZE] __attribute__((aligned(4096))) = { [0 ... IMAGE_SIZE - 1] = 0xc0 };

bool image_holds(const volatile void *p)
{
	const volatile uint8_t *at = p;

	return (at >= image_data && at < image_data + IMAGE_SIZE) || (at >= image_bss && at < image_bss + IMAGE_SIZE) ||
	       (at >= image_const && at < image_const + IMAGE_SIZE);
}
