package engine

// withdrawRefused has taken back what was accepted for the customer and has not left, as far as their consent or a suppression
// speaks against it now. What cannot be read is not in the way of the word: it is looked at again before it leaves.
func (s *session) withdrawRefused() {
	if s.engine.forgetter == nil {
		return
	}
	if err := s.engine.forgetter.WithdrawRefused(s.tx, s.customer, s.at); err != nil {
		s.engine.log.Error("a message that has not left cannot be looked at", "customer", s.customer.ID.String(), "error", err)
	}
}
