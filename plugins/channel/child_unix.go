//go:build unix && !linux

package channel

import (
	"os/exec"
	"syscall"
)

// isolate gives the command a process group of its own.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// awaitExit returns false at once: there is no portable way to wait without taking the exit status.
func awaitExit(int) bool { return false }

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
