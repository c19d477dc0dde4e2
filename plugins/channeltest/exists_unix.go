//go:build unix

package channeltest

import "syscall"

// exists reports whether a process group has a process.
func exists(pid int) bool { return syscall.Kill(-pid, 0) == nil }

// pause stops a process group, or lets it go on. It returns false where that cannot be done.
func pause(pid int, stop bool) bool {
	if stop {
		return syscall.Kill(-pid, syscall.SIGSTOP) == nil
	}
	return syscall.Kill(-pid, syscall.SIGCONT) == nil
}
