package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

type broadcastAnswer struct {
	Status                        string
	Let, Listed, Heldout, Waiting int64
	Figures                       []struct {
		Name                                                 string
		Decided, Sent, Suppressed, Queued, Opened, Cancelled int64
	}
	Reasons []struct {
		State, Reason string
		Count         int64
	}
	Script []struct{ File, Text string }
	Pauses []struct{ Channel, Journey, Name, Kind, By, Why string }
}

func (s *server) broadcast(method, path string, body any) (b broadcastAnswer) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must(method, "/api/broadcasts/"+path, body)), &b); err != nil {
		s.t.Fatal(err)
	}
	return b
}

// people makes customers with mail addresses; every fourth has refused mail.
func (s *server) people(n int) {
	s.t.Helper()
	for i := range n {
		traits := fmt.Sprintf(`{"email": "u%d@example.com", "plan": "%s"%s}`, i, []string{"free", "pro"}[i%2], map[bool]string{true: `, "unsubscribed": true`}[i%4 == 1])
		s.must("POST", "/v1/identify", fmt.Sprintf(`{"userId": "u%d", "traits": %s}`, i, traits))
	}
}

const saleDraft = `{"title": "Sale", "audience": {"where": [{"trait": "plan", "is": "equal", "value": "pro"}]},
	"parts": [{"share": 50, "texts": {"email": "---\nsubject: Sale\n---\nHi {{ customer.email }}\n"}},
	          {"share": 50, "subject": "Last day", "texts": {"email": "---\nsubject: Sale\n---\nHello\n"}}]}`

