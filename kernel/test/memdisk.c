/* The disk in memory, and small words for what tests do on it. */
#include "test/memdisk.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"
#include "test/test.h"
#include "vm/page.h"
#include "vm/pool.h"

struct memdisk memdisk;

static int memdisk_block(struct memdisk *m, struct disk_request *rq, uint32_t i)
{
	struct vm_page **pg = &m->block[rq->block + i];

	if (rq->op == DISK_READ) {
		if (*pg)
			memcpy(rq->segment[i], page_kva(*pg), BLOCK_SIZE);
		else
			memset(rq->segment[i], 0, BLOCK_SIZE);
		return 0;
	}
	if (*pg == NULL && (*pg = page_alloc(PO_KERNEL, PAGE_RESERVE)) == NULL)
		return EIO;
	memcpy(page_kva(*pg), rq->segment[i], BLOCK_SIZE);
	return 0;
}

static bool touches(const struct disk_request *rq, uint64_t block)
{
	return rq->op != DISK_FLUSH && block >= rq->block && block < rq->block + rq->count;
}

static void memdisk_submit(struct disk *d, struct disk_request *rq)
{
	struct memdisk *m = container_of(d, struct memdisk, disk);

	rq->error = 0;
	if (rq->op == DISK_WRITE && ++m->writes == m->fail_at)
		rq->error = EIO;
	else if (m->bad_block && touches(rq, m->bad_block))
		rq->error = EIO;
	else if (rq->op != DISK_FLUSH && !(rq->op == DISK_WRITE && m->stop_after && m->writes > m->stop_after))
		for (uint32_t i = 0; i < rq->count && !rq->error; i++)
			rq->error = memdisk_block(m, rq, i);
	if (rq->op == DISK_WRITE && __atomic_exchange_n(&m->hold, false, __ATOMIC_SEQ_CST))
		__atomic_store_n(&m->held, rq, __ATOMIC_SEQ_CST);
	else
		rq->done(rq);
}

bool memdisk_holds(void) { return __atomic_load_n(&memdisk.held, __ATOMIC_SEQ_CST) != NULL; }

void memdisk_let_go(int error)
{
	struct disk_request *rq = __atomic_exchange_n(&memdisk.held, NULL, __ATOMIC_SEQ_CST);

	rq->error = error;
	rq->done(rq);
}

void memdisk_clear(void)
{
	for (size_t i = 0; i < MEMDISK_BLOCKS; i++)
		if (memdisk.block[i])
			page_free(memdisk.block[i]);
	memset(&memdisk, 0, sizeof memdisk);
	memdisk.disk = (struct disk){ .name = "memory", .blocks = MEMDISK_BLOCKS, .submit = memdisk_submit };
}

static void block_put(uint64_t block, const void *data)
{
	int error = disk_write_block(&memdisk.disk, block, data);
	CHECK(error == 0);
}

void memdisk_format(void)
{
	uint64_t *b = kmalloc(FS_BLOCK, POOL_ZERO);
	struct fs_super *s = (struct fs_super *)b;
	struct fs_log_header *h = (struct fs_log_header *)b;
	struct fs_inode *ip = (struct fs_inode *)b;
	struct fs_dirent *d = (struct fs_dirent *)b;
	const uint64_t log = MEMDISK_LOG_BLOCKS, inodes = MEMDISK_INODE_BLOCKS, data = 1 + log + inodes + 1;

	memdisk_clear();
	CHECK(b != NULL);
	if (b == NULL)
		return;
	*s = (struct fs_super){ .magic = FS_MAGIC, .version = FS_VERSION, .block_size = FS_BLOCK, .blocks = MEMDISK_BLOCKS, .log_start = 1,
				.log_blocks = log, .inode_start = 1 + log, .inode_blocks = inodes, .bitmap_start = 1 + log + inodes,
				.bitmap_blocks = 1, .data_start = data };
	s->sum = fs_super_sum(s);
	block_put(0, b);
	memset(b, 0, FS_BLOCK);
	h->magic = FS_LOG_MAGIC;
	block_put(1, b);
	memset(b, 0, FS_BLOCK);
	ip[FS_ROOT_INODE] = (struct fs_inode){ .mode = S_IFDIR, .nlink = 2, .size = FS_BLOCK, .blocks = 1, .root = { data } };
	block_put(1 + log, b);
	memset(b, 0xff, FS_BLOCK);
	for (uint64_t i = data + 1; i < MEMDISK_BLOCKS; i++)
		b[i / 64] &= ~(1UL << (i % 64));
	block_put(1 + log + inodes, b);
	memset(b, 0, FS_BLOCK);
	d[0] = (struct fs_dirent){ .number_type = fs_dirent_pack(FS_ROOT_INODE, S_IFDIR), .name = "." };
	d[1] = (struct fs_dirent){ .number_type = fs_dirent_pack(FS_ROOT_INODE, S_IFDIR), .name = ".." };
	block_put(data, b);
	kfree(b, FS_BLOCK);
	memdisk.writes = 0;
}

struct filesystem *memdisk_mount(void)
{
	struct filesystem *fs = NULL;
	int error = fs_mount(&memdisk.disk, &fs);

	CHECK(error == 0);
	return fs;
}

void pattern_fill(uint64_t *p, uint64_t seed)
{
	for (size_t i = 0; i < FS_BLOCK / 8; i++)
		p[i] = seed * 1000003 + i;
}

int pattern_write(struct inode *ip, uint64_t page, uint64_t seed)
{
	uint64_t *b = kmalloc(FS_BLOCK, POOL_ZERO), end;
	size_t done;
	int error;

	if (b == NULL)
		return ENOMEM;
	pattern_fill(b, seed);
	error = inode_write(ip, (struct io_target){ .address = (vaddr_t)b }, page * FS_BLOCK, FS_BLOCK, false, &done, &end);
	kfree(b, FS_BLOCK);
	return error ? error : done == FS_BLOCK ? 0 : EIO;
}

bool pattern_is(struct inode *ip, uint64_t page, uint64_t seed)
{
	uint64_t *b = kmalloc(2 * FS_BLOCK, POOL_ZERO);
	size_t done = 0;
	bool same;

	if (b == NULL)
		return false;
	if (seed)
		pattern_fill(b, seed);
	same = inode_read(ip, (struct io_target){ .address = (vaddr_t)b + FS_BLOCK }, page * FS_BLOCK, FS_BLOCK, &done) == 0 &&
	       done == FS_BLOCK && memcmp(b, (char *)b + FS_BLOCK, FS_BLOCK) == 0;
	kfree(b, 2 * FS_BLOCK);
	return same;
}

struct inode *memdisk_file(struct filesystem *fs, const char *name)
{
	struct inode *ip = NULL;
	int error = fs_open(name, fs->root, O_RDWR | O_CREAT, &ip);

	CHECK(error == 0);
	return error ? NULL : ip;
}
