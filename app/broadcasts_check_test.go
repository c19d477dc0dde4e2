package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// textDraft is a draft to everybody with one text.
func textDraft(audience, channel, text string) string {
	data, _ := json.Marshal("---\nsubject: Sale\n---\n" + text)
	return fmt.Sprintf(`{"audience": %s, "parts": [{"texts": {%q: %s}}]}`, audience, channel, data)
}

// What not everybody has is told when a draft is saved and looked at, and keeps it from being started.
func TestAVariableThatIsMissingStopsABroadcastBeforeItsStart(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(30)
	const all = `{"everybody": true}`
	saved := s.must("PUT", "/api/broadcasts/nope", textDraft(all, "email", "Hello\nHi {{ customer.nope }}"))
	if !strings.Contains(saved, "not everybody has customer.nope") || !strings.Contains(saved, `"line":5,"stops":true`) || !strings.Contains(saved, "message.email.liquid") {
		t.Errorf("saved: %s", saved)
	}
	ahead := s.must("POST", "/api/broadcasts/nope/ahead", "{}")
	if !strings.Contains(ahead, `"reached":0`) || !strings.Contains(ahead, `"tried":22`) || !strings.Contains(ahead, `customer.nope is missing`) {
		t.Errorf("ahead: %s", ahead)
	}
	if status, text, _ := s.call("POST", "/api/broadcasts/nope/start", "{}"); status != 400 || !strings.Contains(text, "customer.nope") || !strings.Contains(text, `"line":5`) {
		t.Errorf("it was started: %d %s", status, text)
	}
	// Whom it means may have it all the same.
	s.must("PUT", "/api/broadcasts/plan", textDraft(`{"where": [{"trait": "plan", "is": "equal", "value": "pro"}]}`, "email", "You have {{ customer.plan }}"))
	if ahead = s.must("POST", "/api/broadcasts/plan/ahead", "{}"); !strings.Contains(ahead, `"failing":{}`) || strings.Contains(ahead, `"reached":0`) {
		t.Errorf("ahead: %s", ahead)
	}
	s.must("POST", "/api/broadcasts/plan/start", "{}")
	// What a list says of people is known once it is there.
	s.must("PUT", "/api/broadcasts/codes", textDraft(`{"list": true}`, "email", "Your code is {{ event.properties.code }}"))
	s.must("POST", "/api/broadcasts/codes/list", `[{"userId": "u0", "code": "A"}, {"userId": "u2"}]`)
	if ahead = s.must("POST", "/api/broadcasts/codes/ahead", "{}"); !strings.Contains(ahead, `"reached":1`) || !strings.Contains(ahead, `event.properties.code is missing`) {
		t.Errorf("ahead: %s", ahead)
	}
	// A link that leads anywhere is told, and stops nothing.
	saved = s.must("PUT", "/api/broadcasts/links", textDraft(all, "email", `<a href="{{ customer.url | default: 'https://e.com' }}">x</a>`))
	if !strings.Contains(saved, "leads wherever") || !strings.Contains(saved, `"stops":false`) {
		t.Errorf("saved: %s", saved)
	}
}

// Those who would have to wait are some of those who would get it: whose message would fail waits for nothing.
func TestWhoWouldWaitIsReached(t *testing.T) {
	s := startServer(t, withScripts(t, owing()), func(c *config.Config) { c.Policy.SendHours = []string{"email=mon-fri 08:00-18:00"} })
	s.people(8)
	const sunday = `"at": "2099-06-07T12:00:00Z", `
	for text, want := range map[string]string{
		"Hi":                   `"reached":6,"waiting":{"quiet hours":6}`,
		"Hi {{ customer.no }}": `"reached":0,"waiting":{}`,
	} {
		s.must("PUT", "/api/broadcasts/late", "{"+sunday+textDraft(`{"everybody": true}`, "email", text)[1:])
		if ahead := s.must("POST", "/api/broadcasts/late/ahead", "{}"); !strings.Contains(ahead, want) {
			t.Errorf("%s: ahead: %s, want %s", text, ahead, want)
		}
	}
}

// What a broadcast names is there.
func TestABroadcastNamesWhatIsThere(t *testing.T) {
	files := owing()
	files["segments/all.lua"] = "member(function(customer) return true end)\n"
	s := startServer(t, withScripts(t, files))
	s.people(4)
	for field, draft := range map[string]string{
		"audience.segment": textDraft(`{"segment": "nope"}`, "email", "Hi"),
		"audience.journey": textDraft(`{"journey": "nope"}`, "email", "Hi"),
		"parts.0.texts":    textDraft(`{"everybody": true}`, "bogus", "Hi"),
	} {
		if status, text, _ := s.call("PUT", "/api/broadcasts/wrong", draft); status != 400 || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", field, status, text)
		}
	}
	s.must("PUT", "/api/broadcasts/right", textDraft(`{"segment": "all"}`, "email", "Hi"))
	s.must("POST", "/api/broadcasts/right/start", "{}")
	s.must("PUT", "/api/broadcasts/text", textDraft(`{"segment": "all"}`, "sms", "Hi")) // built in, and not set up yet
}

// Where one message would fail all that are looked at with it are written: what was not tried is not promised.
func TestWhatFailsForManyIsNotPromised(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	const people = 60
	for i, made := 0, 0; made < people; i++ {
		name := fmt.Sprint("u", i)
		if (lifecycle.Identity{Kind: lifecycle.UserID, Value: name}).Hash().Partition() == 0 {
			made++
			s.must("POST", "/v1/identify", fmt.Sprintf(`{"userId": %q, "traits": {"email": "%s@example.com"}}`, name, name))
		}
	}
	s.must("PUT", "/api/broadcasts/nope", textDraft(`{"everybody": true}`, "email", "Hi {{ customer.nope }}"))
	if ahead := s.must("POST", "/api/broadcasts/nope/ahead", "{}"); !strings.Contains(ahead, `"reached":0`) || !strings.Contains(ahead, fmt.Sprintf(`"tried":%d`, people)) {
		t.Errorf("nobody can get it: %s", ahead)
	}
	s.must("PUT", "/api/broadcasts/fine", textDraft(`{"everybody": true}`, "email", "Hi {{ customer.email }}"))
	if ahead := s.must("POST", "/api/broadcasts/fine/ahead", "{}"); !strings.Contains(ahead, fmt.Sprintf(`"reached":%d`, people)) || !strings.Contains(ahead, `"tried":20`) {
		t.Errorf("everybody can get it: %s", ahead)
	}
}
