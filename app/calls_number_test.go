package app_test

import (
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A number that a message names is asked about like any other, in whatever spelling: what speaks against it does so whoever is to be
// called there. What speaks against the customer's own number does not.
func TestACallToANumberThatIsNamed(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Ring\", function() send \"ring\" end)\n")
	files["trial/messages/ring.call.liquid"] = "---\nkind: transactional\nreason: Ask\nnumber: \"{{ event.properties.number | default: ' ' }}\"\n---\nHello.\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset, c.Identity.CallingCode = "none", "84" })
	t.Cleanup(func() { lifecycle.ReadNumbersOf("") })
	s.setMode("trial", lifecycle.Live)
	asks := func(user, number string) {
		t.Helper()
		s.track(user, "Ring", map[string]any{"properties": map[string]any{"number": number}})
	}
	queued := func(user string) *ring {
		for _, call := range s.calls("?state=open").Calls {
			if call.User == user {
				return &call
			}
		}
		return nil
	}
	becomes := func(user, want string) {
		t.Helper()
		s.eventually(user+" is "+want, func() bool { return s.stateOf(user) == want })
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"phone": "+84901230055"}})
	asks("ada", "0901230055")
	s.eventually("ada's call is there", func() bool { return queued("ada") != nil })
	call := queued("ada")
	if call.Number != "+84901230055" {
		t.Errorf("the number is %s", call.Number)
	}
	s.callPost("/"+call.Ref+"/claim", map[string]string{"agent": "Grace"})
	s.callPost("/"+call.Ref+"/close", map[string]string{"agent": "Grace", "disposition": "wrong-number"})
	asks("ada", "")
	becomes("ada", "suppressed suppressed: bounced")
	asks("bob", "+84 90 123 00 55") // who has no telephone
	becomes("bob", "suppressed suppressed: bounced")
	asks("ada", "1900 1234") // whose own number is dead
	s.eventually("the service is to be called", func() bool { return queued("ada") != nil })
	asks("eve", "0901239999")
	s.eventually("a number of which nothing is known is to be called", func() bool { return queued("eve") != nil && queued("eve").Number == "+84901239999" })
}
