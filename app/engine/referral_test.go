package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// codes are referral codes that are the user ID with "code-" before it.
func (h *harness) friends() {
	h.engine.SetReferrals("Order Completed", func(code string) (lifecycle.ID, bool) {
		user, ok := strings.CutPrefix(code, "code-")
		return (lifecycle.Identity{Kind: lifecycle.UserID, Value: user}).Hash(), ok
	})
}

func (h *harness) page(user, address, referrer string) lifecycle.Event {
	h.n++
	context, _ := json.Marshal(map[string]any{"page": map[string]string{"url": address, "referrer": referrer}})
	return lifecycle.Event{Type: lifecycle.Page, Name: lifecycle.PageViewed, UserID: user, MessageID: fmt.Sprint("m", h.n), Context: context}
}

func TestFirstTouch(t *testing.T) {
	h := newHarness(t)
	h.friends()
	for i, c := range []struct{ address, referrer, want string }{
		{"https://shop.example/a?utm_source=news&utm_medium=email&utm_campaign=spring", "https://mail.example/x", "news email spring https://mail.example/x https://shop.example/a"},
		{"https://shop.example/a", "https://www.search.example/?q=tea", "search.example link  https://www.search.example/ https://shop.example/a"},
		{"https://shop.example/a", "https://shop.example/b", "direct    https://shop.example/a"},
		{"https://shop.example/a?ref=code-ada", "", "referral referral   https://shop.example/a"},
		{"https://shop.example/a?ref=hunt", "", "hunt referral   https://shop.example/a"},
		{"::", "", ""},
	} {
		user := fmt.Sprint("user", i)
		h.receive(h.page(user, c.address, c.referrer))
		h.receive(h.page(user, "https://shop.example/z?utm_source=later", ""))
		a, got := h.customer(user).Acquired, ""
		if a != nil {
			got = fmt.Sprint(a.Source, " ", a.Medium, " ", a.Campaign, " ", a.Referrer, " ", a.Landing)
		}
		if c.want != "" && got != c.want {
			t.Errorf("%s\n got: %s\nwant: %s", c.address, got, c.want)
		}
	}
}

func TestAFriendsOrderIsToldOnce(t *testing.T) {
	h := newHarness(t)
	h.friends()
	h.track("ada", "Signed Up")
	h.clock.Advance(time.Minute)
	h.receive(h.page("bob", "https://shop.example/?ref=code-ada", ""))
	h.clock.Advance(time.Hour)
	public := h.event("bob", "Order Completed", "revenue", 10)
	public.Public = true
	h.receive(public)
	h.restart()
	h.friends()
	h.track("bob", "Order Completed", "revenue", 20, "order_id", "o-1")
	h.track("bob", "Order Completed", "revenue", 30)
	told := func(user string) (all []string) {
		found, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: user})
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range found.Timeline {
			if entry.Event != nil && entry.Event.Name == "Referral Converted" {
				all = append(all, string(entry.Event.Properties))
			}
		}
		return all
	}
	h.eventually(func() bool { return len(told("ada")) > 0 })
	if all := told("ada"); len(all) != 1 || !strings.Contains(all[0], `"revenue":20`) || !strings.Contains(all[0], `"order_id":"o-1"`) {
		t.Errorf("ada was told %v", all)
	}
	// A circle: ada, who was here first, comes by a link of bob's; and somebody by their own.
	h.receive(h.page("ada", "https://shop.example/?ref=code-bob", ""), h.page("eve", "https://shop.example/?ref=code-eve", ""))
	h.track("ada", "Order Completed")
	h.track("eve", "Order Completed")
	h.eventually(func() bool {
		found, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "bob"})
		return err == nil && len(found.Timeline) > 0
	})
	h.eventually(func() bool { return h.customer("ada").Clock.Equal(h.clock.Now()) })
	if all := append(told("bob"), told("eve")...); len(all) != 0 {
		t.Errorf("told in a circle: %v", all)
	}
	if by := h.customer("eve").Acquired.By; !by.IsZero() {
		t.Error("eve brought herself")
	}
}