// From the draft to the figures: whom it would reach, a preview, a test, and what became of it.
func TestABroadcast(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(40)
	draft := s.broadcast("PUT", "sale", saleDraft)
	if draft.Status != "draft" || len(draft.Script) != 2 || !strings.Contains(draft.Script[1].Text, `split("sale", "a", "b", { weights = { 50, 50 } })`) {
		t.Fatalf("%+v", draft)
	}
	var ahead struct {
		Matched, Reached int64
		Kept, Parts      map[string]int64
		Complete         bool
	}
	if err := json.Unmarshal([]byte(s.must("POST", "/api/broadcasts/sale/ahead", "{}")), &ahead); err != nil {
		t.Fatal(err)
	}
	if ahead.Matched != 20 || ahead.Reached != 10 || ahead.Kept["opted out"] != 10 || !ahead.Complete {
		t.Errorf("ahead: %+v", ahead)
	}
	if preview := s.must("POST", "/api/broadcasts/sale/preview", `{"user": "u3", "part": "b"}`); !strings.Contains(preview, `"subject":"Last day"`) {
		t.Errorf("the preview is %s", preview)
	}
	s.must("POST", "/api/broadcasts/sale/test", `{"user": "u3", "part": "a", "to": ["me@example.com", "you@example.com"]}`)
	s.eventually("the tests leave", func() bool { return len(s.mails()) == 2 })
	if mail := s.mails()[0]; !strings.Contains(mail, "[Test] Sale") {
		t.Errorf("the test is %s", mail)
	}
	many := `"` + strings.Repeat(`x@example.com", "`, 19) + `x@example.com"`
	for _, want := range []int{200, 429} { // with the two before, more than may be sent in a minute
		if status, text, _ := s.call("POST", "/api/broadcasts/sale/test", `{"user": "u1", "to": [`+many+`]}`); status != want {
			t.Errorf("many tests: %d %s", status, text)
		}
	}
	s.eventually("those leave", func() bool { return len(s.mails()) == 22 })
	s.must("POST", "/api/broadcasts/sale/start", `{"by": "ada"}`)
	var done broadcastAnswer
	s.eventually("it is done", func() bool { done = s.broadcast("GET", "sale", nil); return done.Status == "done" })
	if done.Let != 20 || done.Figures[0].Sent+done.Figures[1].Sent != 10 || done.Figures[0].Sent != ahead.Parts["a"] {
		t.Errorf("done: %+v", done)
	}
	kept := int64(0)
	for _, r := range done.Reasons {
		if r.State == "suppressed" && r.Reason == "opted out" {
			kept += r.Count
		}
	}
	if kept != 10 {
		t.Errorf("the reasons are %+v", done.Reasons)
	}
	s.must("POST", "/v1/track", `{"userId": "u3", "event": "Order Completed", "properties": {"total": 5}}`)
	s.must("POST", "/v1/alias", `{"previousId": "u7", "userId": "u3"}`)
	s.eventually("they are one", func() bool {
		one := s.must("GET", "/v1/customers/u7/replay", nil)
		return one == s.must("GET", "/v1/customers/u3/replay", nil)
	})
	for _, user := range []string{"u1", "u2", "u3"} { // refused, not meant, got it and became one with another who did
		s.replaysEqual(user)
	}
	if why := s.must("GET", "/v1/customers/u3/why", nil); strings.Contains(why, "may differ") {
		t.Errorf("why: %s", why)
	}
	if len(s.mails()) != 32 {
		t.Errorf("%d mails", len(s.mails()))
	}
	if overview := s.must("GET", "/api/overview", nil); strings.Contains(overview, `"name":"broadcast.sale"`) {
		t.Error("it stands among the journeys")
	}
	if list := s.must("GET", "/api/broadcasts", nil); !strings.Contains(list, `"status":"done"`) || strings.Contains(list, "Hello") {
		t.Errorf("the list is %s", list)
	}
	if status, text, _ := s.call("PUT", "/api/broadcasts/sale", saleDraft); status != 409 {
		t.Errorf("changed after its start: %d %s", status, text)
	}
	if status, text, _ := s.call("POST", "/api/broadcasts/sale/pause", `{"by": "ada"}`); status != 409 || !strings.Contains(text, "is done") {
		t.Errorf("paused when it was done: %d %s", status, text)
	}
	if b := s.broadcast("GET", "sale", nil); b.Status != "done" {
		t.Errorf("it is %s then", b.Status)
	}
	s.must("DELETE", "/api/broadcasts/sale", nil)
	if status, text, _ := s.call("PUT", "/api/broadcasts/other", `{"audience": {"everybody": true}, "parts": [{"texts": {"email": "---\nsubject: x\n---\n{{ customer.name"}}]}`); status != 400 || !strings.Contains(text, "message.email.liquid") {
		t.Errorf("a broken text: %d %s", status, text)
	}
}

// Who looks at a broadcast whose messages do not leave is told what holds them: also a pause that is not the broadcast's own.
func TestABroadcastSaysWhatHoldsItsMessages(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(12)
	pauses := func(when, status string, want ...string) {
		t.Helper()
		var b broadcastAnswer
		s.eventually(when, func() bool { b = s.broadcast("GET", "sale", nil); return b.Status == status })
		got := []string{}
		for _, p := range b.Pauses {
			got = append(got, strings.Join(strings.Fields(fmt.Sprint(p.Channel, " ", p.Journey, " ", p.Name, " ", p.Kind, " by ", p.By, " ", p.Why)), " "))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: held by %v, want %v", when, got, want)
		}
	}
	s.broadcast("PUT", "sale", saleDraft)
	if status, text, _ := s.call("PUT", "/api/broadcasts/sale?new=true", saleDraft); status != 409 || !strings.Contains(text, "there is a broadcast sale already") {
		t.Errorf("a new one of the same name: %d %s", status, text)
	}
	s.broadcast("PUT", "another?new=true", saleDraft)
	const bounced = "email marketing by grace too many bounces"
	for _, order := range []string{
		`{"channel": "email", "kind": "marketing", "by": "grace", "why": "too many bounces"}`,
		`{"channel": "email", "kind": "transactional", "by": "ada"}`, `{"channel": "sms", "by": "ada"}`, `{"journey": "broadcast.sale", "name": "other", "by": "ada"}`,
	} {
		s.must("POST", "/api/orders/pause", order)
	}
	pauses("of a draft nothing is held", "draft")
	s.must("POST", "/api/broadcasts/sale/start", `{"by": "ada"}`)
	pauses("marketing by mail is paused", "sending", bounced)
	s.must("POST", "/api/broadcasts/sale/pause", `{"by": "ada", "why": "a typo"}`)
	pauses("and so is the broadcast", "paused", bounced, "broadcast.sale by ada a typo")
	s.must("POST", "/api/broadcasts/sale/resume", `{"by": "ada"}`)
	pauses("and goes on", "sending", bounced)
	s.must("POST", "/api/orders/pause", `{"name": "b", "by": "ada"}`)
	pauses("one of its messages is paused", "sending", bounced, "b by ada")
	s.must("POST", "/api/orders/resume", `{"name": "b"}`)
	s.must("POST", "/api/orders/resume", `{"channel": "email", "kind": "marketing"}`)
	pauses("all has left", "done")
}

