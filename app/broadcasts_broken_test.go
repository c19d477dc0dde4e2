package app_test

import (
	"fmt"
	"stagecraft/app/lifecycle"
	"strings"
	"testing"

	"stagecraft/app/engine"
)

// A stop or a pause that was broken off before the queue had heard of it is finished at the next start, before anything leaves,
// or when it is said again.
func TestABrokenStopHoldsTheQueue(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(8)
	s.must("POST", "/api/orders/pause", `{"channel": "email", "by": "ada"}`)
	draft := strings.Replace(saleDraft, `{"where": [{"trait": "plan", "is": "equal", "value": "pro"}]}`, `{"everybody": true}`, 1)
	queued := func(name string) int64 {
		b := s.broadcast("GET", name, nil)
		return b.Figures[0].Queued + b.Figures[1].Queued
	}
	for name, state := range map[string]engine.BroadcastState{"stopped": engine.BroadcastStopped, "paused": engine.BroadcastPaused, "again": engine.BroadcastStopped, "removed": engine.BroadcastStopped} {
		s.broadcast("PUT", name, draft)
		s.must("POST", "/api/broadcasts/"+name+"/start", "{}")
		s.eventually("all are let in", func() bool { return s.broadcast("GET", name, nil).Let == 8 && queued(name) >= 6 })
		if err := s.app.BreakBroadcast(name, state); err != nil {
			t.Fatal(err)
		}
	}
	s.must("POST", "/api/broadcasts/again/stop", `{"by": "ada"}`)
	s.eventually("what was stopped again is cancelled", func() bool { return queued("again") == 0 })
	s.must("DELETE", "/api/broadcasts/removed", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.must("POST", "/api/orders/resume", `{"channel": "email"}`)
	s.eventually("what was stopped is cancelled", func() bool { return queued("stopped") == 0 })
	orders := s.must("GET", "/api/orders", nil)
	if !strings.Contains(orders, `"journey":"broadcast.paused"`) || strings.Count(orders, `"journey":"broadcast.stopped"`) != 1 || !strings.Contains(orders, `"journey":"broadcast.removed"`) {
		t.Errorf("the orders are %s", orders)
	}
	s.must("POST", "/v1/identify", `{"userId": "u0", "traits": {"plan": "gone by"}}`)
	if n := queued("paused"); n < 6 {
		t.Errorf("%d of what is paused wait", n)
	}
	if mails := s.mails(); len(mails) > 0 {
		t.Errorf("%d mails have left", len(mails))
	}
	if status, text, _ := s.call("DELETE", "/api/broadcasts/paused", nil); status != 409 || !strings.Contains(text, "stop it first") {
		t.Errorf("removed while it was paused: %d %s", status, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if orders := s.must("GET", "/api/orders", nil); strings.Count(orders, `"journey":"broadcast.stopped"`) != 1 {
		t.Errorf("it was cancelled once more: %s", orders)
	}
}

// Whoever is erased while their message is queued keeps no broadcast from being done.
func TestABroadcastToSomebodyWhoIsErased(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.people(4)
	s.must("POST", "/api/orders/pause", `{"channel": "email", "by": "ada"}`)
	s.broadcast("PUT", "sale", saleDraft)
	s.must("POST", "/api/broadcasts/sale/start", "{}")
	s.eventually("both are let in", func() bool { return s.broadcast("GET", "sale", nil).Let == 2 })
	s.must("POST", "/v1/customers/u1/erase", nil)
	s.must("POST", "/v1/customers/u3/erase", nil)
	var b broadcastAnswer
	s.eventually("their messages are gone", func() bool {
		b = s.broadcast("GET", "sale", nil)
		return b.Figures[0].Queued+b.Figures[1].Queued == 0
	})
	if b.Figures[0].Cancelled+b.Figures[1].Cancelled != 2 || b.Status != "done" {
		t.Errorf("%+v", b)
	}
	for _, r := range b.Reasons {
		if r.State != "cancelled" || r.Reason != "erased" {
			t.Errorf("the reasons are %+v", b.Reasons)
		}
	}
}

// Two who become one while the message waits get it once, whichever of them stays and whichever of them was meant, by marketing
// and by what is owed.
func TestABroadcastToPairsWhoBecomeOne(t *testing.T) {
	for _, kind := range []string{"marketing", "transactional"} {
		for _, meant := range []string{"one", "both"} {
			t.Run(kind+" "+meant, func(t *testing.T) {
				s := startServer(t, withScripts(t, owing()))
				const pairs = 12
				rows := "userId,code\n"
				for i := range pairs {
					for _, name := range []string{"p", "pp"} {
						s.must("POST", "/v1/identify", fmt.Sprintf(`{"userId": "%s%d", "traits": {"email": "%s%d@example.com"}}`, name, i, name, i))
						if name == "p" || meant == "both" {
							rows += fmt.Sprintf("%s%d,X%d\n", name, i, i)
						}
					}
				}
				s.broadcast("PUT", "pairs", `{"audience": {"list": true}, "parts": [{"texts": {"email": "---\nsubject: Code {{ event.properties.code }}!\nkind: `+kind+`\n---\nHi\n"}}]}`)
				s.must("POST", "/api/broadcasts/pairs/list", rows)
				s.must("POST", "/api/orders/pause", `{"channel": "email", "by": "ada"}`)
				s.must("POST", "/api/broadcasts/pairs/start", "{}")
				s.eventually("all are let in", func() bool { b := s.broadcast("GET", "pairs", nil); return b.Let == b.Listed })
				for i := range pairs {
					s.must("POST", "/v1/alias", fmt.Sprintf(`{"previousId": "p%d", "userId": "pp%d"}`, i, i))
				}
				for i := range pairs {
					s.eventually("they are one", func() bool {
						return s.must("GET", fmt.Sprintf("/v1/customers/p%d/replay", i), nil) == s.must("GET", fmt.Sprintf("/v1/customers/pp%d/replay", i), nil)
					})
				}
				s.must("POST", "/api/orders/resume", `{"channel": "email"}`)
				s.eventually("all have left", func() bool {
					b := s.broadcast("GET", "pairs", nil)
					return b.Status == "done" && b.Figures[0].Sent >= pairs
				})
				mails := strings.Join(s.mails(), " ")
				for i := range pairs {
					if n := strings.Count(mails, fmt.Sprintf(`"subject":"Code X%d!"`, i)); n != 1 {
						t.Errorf("pair %d got %d", i, n)
					}
				}
			})
		}
	}
}

// Three who become one, of whom one has got the message and another one waits for it: whichever of them comes first, the third
// gets it no more.
func TestABroadcastToThreeWhoBecomeOne(t *testing.T) {
	for _, first := range []string{"who has it", "who waits"} {
		t.Run(first, func(t *testing.T) {
			s := startServer(t, withScripts(t, owing()))
			families := 0 // in which the third stays, whom nothing was meant for
			rows, hash := "userId,code\n", func(name string) string {
				return lifecycle.Identity{Kind: lifecycle.UserID, Value: name}.Hash().String()
			}
			var list []int
			for i := 0; families < 24; i++ {
				if hash(fmt.Sprint("b", i)) > min(hash(fmt.Sprint("a", i)), hash(fmt.Sprint("c", i))) {
					continue
				}
				families, list = families+1, append(list, i)
				for _, name := range []string{"a", "b", "c"} {
					s.must("POST", "/v1/identify", fmt.Sprintf(`{"userId": "%s%d", "traits": {"email": "%s%d@example.com"}}`, name, i, name, i))
				}
				rows += fmt.Sprintf("a%d,X%d\nc%d,X%d\n", i, i, i, i)
			}
			const part = `{"share": 50, "texts": {"email": "---\nsubject: Code {{ event.properties.code }}!\nkind: marketing\n---\nHi\n"}}`
			s.broadcast("PUT", "families", `{"audience": {"list": true}, "parts": [`+part+`, `+part+`]}`)
			s.must("POST", "/api/broadcasts/families/list", rows)
			s.must("POST", "/api/orders/pause", `{"journey": "broadcast.families", "name": "b", "by": "ada"}`)
			s.must("POST", "/api/broadcasts/families/start", "{}")
			sent := 0
			s.eventually("part a has left", func() bool {
				b := s.broadcast("GET", "families", nil)
				sent = int(b.Figures[0].Sent)
				return b.Let == b.Listed && int64(sent) == int64(b.Figures[0].Decided)
			})
			s.eventually("the mails are there", func() bool { return len(s.mails()) == sent })
			mails := strings.Join(s.mails(), " ")
			has := func(name string, i int) bool {
				return strings.Contains(mails, fmt.Sprintf(`"%s%d@example.com`, name, i))
			}
			same := func(one, other string) bool {
				return s.must("GET", "/v1/customers/"+one+"/replay", nil) == s.must("GET", "/v1/customers/"+other+"/replay", nil)
			}
			mixed := 0
			for _, i := range list {
				if has("a", i) == has("c", i) {
					continue
				}
				mixed++
				order := []string{"a", "c"}
				if has("a", i) != (first == "who has it") {
					order = []string{"c", "a"}
				}
				third := fmt.Sprint("b", i)
				for _, name := range order {
					one := fmt.Sprint(name, i)
					s.must("POST", "/v1/alias", fmt.Sprintf(`{"previousId": "%s", "userId": "%s"}`, one, third))
					s.eventually("they are one", func() bool { return same(one, third) })
				}
			}
			if mixed == 0 {
				t.Fatal("the parts are not mixed")
			}
			s.must("POST", "/api/orders/resume", `{"journey": "broadcast.families", "name": "b"}`)
			s.eventually("it is done", func() bool { return s.broadcast("GET", "families", nil).Status == "done" })
			mails = strings.Join(s.mails(), " ")
			for _, i := range list {
				if n := strings.Count(mails, fmt.Sprintf(`"subject":"Code X%d!"`, i)); n != 1 && n != 2 {
					t.Errorf("family %d got %d", i, n)
				}
			}
			want := 2*(families-mixed) + mixed
			if n := strings.Count(mails, `"subject":"Code X`); n != want {
				t.Errorf("there are %d mails, want %d: %d families of one, of whom one had it", n, want, mixed)
			}
		})
	}
}
