/* usage: runs a command and writes what it alone took to descriptor 3: CPU time in microseconds, a space, and the most
 * memory that was resident at a time in KiB. It exits as the command did. A process that was made by a large one
 * counts the memory of that one as its own; this program is small. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long micros(struct timeval t)
{
	return t.tv_sec * 1000000L + t.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage used;
	int status;
	pid_t pid;

	if (argc < 2)
		return 127;
	pid = fork();
	if (pid == 0) {
		close(3);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 127;
	dprintf(3, "%ld %ld\n", micros(used.ru_utime) + micros(used.ru_stime), used.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
