package lifecycle_test

import (
	"testing"

	"stagecraft/app/lifecycle"
)

// Pages may not use the names that the server gives: they can be guessed.
func TestPagesHaveNamesOfTheirOwn(t *testing.T) {
	for name, good := range map[string]bool{
		"7f3c": true, "$device:7f3c": true, "web:7": true, "": true,
		"email:ada@example.com": false, "phone:+84901234567": false, "subscriber:1": false, "applicant:1": false, lifecycle.SourceName("shop", "1"): false,
	} {
		event := lifecycle.Event{Type: lifecycle.Track, Name: "A", UserID: "u", AnonymousID: name}
		if err := event.ValidatePublic(); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		alias := lifecycle.Event{Type: lifecycle.Alias, UserID: "u", Properties: []byte(`{"previousId":"` + name + `"}`)}
		if err := alias.ValidatePublic(); (err == nil) != good {
			t.Errorf("alias of %q: %v", name, err)
		}
	}
}

// Nobody gets a reward for a friend, or proves a consent, by saying so in a page.
func TestPagesDoNotSayWhatHappensHere(t *testing.T) {
	for name, c := range map[string]struct {
		event, properties string
		good              bool
	}{
		"an order":           {"Order Completed", `{"total":5}`, true},
		"a form of the site": {"Form Submitted", `{"form":"contact"}`, true},
		"one without more":   {"Form Submitted", "", true},
		"a proof":            {"Form Submitted", `{"form":"guide","confirmed_at":"2026-01-01T00:00:00Z"}`, false},
		"another link":       {"Form Submitted", `{"form":"guide","reward_url":"https://evil.example"}`, false},
		"a friend":           {"Referral Converted", `{"revenue":900}`, false},
		"a stage":            {"Stage Entered", "", false},
		"no object":          {"Form Submitted", `{"a`, false},
	} {
		event := lifecycle.Event{Type: lifecycle.Track, Name: c.event, UserID: "u", Properties: []byte(c.properties)}
		if err := event.ValidatePublic(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
