//go:build unix

package cli

import "golang.org/x/sys/unix"

// hideFiles keeps what this process writes from other users: Badger makes its files readable to all.
func hideFiles() { unix.Umask(0o077) }
