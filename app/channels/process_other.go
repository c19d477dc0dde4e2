//go:build !linux

package channels

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// startedAt returns what identifies a running process beyond its ID, as the system's ps tells it; "" where that is not
// known, and then nothing is killed.
func startedAt(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=,stat=", "-p", strconv.Itoa(pid)).Output()
	fields := strings.Fields(string(out))
	if err != nil || len(fields) < 2 || strings.HasPrefix(fields[len(fields)-1], "Z") {
		return ""
	}
	return strings.Join(fields[:len(fields)-1], " ")
}

func kill(pid int) {
	if process, err := os.FindProcess(pid); err == nil {
		_ = process.Kill()
	}
}
