package engine

import (
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
)

// input is the input that an event came as.
func (r *Reliving) input(entry *LifeEntry) Receive {
	event := *entry.Event
	in := Receive{Event: event, At: event.Received, Mark: entry.Mark}
	identity := event.Identity()
	id, isID := lifecycle.ParseID(event.MessageID)
	var properties struct {
		Channel string
		Topic   string
		Source  string
		Message string
		Row     *Row

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
	case entry.At.Before(event.Received) && event.Depth == 0 && source != "":
		in.Source, in.History, in.At = source, true, entry.At
	case event.Name == FormSubmitted && isID == nil && properties.Confirmed != "":
		in.Target, in.Mark = identity.Hash(), id
	case isID == nil && (event.Depth > 0 || properties.Channel != "" || properties.Message != ""):
		in.Inner, in.Target, in.Mark = true, r.life.Customer.ID, id
		if !entry.From.IsZero() {
			in.Target = entry.From
		}
	case (event.Name == subscribed || event.Name == unsubscribed) && (properties.Message != "" || properties.Source == "preferences"):
		in.Inner, in.Target, in.Mark = true, r.life.Customer.ID, lifecycle.HashID("said", event.MessageID)
	}
	if in.Mark.IsZero() {
		switch {
		case in.Source != "":
			in.Mark = lineMark(source, line)
		default:
			in.Mark = lifecycle.HashID("message", string(identity.Kind), identity.Value, event.MessageID)
		}
	}
	if event.Name == subscribed || event.Name == unsubscribed {
		word := r.word(&event, lifecycle.Consent{Channel: properties.Channel, Topic: properties.Topic, Granted: event.Name == subscribed,
			At: event.Timestamp, Source: properties.Source})
		in.Word = &word
	}
	if event.Name == FormSubmitted { // what was agreed to stands in words of their own
		for i := range r.life.said {
			if said := &r.life.said[i]; said.Event == event.Name && said.MessageID == event.MessageID {
				in.Words = append(in.Words, said.Consent)
			}
		}
	}
	for i := range r.life.Customer.Suppressions {
		if s := r.life.Customer.Suppressions[i]; in.Inner && s.At.Equal(event.Received) && s.Channel == properties.Channel {
			in.Suppress = &s
		}
	}
	return in
}

// word returns a word as the record has it, which knows its time better than the event; the one given if it has not.
func (r *Reliving) word(event *lifecycle.Event, word lifecycle.Consent) lifecycle.Consent {
	for _, said := range r.life.Customer.Consents {
		if said.Channel == word.Channel && said.Topic == word.Topic && said.Granted == word.Granted && said.Source == word.Source &&
			!said.At.Before(event.Timestamp) && !said.At.After(event.Received.Add(time.Millisecond)) {
			return said
		}
	}
	return word
}

// importOf returns the import that an event may have come with, and its line's ID.
func (r *Reliving) importOf(event *lifecycle.Event) (source, line string) {
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

// markToKeep returns the mark of an imported line whose event does not tell which line it was; else zero.
func (in *Receive) markToKeep() lifecycle.ID {
	if in.Source == "" || in.Inner || in.Mark == lineMark(in.Source, in.Event.MessageID) {
		return lifecycle.ID{}
	}
	if n := len(in.Source); len(in.Event.MessageID) > n && in.Event.MessageID[:n] == in.Source && in.Event.MessageID[n] == ':' {
		return lifecycle.ID{}
	}
	return in.Mark
}
