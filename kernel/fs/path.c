/*
 * Names: looking paths up, and the operations that make, move and remove them.
 *
 * A look-up locks one directory at a time; the inode that it finds is referenced before the directory is unlocked, so that it cannot be
 * freed and become another file in between. An operation that changes several inodes locks them all, in order of address, and then looks
 * again whether the names still say what they said; if not, it starts over.
 *
 * Floor: fs, above directories.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/kassert.h"
#include "base/string.h"

static struct inode *root_directory; /* set at boot */

void path_set_root(struct inode *root)
{
	root_directory = root;
}

struct inode *fs_root(void)
{
	return root_directory;
}

/* Looking up. */

/* Copies the next component to name (NAME_MAX + 1 bytes) and moves *path behind it and its slashes. False: none is left. */
static bool path_next(const char **path, char *name, int *error)
{
	const char *p = *path;
	size_t n = 0;

	while (*p == '/')
		p++;
	if (*p == 0)
		return false;
	while (p[n] != 0 && p[n] != '/')
		n++;
	*error = n > NAME_MAX ? ENAMETOOLONG : 0;
	if (!*error) {
		memcpy(name, p, n);
		name[n] = 0;
	}
	p += n;
	while (*p == '/')
		p++;
	*path = p;
	return true;
}

int path_child(struct inode *dir, const char *name, struct inode **out)
{
	struct inode *ip = NULL;
	struct slot s;
	int error;

	if ((dir->mode & S_IFMT) != S_IFDIR)
		return ENOTDIR;
	error = inode_lock(dir);
	if (error)
		return error;
	/* A directory that was removed has no "." and ".." any more: the number in its ".." may be another inode's by now. */
	error = dir->nlink == 0 ? ENOENT : dir_find(dir, name, &s);
	if (!error) {
		error = inode_get(dir->fs, fs_dirent_number(s.record), &ip);
		slot_release(&s);
	}
	inode_unlock(dir);
	if (!error) {
		error = inode_load(ip);
		if (error)
			inode_put(ip);
		else
			*out = ip;
	}
	return error;
}

static int path_walk(const char *path, struct inode *cwd, bool parent, char *name, struct inode **out)
{
	struct inode *at = inode_reference(cwd == NULL ? fs_root() : *path == '/' ? cwd->fs->root : cwd);
	struct inode *next;
	bool any = false;
	int error = 0;

	if (*path == 0)
		error = ENOENT;
	while (!error && path_next(&path, name, &error)) {
		any = true;
		if (error || (parent && *path == 0))
			break;
		error = path_child(at, name, &next);
		if (!error) {
			inode_put(at);
			at = next;
		}
	}
	if (!error && parent && !any)
		error = EBUSY; /* "/" has no name to make or to remove */
	if (!error && parent && (at->mode & S_IFMT) != S_IFDIR)
		error = ENOTDIR;
	if (error)
		inode_put(at);
	else
		*out = at;
	return error;
}

static bool ends_in_slash(const char *path)
{
	size_t n = strlen(path);
	return n > 0 && path[n - 1] == '/';
}

static int lookup_once(const char *path, struct inode *cwd, struct inode **out)
{
	char name[NAME_MAX + 1];
	int error = path_walk(path, cwd, false, name, out);

	if (!error && ends_in_slash(path) && ((*out)->mode & S_IFMT) != S_IFDIR) {
		inode_put(*out);
		error = ENOTDIR;
	}
	return error;
}

int path_parent(const char *path, struct inode *cwd, struct inode **dir, char *name, bool *slash)
{
	*slash = ends_in_slash(path);
	return path_walk(path, cwd, true, name, dir);
}

int path_lookup(const char *path, struct inode *cwd, struct inode **out)
{
	int error;

	TRY_AGAIN(cwd, error, lookup_once(path, cwd, out));
	return error;
}

/* Locks several loaded inodes; the same one may be given twice, and NULL. */
void inodes_lock(struct inode **set, unsigned count)
{
	struct inode *last = NULL;

	for (unsigned n = 0; n < count; n++) {
		struct inode *next = NULL;
		int error;

		for (unsigned i = 0; i < count; i++)
			if (set[i] && (uintptr_t)set[i] > (uintptr_t)last && (next == NULL || (uintptr_t)set[i] < (uintptr_t)next))
				next = set[i];
		if (next == NULL)
			return;
		error = inode_lock(next);
		KASSERT(error == 0); /* it is loaded */
		last = next;
	}
}

