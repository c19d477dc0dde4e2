package app

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// outcome says what became of a message, and what would have to be otherwise for it to leave.
func outcome(state lifecycle.MessageState, reason string) string {
	switch state {
	case lifecycle.Accepted:
		return "it was sent"
	case lifecycle.Queued:
		if reason != "" {
			return "it waits: " + reason
		}
		return "it is on its way"
	case lifecycle.Suppressed:
		if advice := adviceOn(strings.TrimPrefix(reason, "withdrawn: ")); advice != "" {
			return "it was not sent (" + reason + "): " + advice
		}
	}
	if reason != "" {
		return "it was not sent: " + told(state, reason)
	}
	return "it is " + string(state)
}

// adviceOn says in words what a reason means.
func adviceOn(reason string) string {
	switch {
	case reason == lifecycle.BecauseHistory:
		return "it belongs to history that was imported, for which nothing is sent"
	case reason == lifecycle.BecauseShadow:
		return "the journey was in shadow, which decides and sends nothing; it would have to be live"
	case reason == lifecycle.BecauseHoldout:
		return "the customer is in the stage's hold-out group, which gets no marketing so that others can be compared with it"
	case reason == lifecycle.BecauseNoAddress, reason == lifecycle.BecauseBadAddress, reason == lifecycle.BecauseIncomplete:
		return "the customer would need an address that the channel can reach"
	case reason == lifecycle.BecauseTest:
		return "an address for the mails of test people would have to be set, with --test-address; nothing else leaves for them"
	case reason == lifecycle.BecauseTestMail:
		return "what test people get by other channels than mail is recorded and goes nowhere; the message page shows what it says"
	case reason == "suppressed: "+lifecycle.SuppressedErased:
		return "they had their data erased under this name or address, and nothing is sent to whoever comes back with it"
	case strings.HasPrefix(reason, "suppressed"):
		return "nothing goes to this address any more, because it bounced or its owner complained"
	case strings.HasPrefix(reason, lifecycle.BecauseOptedOut), strings.HasPrefix(reason, "no consent"):
		return "the customer would have to allow it"
	case strings.HasPrefix(reason, "not wanted"):
		return "it waited, and the customer left the stage it was meant for before it could leave"
	}
	return ""
}

// stepWords says what happened to a message on its way.
func stepWords(s delivery.Step) string {
	because := ""
	if s.Reason != "" {
		because = ": " + s.Reason
	}
	switch s.Kind {
	case delivery.StepDecided:
		if s.Reason != "" {
			return "decided" + because
		}
		return "decided, for " + s.Channel
	case delivery.StepQueued:
		return "queued" + because
	case delivery.StepDeferred:
		return "put off until " + when(s.Until) + because
	case delivery.StepPaused:
		return "held back by an operator" + because
	case delivery.StepResumed:
		return "let go again" + because
	case delivery.StepPolicy:
		return "every gate passed (suppression, consent, still wanted, hold-out, address, quiet hours, caps)"
	case delivery.StepAttempt:
		return fmt.Sprintf("attempt %d, to %s", s.Attempt, s.To)
	case delivery.StepOrdered:
		return "sent anyway" + because
	case delivery.StepTemporary:
		return "failed for the time being" + because
	case delivery.StepInDoubt:
		return "in doubt" + because
	case delivery.StepReplayed:
		return "sent once more" + because
	case delivery.StepSettled:
		return told(s.State, s.Reason)
	case delivery.StepFallback:
		return "tried by " + s.Channel + " instead"
	case delivery.StepInstead:
		return "sent instead of one by " + s.Channel + " that could not be sent"
	case delivery.StepEvent:
		return s.Name
	}
	return ""
}

// ofItself reports whether a customer was put somewhere that nobody asked for and no script did: by a publication or a merge.
func ofItself(f lifecycle.Fact) bool {
	return (f.Kind == lifecycle.FactPlaced || f.Kind == lifecycle.FactExited) && f.Name == "" && f.File == ""
}

// published reports whether it was a publication.
func published(f lifecycle.Fact) bool {
	return ofItself(f) && (f.Reason == engine.BecauseRenamed || f.Reason == engine.BecauseRetired)
}

// told says how a message stands, and why, without saying one word twice.
func told(state lifecycle.MessageState, reason string) string {
	if reason == "" || strings.HasPrefix(reason, string(state)+": ") {
		return cmp.Or(reason, string(state))
	}
	return string(state) + ": " + reason
}

// readAt tells what a condition saw.
func readAt(reads []script.Looked, place script.Place) string {
	var saw []string
	for _, r := range reads {
		if r.Place == place {
			saw = append(saw, fmt.Sprintf("%s = %v", r.What, shown(r.Value)))
		}
	}
	if len(saw) == 0 {
		return ""
	}
	return " (" + strings.Join(saw, ", ") + ")"
}

func shown(value any) any {
	switch v := value.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return value
}

// lasting writes a duration as people do.
func lasting(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= unit.length && d%unit.length == 0 {
			if d == unit.length {
				return "1 " + unit.name
			}
			return fmt.Sprintf("%d %ss", d/unit.length, unit.name)
		}
	}
	return d.String()
}