// A list with columns of its own; paused, over a restart, resumed, stopped.
func TestABroadcastToAListIsPausedAndStopped(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(12)
	s.broadcast("PUT", "codes", `{"audience": {"list": true}, "parts": [{"texts": {"email": "---\nsubject: Code {{ event.properties.code }}\nkind: transactional\n---\nHi\n"}}]}`)
	added := s.must("POST", "/api/broadcasts/codes/list", "email,code\nu1@example.com,A1\nU2@example.com,A2\nno@example.com,A3\n")
	if !strings.Contains(added, `"added":2,"again":0,"unknown":1,"names":["no@example.com"]`) {
		t.Errorf("added: %s", added)
	}
	s.must("POST", "/api/orders/pause", `{"channel": "email", "by": "ada"}`)
	s.must("POST", "/api/broadcasts/codes/start", "{}")
	s.eventually("both wait", func() bool { b := s.broadcast("GET", "codes", nil); return b.Let == 2 && b.Figures[0].Queued == 2 })
	if b := s.broadcast("POST", "codes/pause", `{"by": "ada"}`); b.Status != "paused" {
		t.Errorf("%+v", b)
	}
	s.must("POST", "/api/orders/resume", `{"channel": "email"}`)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if b := s.broadcast("GET", "codes", nil); b.Status != "paused" || b.Figures[0].Queued != 2 {
		t.Errorf("after a restart: %+v", b)
	}
	s.must("POST", "/api/broadcasts/codes/resume", "{}")
	s.eventually("both leave", func() bool { return s.broadcast("GET", "codes", nil).Figures[0].Sent == 2 })
	s.replaysEqual("u1")
	s.replaysEqual("u2")
	if mails := strings.Join(s.mails(), " "); !strings.Contains(mails, "Code A1") || !strings.Contains(mails, "Code A2") {
		t.Errorf("the mails are %s", mails)
	}

	s.broadcast("PUT", "never", saleDraft)
	s.must("POST", "/api/orders/pause", `{"channel": "email", "by": "ada"}`)
	s.must("POST", "/api/broadcasts/never/start", "{}")
	s.eventually("all are let in", func() bool { return s.broadcast("GET", "never", nil).Let == 6 })
	s.must("POST", "/api/broadcasts/never/stop", `{"by": "ada", "why": "a wrong price"}`)
	s.must("POST", "/api/orders/resume", `{"channel": "email"}`)
	s.eventually("what is queued is cancelled", func() bool {
		b := s.broadcast("GET", "never", nil)
		return b.Status == "stopped" && b.Figures[0].Cancelled+b.Figures[1].Cancelled == 6
	})
	if len(s.mails()) != 2 {
		t.Errorf("%d mails", len(s.mails()))
	}
	s.must("DELETE", "/api/broadcasts/never", nil)
	if status, _, _ := s.call("GET", "/api/broadcasts/never", nil); status != 404 {
		t.Errorf("after it was removed: %d", status)
	}
}
