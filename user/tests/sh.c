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
	SH("echo a\\\nb c \\\n d \"e\\\nf\" 'g\\\nh'", 0, "ab c d ef g\\\nh\n");
	SH("mkdir /tmp/e; cd /tmp/e; touch f g; X='a  b *'; for i in $X \"$X\" 1$X; do echo \"[$i]\"; done", 0,
		"[a]\n[b]\n[f]\n[g]\n[a  b *]\n[1a]\n[b]\n[f]\n[g]\n");
	SH("rm -r /tmp/e", 0, "");
	SH("X=' '; Y='a b'; Z=$Y; for i in $N $X \"$N\" ''; do echo \"[$i]\"; done; echo \"$Z\"", 0, "[]\n[]\na b\n");
	SH("echo $ ${ ${X $-", 0, "$ ${ ${X $-\n");
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
	SH("false || true && echo a && false || echo b", 0, "a\nb\n");
	SH("! true | false; echo $?", 0, "0\n");
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
	SH("cat < /tmp/seq 2>/tmp/err | tail -n 1 >>/tmp/out 2>>/tmp/err; tail -n 2 /tmp/out", 0, "more\n20\n");
	SH("nosuch 2>/tmp/err >&2; pwd >/tmp/out 2>&1; cat /tmp/err /tmp/out; pwd", 0, "sh: nosuch: command not found\n/\n/\n");
	SH("pwd 3>/tmp/out >&3; echo x >&3; cat /tmp/out", 0, "sh: 3: Bad file descriptor\n/\n");
	SH("echo x 99999>/tmp/out; echo y >&1x; echo $?", 0,
		"sh: 9999: Bad file descriptor\nsh: 1x: Bad file descriptor\n1\n");
	SH("for i in 1 2; do echo $i; pwd >/tmp/err; done >/tmp/out 2>&1; echo; cat /tmp/out", 0, "\n1\n2\n");
	SH("rm /tmp/seq /tmp/out /tmp/err", 0, "");
}

TEST(background, "", "commands in the background, and wait")
{
	/* What runs behind waits for a file, not for a time. */
	SH("sleep 0.01 & echo first; wait; echo last", 0, "first\nlast\n");
	SH("(while test ! -e /tmp/go; do sleep 0.001; done; echo late) & echo early; touch /tmp/go; wait; rm /tmp/go", 0,
		"early\nlate\n");
	SH("cat & wait; echo last", 0, "last\n");
	SH("for i in 1 2 3; do while [ ! -e /tmp/go ]; do sleep 0.001; done; echo $i; done & echo early; touch /tmp/go; wait; rm /tmp/go",
		0, "early\n1\n2\n3\n");
	SH("wait 99; echo $?; wait x", 2, "127\nwait: x: not a process id\n");
}

TEST(patterns, "", "file name patterns")
{
	SH("mkdir /tmp/g && cd /tmp/g && touch a.c b.c c.h .x && echo *.c *.? [bc]* *.none '*' /tmp/g/?.h", 0,
		"a.c b.c a.c b.c c.h b.c c.h *.none * /tmp/g/c.h\n");
	SH("cd /tmp/g; mkdir d; echo */ .x* \"*\".c [!a-b]* [c-]* [ a\\* '[ab]'.c \"[\"ab].c", 0,
		"d/ .x *.c c.h d c.h [ a* [ab].c [ab].c\n");
	SH("cd /tmp/g; touch 'a*b' 'a]'; echo a\\** a[]]; P='*.h'; echo $P \"$P\" *********************z", 0,
		"a*b a]\nc.h *.h *********************z\n");
	SH("echo /tmp/g*/*.h; rm -r /tmp/g; ls /tmp", 0, "/tmp/g/c.h\n");
}

TEST(scripts, "", "scripts, their arguments, and #!")
{
	SH("echo 'echo $0 $1 $2 $#' > /tmp/s; sh /tmp/s one two", 0, "/tmp/s one two 2\n");
	SH("echo '#!/bin/sh' > /tmp/s; echo 'echo run $1' >> /tmp/s; /tmp/s x", 0, "run x\n");
	SH("echo 'cat' > /tmp/s; echo 'rest' >> /tmp/s; sh < /tmp/s", 0, "rest\n");
	SH("echo 'for i in \"$@\" $@ \"x$@\"; do echo \"[$i]\"; done' > /tmp/s; sh /tmp/s 'a b' c; sh /tmp/s", 0,
		"[a b]\n[c]\n[a]\n[b]\n[c]\n[xa b]\n[c]\n[x]\n");
	SH("echo 'pwd 3>&1 >&3' > /tmp/s; echo 'echo next' >> /tmp/s; sh /tmp/s; rm /tmp/s", 0, "/\nnext\n");
}

TEST(compound, "", "if, while and for, with redirections, in pipelines and in the background")
{
	SH("if true; then echo a; else echo b; fi; if false; then echo c; fi; echo $?", 0, "a\n0\n");
	SH("for i in 1 2 3; do if [ $i = 1 ]; then echo a; elif test $i -lt 3\nthen echo b; else echo c; fi; done", 0, "a\nb\nc\n");
	SH("for i\nin a 'b c'\ndo\n\techo $i # one\ndone; echo $i; for i in; do echo no; done", 0, "a\nb c\nb c\n");
	SH("X=; while [ \"$X\" != aaa ]; do X=${X}a; echo $X; done", 0, "a\naa\naaa\n");
	SH("for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done; echo $?", 0, "1\n3\n0\n");
	SH("while true; do while true; do break; done; echo out; break; done; break", 1, "out\nbreak: there is no loop\n");
	SH("while break; do echo no; done; while false; do :; done && echo $?", 0, "0\n");
	SH("for i in 3 1 2; do echo $i; done | grep -v 1 | while true; do cat; break; done", 0, "3\n2\n");
	SH("(for i in 1 2; do exit 4; done; echo no); echo $?; ! if true; then false; fi && echo yes", 0, "4\nyes\n");
	SH("if cd /nowhere 2>/dev/null; then echo no; else pwd; fi > /tmp/o; cat /tmp/o; rm /tmp/o", 0, "/\n");
	SH("echo if then; echo 'if'; i''f", 127, "if then\nif\nsh: if: command not found\n");
}

