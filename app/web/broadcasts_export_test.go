package web

import "stagecraft/app/engine"

// ReadMembers is for tests.
func ReadMembers(data []byte) ([]engine.Member, error) { return readMembers(data) }
