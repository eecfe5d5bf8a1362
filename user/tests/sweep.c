/*
 * Every allocation fails once. A workload runs in a child, again and again: the
 * first time its first allocation fails, wherever in the kernel that is, then its
 * second, until there is none left. A failure is an errno, after which the same call
 * succeeds, or nobody notices, since the kernel waits or does without; what a call
 * says that it did has been done. After each the audit holds and nothing is left.
 *
 * At the end the kernel lists the places that can fail. Each has failed in some
 * workload, or stands in `excused` with the reason; an excuse that is not needed is an error.
 */
#include "test.h"


ssize_t getdents(int fd, void *buf, size_t size); /* the call that readdir stands on */

#define PLACES 160

static struct failinfo places[PLACES];
static int place_count;

/* ---- the workloads' calls ---- */

static void check_refusal(const char *call)
{
	if (errno != ENOMEM && errno != EAGAIN)
		FAIL("%s: %s, want ENOMEM", call, strerror(errno));
}

/* A call whose -1 is for want of memory, and which then succeeds: nothing has changed. */
#define TRY(call)                                              \
	({                                                     \
		long r_ = (long)(call);                        \
		if (r_ == -1) {                                \
			check_refusal(#call);                  \
			r_ = (long)CHECK_OK((long)(call));     \
		}                                              \
		r_;                                            \
	})

static void write_all(int fd, const char *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		long some = TRY(write(fd, bytes + done, n - done));

		CHECK(some > 0);
		done += (size_t)some;
	}
}

/* What there is, up to n bytes. */
static size_t read_all(int fd, char *bytes, size_t n)
{
	size_t done = 0;
	long some;

	while (done < n && (some = TRY(read(fd, bytes + done, n - done))) > 0)
		done += (size_t)some;
	return done;
}

static char *try_map(size_t pages, int flags)
{
	return (char *)TRY(mmap(NULL, PAGES(pages), PROT_READ | PROT_WRITE, MAP_ANON | flags, -1, 0));
}

static pid_t try_fork(void) { return (pid_t)TRY(fork()); }

static char bytes[6 * PAGE_SIZE], back[sizeof bytes];

static void fill_bytes(int salt)
{
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 7 + i / 4096 + (size_t)salt);
}

/* ---- workloads ---- */

static void work_memory(void)
{
	char *p = try_map(140, MAP_PRIVATE), *q = try_map(4, MAP_SHARED), *heap = (char *)TRY(sbrk(PAGES(3)));
	volatile char *r = p;

	for (int i = 0; i < 140; i += 35)
		p[PAGES(i)] = (char)i;
	CHECK_EQ(r[PAGES(1)], 0);
	memset(heap, 'h', PAGES(3));
	q[0] = 'q';
	TRY(mprotect(p + PAGES(10), PAGES(5), PROT_READ));
	TRY(mprotect(p + PAGES(12), PAGES(1), PROT_READ | PROT_WRITE));
	TRY(munmap(p + PAGES(60), PAGES(4)));
	for (int i = 0; i < 140; i += 35)
		CHECK_EQ(p[PAGES(i)], (char)i);
	CHECK_EQ(heap[PAGES(3) - 1], 'h');
	CHECK_EQ(q[0], 'q');
	TRY(sbrk(-(intptr_t)PAGES(2)));
	TRY(mmap(p + PAGES(20), PAGES(2), PROT_READ, MAP_ANON | MAP_PRIVATE | MAP_FIXED, -1, 0));
	CHECK_EQ(r[PAGES(20)], 0);
	TRY(munmap(p, PAGES(140)));
	TRY(munmap(q, PAGES(4)));
}