TEST(test, "", "test and [")
{
	SH("for e in '-n a' '-z a' '-d /tmp' '-f /tmp' '-e /bin/sh' 'a = b' 'a != b' '! a = b' '1 -eq 01' '2 -gt 10' '-1 -le 0' ''; do"
		"\n[ $e ]; echo $?; done", 0, "0\n1\n0\n1\n0\n1\n0\n0\n0\n1\n0\n1\n");
	SH("[ a", 2, "[: a: ] has to be last\n");
	SH("test a -gt 1", 2, "test: a: not a number\n");
	SH("test -q x", 2, "test: -q: no such test\n");
}

TEST(errors, "", "what is wrong is said, with a status, and the shell goes on")
{
	SH("nosuch", 127, "sh: nosuch: command not found\n");
	SH("echo a |", 2, "sh: syntax error: a command is missing\n");
	SH("(echo a", 2, "sh: syntax error: ) is missing\n");
	SH("echo 'a", 2, "sh: syntax error: a ' is not closed\n");
	SH("echo \"a", 2, "sh: syntax error: a \" is not closed\n");
	SH("echo a; ; echo b", 2, "sh: syntax error: ; is not expected here\n");
	SH("echo a; )", 2, "sh: syntax error: ) is not expected here\n");
	SH("echo a (b)", 2, "sh: syntax error: ( is not expected here\n");
	SH("fi", 2, "sh: syntax error: fi is not expected here\n");
	SH("echo a | then", 2, "sh: syntax error: then is not expected here\n");
	SH("if true; done", 2, "sh: syntax error: then is missing\n");
	SH("while true; do", 2, "sh: syntax error: a command is missing\n");
	SH("for 1 in a; do b; done", 2, "sh: syntax error: for needs a name\n");
	SH("()", 2, "sh: syntax error: ) is not expected here\n");
	SH("echo >\n", 2, "sh: syntax error: a redirection needs a file\n");
	SH("echo a \\\n", 2, "sh: syntax error: the last line ends in \\\n");
	SH("exit x", 2, "exit: x: not a number\n");
	SH("export 1=2", 1, "export: 1=2: not a name\n");
	SH("sh /tmp", 126, "sh: /tmp: Is a directory\n");
	SH("sh /nowhere", 127, "sh: /nowhere: No such file or directory\n");
	SH("echo 'echo 1\n\nif true; then\n)\necho 2' > /tmp/s; sh /tmp/s; rm /tmp/s", 0,
		"1\nsh: /tmp/s:4: syntax error: ) is not expected here\n2\n");
	SH("echo 'echo 1\n(echo' > /tmp/s; sh /tmp/s; echo $?; rm /tmp/s", 0,
		"1\nsh: /tmp/s:3: syntax error: ) is missing\n2\n");
	SH("cd /nowhere; echo $?", 0, "cd: /nowhere: No such file or directory\n1\n");
	SH("/bin", 126, "sh: /bin: Permission denied\n");
}

/* `count` times what, between two other texts. */
static char *repeated(const char *before, const char *what, int count, const char *after)
{
	size_t n = strlen(what);
	char *text = malloc(strlen(before) + n * (size_t)count + strlen(after) + 1), *end;

	CHECK(text != NULL);
	end = text + strlen(strcpy(text, before));
	for (int i = 0; i < count; i++, end += n)
		memcpy(end, what, n);
	strcpy(end, after);
	return text;
}

/* test: limit=2000M */
TEST(limits, "", "long lines, long lists, deep nesting")
{
	SH(repeated("X=", "0123456789", 5000, "; echo $X | wc -c"), 0, "50001\n");
	SH(repeated("", ":;", 20000, "echo end"), 0, "end\n");
	SH(repeated("", "false ||\n", 5, "echo end"), 0, "end\n");
	SH(repeated("", ": && ", 10000, "echo end"), 0, "end\n");
	SH(repeated("echo end ", "| cat ", 20, ""), 0, "end\n");
	SH(repeated("if [ 1 = 2 ]; then :; ", "elif [ 2 = 3 ]; then :; ", 1000, "else echo end; fi"), 0, "end\n");
	SH(repeated("", "if :; then ", 90, repeated("echo end", "; fi", 90, "")), 0, "end\n");
	SH(repeated("", "(", 20, repeated("echo end", ")", 20, "")), 0, "end\n");
	SH(repeated("", "(", 10000, ""), 2, "sh: syntax error: commands are nested too deeply\n");
}

TEST(no_process, "", "a fork that fails is said, and the shell goes on")
{
	SH("true", 0, "");
	for (int n = 2; n <= 4; n++) { /* the first process is the shell */
		CHECK_OK(inject("proc.struct", (uint64_t)n, 0));
		CHECK_EQ(sh("cat /dev/null | cat | cat; echo $?; (exit 3); echo $?"), 0);
		CHECK_TEXT(output, "sh: fork: Out of memory\n1\n3\n");
	}
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
