/*
 * rename(2): one transaction, in which a name appears, or changes its meaning, and another goes.
 *
 * At most four inodes are concerned: both directories, what is moved and what is replaced. They are found first, then locked together, then
 * their names are looked at again. A directory must not move below itself: ancestors are followed by "..", which only a rename
 * changes, so one rename at a time keeps the answer true.
 *
 * Floor: fs, beside paths.
 */
#include "fs/fs.h"

#include "abi/errno.h"
#include "base/string.h"

struct move {
	struct inode *from_dir, *to_dir, *what, *old; /* old: what the new name says now, or NULL */
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
	bool slash; /* one of the paths says that it is a directory */
};

static void move_put(struct move *m)
{
	if (m->old)
		inode_put(m->old);
	if (m->what)
		inode_put(m->what);
	m->what = m->old = NULL;
}

/* What the two names say now. => nothing locked */
static int move_find(struct move *m)
{
	int error = path_child(m->from_dir, m->from, &m->what);

	if (error)
		return error;
	error = path_child(m->to_dir, m->to, &m->old);
	return error == ENOENT ? 0 : error;
}

/* Is dir the moved directory or somewhere below it? EINVAL: yes. => rename_lock held */
static int move_is_loop(const struct inode *what, struct inode *dir)
{
	struct inode *at = inode_reference(dir), *up;
	const uint64_t inodes = dir->fs->super.inode_blocks * FS_INODES_PER_BLOCK; /* no more can stand above one another */
	int error = 0;

	for (uint64_t depth = 0; !error; depth++) {
		if (at == what)
			error = EINVAL;
		else if (depth > inodes)
			error = EIO; /* a damaged disk: directories in a circle */
		else if (at == dir->fs->root)
			break;
		else
			error = path_child(at, "..", &up);
		if (!error) {
			inode_put(at);
			at = up;
		}
	}
	inode_put(at);
	return error;
}

/* => the four locked */
static int move_allowed(const struct move *m)
{
	if (m->slash && !is_dir(m->what))
		return ENOTDIR;
	if (m->to_dir->nlink == 0)
		return ENOENT;
	if (m->old == NULL)
		return is_dir(m->what) && m->from_dir != m->to_dir && m->to_dir->nlink == UINT16_MAX ? EMLINK : 0;
	return name_removable(m->old, is_dir(m->what));
}

/* Everything that the change touches, got before any of it is changed. */
struct places {
	struct buf *from_dir, *to_dir, *what, *old, *super;
	struct slot source, target, dots;
};

static void places_release(struct places *p)
{
	slot_release(&p->dots);
	slot_release(&p->target);
	slot_release(&p->source);
	buf_release(p->super);
	buf_release(p->old);
	buf_release(p->what);
	buf_release(p->to_dir);
	buf_release(p->from_dir);
}

/* => the four locked, transaction open. EAGAIN: a name has changed. What was got is released by the caller, also on failure. */
static int places_get(const struct move *m, struct places *p)
{
	int error = name_verify(m->from_dir, m->from, m->what, &p->source);

	if (!error)
		error = name_verify(m->to_dir, m->to, m->old, &p->target);
	if (!error)
		error = move_allowed(m);
	if (!error && m->old == NULL)
		error = dir_reserve(m->to_dir, &p->target);
	if (!error && is_dir(m->what))
		error = dir_find(m->what, "..", &p->dots);
	if (!error)
		error = inode_buf(m->from_dir, &p->from_dir, NULL);
	if (!error)
		error = inode_buf(m->to_dir, &p->to_dir, NULL);
	if (!error && m->old)
		error = inode_buf(m->old, &p->old, NULL);
	if (!error)
		error = pending_get(m->what->fs, &p->super);
	return error;
}

static void move_do(const struct move *m, struct places *p)
{
	bool across = is_dir(m->what) && m->from_dir != m->to_dir;

	slot_fill(&p->target, m->to, m->what->number, m->what->mode);
	slot_clear(&p->source);
	if (across) {
		slot_fill(&p->dots, "..", m->to_dir->number, S_IFDIR);
		m->from_dir->nlink--;
		m->to_dir->nlink++;
	}
	if (m->old) {
		if (is_dir(m->old))
			m->to_dir->nlink--;
		name_lost(m->old, p->old, p->super);
	}
	inode_store_attr(m->from_dir, p->from_dir);
	inode_store_attr(m->to_dir, p->to_dir);
}

static int move_locked(const struct move *m)
{
	struct places p = { .super = NULL };
	int error = tx_begin(m->what->fs, TX_RENAME);

	if (error)
		return error;
	error = places_get(m, &p);
	if (!error)
		move_do(m, &p);
	places_release(&p);
	tx_end(m->what->fs, TX_RENAME);
	return error;
}

static int move_once(struct move *m)
{
	struct inode *set[4];
	int error = move_find(m);

	if (!error && m->what == m->old)
		return m->slash && !is_dir(m->what) ? ENOTDIR : 0; /* two names of one file: nothing to do, says POSIX */
	if (!error && is_dir(m->what))
		error = move_is_loop(m->what, m->to_dir);
	if (error)
		return error;
	set[0] = m->from_dir;
	set[1] = m->to_dir;
	set[2] = m->what;
	set[3] = m->old;
	inodes_lock(set, 4);
	error = move_locked(m);
	inodes_unlock(set, 4);
	return error;
}

static int rename_once(const char *from, const char *to, struct inode *cwd)
{
	struct move m = { .slash = false };
	bool slash;
	int error = path_parent(from, cwd, &m.from_dir, m.from, &m.slash);

	if (error)
		return error;
	error = path_parent(to, cwd, &m.to_dir, m.to, &slash);
	if (!error) {
		m.slash |= slash;
		if (is_dot(m.from) || is_dot(m.to)) {
			error = EINVAL;
		} else {
			do {
				error = move_once(&m);
				move_put(&m);
			} while (error == EAGAIN);
		}
		inode_put(m.to_dir);
	}
	inode_put(m.from_dir);
	return error;
}

int fs_rename(const char *from, const char *to, struct inode *cwd)
{
	struct filesystem *fs = (cwd ? cwd : fs_root())->fs;
	int error;

	do {
		sleeplock_acquire(&fs->rename_lock);
		error = rename_once(from, to, cwd);
		sleeplock_release(&fs->rename_lock);
	} while (error && fs_again(fs, error));
	return error;
}
