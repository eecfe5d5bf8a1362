/* The shell and the tools, run as a person runs them. */
#include "test.h"

static char output[8192];

/* Runs `sh -c command` with its output caught; the exit status. */
static int sh(const char *command)
{
	int fds[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	CHECK_OK(pipe(fds));
	pid = check_fork();
	if (pid == 0) {
		char *argv[] = { "sh", "-c", (char *)command, NULL };

		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execv("/bin/sh", argv);
		_exit(99);
	}
	close(fds[1]);
	while ((got = read(fds[0], output + n, sizeof output - 1 - n)) > 0)
		n += (size_t)got;
	output[n] = '\0';
	close(fds[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define SH(command, status, text)                                                                         \
	do {                                                                                              \
		int s_ = sh(command);                                                                     \
		if (s_ != (status) || strcmp(output, text) != 0)                                          \
			FAIL("sh -c '%s': status %d, output \"%s\"; want %d, \"%s\"", command, s_, output, status, text); \
	} while (0)

TEST(words, "", "words: quotes, escapes, variables, comments")
{
	SH("echo a  'b  c' \"d  e\" f\\ g", 0, "a b  c d  e f g\n");
	SH("echo 'a\"b' \"c'd\" \"e\\\"f\" \\'", 0, "a\"b c'd e\"f '\n");
	SH("echo a # b c", 0, "a\n");
	SH("echo a#b '#c'", 0, "a#b #c\n");
	SH("X=1; echo $X \"$X\" '$X' ${X}2 $Y.", 0, "1 1 $X 12 .\n");
	SH("true; echo $?; false; echo $?; nosuch 2>/dev/null; echo $?", 0, "0\n1\n127\n");
	SH("echo ''", 0, "\n");
}

TEST(lists, "", "; && || ! ( ) and exit codes")
{
	SH("echo a; echo b", 0, "a\nb\n");
	SH("true && echo a || echo b", 0, "a\n");
	SH("false && echo a || echo b", 0, "b\n");
	SH("false || false", 1, "");
	SH("! false && echo yes", 0, "yes\n");
	SH("(cd /bin; pwd); pwd", 0, "/bin\n/\n");
	SH("(echo a; exit 3); echo $?", 0, "a\n3\n");
	SH("exit 5; echo no", 5, "");
	SH("false", 1, "");
	SH("true &&\n echo next", 0, "next\n");
	SH("sh -c 'kill -SEGV $$'; echo $?", 0, "139\n");
}

TEST(pipelines, "", "pipelines with redirection")
{
	SH("echo hello | cat", 0, "hello\n");
	SH("seq 100 | grep 7 | wc -l", 0, "19\n");
	SH("seq 20 > /tmp/seq; grep 1 < /tmp/seq | tail -n 2 > /tmp/out; cat /tmp/out", 0, "18\n19\n");
	SH("echo more >> /tmp/out; cat /tmp/out", 0, "18\n19\nmore\n");
	SH("cat /nowhere 2> /tmp/err; cat /tmp/err", 0, "cat: /nowhere: No such file or directory\n");
	SH("cat /nowhere 2>&1 | wc -l", 0, "1\n");
	SH("seq 3 | false", 1, "");
	SH("seq 100000 | head -n 1", 0, "1\n");
	SH("cat < /nowhere", 1, "sh: /nowhere: No such file or directory\n");
	SH("rm /tmp/seq /tmp/out /tmp/err", 0, "");
}

TEST(background, "", "commands in the background, and wait")
{
	SH("sleep 0.01 & echo first; wait; echo last", 0, "first\nlast\n");
	SH("(sleep 0.02; echo late) & echo early; wait", 0, "early\nlate\n");
}

TEST(patterns, "", "file name patterns")
{
	SH("mkdir /tmp/g && cd /tmp/g && touch a.c b.c c.h .x && echo *.c *.? [bc]* *.none '*' /tmp/g/?.h", 0,
		"a.c b.c a.c b.c c.h b.c c.h *.none * /tmp/g/c.h\n");
	SH("echo /tmp/g*/*.h; rm -r /tmp/g; ls /tmp", 0, "/tmp/g/c.h\n");
}

TEST(scripts, "", "scripts, their arguments, and #!")
{
	SH("echo 'echo $0 $1 $2 $#' > /tmp/s; sh /tmp/s one two", 0, "/tmp/s one two 2\n");
	SH("echo '#!/bin/sh' > /tmp/s; echo 'echo run $1' >> /tmp/s; /tmp/s x", 0, "run x\n");
	SH("echo 'cat' > /tmp/s; echo 'rest' >> /tmp/s; sh < /tmp/s", 0, "rest\n");
	SH("rm /tmp/s", 0, "");
}

TEST(errors, "", "what is wrong is said, with a status, and the shell goes on")
{
	SH("nosuch", 127, "sh: nosuch: command not found\n");
	SH("echo a |", 2, "sh: syntax error: a command is missing\n");
	SH("(echo a", 2, "sh: syntax error: ) is missing\n");
	SH("echo 'a", 2, "sh: syntax error: a quote is not closed\n");
	SH("cd /nowhere; echo $?", 0, "cd: /nowhere: No such file or directory\n1\n");
	SH("/bin", 126, "sh: /bin: Permission denied\n");
}

TEST(tools, "", "the tools do what they say")
{
	SH("seq 5 > /tmp/n; wc /tmp/n; head -n 2 /tmp/n; tail -n 1 /tmp/n", 0, "5 5 10 /tmp/n\n1\n2\n5\n");
	SH("cp /tmp/n /tmp/m; mv /tmp/m /tmp/o; ln /tmp/o /tmp/p; cat /tmp/p | tail -1; ls /tmp", 0, "5\nn\no\np\n");
	SH("mkdir -p /tmp/d/e; cp -r /tmp/d /tmp/f; touch /tmp/f/e/x; ls /tmp/f/e; rm -r /tmp/d /tmp/f", 0, "x\n");
	SH("rmdir /tmp/none", 1, "rmdir: /tmp/none: No such file or directory\n");
	SH("rm /tmp", 1, "rm: /tmp: Is a directory\n");
	SH("rm -f /tmp/none", 0, "");
	SH("grep -n '^[2-4]$' /tmp/n; grep -c x /tmp/n; grep -v 1 /tmp/n | grep -q 3", 0, "2:2\n3:3\n4:4\n0\n");
	SH("echo AB | hexdump", 0, "00000000  41 42 0a                                          |AB.|\n00000003\n");
	SH("seq 3 -1 1", 0, "3\n2\n1\n");
	SH("rm /tmp/n /tmp/o /tmp/p", 0, "");
	SH("ps > /tmp/ps; grep -c ' sh$' /tmp/ps; rm /tmp/ps", 0, "1\n");
	CHECK_EQ(sh("pmap $$"), 0);
	CHECK(strstr(output, "heap") && strstr(output, "stack") && strstr(output, "r-x/"));
	CHECK_EQ(sh("vmstat -s"), 0);
	CHECK(strstr(output, "page faults") && strstr(output, "frames free"));
	CHECK_EQ(sh("vmstat"), 0);
	CHECK_EQ(sh("vmtrace true | tail -n 60"), 0);
	CHECK(strstr(output, "exit") != NULL);
}
