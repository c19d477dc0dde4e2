//go:build unix

package channeltest

import "syscall"

// exists reports whether a process group has a process.
func exists(pid int) bool { return syscall.Kill(-pid, 0) == nil }
