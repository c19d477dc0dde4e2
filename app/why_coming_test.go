package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
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
