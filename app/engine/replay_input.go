package engine

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// input is the input that an event came as.
func (r *Reliving) input(entry *LifeEntry) Receive {
	event := *entry.Event
	in := Receive{Event: event, At: event.Received, Mark: entry.Mark}
	if at, is := momentIn(entry.Mark); is {
		in.At, in.Mark = at, lifecycle.ID{}
	}
	identity := event.Identity()
	id, isID := lifecycle.ParseID(event.MessageID)
	var properties struct {
		Channel string
		Topic   string
		Source  string
		Message string
		Address string
		Row     *Row
		Friend  string

		Confirmed string `json:"confirmed_at"`
	}
	_ = json.Unmarshal(event.Properties, &properties) // there may be none
	source, line := r.importOf(&event)
	took := len(entry.Facts) == 0 || entry.Facts[0].Kind != lifecycle.FactEvent && entry.Facts[0].Kind != lifecycle.FactLate
	for _, fact := range entry.Facts {
		took = took && fact.Kind != lifecycle.FactEvent && fact.Kind != lifecycle.FactLate
	}
	switch {
	case event.Source != "" && event.Type == lifecycle.Identify && took && source != "":
		in.Source = source
		if in.Row = properties.Row; in.Row == nil {
			in.Row = &Row{}
		}
	case event.Depth == 0 && source != "" && (entry.At.Before(event.Received) || event.Source == source && r.isHistory(source)):
		in.Source, in.History, in.At = source, true, entry.At
	case event.Name == FormSubmitted && isID == nil && properties.Confirmed != "":
		in.Target, in.Mark = r.whose(entry), id
	case isID == nil && (event.Depth > 0 || properties.Channel != "" || properties.Message != "" || tellsOfFriend(&event, id, properties.Friend)):
		in.Inner, in.Target, in.Mark = true, r.whose(entry), id
		if r.past[entry.Seq] {
			in.History, in.At, in.Source = true, event.Timestamp, r.historySource()
		}
	case (event.Name == subscribed || event.Name == unsubscribed) && (properties.Message != "" || properties.Source == "preferences"):
		in.Inner, in.Target, in.Mark = true, r.whose(entry), lifecycle.HashID("said", event.MessageID)
	}
	if in.Target.IsZero() {
		in.Target = r.whose(entry) // whoever the name leads to, or was recognised as theirs
	}
	if in.Mark.IsZero() {
		switch {
		case in.Source != "":
			in.Mark = lineMark(source, line)
		default:
			in.Mark = lifecycle.HashID("message", string(identity.Kind), identity.Value, event.MessageID)
		}
	}
	for i := range r.life.said { // what was said stands in words of its own
		said := &r.life.said[i]
		switch {
		case said.Event != event.Name || said.MessageID != event.MessageID:
		case event.Name == FormSubmitted:
			in.Words = append(in.Words, said.Consent)
		case properties.Source != "" || properties.Message != "": // else the event says it by its name
			in.Word = &said.Consent
		}
	}
	if event.Name == subscribed && in.Inner && in.Word != nil {
		in.Alive = properties.Address
	}
	for i := range r.life.Customer.Suppressions {
		if s := r.life.Customer.Suppressions[i]; in.Inner && s.At.Equal(event.Received) && s.Channel == lifecycle.KindOf(properties.Channel) {
			in.Suppress = &s
		}
	}
	return in
}

// tellsOfFriend reports whether an event with an ID is the one by which a customer learned of a friend's order. Of a friend who
// was erased it has said nothing since.
func tellsOfFriend(event *lifecycle.Event, id lifecycle.ID, friend string) bool {
	if event.Name != referralConverted {
		return false
	}
	who, err := lifecycle.ParseID(friend)
	return string(event.Properties) == "{}" || err == nil && id == referralMark(who)
}

// isHistory reports whether an import is one of history.
func (r *Reliving) isHistory(source string) bool {
	return slices.ContainsFunc(r.life.imports, func(record importRecord) bool { return record.Source == source && record.History })
}

// historySource returns the import with which an event came that somebody else's script made in history.
func (r *Reliving) historySource() string {
	source := ""
	for _, record := range r.life.imports {
		if _, open := r.open[record.Source]; record.History && (open || source == "") {
			source = record.Source
		}
	}
	return source
}

// importOf returns the import that an event may have come with, and its line's ID.
func (r *Reliving) importOf(event *lifecycle.Event) (source, line string) {
	if event.Keyed {
		return "", ""
	}
	for _, record := range r.life.imports {
		if n := len(record.Source); len(event.MessageID) > n && event.MessageID[:n] == record.Source && event.MessageID[n] == ':' {
			return record.Source, event.MessageID[n+1:]
		}
	}
	for _, record := range r.life.imports {
		if event.Source == record.Source || event.Source == "" && record.History {
			return record.Source, event.MessageID
		}
	}
	return "", ""
}

// directOf returns the request for a direct message that an event tells of.
func directOf(entry *LifeEntry) (direct, bool) {
	event := entry.Event
	if event.Name != directRequested || event.Depth > 0 {
		return direct{}, false
	}
	for _, fact := range entry.Facts {
		if fact.Kind == lifecycle.FactMessage && fact.From == "" && fact.File == "" {
			identity := event.Identity()
			return direct{Direct: Direct{Event: *event, Journey: fact.Journey, Message: fact.Name}, At: event.Received,
				Mark: lifecycle.HashID("direct", string(identity.Kind), identity.Value, event.MessageID)}, true
		}
	}
	return direct{}, false
}

// markToKeep returns what the timeline has to keep of an input because its event does not tell it: the mark of an imported line
// whose event does not say which line it was, or the moment at which something of our own came, if that is not the one at which
// it happened, or somebody else's script made it: of what they made while they lived history, which has a source, there is none.
// Else it is zero.
func (in *Receive) markToKeep() lifecycle.ID {
	if in.Inner && in.Source == "" && (in.Event.Depth > 0 || !in.At.Equal(in.Event.Received)) {
		return keptMoment(in.At)
	}
	if in.Source == "" || in.Inner || in.Mark == lineMark(in.Source, in.Event.MessageID) {
		return lifecycle.ID{}
	}
	if n := len(in.Source); len(in.Event.MessageID) > n && in.Event.MessageID[:n] == in.Source && in.Event.MessageID[n] == ':' {
		return lifecycle.ID{}
	}
	return in.Mark
}

// keptMoment writes a moment where a mark has its place: after zeros, with which no mark begins.
func keptMoment(at time.Time) (mark lifecycle.ID) {
	binary.BigEndian.PutUint64(mark[len(mark)-8:], uint64(at.UnixNano()))
	return mark
}

// momentIn reads what keptMoment wrote.
func momentIn(mark lifecycle.ID) (at time.Time, is bool) {
	if mark.IsZero() || [len(mark) - 8]byte(mark[:len(mark)-8]) != [len(mark) - 8]byte{} {
		return at, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(mark[len(mark)-8:]))), true
}
