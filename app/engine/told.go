package engine

import (
	"cmp"
	"encoding/json"
	"strings"

	"stagecraft/app/lifecycle"
)

// A program that sends by itself, or hears from a mailbox provider before us, tells what came of it by events that are named
// like our own. What speaks against writing takes effect, as if a connector had reported it; that somebody wants to hear
// from us again does not: "Subscribed" is too common a word for other things, and the API has a call for it.

// toldProperties are what such an event says, beside what else it has.
type toldProperties struct {
	Channel string `json:"channel"`
	Topic   string `json:"topic"`
	Address string `json:"address"` // empty: the one that the customer has
	Kind    string `json:"kind"`    // of a bounce: "soft" is none for good
	Source  string `json:"source"`
}

const (
	toldBounced    = " Bounced"
	toldComplained = " Complained"
)

// EndsAddress reports whether an event tells of a bounce or a complaint, which hold for everybody who has the address.
func EndsAddress(event *lifecycle.Event) bool {
	return strings.HasSuffix(event.Name, toldBounced) || strings.HasSuffix(event.Name, toldComplained)
}

// takeTold lets an event take effect that tells of a bounce, a complaint or a withdrawal. One that came with a public key
// proves nothing.
func (s *session) takeTold(in *Receive, late bool) {
	event := &in.Event
	ended := event.Name == unsubscribed
	if !ended && !EndsAddress(event) || in.Inner || in.Word != nil || event.Public || event.Type != lifecycle.Track {
		return
	}
	var told toldProperties
	if len(event.Properties) > 0 && json.Unmarshal(event.Properties, &told) != nil {
		told = toldProperties{} // of other types than ours
	}
	if ended {
		word := lifecycle.Consent{Channel: told.Channel, Topic: told.Topic, At: event.Timestamp, Source: cmp.Or(told.Source, "event")}
		if word.At.IsZero() || word.At.After(in.At) {
			word.At = in.At
		}
		s.sayWord(word, event, true)
		return
	}
	suppression := lifecycle.Suppression{Reason: lifecycle.SuppressedComplaint, At: in.At}
	name, complained := strings.CutSuffix(event.Name, toldComplained)
	if !complained {
		name, suppression.Reason = strings.TrimSuffix(event.Name, toldBounced), lifecycle.SuppressedBounce
	}
	if suppression.Channel = lifecycle.ChannelOfEvent(name); suppression.Channel == "" || !complained && told.Kind == "soft" {
		return
	}
	if suppression.Address = told.Address; told.Address == "" && !late { // which address they had then is not known
		suppression.Address, _ = s.customer.Address(suppression.Channel)
	}
	if suppression.Address != "" {
		s.suppressAddress(suppression)
	}
}
