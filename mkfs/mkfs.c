/*
 * mkfs: makes and checks Pagoda's file-system images. See usage() for the command line.
 *
 * The same items give the same image, byte for byte: directories are read in order of name and nothing depends on
 * the time. The layout is that of kernel/fs/layout.h.
 */
#include "image.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LIMIT (sizeof(((struct fs_dirent *)0)->name) - 1)

static void usage(void)
{
	fputs("usage: mkfs [--bare] IMAGE SIZE ITEM...   makes an image of SIZE bytes (K, M, G are understood)\n"
	      "       mkfs --check IMAGE                 says what is wrong with one; status 0 or 1\n"
	      "       mkfs --list IMAGE                  every path with type, links and size\n"
	      "       mkfs --cat IMAGE PATH              a file's bytes\n"
	      "An ITEM is one of\n"
	      "  /PATH=FILE        the host's FILE, as /PATH\n"
	      "  /DIR/=FILE        the same under its own name in /DIR\n"
	      "  /DIR/             an empty directory\n"
	      "  /PATH:MAJOR:MINOR a character device\n"
	      "  /PATH@/OTHER      one more name for the file /OTHER, which an item before this one made\n"
	      "  FOLDER            all that is in the host's FOLDER, into the root\n"
	      "/bin, /tmp, /dev/console, /dev/null and /dev/zero are made without being asked for, but not with --bare.\n",
	      stderr);
	exit(2);
}

/* Making an image. All that is read back here was written here. */

static uint64_t next_block, next_inode;

static uint64_t block_new(struct image *im)
{
	if (next_block >= im->super->blocks)
		fail("the image is too small for what it shall hold");
	((unsigned char *)image_block(im, im->super->bitmap_start))[next_block / 8] |= (unsigned char)(1u << (next_block % 8));
	return next_block++;
}

static uint64_t inode_new(struct image *im, unsigned mode)
{
	if (next_inode >= im->super->inode_blocks * FS_INODES_PER_BLOCK)
		fail("the image has too few inodes");
	image_inode(im, next_inode)->mode = (uint16_t)mode;
	return next_inode++;
}

/* The block of a page of a new file, made with the pointer blocks that lead to it. */
static unsigned char *file_page(struct image *im, struct fs_inode *ip, uint64_t page)
{
	uint64_t *pointer, span = FS_POINTERS;
	unsigned level = 0;

	if (page < FS_DIRECT) {
		pointer = &ip->root[page];
	} else {
		for (page -= FS_DIRECT, level = 1; page >= span; level++, span *= FS_POINTERS) {
			page -= span;
			if (level == FS_LEVELS)
				fail("a file is too long");
		}
		pointer = &ip->root[FS_DIRECT + level - 1];
	}
	for (;; level--) {
		if (*pointer == 0) {
			*pointer = block_new(im);
			ip->blocks++;
		}
		if (level == 0)
			return image_block(im, *pointer);
		span /= FS_POINTERS;
		pointer = (uint64_t *)image_block(im, *pointer) + page / span;
		page %= span;
	}
}

static uint64_t directory_find(struct image *im, uint64_t dir, const char *name)
{
	struct fs_inode *ip = image_inode(im, dir);

	for (uint64_t page = 0; page < ip->size / FS_BLOCK; page++) {
		struct fs_dirent *d = image_block(im, image_bmap(im, ip, page));
		for (unsigned i = 0; i < FS_DIRENTS_PER_BLOCK; i++)
			if (fs_dirent_number(&d[i]) != 0 && strcmp(d[i].name, name) == 0)
				return fs_dirent_number(&d[i]);
	}
	return 0;
}

