package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// ring is what the tests look at of a call.
type ring struct {
	Ref, Called, User, Number, Reason, Text, Priority, State, Agent, Disposition string
	Known                                                                        *struct {
		Traits map[string]any
		Events []struct{ Name string }
	}
}

func (s *server) calls(query string) (list struct {
	Calls        []ring
	Waiting      int
	Dispositions []string
}) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("GET", "/v1/calls"+query, nil)), &list); err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *server) callPost(path string, body any) (call ring) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("POST", "/v1/calls"+path, body)), &call); err != nil {
		s.t.Fatal(err)
	}
	return call
}

// A script has a customer called, waits for how it ended, and goes by it; who refuses is not called again.
func TestACallCentre(t *testing.T) {
	dir := t.TempDir()
	writeScripts(t, dir, map[string]string{
		"care/journey.lua": "journey { title = \"Care\", stages = { \"new\" } }\n",
		"care/new.lua": `stage { title = "New" }

enter(function(customer)
  local call = send "welcome"
  local ended = wait_for(call, "completed", "2 days")
  if ended then set("outcome", ended.properties.disposition .. " by " .. ended.properties.agent) end
end)

on("Call Rescheduled", function(customer, event)
  set("until", event.properties["until"])
end)

on("Signed Up Again", function(customer)
  send "offer"
end)
`,
		"care/messages/welcome.call.liquid": "---\nkind: transactional\nreason: New customer {{ customer.traits.name }}\npriority: low\n---\nGood morning, {{ customer.traits.name }}.\n\nHow do you like it?\n",
		"care/messages/offer.call.liquid":   "---\nsubject: An offer\n---\nWe have an offer.\n",
	})
	s := startServer(t, func(c *config.Config) {
		c.Scripts, c.CallDispositions, c.Policy.Preset = dir, []string{"interested"}, "none"
	})
	s.setMode("care", lifecycle.Live)
	s.track("ada", "Signed Up", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84 24 3825 0000", "name": "Ada <b>"}}})
	s.eventually("the call is in the queue", func() bool { return s.calls("").Waiting == 1 })
	list := s.calls("?state=open&limit=10")
	if len(list.Calls) != 1 || list.Dispositions[len(list.Dispositions)-1] != "interested" {
		t.Fatalf("%+v", list)
	}
	call := list.Calls[0]
	if call.Number != "+842438250000" || call.Text != "Good morning, Ada <b>.\n\nHow do you like it?\n" || call.User != "ada" || call.State != "open" ||
		call.Reason != "New customer Ada <b>" || call.Priority != "low" || call.Called != "Ada <b>" {
		t.Errorf("%+v", call)
	}
	inLedger := func() string { // where the call stands: that the queue has taken it does not mean that anybody was called
		for _, m := range s.overview().Messages {
			if m.Name == "welcome" {
				return m.State + ", " + m.Call
			}
		}
		return "not listed"
	}
	s.eventually("the ledger says that it waits for an agent", func() bool { return inLedger() == "accepted, open" })
	for path, body := range map[string]string{
		"/v1/calls/x/claim": `{"agent": "Grace"}`, "/v1/calls/next": `{"agent": ""}`,
		"/v1/calls/" + call.Ref + "/close": `{"agent": "Grace", "disposition": "call-back", "until": "tomorrow"}`, "/v1/calls/" + call.Ref + "/claim": `[]`,
	} {
		if status, text, _ := s.call("POST", path, body); status != http.StatusBadRequest && status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for _, query := range []string{"?state=all", "?limit=0", "?limit=x"} {
		if status, text, _ := s.call("GET", "/v1/calls"+query, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, status, text)
		}
	}
	if status, _, _ := s.call("POST", "/v1/calls/next", `{"agent": "Mallory"}`, func(r *http.Request) { r.Header.Del("X-Stagecraft") }); status != http.StatusUnauthorized {
		t.Errorf("another page can claim calls: %d", status)
	}
	var next struct{ Call *ring }
	claim := func() {
		t.Helper()
		next.Call = nil
		if err := json.Unmarshal([]byte(s.must("POST", "/v1/calls/next", `{"agent": "Grace"}`)), &next); err != nil {
			t.Fatal(err)
		}
	}
	if claim(); next.Call == nil || next.Call.Ref != call.Ref || next.Call.State != "claimed" || next.Call.Agent != "Grace" {
		t.Errorf("%+v", next.Call)
	}
	first := next.Call.Ref
	if claim(); next.Call != nil {
		t.Errorf("there is another call: %+v", next.Call)
	}
	var shown ring
	if err := json.Unmarshal([]byte(s.must("GET", "/v1/calls/"+call.Ref, nil)), &shown); err != nil || shown.Known == nil ||
		shown.Known.Traits["name"] != "Ada <b>" || len(shown.Known.Events) == 0 {
		t.Errorf("%+v, %v", shown, err)
	}
	trait := func(name string) any {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must("GET", "/v1/calls/"+first, nil)), &shown); err != nil {
			t.Fatal(err)
		}
		return shown.Known.Traits[name]
	}
	if status, text, _ := s.call("POST", "/v1/calls/"+call.Ref+"/claim", `{"agent": "Edsger"}`); status != http.StatusConflict || !strings.Contains(text, "Grace has this call") {
		t.Errorf("%d %s", status, text)
	}
	s.callPost("/"+call.Ref+"/close", map[string]string{"agent": "Grace", "disposition": "interested", "note": "Call the sister, too"})
	s.eventually("the script goes on", func() bool { return trait("outcome") == "interested by Grace" })
	if stands := inLedger(); stands != "accepted, closed" {
		t.Errorf("afterwards the ledger says %s", stands)
	}

	s.track("ada", "Signed Up Again")
	s.eventually("the offer is in the queue", func() bool { return s.calls("").Waiting == 1 })
	claim()
	offer := next.Call.Ref
	if next.Call.Reason != "An offer" || next.Call.Priority != "normal" {
		t.Errorf("%+v", next.Call)
	}
	s.callPost("/"+offer+"/release", map[string]string{"agent": "Grace"})
	s.callPost("/"+offer+"/claim", map[string]string{"agent": "Edsger"})
	s.callPost("/"+offer+"/close", map[string]string{"agent": "Edsger", "disposition": "refused"})
	s.track("ada", "Signed Up Again")
	s.eventually("the customer is not called again", func() bool {
		for _, m := range s.overview().Messages {
			if m.Name == "offer" && m.State == "suppressed" && m.Reason == "opted out: call" {
				return true
			}
		}
		return false
	})
	if closed := s.calls("?state=closed").Calls; len(closed) != 2 || closed[0].Disposition != "refused" || closed[1].Disposition != "interested" {
		t.Errorf("%+v", closed)
	}
	if list := s.calls(""); list.Waiting != 0 {
		t.Errorf("%+v", list)
	}

	// What is owed is still said, until the number turns out to be somebody else's.
	s.track("bob", "Signed Up", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+442079460000", "name": "Bob"}}})
	s.eventually("the call is in the queue", func() bool { return s.calls("").Waiting == 1 })
	claim()
	first = next.Call.Ref
	until := "2099-01-01T00:00:00Z"
	if status, _, _ := s.call("POST", "/v1/calls/"+first+"/close", map[string]string{"agent": "Grace", "disposition": "call-back", "until": until}); status != http.StatusBadRequest {
		t.Errorf("a call back in %s: %d", until, status)
	}
	s.callPost("/"+first+"/close", map[string]string{"agent": "Grace", "disposition": "wrong-number"})
	s.eventually("the script goes on", func() bool { return trait("outcome") == "wrong-number by Grace" })
}