/* Memory that is shared, copied, shared again, in pieces. */
static void work_fork(void)
{
	char *p = try_map(70, MAP_PRIVATE), *q = try_map(3, MAP_SHARED);
	int status;
	pid_t pid;

	for (int i = 0; i < 70; i += 23)
		p[PAGES(i)] = 'p';
	for (int round = 0; round < 2; round++) {
		pid = try_fork();
		if (pid == 0) {
			TRY(munmap(p + PAGES(30), PAGES(5)));
			p[PAGES(23)] = 'c';
			p[PAGES(66)] = 'c';
			q[PAGES(round)] = 'c';
			if (try_fork() == 0) {
				p[0] = 'd';
				_exit(p[PAGES(23)] == 'c' && p[PAGES(46)] == 'p' ? 0 : 3);
			}
			CHECK_OK(wait(&status));
			CHECK_EXIT(status, 0);
			CHECK_EQ(p[0], 'p');
			_exit(0);
		}
		p[PAGES(46)] = 'p';
		p[PAGES(round + 1)] = 'r';
		check_child(pid);
		CHECK_EQ(p[PAGES(23)], 'p');
		CHECK_EQ(q[PAGES(round)], 'c');
	}
}

static void work_exec(void)
{
	static char longer[5000];
	char *const argv[] = { "true", "one", longer, NULL }, *const script[] = { "sweep.sh", NULL }, *const envp[] = { "A=b", longer, NULL };
	static const char text[] = "#!/bin/true -x\n";
	int fd = (int)TRY(open("/tmp/sweep.sh", O_CREAT | O_RDWR | O_TRUNC));

	memset(longer, 'l', sizeof longer - 1);
	write_all(fd, text, sizeof text - 1);
	TRY(close(fd));
	for (int i = 0; i < 2; i++) {
		pid_t pid = try_fork();

		if (pid == 0) {
			TRY(execve(i ? "/tmp/sweep.sh" : "/bin/true", i ? script : argv, envp));
			_exit(9);
		}
		check_child(pid);
	}
	TRY(unlink("/tmp/sweep.sh"));
}

/* One writes, one turns the bytes over, one reads. */
static void work_pipeline(void)
{
	int a[2], b[2];
	pid_t writer, middle;

	fill_bytes(1);
	TRY(pipe(a));
	TRY(pipe(b));
	writer = try_fork();
	if (writer == 0) {
		write_all(a[1], bytes, sizeof bytes);
		_exit(0);
	}
	close(a[1]);
	middle = try_fork();
	if (middle == 0) {
		char c[512];
		long n;

		close(b[0]);
		while ((n = TRY(read(a[0], c, sizeof c))) > 0) {
			for (long i = 0; i < n; i++)
				c[i] = (char)~c[i];
			write_all(b[1], c, (size_t)n);
		}
		_exit(0);
	}
	close(a[0]);
	close(b[1]);
	CHECK_EQ(read_all(b[0], back, sizeof back), sizeof back);
	for (size_t i = 0; i < sizeof back; i++)
		if (back[i] != (char)~bytes[i])
			FAIL("byte %zu of the pipeline is wrong", i);
	close(b[0]);
	check_child(writer);
	check_child(middle);
}