void inodes_unlock(struct inode **set, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool again = set[i] == NULL;

		for (unsigned j = 0; j < i; j++)
			again |= set[j] == set[i];
		if (!again)
			inode_unlock(set[i]);
	}
}

/* Does the name still lead to this inode (NULL: to none)? The slot is given, empty for NULL. EAGAIN: no. => dir locked */
int name_verify(struct inode *dir, const char *name, const struct inode *ip, struct slot *s)
{
	int error = dir_find(dir, name, s);

	if (error == ENOENT)
		return ip ? EAGAIN : 0;
	if (!error && (ip == NULL || fs_dirent_number(s->record) != ip->number)) {
		slot_release(s);
		error = EAGAIN;
	}
	return error;
}

/* Making. */

/* The inode of a new name, made and locked, on the disk too. => transaction open */
static int inode_create(struct inode *dir, uint32_t mode, uint32_t rdev, struct inode **out)
{
	struct filesystem *fs = dir->fs;
	struct inode *ip;
	struct buf *b;
	uint64_t number;
	bool locked;
	int error = number_alloc(fs, mode, &number);

	if (error)
		return error;
	error = inode_get(fs, number, &ip);
	if (error)
		goto undo_number;
	/* Its number was free: nobody knows it, and the lock is not waited for inside the transaction. */
	locked = sleeplock_try(&ip->lock);
	if (!locked || ip->valid || ip->refs != 1) {
		/* On a damaged disk a name may say a free number, and another thread may just be finding that out. */
		if (locked)
			sleeplock_release(&ip->lock);
		inode_put(ip);
		error = EIO;
		goto undo_number;
	}
	ip->mode = (uint16_t)mode;
	ip->rdev = rdev;
	ip->nlink = is_dir(ip) ? 2 : 1;
	if (is_dir(ip))
		error = dir_init(ip, dir->number);
	if (!error) {
		error = inode_buf(ip, &b, NULL);
		KASSERT(error == 0); /* number_alloc put it into the transaction */
		inode_store_attr(ip, b);
		buf_release(b);
		__atomic_store_n(&ip->valid, true, __ATOMIC_RELEASE);
		*out = ip;
		return 0;
	}
	sleeplock_release(&ip->lock);
	inode_put(ip); /* not valid: it goes without a trace */
undo_number:
	number_unalloc(fs, number);
	return error;
}

/* Makes name in dir. => dir locked, the name is free. *out: referenced, not locked. */
static int create_in(struct inode *dir, const char *name, uint32_t mode, uint32_t rdev, struct inode **out)
{
	struct filesystem *fs = dir->fs;
	struct inode *ip;
	struct buf *place = NULL;
	struct slot s;
	int error;

	if (dir->nlink == 0)
		return ENOENT; /* removed, and held by somebody's descriptor or as a working directory */
	if ((mode & S_IFMT) == S_IFDIR && dir->nlink == UINT16_MAX)
		return EMLINK;
	error = tx_begin(fs, TX_NAME);
	if (error)
		return error;
	error = inode_buf(dir, &place, NULL);
	if (error)
		goto out;
	error = dir_reserve(dir, &s);
	if (error)
		goto out_place;
	error = inode_create(dir, mode, rdev, &ip);
	if (!error) {
		slot_fill(&s, name, ip->number, mode);
		if (is_dir(ip)) {
			dir->nlink++;
			inode_store_attr(dir, place);
		}
		inode_unlock(ip);
		*out = ip;
	}
	slot_release(&s);
out_place:
	buf_release(place);
out:
	tx_end(fs, TX_NAME);
	return error;
}

/* Makes the last component of path, or finds it (EEXIST, and *out is what is there). */
static int make(const char *path, struct inode *cwd, uint32_t mode, uint32_t rdev, struct inode **out)
{
	char name[NAME_MAX + 1];
	struct inode *dir;
	struct slot s;
	bool slash;
	int error;

	*out = NULL; /* the root exists, and is not named */
	error = path_parent(path, cwd, &dir, name, &slash);
	if (error)
		return error == EBUSY ? EEXIST : error;
	error = inode_lock(dir);
	if (error)
		goto out;
	error = dir_find(dir, name, &s);
	if (!error) {
		error = inode_get(dir->fs, fs_dirent_number(s.record), out);
		slot_release(&s);
		if (!error)
			error = EEXIST;
	} else if (error == ENOENT) {
		error = slash && (mode & S_IFMT) != S_IFDIR ? ENOENT : create_in(dir, name, mode, rdev, out);
	}
	inode_unlock(dir);
	if (error == EEXIST) {
		int load = inode_load(*out);
		if (load) {
			inode_put(*out);
			*out = NULL;
			error = load;
		}
	}
out:
	inode_put(dir);
	return error;
}