/* Records are appended: nothing is ever removed from a directory here. */
static void directory_add(struct image *im, uint64_t dir, const char *name, uint64_t number)
{
	struct fs_inode *ip = image_inode(im, dir), *to = image_inode(im, number);
	struct fs_dirent *d;
	unsigned i = 0;

	if (strlen(name) > NAME_LIMIT)
		fail("%s: a name of more than %zu bytes", name, NAME_LIMIT);
	d = ip->size == 0 ? NULL : (struct fs_dirent *)file_page(im, ip, ip->size / FS_BLOCK - 1);
	while (d && i < FS_DIRENTS_PER_BLOCK && fs_dirent_number(&d[i]) != 0)
		i++;
	if (!d || i == FS_DIRENTS_PER_BLOCK) {
		d = (struct fs_dirent *)file_page(im, ip, ip->size / FS_BLOCK);
		ip->size += FS_BLOCK;
		i = 0;
	}
	d[i].number_type = fs_dirent_pack(number, to->mode & S_IFMT);
	memcpy(d[i].name, name, strlen(name));
	to->nlink++;
}

static uint64_t directory_new(struct image *im, uint64_t parent)
{
	uint64_t number = inode_new(im, S_IFDIR);

	directory_add(im, number, ".", number);
	directory_add(im, number, "..", parent ? parent : number);
	return number;
}

/* Makes the directories on the way to path; *name is what stands after the last slash. */
static uint64_t directory_for(struct image *im, const char *path, const char **name)
{
	uint64_t dir = FS_ROOT_INODE;

	for (;;) {
		char part[NAME_LIMIT + 1];
		const char *slash;
		uint64_t next;

		while (*path == '/')
			path++;
		slash = strchr(path, '/');
		if (!slash)
			break;
		if ((size_t)(slash - path) > NAME_LIMIT)
			fail("%s: a name of more than %zu bytes", path, NAME_LIMIT);
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = 0;
		next = directory_find(im, dir, part);
		if (next == 0) {
			next = directory_new(im, dir);
			directory_add(im, dir, part, next);
		} else if ((image_inode(im, next)->mode & S_IFMT) != S_IFDIR) {
			fail("/%s is not a directory", part);
		}
		dir = next;
		path = slash;
	}
	*name = path;
	return dir;
}

static void add_file(struct image *im, uint64_t dir, const char *name, const char *from)
{
	uint64_t number;
	struct fs_inode *ip;
	FILE *f = fopen(from, "rb");
	unsigned char page[FS_BLOCK];
	size_t n;

	if (!f)
		fail("%s: %s", from, strerror(errno));
	if (directory_find(im, dir, name))
		fail("%s: there is a '%s' already", from, name);
	number = inode_new(im, S_IFREG);
	ip = image_inode(im, number);
	while ((n = fread(page, 1, sizeof page, f)) > 0) {
		bool hole = n == sizeof page && page[0] == 0 && memcmp(page, page + 1, n - 1) == 0;
		if (!hole)
			memcpy(file_page(im, ip, ip->size / FS_BLOCK), page, n);
		ip->size += n;
	}
	if (ferror(f))
		fail("%s: %s", from, strerror(errno));
	fclose(f);
	directory_add(im, dir, name, number);
}

static int visible(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int byte_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct image *im, uint64_t dir, const char *from)
{
	struct dirent **list;
	int count = scandir(from, &list, visible, byte_order);

	if (count < 0)
		fail("%s: %s", from, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct stat st;
		const char *name = list[i]->d_name;

		if ((size_t)snprintf(path, sizeof path, "%s/%s", from, name) >= sizeof path || stat(path, &st) != 0)
			fail("%s/%s: cannot be looked at", from, name);
		if (S_ISDIR(st.st_mode)) {
			uint64_t sub = directory_find(im, dir, name);
			if (sub == 0) {
				sub = directory_new(im, dir);
				directory_add(im, dir, name, sub);
			}
			add_folder(im, sub, path);
		} else if (S_ISREG(st.st_mode)) {
			add_file(im, dir, name, path);
		} else {
			fail("%s: neither a file nor a directory", path);
		}
		free(list[i]);
	}
	free(list);
}

static void add_device(struct image *im, const char *path, unsigned major, unsigned minor)
{
	const char *name;
	uint64_t dir = directory_for(im, path, &name), number;

	if (*name == 0 || directory_find(im, dir, name))
		fail("%s: there already", path);
	number = inode_new(im, S_IFCHR);
	image_inode(im, number)->rdev = major << 8 | minor;
	directory_add(im, dir, name, number);
}