static void work_files(void)
{
	char records[512], where[64];
	struct stat st;
	int fd;

	fill_bytes(2);
	TRY(mkdir("/tmp/sweep", 0));
	TRY(chdir("/tmp/sweep"));
	fd = (int)TRY(open("file", O_CREAT | O_RDWR));
	write_all(fd, bytes, sizeof bytes);
	TRY(lseek(fd, 300 * 4096, SEEK_SET)); /* beyond the blocks that the inode names itself */
	write_all(fd, bytes, 100);
	TRY(fsync(fd));
	TRY(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(read_all(fd, back, sizeof back), sizeof back);
	CHECK(memcmp(back, bytes, sizeof back) == 0);
	TRY(fstat(fd, &st));
	CHECK_EQ(st.st_size, 300 * 4096 + 100);
	TRY(link("file", "other"));
	TRY(rename("other", "third"));
	CHECK_TEXT((char *)TRY(getcwd(where, sizeof where) ? where : (char *)-1L), "/tmp/sweep");
	TRY(close(fd));
	fd = (int)TRY(open(".", O_RDONLY));
	CHECK(TRY(getdents(fd, records, sizeof records)) > 0);
	TRY(close(fd));
	fd = (int)TRY(open("third", O_RDWR));
	TRY(lseek(fd, PAGES(5) + 10, SEEK_SET));
	CHECK_EQ(read_all(fd, back, 50), 50);
	CHECK(memcmp(back, bytes + PAGES(5) + 10, 50) == 0);
	TRY(ftruncate(fd, 5000));
	TRY(close(fd));
	TRY(unlink("file"));
	TRY(unlink("third"));
	TRY(chdir("/"));
	TRY(rmdir("/tmp/sweep"));
	sync();
}

static void work_descriptors(void)
{
	int fds[80], more[2];

	for (int fd = 0; fd != 14;) /* a pipe that takes the table's last place, and the first of a larger one */
		fd = (int)TRY(dup(0));
	TRY(pipe(more));
	CHECK_EQ(more[1], 16);
	for (int i = 0; i < 80; i++)
		fds[i] = (int)TRY(dup(more[i % 2]));
	for (int i = 0; i < 80; i++)
		TRY(close(fds[i]));
	TRY(dup2(more[0], 200));
}

static void *thread_work(void *arg)
{
	*(char *)arg = 't';
	return arg;
}

static void work_threads(void)
{
	char *p = try_map(3, MAP_PRIVATE);
	thread_t t[3];
	void *value;

	for (int i = 0; i < 3; i++) {
		int error = thread_start(&t[i], thread_work, p + PAGES(i));

		if (error) {
			errno = error;
			check_refusal("thread_start");
			CHECK_EQ(thread_start(&t[i], thread_work, p + PAGES(i)), 0);
		}
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(thread_wait(t[i], &value), 0);
		CHECK_EQ(*(char *)value, 't');
	}
}

static void work_looking(void)
{
	static struct procinfo procs[8];
	static struct mapinfo maps[16];
	static struct trace_event events[8];

	CHECK(TRY(proclist(procs, 8)) >= 3);
	CHECK(TRY(procmap(0, maps, 16)) >= 3);
	TRY(vmtrace(TRACE_OP_ON, NULL, 0));
	TRY(vmtrace(TRACE_OP_READ, events, 8));
	TRY(vmtrace(TRACE_OP_OFF, NULL, 0));
}

/* Programs of others: they give up with a status and a message, or they go on. */
static void work_shell(void)
{
	char *const argv[] = { "sh", "-c", "cat /README.md | wc > /tmp/sweep.out; rm /tmp/sweep.out", NULL };
	pid_t pid = try_fork();
	int status, null;

	if (pid == 0) {
		TRY(unlink("/tmp/sweep.null") == 0 || errno == ENOENT ? 0 : -1);
		TRY(mknod("/tmp/sweep.null", S_IFCHR, 0x200));
		null = (int)TRY(open("/tmp/sweep.null", O_RDWR));
		dup2(null, 1);
		dup2(null, 2);
		TRY(execve("/bin/sh", argv, NULL));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	unlink("/tmp/sweep.out");
	unlink("/tmp/sweep.null");
}

static const struct workload {
	const char *name;
	void (*run)(void);
} workloads[] = {
	{ "memory", work_memory }, { "fork", work_fork }, { "exec", work_exec }, { "pipeline", work_pipeline }, { "files", work_files },
	{ "descriptors", work_descriptors }, { "threads", work_threads }, { "looking", work_looking }, { "shell", work_shell },
};
#define WORKLOADS (sizeof workloads / sizeof *workloads)

/* ---- the sweep ---- */

/* Reads the list again. How many failures there were since boot; *last: a place where there was one since the last call. */
static uint64_t places_read(const char **last)
{
	static struct failinfo now;
	uint64_t sum = 0;

	for (place_count = 0; inject((char *)&now, (uint64_t)place_count, INJECT_LIST) == 0; place_count++) {
		CHECK(place_count < PLACES);
		if (last && now.fired != places[place_count].fired)
			*last = places[place_count].name;
		places[place_count] = now;
		sum += now.fired;
	}
	CHECK_EQ(errno, ENOENT);
	return sum;
}

/* n = 0: nothing fails. */
static int run_failing(const struct workload *w, const char *site, int n)
{
	pid_t pid = check_fork();
	int status;

	if (pid == 0) {
		if (n)
			CHECK_OK(inject(site, (uint64_t)n, 0));
		w->run();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	sync();
	return status;
}

/* What is kept for later is in place after this. */
static void warm_up(void)
{
	for (int i = 0; i < 2; i++)
		for (size_t w = 0; w < WORKLOADS; w++)
			CHECK_EQ(run_failing(&workloads[w], "*", 0), 0);
	places_read(NULL);
	CHECK_OK(audit(AUDIT_SNAPSHOT));
}

/* Runs the workload with the n-th visit to the site failing. False: there are not as many visits. */
static bool survives(const struct workload *w, const char *site, int n)
{
	uint64_t before = places_read(NULL), fired;
	const char *where = site;
	int status = run_failing(w, site, n);

	fired = places_read(&where);
	if (status != 0)
		FAIL("%s, failure %d, at %s: wait status %#x", w->name, n, where, (unsigned)status);
	if (audit(AUDIT_CHECK) < 0)
		FAIL("%s, failure %d, at %s: an invariant is broken", w->name, n, where);
	if (audit(AUDIT_COMPARE) < 0)
		FAIL("%s, failure %d, at %s: something is leaked", w->name, n, where);
	CHECK(fired == before || fired == before + 1);
	return fired != before;
}

/* ---- places ---- */

/* Places that no workload can reach: make sweep has each fail in a boot of its own. */
static const struct {
	const char *name, *why;
} excused[] = {
	{ "page.block@probe", "at boot, where there is a virtio disk" },
	{ "kmalloc@device_register", "at boot" },
	{ "kmalloc@fs_mount", "at boot" },
	{ "page.alloc@super_read", "at boot" },
	{ "page.alloc@log_mount", "at boot" },
	{ "page.alloc@log_replay", "at boot" },
};
#define EXCUSED (sizeof excused / sizeof *excused)

static const char *excuse(const char *name)
{
	for (size_t i = 0; i < EXCUSED; i++)
		if (strcmp(excused[i].name, name) == 0)
			return excused[i].why;
	return NULL;
}

/* Every place is reached or excused, and no excuse is idle. */
static void check_places(void)
{
	int missing = 0, excuses = 0, reached = 0;

	for (int i = 0; i < place_count; i++) {
		const struct failinfo *p = &places[i];
		const char *why = excuse(p->name);

		if (strncmp(p->file, "kernel/test/", 12) == 0)
			continue;
		excuses += why != NULL;
		if (why)
			printf("excused %s: %s\n", p->name, why);
		reached += p->fired > 0;
		if (p->fired > 0 && why)
			FAIL("%s is excused, %s, but a workload reaches it", p->name, why);
		if (p->fired == 0 && why == NULL) {
			printf("no workload reaches %s of %s\n", p->name, p->file);
			missing++;
		}
	}
	printf("%d places failed, %d excused\n", reached, excuses);
	CHECK_EQ(missing, 0);
	CHECK_EQ(excuses, EXCUSED);
}

/* Has each place fail that has not, in the first workload that reaches it. */
static void visit_places(void)
{
	for (int i = 0; i < place_count; i++) {
		char name[sizeof places[i].name];

		strlcpy(name, places[i].name, sizeof name);
		if (excuse(name) || strncmp(places[i].file, "kernel/test/", 12) == 0)
			continue;
		for (size_t w = 0; w < WORKLOADS && places[i].fired == 0; w++)
			survives(&workloads[w], name, 1);
	}
	check_places();
}

/* test: ram=32M limit=4000M audit=no */
TEST(places, "", "every place that allocates fails once: an errno or a wait, the audit holds, nothing leaks")
{
	warm_up();
	visit_places();
}

/* test: ram=32M limit=40000M audit=no */
TEST(whole, "", "every allocation of every workload fails; without TEST_WORDS=1 every 40th")
{
	const char *words = getenv("TEST_WORDS");
	int step = words ? atoi(words) : 40;

	warm_up();
	for (size_t w = 0; w < WORKLOADS; w++) {
		int n = 1;

		while (survives(&workloads[w], "*", n))
			n += step;
		CHECK(n > 1);
		printf("%s: %d failures\n", workloads[w].name, (n - 1) / step);
	}
	/* A slab that one run has to ask for and the next has not shifts the count by one, past a place perhaps. */
	if (step == 1)
		visit_places();
}

TEST(nothing, "", "the machine comes up and a program runs: for make sweep, which has allocations fail before that")
{
}
