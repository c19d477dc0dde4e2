package engine

import (
	"slices"
	"strings"
)

// toldHere are the events by which the server tells what it has done or found out itself.
var toldHere = []string{BroadcastEvent, messageAccepted, messageFailed, MoveRefused, referralConverted, ScoreFellBelow, ScoreReached, SegmentEntered,
	SegmentLeft, StageEntered, StageLeft}

// serverTells reports whether the server tells something of the customer by the event being handled that they have not done:
// that they changed stages, belong to a segment, that a message reached them. Nobody's life begins by it: it is no first event at
// which they enter the journeys that everybody enters. What scripts track by names of their own is the business's word, and is
// one; so is what somebody sends by such a name.
func (s *session) serverTells() bool {
	event := s.event
	if event.Depth == 0 && !s.inner {
		return false
	}
	return slices.Contains(toldHere, event.Name) || s.inner && event.Depth == 0 &&
		(strings.HasSuffix(event.Name, " Delivered") || strings.HasSuffix(event.Name, toldBounced) || strings.HasSuffix(event.Name, byMachine))
}