// Only the first order counts: who has ordered before and then follows a friend's link was brought by nobody.
func TestAnOrderAfterOthersIsNoFriends(t *testing.T) {
	for _, event := range []string{"Order Completed", "Subscribed"} {
		h := newHarness(t)
		h.engine.SetReferrals(event, func(code string) (lifecycle.ID, bool) {
			return (lifecycle.Identity{Kind: lifecycle.UserID, Value: code}).Hash(), true
		})
		h.track("ada", "Signed Up")
		h.clock.Advance(time.Minute)
		for range 3 {
			h.track("bob", event, "revenue", 10)
		}
		public := h.event("eve", event)
		public.Public = true
		h.receive(public) // proves nothing
		h.clock.Advance(time.Hour)
		for _, friend := range []string{"bob", "eve"} {
			h.receive(h.page(friend, "https://shop.example/?ref=ada", ""))
			h.clock.Advance(time.Hour)
			h.track(friend, event, "order_id", friend)
		}
		var told []string
		h.eventually(func() bool {
			found, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			told = nil
			for _, entry := range found.Timeline {
				if entry.Event != nil && entry.Event.Name == "Referral Converted" {
					told = append(told, string(entry.Event.Properties))
				}
			}
			return strings.Contains(fmt.Sprint(told), `"order_id":"eve"`)
		})
		if len(told) != 1 {
			t.Errorf("%s: ada was told %v", event, told)
		}
	}
}

func TestApplicantsAreForgotten(t *testing.T) {
	h := newHarness(t, journey("trial", `journey { title = "T", stages = { "a" } }`, "a", `stage { title = "A" } enter(function() log "entered" end)`))
	program, err := h.host.Compile(journey("forms", `journey { title = "F", stages = { "asked" } }`, "asked", `stage { title = "A" }`))
	if err != nil {
		t.Fatal(err)
	}
	applicant := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "applicant:x"}
	take := func(id string) lifecycle.ID {
		a := engine.Application{ID: lifecycle.HashID(id), Form: "f", Event: lifecycle.Event{AnonymousID: "subscriber:x", Traits: json.RawMessage(`{"email":"x@example.com"}`)},
			Words: []lifecycle.Consent{{Channel: "email", Granted: true, Source: "form f"}}}
		if err := h.engine.TakeApplication(context.Background(), a, applicant.Value, "x@example.com", "en", engine.Question{Messages: program, Name: "hello", URL: "u"}); err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	first := take("1")
	take("1")
	figures := func() engine.FormCounts {
		all, err := h.engine.FormFigures(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return all["f"]
	}
	if f := figures(); f.Sent != 1 || f.Waiting != 1 {
		t.Errorf("%+v", f)
	}
	h.restart()
	if a, err := h.engine.Confirm(context.Background(), applicant.Hash(), first, lifecycle.ID{}, nil); err != nil || a.Confirmed.IsZero() {
		t.Fatal(err)
	}
	h.eventually(func() bool {
		found, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "subscriber:x"})
		return err == nil && len(found.Customer.Consents) == 1 && found.Customer.Visit("trial") != nil
	})
	take("2")
	h.clock.Advance(engine.ApplicationLife + 2*time.Hour)
	h.eventually(func() bool {
		_, err := h.engine.Customer(context.Background(), applicant)
		return lifecycle.CodeOf(err) == lifecycle.NotFound
	})
	if f := figures(); f.Sent != 2 || f.Confirmed != 1 || f.Expired != 1 || f.Waiting != 0 {
		t.Errorf("%+v", f)
	}
	if _, err := h.engine.Confirm(context.Background(), applicant.Hash(), first, lifecycle.ID{}, nil); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("an old link: %v", err)
	}
}
