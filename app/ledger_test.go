package app_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// ledgerOf reads a page of the list of messages.
func (s *server) ledgerOf(query string) (page struct {
	Messages []struct{ Ref, User, Channel, State, Reason string }
	Next     string
	Looked   int
}) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages?"+query, nil)), &page); err != nil {
		s.t.Fatal(err)
	}
	return page
}

// An operator pauses a channel, sees what waits, cancels one message, and resumes the channel; each message's life says
// what happened to it, to the answer of the customer.
func TestTheLedger(t *testing.T) {
	dir := t.TempDir()
	writeScripts(t, dir, map[string]string{
		"care/journey.lua":                 "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua":                 "stage { title = \"Welcome\" }\n\nenter(function(customer)\n  send \"hello\"\nend)\n",
		"care/messages/hello.email.liquid": "---\nsubject: Hello\nkind: transactional\n---\nHello.\n",
	})
	s := startServer(t, func(c *config.Config) { c.Scripts = dir })
	s.setMode("care", lifecycle.Live)
	orders := s.must("POST", "/api/orders/pause", map[string]string{"channel": "email", "by": "Ops", "why": "a test"})
	if !strings.Contains(orders, `"by":"Ops"`) {
		t.Errorf("the orders are %s", orders)
	}
	s.track("ada", "Signed Up")
	s.track("ben", "Signed Up")
	page := s.ledgerOf("state=queued&channel=email&journey=care&name=hello&kind=transactional")
	if len(page.Messages) != 2 || page.Next != "" || page.Messages[0].Reason != "paused by Ops: a test" {
		t.Fatalf("the ledger is %+v", page)
	}
	ada := s.ledgerOf("customer=ada").Messages
	if len(ada) != 1 || ada[0].User != "ada" {
		t.Fatalf("the messages of ada are %+v", ada)
	}
	ben := s.ledgerOf("customer=ben").Messages[0]
	s.must("POST", "/api/messages/"+url.PathEscape(ben.Ref)+"/cancel", map[string]string{"by": "Ops"})
	s.must("POST", "/api/orders/resume", map[string]string{"channel": "email"})
	s.eventually("the message has left", func() bool { return s.ledgerOf("customer=ada").Messages[0].State == "accepted" })
	if got := s.ledgerOf("customer=ben").Messages[0]; got.State != "cancelled" || got.Reason != "cancelled by Ops" {
		t.Errorf("the cancelled message is %+v", got)
	}
	s.track("ada", "Email Opened", map[string]any{"properties": map[string]string{"message": ada[0].Ref[len(ada[0].Ref)-32:]}})
	var life struct {
		Life []struct{ Kind, Name, File string }
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages/"+ada[0].Ref, nil)), &life); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, step := range life.Life {
		kinds = append(kinds, step.Kind)
	}
	if got := strings.Join(kinds, " "); got != "decided queued resumed policy attempt settled event" || life.Life[0].File != "care/welcome.lua" || life.Life[6].Name != "Email Opened" {
		t.Errorf("the life is %+v", life.Life)
	}
}

func TestTheLedgerRefusesWhatIsWrong(t *testing.T) {
	s := startServer(t)
	for path, field := range map[string]string{
		"/api/messages?state=lost": "state", "/api/messages?kind=x": "kind", "/api/messages?from=today": "from",
		"/api/messages?limit=0": "limit", "/api/messages?cursor=zz": "cursor",
	} {
		if status, answer, _ := s.call("GET", path, nil); status != 400 || !strings.Contains(answer, `"field":"`+field+`"`) {
			t.Errorf("%s is answered %d %s", path, status, answer)
		}
	}
	for _, order := range []string{"cancel", "send"} {
		if status, answer, _ := s.call("POST", "/api/orders/"+order, map[string]string{}); status != 400 {
			t.Errorf("%s of everything is answered %d %s", order, status, answer)
		}
		if status, answer, _ := s.call("POST", "/api/orders/"+order, map[string]string{"journey": "lost"}); status != 400 || !strings.Contains(answer, `"field":"journey"`) {
			t.Errorf("%s of a journey that there is not is answered %d %s", order, status, answer)
		}
	}
	if answer := s.must("POST", "/api/orders/send", map[string]string{"channel": "email"}); answer != `{"sent":0}` {
		t.Errorf("where nothing is held: %s", answer)
	}
}
