package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// byPhone is a row about somebody of whom only a number is known.
func byPhone(number string, row engine.Row) engine.RowLine {
	line := person("", `{"phone":"`+number+`"}`, row)
	line.Event.AnonymousID, line.Event.MessageID = "phone:"+number, "row-"+number
	return line
}

// A list's no to a number holds for whoever has that number, also where it is one that joins nobody, or ends like one.
func TestARefusalByANumberIsKept(t *testing.T) {
	for name, number := range map[string]string{"plain": "+84908888881", "premium": "+84908888888", "all the same": "+84999999999"} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			refused := func(user string) func() bool {
				return func() bool {
					word, said := h.customer(user).Consented("sms", "")
					return said && !word.Granted
				}
			}
			joins := !(lifecycle.Identity{Kind: lifecycle.PhoneIdentity, Value: number}).Meaningless()
			if !joins { // two who have it before the list comes are told as well
				h.receive(h.says("early", "", map[string]any{"phone": number}))
				h.quiet()
			}
			h.rows("crm", byPhone(number, engine.Row{Consents: []lifecycle.Consent{{}}}))
			h.quiet()
			if !joins {
				h.eventually(refused("early"))
			}
			h.clock.Advance(time.Hour)
			h.receive(h.says("late", "", map[string]any{"phone": number}))
			h.quiet()
			h.eventually(refused("late"))
			if who := h.of(lifecycle.AnonymousID, "phone:"+number); (who == h.of(lifecycle.UserID, "late")) != joins {
				t.Errorf("they became one: %v", !joins)
			}
		})
	}
}

// So does the trait that refuses, for what goes to that number alone, and until the same name takes it back: with such a number others
// have a mail address of their own.
func TestARefusalByATraitReachesWhoeverHasTheNumber(t *testing.T) {
	const number = "+84999999999"
	h := newHarness(t)
	says := func(unsubscribed string) {
		event := h.says("", "phone:"+number, nil)
		event.Traits = json.RawMessage(`{"phone":"` + number + `","unsubscribed":` + unsubscribed + `}`)
		h.receive(event)
		h.quiet()
		h.clock.Advance(time.Minute)
	}
	gets := func(user string) {
		h.receive(h.says(user, "", map[string]any{"phone": number, "email": user + "@shop.example"}))
		h.quiet()
	}
	refused := func(user, channel string) bool {
		word, said := h.customer(user).Consented(channel, "")
		return said && !word.Granted
	}
	says("true")
	gets("late")
	h.eventually(func() bool { return refused("late", "sms") && refused("late", "call") })
	if refused("late", "email") {
		t.Error("mail to an address of their own is refused")
	}
	says("false")
	gets("later")
	if refused("later", "sms") || refused("later", "call") {
		t.Error("what was taken back is refused")
	}
	if !refused("late", "sms") {
		t.Error("somebody else was allowed something")
	}
}

// A yes to one channel lifts no refusal of all of its kind, and one to everything does.
func TestAYesToOneChannelUnderANumber(t *testing.T) {
	const number = "+84999999999"
	h := newHarness(t)
	says := func(message string, word lifecycle.Consent) {
		line := byPhone(number, engine.Row{Consents: []lifecycle.Consent{word}})
		line.Event.MessageID = message
		h.rows("crm", line)
		h.quiet()
		h.clock.Advance(time.Hour)
	}
	refused := func(user string) (channels []string) {
		h.receive(h.says(user, "", map[string]any{"phone": number}))
		h.quiet()
		for _, channel := range []string{"sms", "sms-news", "sms-other", "call"} {
			if word, said := h.customer(user).Consented(channel, ""); said && !word.Granted {
				channels = append(channels, channel)
			}
		}
		return channels
	}
	says("no", lifecycle.Consent{})
	says("yes to one", lifecycle.Consent{Channel: "sms-news", Granted: true, At: h.clock.Now()})
	if got := refused("u1"); len(got) != 4 {
		t.Errorf("after a yes to sms-news only %v are refused", got)
	}
	says("yes to a kind", lifecycle.Consent{Channel: "sms", Granted: true, At: h.clock.Now()})
	if got := refused("u2"); len(got) != 1 || got[0] != "call" {
		t.Errorf("after a yes to sms %v are refused", got)
	}
	says("yes to all", lifecycle.Consent{Granted: true, At: h.clock.Now()})
	if got := refused("u3"); len(got) != 0 {
		t.Errorf("after a yes to everything %v are refused", got)
	}
}

// Which of the words under such a number is the last does not depend on which comes in last.
func TestWordsUnderANumberInAnyOrder(t *testing.T) {
	const number = "+84999999999"
	for name, c := range map[string]struct {
		said    []string // no or yes, in the order in which they were said
		refused bool
	}{
		"taken back": {[]string{"no", "yes"}, false},
		"refused":    {[]string{"yes", "no"}, true},
		"again":      {[]string{"no", "yes", "no"}, true},
	} {
		for shift := range c.said {
			for _, step := range []int{1, 2}[:len(c.said)-1] { // forwards, and backwards
				t.Run(fmt.Sprint(name, shift, step), func(t *testing.T) {
					h := newHarness(t)
					began := h.clock.Now()
					h.clock.Advance(time.Hour)
					for n := range c.said {
						i := (shift + n*step) % len(c.said)
						line := byPhone(number, engine.Row{Consents: []lifecycle.Consent{{Channel: "sms", Granted: c.said[i] == "yes", At: began.Add(time.Duration(i) * time.Minute)}}})
						line.Event.MessageID = fmt.Sprint("row-", i)
						h.rows("crm", line)
						h.quiet()
						h.clock.Advance(time.Hour)
					}
					h.receive(h.says("late", "", map[string]any{"phone": number}))
					h.quiet()
					if word, said := h.customer("late").Consented("sms", ""); (said && !word.Granted) != c.refused {
						t.Errorf("SMS are refused: %v", said && !word.Granted)
					}
				})
			}
		}
	}
}