static void add_link(struct image *im, const char *path, const char *other)
{
	const char *name, *other_name;
	uint64_t from = directory_for(im, other, &other_name), number = directory_find(im, from, other_name);
	uint64_t dir = directory_for(im, path, &name);

	if (number == 0 || (image_inode(im, number)->mode & S_IFMT) == S_IFDIR)
		fail("%s: no such file", other);
	if (*name == 0 || directory_find(im, dir, name))
		fail("%s: there already", path);
	directory_add(im, dir, name, number);
}

static void add_item(struct image *im, char *item)
{
	const char *name;
	char *equals = strchr(item, '='), *colon = strchr(item, ':'), *at = strchr(item, '@');
	unsigned major, minor;
	uint64_t dir;

	if (item[0] != '/' || (!equals && !colon && !at && access(item, F_OK) == 0 && item[strlen(item) - 1] != '/')) {
		add_folder(im, FS_ROOT_INODE, item);
		return;
	}
	if (equals) {
		const char *from = equals + 1, *base = strrchr(from, '/');
		*equals = 0;
		dir = directory_for(im, item, &name);
		add_file(im, dir, *name ? name : base ? base + 1 : from, from);
	} else if (at) {
		*at = 0;
		add_link(im, item, at + 1);
	} else if (colon && sscanf(colon, ":%u:%u", &major, &minor) == 2 && major < 1u << 24 && minor < 256) {
		*colon = 0;
		add_device(im, item, major, minor);
	} else if (item[strlen(item) - 1] == '/') {
		directory_for(im, item, &name);
	} else {
		fail("%s: not understood", item);
	}
}

/* Sizes of the areas: an inode for two blocks of small disks and for four of large ones, a log of a sixteenth at most. */
static void super_make(struct image *im)
{
	struct fs_super *s = im->super;
	struct fs_log_header *h;
	uint64_t blocks = im->size / FS_BLOCK, inodes;

	s->magic = FS_MAGIC;
	s->version = FS_VERSION;
	s->block_size = FS_BLOCK;
	s->blocks = blocks;
	s->log_start = 1;
	s->log_blocks = blocks / 16 < 49 ? 49 : blocks / 16 > 257 ? 257 : blocks / 16;
	s->inode_start = s->log_start + s->log_blocks;
	inodes = blocks < 8192 ? blocks / 2 : blocks / 4 < 4096 ? 4096 : blocks / 4;
	s->inode_blocks = (inodes + FS_INODES_PER_BLOCK - 1) / FS_INODES_PER_BLOCK;
	s->bitmap_start = s->inode_start + s->inode_blocks;
	s->bitmap_blocks = (blocks + FS_BLOCK * 8 - 1) / (FS_BLOCK * 8);
	s->data_start = s->bitmap_start + s->bitmap_blocks;
	if (s->data_start >= blocks)
		fail("%llu bytes are too few for a file system", (unsigned long long)im->size);
	s->sum = fs_super_sum(s);

	h = image_block(im, s->log_start);
	h->magic = FS_LOG_MAGIC;
	for (uint64_t b = 0; b < s->bitmap_blocks * FS_BLOCK * 8; b++)
		if (b < s->data_start || b >= blocks)
			((unsigned char *)image_block(im, s->bitmap_start))[b / 8] |= (unsigned char)(1u << (b % 8));
	next_block = s->data_start;
	next_inode = FS_ROOT_INODE;
}

static uint64_t size_parse(const char *text)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);
	unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

	if (end == text || (shift ? end[1] : *end) || n == 0 || n > (1ULL << 40) >> shift)
		fail("%s: not a size", text);
	return n << shift;
}

