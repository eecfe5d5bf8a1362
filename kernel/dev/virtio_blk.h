/* Virtio block devices (Virtual I/O Device specification 1.1, sections 4.2 and 5.2): disks vd0, vd1, ... in order of address. */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

void virtio_blk_init(void); /* finds and registers them; after page_init() and sched_init() */

#endif
