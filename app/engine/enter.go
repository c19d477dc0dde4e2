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

// askedFor are the events of toldHere that happen only where a script or a segment names them.
var askedFor = []string{MoveRefused, ScoreFellBelow, ScoreReached, SegmentEntered, SegmentLeft, StageEntered, StageLeft}

// toldOthers reports whether the event being handled happens only because others ask for it: nothing changes in a journey by what
// another one listens to.
func (s *session) toldOthers(j *journey) bool {
	return s.event.Depth > 0 && slices.Contains(askedFor, s.event.Name) && !j.program.Mentions(s.event.Name)
}