static void make(const char *path, const char *size, char **item, bool bare)
{
	struct image im;
	char temporary[4096];

	/* Made beside its place and moved there, so that nobody meets half an image. */
	if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
		fail("%s: too long a path", path);
	image_create(&im, temporary, size_parse(size));
	super_make(&im);
	directory_new(&im, 0);
	if (!bare) {
		char bin[] = "/bin/", tmp[] = "/tmp/";
		add_item(&im, bin);
		add_item(&im, tmp);
		add_device(&im, "/dev/console", 1, 0);
		add_device(&im, "/dev/null", 2, 0);
		add_device(&im, "/dev/zero", 2, 1);
	}
	for (; *item; item++)
		add_item(&im, *item);
	if (image_check(&im) != 0)
		fail("%s: made an image that is not consistent", path);
	if (rename(temporary, path) != 0)
		fail("%s: %s", path, strerror(errno));
}

/* Looking into an image that anybody may have made. */

static int check(const char *path)
{
	struct image im;
	bool replayed;
	unsigned problems;

	image_open(&im, path);
	if (!image_super_ok(&im) || !image_replay(&im, &replayed))
		return 1;
	if (replayed)
		printf("log: replayed a committed transaction\n");
	problems = image_check(&im);
	if (problems == 0 && im.super->pending != 0)
		printf("%llu inodes wait for the next mount\n", (unsigned long long)im.super->pending);
	printf(problems ? "%s: %u problems\n" : "%s: clean\n", path, problems);
	return problems != 0;
}

static void open_checked(struct image *im, const char *path)
{
	bool replayed;

	image_open(im, path);
	if (!image_super_ok(im) || !image_replay(im, &replayed) || image_check(im) != 0)
		fail("%s: not a consistent image", path);
}

static void list(struct image *im, uint64_t dir, const char *prefix)
{
	struct fs_inode *ip = image_inode(im, dir);

	for (uint64_t page = 0; page < ip->size / FS_BLOCK; page++) {
		struct fs_dirent *d = image_block(im, image_bmap(im, ip, page));
		for (unsigned i = 0; i < FS_DIRENTS_PER_BLOCK; i++) {
			uint64_t number = fs_dirent_number(&d[i]);
			struct fs_inode *to = image_inode(im, number);
			char path[4096];

			if (number == 0 || strcmp(d[i].name, ".") == 0 || strcmp(d[i].name, "..") == 0)
				continue;
			snprintf(path, sizeof path, "%s/%s", prefix, d[i].name);
			printf("%c %u %llu %s\n", S_ISDIR(to->mode) ? 'd' : S_ISCHR(to->mode) ? 'c' : '-', to->nlink,
			       (unsigned long long)to->size, path);
			if (S_ISDIR(to->mode) && strlen(path) < sizeof path - NAME_LIMIT - 2)
				list(im, number, path);
		}
	}
}

static int cat(struct image *im, char *path)
{
	static const unsigned char zero[FS_BLOCK];
	uint64_t number = FS_ROOT_INODE;
	struct fs_inode *ip;

	for (char *part = strtok(path, "/"); part && number; part = strtok(NULL, "/"))
		number = S_ISDIR(image_inode(im, number)->mode) ? directory_find(im, number, part) : 0;
	if (number == 0)
		fail("no such file");
	ip = image_inode(im, number);
	for (uint64_t at = 0; at < ip->size; at += FS_BLOCK) {
		uint64_t block = image_bmap(im, ip, at / FS_BLOCK);
		size_t n = ip->size - at < FS_BLOCK ? ip->size - at : FS_BLOCK;
		if (fwrite(block ? image_block(im, block) : zero, 1, n, stdout) != n)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct image im;

	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--list") == 0) {
		open_checked(&im, argv[2]);
		list(&im, FS_ROOT_INODE, "");
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "--cat") == 0) {
		open_checked(&im, argv[2]);
		return cat(&im, argv[3]);
	}
	if (argc >= 4 && strcmp(argv[1], "--bare") == 0)
		make(argv[2], argv[3], argv + 4, true);
	else if (argc >= 3 && argv[1][0] != '-')
		make(argv[1], argv[2], argv + 3, false);
	else
		usage();
	return 0;
}
