package engine

import "stagecraft/app/lifecycle"

// Sieve is what says of most marks that they are new.
type Sieve struct{ sieve }

func (s *Sieve) Add(mark lifecycle.ID)          { s.add(mark) }
func (s *Sieve) MayHave(mark lifecycle.ID) bool { return s.mayHave(mark) }
func (s *Sieve) Full() bool                     { return s.full }
