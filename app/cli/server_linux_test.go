package cli_test

import "syscall"

// ownGroup puts a server into a process group of its own, and has the kernel kill it with the thread that started it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
