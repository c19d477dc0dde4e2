package app_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// What waits for the morning is not sent to whoever left its stage, also where the event that made them leave came in one batch
// with the one that sent it, and so has the same time. What the leaving itself says is sent, and so is what is for who came back.
func TestWhatWaitsIsNotForWhoLeftInTheSameBatch(t *testing.T) {
	every := [7]bool{true, true, true, true, true, true, true}
	w := newLived(t, delivery.Policy{Hours: map[string][]delivery.Hours{"email": {{Days: every, From: 13 * 60, To: 14 * 60}}}})
	defer w.store.Close()
	w.publish(map[string]string{
		"journey.lua": `journey { title = "Club", stages = { "new", "old" }, moves = { ["new"] = { "old" }, ["old"] = { "new" } } }`,
		"new.lua": `stage { title = "New" }
on("Offered", function() send "offer" end)
on("Bought", function() move "old" end)
on("Ended", function() send "offer" move "old" end)
on("Thanked", function() send "offer" track "Grown" end)
on("Grown", function() move "old" end)
`,
		"old.lua":                     "stage { title = \"Old\" }\non(\"Back\", function() move \"new\" end)\n",
		"messages/offer.email.liquid": "---\nsubject: Offer\n---\nOffer\n",
	})
	at := w.clock.Now()
	batches := map[string][]string{"stays": {"Offered"}, "leaves": {"Offered", "Bought"}, "leaving": {"Ended"}, "follows": {"Thanked"}, "back": {"Offered", "Bought", "Back"}}
	for user, names := range batches {
		w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: user, Traits: []byte(`{"email":"` + user + `@shop.example"}`), Timestamp: at})
		var batch []lifecycle.Event
		for _, name := range names {
			batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: name, UserID: user, MessageID: user + name, Timestamp: at})
		}
		w.settled(batch...)
	}
	w.clock.Set(at.Add(time.Hour + time.Minute))
	for user := range batches {
		w.handOver(user)
		want := lifecycle.Accepted
		if user == "leaves" {
			want = lifecycle.Suppressed
		}
		id := lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
		page, err := w.delivery.Ledger(context.Background(), delivery.Filter{Customers: []lifecycle.ID{id}}, nil, 10)
		w.must(err)
		if len(page.Messages) != 1 || page.Messages[0].State != want {
			t.Errorf("%s: %+v, want %s", user, page.Messages, want)
		}
	}
}
