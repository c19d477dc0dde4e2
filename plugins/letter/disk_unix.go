//go:build unix

package letter

import (
	"os"

	"golang.org/x/sys/unix"
)

// hold takes the lock that a file stands for, for as long as it is open; false if another process has it.
func hold(file *os.File) bool {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// syncFolder makes what was created, renamed or removed in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
