package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"stagecraft/app/lifecycle"
)

// IsStageEvent reports whether an event is one of those that tell of stages.
func IsStageEvent(name string) bool {
	return name == StageEntered || name == StageLeft || name == MoveRefused
}

// StageEvents tells what an entry of a timeline says of stages as the events would, whether or not they were written down: that
// they are only where somebody hears them. So all moves can be counted again by events. What is no move is none of it: placements
// and merges. Each has the same message ID whenever it is asked for; which decision it was is not known any more.
func StageEvents(lived *Lived) (events []lifecycle.Event) {
	for i := range lived.Facts {
		f := &lived.Facts[i]
		if lifecycle.IsBroadcast(f.Journey) {
			continue
		}
		told := stageChange{Journey: f.Journey, Reason: lived.reasonOf(f)}
		if f.File == "" && (lived.Event == nil || f.Name != lived.Event.Name) {
			told.By = f.Name
		}
		left, entered, refused := told, told, told
		left.Stage, left.To = f.From, f.To
		entered.Stage, entered.From = f.To, f.From
		refused.From, refused.To = f.From, f.To
		switch {
		case f.Kind == lifecycle.FactMoved:
			events = append(events, lived.stageEvent(i, StageLeft, left), lived.stageEvent(i, StageEntered, entered))
		case f.Kind == lifecycle.FactExited:
			events = append(events, lived.stageEvent(i, StageLeft, left))
		case f.Kind == lifecycle.FactEntered && f.From == "": // else the move says it
			events = append(events, lived.stageEvent(i, StageEntered, entered))
		case f.Kind == lifecycle.FactRefused:
			events = append(events, lived.stageEvent(i, MoveRefused, refused))
		}
	}
	return events
}

func (l *Lived) stageEvent(i int, name string, told stageChange) lifecycle.Event {
	at := l.Facts[i].At
	if at.IsZero() {
		at = l.At
	}
	event := lifecycle.Event{Type: lifecycle.Track, Name: name, Timestamp: at, Received: at, UserID: l.UserID, Depth: 1,
		MessageID: lifecycle.HashID("told of a stage", l.Customer.Part(), strconv.FormatInt(l.At.UnixNano(), 10), strconv.Itoa(i), name, told.Journey).String()}
	if event.UserID == "" {
		event.AnonymousID = l.AnonymousID
	}
	event.Properties, _ = json.Marshal(told) // texts, and nothing else
	return event
}

// reasonOf says in words why a customer changed stages, as far as the timeline says it.
func (l *Lived) reasonOf(f *lifecycle.Fact) string {
	at := ""
	if l.Event != nil {
		at = cmp.Or(l.Event.Name, string(l.Event.Type))
	}
	switch {
	case f.Reason != "":
		return f.Reason
	case f.Kind == lifecycle.FactExited && f.Name != "" && f.Name == at:
		return "left the journey at " + at
	case f.Name != "" && f.File == "":
		return "asked for by " + f.Name
	case f.Kind == lifecycle.FactEntered && at != "":
		return "entered the journey at " + at
	case f.File != "" && at != "":
		return fmt.Sprintf("%s:%d moved at %s", f.File, f.Line, at)
	case f.File != "":
		return fmt.Sprintf("%s:%d moved", f.File, f.Line)
	}
	return ""
}