static int open_once(const char *path, struct inode *cwd, int flags, struct inode **out)
{
	int error;

	if (!(flags & O_CREAT))
		return lookup_once(path, cwd, out);
	error = make(path, cwd, S_IFREG, 0, out);
	if (error != EEXIST)
		return error;
	if (*out == NULL) /* the root */
		*out = inode_reference((cwd ? cwd : fs_root())->fs->root);
	if (flags & O_EXCL)
		error = EEXIST;
	else if (is_dir(*out))
		error = flags & O_DIRECTORY ? 0 : EISDIR;
	else
		error = ends_in_slash(path) ? ENOTDIR : 0;
	if (error)
		inode_put(*out);
	return error;
}

int fs_open(const char *path, struct inode *cwd, int flags, struct inode **out)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	struct inode *ip;
	int error;

	TRY_AGAIN(cwd, error, open_once(path, cwd, flags, &ip));
	if (error)
		return error;
	if (is_dir(ip) && (writes || flags & O_TRUNC))
		error = EISDIR;
	else if (!is_dir(ip) && flags & O_DIRECTORY)
		error = ENOTDIR;
	else if (flags & O_TRUNC && (ip->mode & S_IFMT) == S_IFREG)
		error = inode_truncate(ip, 0);
	if (error)
		inode_put(ip);
	else
		*out = ip;
	return error;
}

static int make_only(const char *path, struct inode *cwd, uint32_t mode, uint32_t rdev)
{
	struct inode *ip = NULL;
	int error = make(path, cwd, mode, rdev, &ip);

	if (ip)
		inode_put(ip);
	return error;
}

int fs_mkdir(const char *path, struct inode *cwd)
{
	int error;

	TRY_AGAIN(cwd, error, make_only(path, cwd, S_IFDIR, 0));
	return error;
}

int fs_mknod(const char *path, struct inode *cwd, uint32_t mode, uint32_t rdev)
{
	int error;

	if ((mode & S_IFMT) != S_IFCHR && (mode & S_IFMT) != S_IFREG)
		return EINVAL;
	TRY_AGAIN(cwd, error, make_only(path, cwd, mode & S_IFMT, (mode & S_IFMT) == S_IFCHR ? rdev : 0));
	return error;
}

static int link_once(struct inode *ip, const char *to, struct inode *cwd)
{
	char name[NAME_MAX + 1];
	struct inode *set[2] = { ip };
	struct inode *dir;
	struct buf *place;
	struct slot s;
	bool slash;
	int error = path_parent(to, cwd, &dir, name, &slash);

	if (error)
		return error == EBUSY ? EEXIST : error;
	set[1] = dir;
	inodes_lock(set, 2);
	error = dir_find(dir, name, &s);
	if (!error) {
		slot_release(&s);
		error = EEXIST;
	} else if (error == ENOENT) {
		error = slash || dir->nlink == 0 || ip->nlink == 0 ? ENOENT : ip->nlink == UINT16_MAX ? EMLINK : 0;
	}
	if (!error)
		error = tx_begin(dir->fs, TX_NAME);
	if (!error) {
		error = inode_buf(ip, &place, NULL);
		if (!error) {
			error = dir_reserve(dir, &s);
			if (!error) {
				slot_fill(&s, name, ip->number, ip->mode);
				ip->nlink++;
				inode_store_attr(ip, place);
				slot_release(&s);
			}
			buf_release(place);
		}
		tx_end(dir->fs, TX_NAME);
	}
	inodes_unlock(set, 2);
	inode_put(dir);
	return error;
}

int fs_link(const char *from, const char *to, struct inode *cwd)
{
	struct inode *ip;
	int error = path_lookup(from, cwd, &ip);

	if (error)
		return error;
	if (is_dir(ip))
		error = EPERM;
	else
		TRY_AGAIN(cwd, error, link_once(ip, to, cwd));
	inode_put(ip);
	return error;
}

