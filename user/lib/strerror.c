/* Error numbers and signals in words. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const errors[] = {
	[0] = "No error",
	[EPERM] = "Operation not permitted",
	[ENOENT] = "No such file or directory",
	[ESRCH] = "No such process",
	[EINTR] = "Interrupted system call",
	[EIO] = "Input/output error",
	[ENXIO] = "No such device or address",
	[E2BIG] = "Argument list too long",
	[ENOEXEC] = "Not an executable file",
	[EBADF] = "Bad file descriptor",
	[ECHILD] = "No child processes",
	[EAGAIN] = "Try again",
	[ENOMEM] = "Out of memory",
	[EACCES] = "Permission denied",
	[EFAULT] = "Bad address",
	[EBUSY] = "Busy",
	[EEXIST] = "Already exists",
	[EXDEV] = "On different file systems",
	[ENODEV] = "Not supported by the device",
	[ENOTDIR] = "Not a directory",
	[EISDIR] = "Is a directory",
	[EINVAL] = "Invalid argument",
	[ENFILE] = "Too many open files in the system",
	[EMFILE] = "Too many open files",
	[ENOTTY] = "Not a terminal",
	[EFBIG] = "File too large",
	[ENOSPC] = "No space left",
	[ESPIPE] = "Cannot seek",
	[EROFS] = "Read-only file system",
	[EMLINK] = "Too many links",
	[EPIPE] = "Broken pipe",
	[EDOM] = "Outside the domain",
	[ERANGE] = "Out of range",
	[EDEADLK] = "Would deadlock",
	[ENAMETOOLONG] = "Name too long",
	[ENOSYS] = "Not implemented",
	[ENOTEMPTY] = "Directory not empty",
	[ELOOP] = "Too many levels",
	[EOVERFLOW] = "Value too large",
	[ENOTSUP] = "Not supported",
	[ETIMEDOUT] = "Timed out",
};

static const char *const signals[] = {
	[SIGHUP] = "Hangup",
	[SIGINT] = "Interrupt",
	[SIGQUIT] = "Quit",
	[SIGILL] = "Illegal instruction",
	[SIGTRAP] = "Trap",
	[SIGABRT] = "Abort",
	[SIGBUS] = "Bus error",
	[SIGFPE] = "Arithmetic error",
	[SIGKILL] = "Killed",
	[SIGUSR1] = "User signal 1",
	[SIGSEGV] = "Segmentation fault",
	[SIGUSR2] = "User signal 2",
	[SIGPIPE] = "Broken pipe",
	[SIGALRM] = "Alarm",
	[SIGTERM] = "Terminated",
	[SIGCHLD] = "Child changed",
	[SIGCONT] = "Continue",
	[SIGSTOP] = "Stopped",
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

char *strerror(int error)
{
	static char unknown[32];

	if (error >= 0 && (size_t)error < COUNT_OF(errors) && errors[error])
		return (char *)errors[error];
	snprintf(unknown, sizeof unknown, "Error %d", error);
	return unknown;
}

const char *strsignal(int sig)
{
	if (sig > 0 && (size_t)sig < COUNT_OF(signals) && signals[sig])
		return signals[sig];
	return "Unknown signal";
}
