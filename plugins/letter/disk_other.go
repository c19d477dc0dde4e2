//go:build !unix

package letter

import "os"

// hold trusts that there is one server where files have no advisory locks.
func hold(*os.File) bool { return true }

// syncFolder does nothing where folders cannot be synced.
func syncFolder(string) error { return nil }