/* Removing. */

/* An inode loses its name; a directory its "." as well. What has none left waits for its last reference. => locked */
void name_lost(struct inode *ip, struct buf *place, struct buf *super)
{
	ip->nlink = is_dir(ip) ? 0 : ip->nlink - 1;
	inode_store_attr(ip, place);
	/* A file with an unfinished truncation is counted already. */
	if (ip->nlink == 0 && !ip->cut)
		pending_add(super, 1);
}

/* May ip be removed as what the caller thinks it is? => locked */
int name_removable(struct inode *ip, bool directory)
{
	if (!directory)
		return is_dir(ip) ? EISDIR : ip->nlink == 0 ? EIO : 0;
	if (!is_dir(ip))
		return ENOTDIR;
	return ip == ip->fs->root ? EBUSY : dir_is_empty(ip);
}

/* => dir and ip locked, the slot says that ip has this name in dir */
static int unlink_locked(struct inode *dir, struct inode *ip, struct slot *s)
{
	struct filesystem *fs = dir->fs;
	struct buf *dir_place = NULL, *place = NULL, *super = NULL;
	int error = tx_begin(fs, TX_NAME);

	if (error)
		return error;
	error = inode_buf(dir, &dir_place, NULL);
	if (!error)
		error = inode_buf(ip, &place, NULL);
	if (!error)
		error = pending_get(fs, &super);
	if (!error) {
		slot_clear(s);
		if (is_dir(ip)) {
			dir->nlink--; /* its ".." */
			inode_store_attr(dir, dir_place);
		}
		name_lost(ip, place, super);
	}
	buf_release(super);
	buf_release(place);
	buf_release(dir_place);
	tx_end(fs, TX_NAME);
	return error;
}

static int unlink_once(const char *path, struct inode *cwd, bool directory)
{
	char name[NAME_MAX + 1];
	struct inode *set[2], *dir, *ip;
	struct slot s;
	bool slash;
	int error = path_parent(path, cwd, &dir, name, &slash);

	if (error)
		return error;
	if (is_dot(name)) {
		inode_put(dir);
		return !directory ? EISDIR : strcmp(name, ".") == 0 ? EINVAL : ENOTEMPTY;
	}
	do {
		error = path_child(dir, name, &ip);
		if (error)
			break;
		set[0] = dir;
		set[1] = ip;
		inodes_lock(set, 2);
		error = name_verify(dir, name, ip, &s);
		if (!error) {
			error = slash && !is_dir(ip) ? ENOTDIR : name_removable(ip, directory);
			if (!error)
				error = unlink_locked(dir, ip, &s);
			slot_release(&s);
		}
		inodes_unlock(set, 2);
		inode_put(ip);
	} while (error == EAGAIN);
	inode_put(dir);
	return error;
}

int fs_unlink(const char *path, struct inode *cwd, bool directory)
{
	int error;

	TRY_AGAIN(cwd, error, unlink_once(path, cwd, directory));
	return error;
}

/* The working directory's path. */

/* Writes "/name" before at; returns where it begins, or NULL when it does not fit below start. */
static char *prepend(char *start, char *at, const char *name)
{
	size_t n = strlen(name);

	if ((size_t)(at - start) < n + 1)
		return NULL;
	at -= n;
	memcpy(at, name, n);
	*--at = '/';
	return at;
}

int fs_getcwd(struct inode *cwd, char *buf, size_t size)
{
	struct inode *at = inode_reference(cwd ? cwd : fs_root()), *up;
	char name[NAME_MAX + 1];
	char *p;
	int error = 0;

	if (size < 2) {
		inode_put(at);
		return size == 0 ? EINVAL : ERANGE;
	}
	p = buf + size - 1;
	*p = 0;
	while (at != at->fs->root && !error) {
		error = path_child(at, "..", &up);
		if (error)
			break;
		error = inode_lock(up);
		if (!error) {
			error = is_dir(up) ? dir_name_of(up, at->number, name) : EIO; /* EIO: a damaged disk */
			inode_unlock(up);
		}
		inode_put(at);
		at = up;
		if (!error && (p = prepend(buf, p, name)) == NULL)
			error = ERANGE;
	}
	inode_put(at);
	if (error)
		return error;
	if (*p == 0)
		*--p = '/';
	memmove(buf, p, strlen(p) + 1);
	return 0;
}
