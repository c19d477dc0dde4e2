package cli

import (
	"bufio"
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// settled is how long after its start a process needs what only a start needs.
const settled = time.Second

// giveBackProgram hands the pages of the program that only its start needed back to the system, a moment after the start:
// they are more than half of what an idle process seems to hold. What is needed again is found in the system's copy of the
// file.
func giveBackProgram() {
	time.AfterFunc(settled, func() { _ = unmapProgram() }) // no more is lost than the pages
}

// unmapProgram gives back the code of the program and, unless they were changed where it was loaded, its constants.
func unmapProgram() error {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	file, err := elf.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	// Else addresses among the constants may have been put right when it was loaded.
	fixed := file.Type == elf.ET_EXEC && !slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool {
		return p.Type == elf.PT_INTERP || p.Type == elf.PT_GNU_RELRO
	})
	if err := file.Close(); err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		var access string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &access); n < 3 || !strings.HasSuffix(lines.Text(), " "+path) {
			continue
		}
		if access != "r-xp" && (access != "r--p" || !fixed) {
			continue
		}
		if _, _, no := unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED); no != 0 {
			return no
		}
	}
	return nil
}
