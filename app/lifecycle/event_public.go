package lifecycle

import (
	"encoding/json"
	"slices"
	"strings"
)

// ourEvents are those that only we make: what they tell has happened here. Rewards are given for some of them.
var ourEvents = []string{"Broadcast Reached", "Confirmation Requested", "Message Accepted", "Message Failed", "Message Requested", "Move Refused",
	"Referral Converted", "Reward Downloaded", "Score Fell Below", "Score Reached", "Segment Entered", "Segment Left", "Stage Changed",
	"Stage Entered", "Stage Left"}

// ourProof are the properties by which a form of ours proves what somebody has agreed to, and says where their reward is.
var ourProof = []string{"confirmed_at", "confirmed_ip", "consents", "reward_url", "submitted_at", "submitted_ip"}

// ValidatePublic refuses what an event may not say that came with a key that anybody can read: that something happened which
// happens here only, or that it is of somebody to whom we gave a name. Such names can be guessed, as
// "email:ada@example.com", no browser has one, and whoever named it would be taken for its owner.
func (e *Event) ValidatePublic() error {
	invalid := func(field, format string, args ...any) error {
		err := Errorf(Invalid, format, args...)
		err.Field = field
		return err
	}
	previous := ""
	switch {
	case e.Type == Alias:
		previous = e.PreviousID()
	case slices.Contains(ourEvents, e.Name):
		return invalid("event", "%q happens at the server; pages cannot say it", e.Name)
	case e.Name == "Form Submitted":
		var said map[string]json.RawMessage
		if len(e.Properties) > 0 && json.Unmarshal(e.Properties, &said) != nil {
			return invalid("properties", "properties must be a JSON object")
		}
		for _, name := range ourProof {
			if _, is := said[name]; is {
				return invalid("properties."+name, "%s is said by the server's own forms; pages cannot say it", name)
			}
		}
	}
	for _, name := range [...]struct{ field, value string }{{"anonymousId", e.AnonymousID}, {"previousId", previous}} {
		for _, given := range givenNames {
			if strings.HasPrefix(name.value, given) {
				return invalid(name.field, "%s %.80q begins with %q, as the names do that the server gives; pages send one that they have drawn", name.field, name.value, given)
			}
		}
	}
	return nil
}

// MayLift reports whether what an event says by the trait unsubscribed may allow what was refused. Whoever knows a user ID can
// say anything of it with a key that anybody can read: such an event may refuse marketing, and never allow it again.
func (e *Event) MayLift() bool { return !e.Public }
