package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A message that a waiting handler is still to send is not denied: not where the wait and the send are in one line, not where
// another send of that line has happened, and not where the stage was renamed since.
func TestWhyKnowsWhatIsComing(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	letter := "---\nsubject: Hi\nkind: transactional\n---\nHi\n"
	messages := map[string]string{"messages/first.email.liquid": letter, "messages/bye.email.liquid": letter, "messages/ending.email.liquid": letter}
	files := func(more map[string]string) map[string]string {
		for name, text := range messages {
			more[name] = text
		}
		return more
	}
	one := "on(\"Three\", function() send \"first\"; wait \"1 day\"; send \"bye\" end)\n"
	w.publish(files(map[string]string{"journey.lua": `journey { title = "Club", stages = { "trial" } }`,
		"trial.lua": "stage { title = \"Trial\" }\n" + one + "enter(function()\n  wait \"3 days\"\n  send \"ending\"\nend)\n"}))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.track("ada", "Three", nil)
	w.publish(files(map[string]string{"journey.lua": `journey { title = "Club", stages = { "test" }, renamed = { trial = "test" } }`,
		"test.lua": "stage { title = \"Test\" }\n" + one + "enter(function()\n  wait \"3 days\"\n  tag \"x\"\n  send \"ending\"\nend)\n"}))
	w.pass("ada", time.Hour)
	for message, place := range map[string]string{"bye": "club/trial.lua:2", "ending": "club/trial.lua:4"} {
		why := w.why("ada", message)
		text := strings.Join(why.Answer, "\n")
		if !strings.Contains(text, "ada has not got "+message+" yet") || !strings.Contains(text, "it waits at "+place+" until") || !strings.Contains(text, "with which it began") {
			t.Errorf("%s:\n%s", message, text)
		}
	}
	w.pass("ada", 2*24*time.Hour)
	if text := fmt.Sprint(w.why("ada", "bye").Answer); !strings.Contains(text, "bye was decided because of") {
		t.Errorf("bye: %s", text)
	}
}

// The wait may stand in another way than the send, in a function, or behind it in a loop; one behind which the send does not come,
// or not any more, promises nothing.
func TestWhyKnowsWhatIsComingOnAnyWay(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		line   int // of the wait
		days   int // that have passed
		coming bool
	}{
		"a branch":            {"if event.properties.x then\nwait '1 day'\nend\nsend 'ending'", 4, 0, true},
		"a branch that ends":  {"if event.properties.x then\nwait '1 day'\nreturn\nend\nsend 'ending'", 4, 0, false},
		"a branch that moves": {"if event.properties.x then\nwait '1 day'\nmove 'next'\nend\nsend 'ending'", 4, 0, false},
		"the other branch":    {"if not event.properties.x then\nsend 'ending'\nelse\nwait '1 day'\nend", 6, 0, false},
		"a function":          {"local function later()\nwait '1 day'\nend\nlater()\nsend 'ending'", 4, 0, true},
		"one that returns":    {"local function later()\nif event.properties.x then\nwait '1 day'\nreturn 1\nend\nend\nlater()\nsend 'ending'", 5, 0, true},
		"a loop":              {"for i = 1, 3 do\nif i == 2 then\nsend 'ending'\nend\nwait '1 day'\nend", 7, 0, true},
		"a loop within":       {"for i = 1, 3 do\nif i == 3 then\nsend 'ending'\nend\nfor j = 1, 2 do\nwait '1 day'\nend\nend", 8, 2, true},
		"behind a loop":       {"while true do\nif not event.properties.x then break end\nwait '1 day'\nbreak\nend\nsend 'ending'", 5, 0, true},
		"a loop that ends":    {"for i = 1, 3 do\nif event.properties.x then\nwait '1 day'\nreturn\nend\nsend 'ending'\nend", 5, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLived(t, delivery.Policy{})
			defer w.store.Close()
			w.publish(map[string]string{"journey.lua": `journey { title = "Club", stages = { "trial", "next" }, moves = "next" }`, "next.lua": "stage { title = \"Next\" }\n",
				"messages/ending.email.liquid": "---\nsubject: Hi\nkind: transactional\n---\nHi\n",
				"trial.lua":                    "stage { title = \"Trial\" }\non(\"Three\", function(customer, event)\n" + test.script + "\nend)\n"})
			w.identify("ada", map[string]any{"email": "ada@shop.example"})
			w.track("ada", "Three", map[string]any{"x": true})
			w.pass("ada", time.Duration(test.days)*24*time.Hour+time.Hour)
			text := strings.Join(w.why("ada", "ending").Answer, "\n")
			is := strings.Contains(text, "has not got ending yet") && strings.Contains(text, fmt.Sprintf("it waits at club/trial.lua:%d until", test.line))
			if is != test.coming || strings.Contains(text, "was never to get") == is {
				t.Error(text)
			}
		})
	}
}

// What a journey that is not live any more waits for says so.
func TestWhySaysThatWhatIsComingIsKept(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(map[string]string{"journey.lua": `journey { title = "Club", stages = { "trial" } }`, "messages/ending.email.liquid": "---\nsubject: Hi\nkind: transactional\n---\nHi\n",
		"trial.lua": "stage { title = \"Trial\" }\non(\"Three\", function()\n  wait \"1 day\"\n  send \"ending\"\nend)\n"})
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.track("ada", "Three", nil)
	for mode, said := range map[lifecycle.Mode]string{lifecycle.Shadow: "club is in shadow, so it sends nothing", lifecycle.Braked: "club is braked, so nothing of it runs", lifecycle.Live: ""} {
		w.must(w.engine.SetMode(t.Context(), engine.SetMode{Journey: "club", Mode: mode}))
		text := fmt.Sprint(w.why("ada", "ending").Answer)
		if !strings.Contains(text, "it waits at club/trial.lua:3") || !strings.Contains(text, said) || strings.Contains(text, "would have to be live") != (said != "") {
			t.Errorf("%s: %s", mode, text)
		}
	}
}

// Of a test person the ledger says what became of a message.
func TestWhyOfATestPersonAsksTheLedger(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(map[string]string{"journey.lua": `journey { title = "Club", stages = { "trial" } }`, "messages/ending.email.liquid": "---\nsubject: Hi\nkind: transactional\n---\nHi\n",
		"trial.lua": "stage { title = \"Trial\" }\non(\"Three\", function()\n  wait \"1 day\"\n  send \"ending\"\nend)\n"})
	w.identify("tess", map[string]any{"email": "tess@shop.example"})
	w.must(w.engine.SetTest(t.Context(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "tess"}.Hash(), true))
	w.track("tess", "Three", nil)
	w.pass("tess", 5*time.Minute)
	why := w.why("tess", "ending")
	if text := fmt.Sprint(why.Answer); !strings.Contains(text, "(test person)") || strings.Contains(text, "on its way") || len(why.Missed) > 0 {
		t.Errorf("%s\n%+v", text, why.Missed)
	}
}
