package channels

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// startedAt returns what identifies a running process beyond its ID: the boot and the tick in which it was started. It
// is "" for one that does not run, or only waits to be taken note of.
func startedAt(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is the name in brackets, which may hold anything; fields are counted from behind it.
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + fields[19]
}

// kill ends the process and, where it leads one, its group.
func kill(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
