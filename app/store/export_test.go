package store

// Tidy merges the tree, as load would, and rewrites a wasteful file of values if there is one.
func (s *Store) Tidy() (rewritten bool, err error) {
	s.db.SetDiscardTs(s.readable.Load())
	if err := s.db.Flatten(2); err != nil {
		return false, err
	}
	stop := make(chan struct{})
	close(stop)
	return s.rewriteOne(stop)
}

// UnmapPages gives the pages of mapped files back to the system.
func (s *Store) UnmapPages() error { return s.unmapPages() }

// MappedBytes returns how much memory of the process are pages of files.
func MappedBytes() (int64, error) { return mappedBytes() }
