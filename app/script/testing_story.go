package script

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"stagecraft/app/lifecycle"
)

// Story tells a customer's life, a line for each event or timer and, indented, for each thing that it caused.
func (l *Life) Story() []string {
	var lines []string
	for _, h := range l.Happened {
		what := "a timer"
		if h.Event != nil {
			if what = h.Event.Name; what == "" {
				what = string(h.Event.Type)
			}
			if data := compactJSON(h.Event.Properties); data != "" {
				what += " " + data
			}
			if data := compactJSON(h.Event.Traits); data != "" {
				what += " " + data
			}
		}
		lines = append(lines, h.At.UTC().Format("2006-01-02 15:04")+"  "+what)
		for _, fact := range h.Facts {
			if text := l.tell(fact); text != "" {
				lines = append(lines, "                  "+text)
			}
		}
	}
	return lines
}

// compactJSON shows an object on one line, shortened.
func compactJSON(raw json.RawMessage) string {
	var out bytes.Buffer
	if len(raw) == 0 || json.Compact(&out, raw) != nil {
		return ""
	}
	return cut(out.String(), maxTestSay)
}

// tell says a fact, of a message with what became of it.
func (l *Life) tell(fact lifecycle.Fact) string {
	if fact.Kind == lifecycle.FactMessage {
		for _, m := range l.Messages {
			if m.Name == fact.Name && m.Line == fact.Line && m.Decided.Equal(fact.At) {
				fact.Reason = string(m.State)
				if m.Reason != "" {
					fact.Reason += ": " + m.Reason
				}
				if m.Rendered != nil && m.Rendered.Subject != "" {
					fact.Reason += ", " + quoteArg(m.Rendered.Subject)
				}
				break
			}
		}
	}
	return TellFact(fact)
}

// TellFact says in words what happened; "" for what needs no words, such as the event itself.
func TellFact(f lifecycle.Fact) string {
	place := ""
	if f.File != "" {
		place = fmt.Sprintf(" (%s:%d)", f.File, f.Line)
	}
	switch f.Kind {
	case lifecycle.FactLate:
		return "came too late to be handled"
	case lifecycle.FactEntered:
		return "entered " + f.To
	case lifecycle.FactMoved:
		return "moved " + f.From + " > " + f.To + place
	case lifecycle.FactRefused:
		switch {
		case f.To == "" && f.From == "":
			return "refused to leave the journey: " + f.Reason + place
		case f.To == "":
			return "refused to leave the journey from " + f.From + ": " + f.Reason + place
		case f.From == "":
			return "refused to enter " + f.To + ": " + f.Reason + place
		}
		return "refused " + f.From + " > " + f.To + ": " + f.Reason + place
	case lifecycle.FactConverted:
		return "reached the goal of " + f.From
	case lifecycle.FactExited:
		return "left the journey from " + f.From
	case lifecycle.FactMessage:
		if f.Reason == string(lifecycle.Queued) { // so it began; how it stands now is the ledger's word
			return "message " + f.Name + ": put into the outbox" + place
		}
		return strings.TrimSuffix("message "+f.Name+": "+f.Reason, ": ") + place
	case lifecycle.FactReceipt:
		return "message " + f.Name + " was " + f.To + place
	case lifecycle.FactMerged:
		return "became part of another customer"
	case lifecycle.FactPlaced:
		if f.To == "" {
			return "put out of the journey from " + f.From
		}
		return "placed in " + f.To
	case lifecycle.FactFailed:
		return strings.TrimSuffix("the script failed: "+f.Reason, ": ") + place
	case lifecycle.FactTrimmed:
		return "trait " + f.Name + " was left out: the record is full"
	case lifecycle.FactUncounted:
		return f.Name + " counts as 0: " + f.Reason
	case lifecycle.FactLogged:
		return "log: " + f.Reason
	case lifecycle.FactChose:
		return "chose " + f.Reason + " for " + f.Name
	case lifecycle.FactSet:
		return "set " + f.Name + " = " + f.Reason
	case lifecycle.FactTagged:
		return "tag " + f.Name
	case lifecycle.FactUntagged:
		return "untag " + f.Name
	case lifecycle.FactScored:
		return scoreText(f)
	case lifecycle.FactThreshold:
		return strings.TrimSpace("score "+f.Name) + " " + f.To + " " + formatNumber(f.Amount)
	case lifecycle.FactSegment:
		return strings.TrimSuffix(f.To+" segment "+f.Name+": "+f.Reason, ": ")
	case lifecycle.FactTracked:
		if f.To != "" {
			return "tracked " + f.Name + " for " + f.To
		}
		return "tracked " + f.Name
	case lifecycle.FactWaits:
		return "waits" + place
	case lifecycle.FactWoke:
		if f.Reason != "" {
			return "waits no longer: " + f.Reason + place
		}
		return "goes on" + place
	case lifecycle.FactTest:
		if f.To == "on" {
			return "became a test person, whose days are minutes"
		}
		return "is a test person no longer"
	}
	return ""
}

// scoreText tells of points that were given.
func scoreText(f lifecycle.Fact) string {
	text := strings.TrimSpace("score "+f.Name) + " " + formatSigned(f.Amount)
	if f.Reason != "" {
		text += ": " + f.Reason
	}
	return text
}

func formatSigned(n float64) string {
	if n >= 0 {
		return "+" + formatNumber(n)
	}
	return formatNumber(n)
}
