/* Signals: the library's part is to say where a handler returns to. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

int _sigaction(int sig, const struct sigaction *new, struct sigaction *old);
void __sigreturn(void); /* jump.S */

int sigaction(int sig, const struct sigaction *new, struct sigaction *old)
{
	struct sigaction with_return;

	if (new == NULL)
		return _sigaction(sig, NULL, old);
	with_return = *new;
	with_return.sa_restorer = __sigreturn;
	return _sigaction(sig, &with_return, old);
}

sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction new = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	return sigaction(sig, &new, &old) < 0 ? SIG_ERR : old.sa_handler;
}

int raise(int sig) { return kill(getpid(), sig); }

#define SAVED 26
#define MASK 27

void __sigjmp_save(sigjmp_buf env, int save_mask)
{
	sigset_t mask = 0;

	if (save_mask)
		sigprocmask(SIG_BLOCK, NULL, &mask);
	env[SAVED] = (uint64_t)save_mask;
	env[MASK] = mask;
}

void siglongjmp(sigjmp_buf env, int value)
{
	sigset_t mask = (sigset_t)env[MASK];

	if (env[SAVED])
		sigprocmask(SIG_SETMASK, &mask, NULL);
	longjmp(env, value);
}
