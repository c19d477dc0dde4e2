//go:build !linux

package store

import "errors"

func mappedBytes() (int64, error) { return 0, errors.ErrUnsupported }

func unmapFiles(map[string]bool) error { return errors.ErrUnsupported }

func readAhead(map[string]bool) error { return errors.ErrUnsupported }

func noReadAhead(map[string]bool) error { return errors.ErrUnsupported }
