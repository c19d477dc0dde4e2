package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// postman takes every message at once, and knows where it went.
type postman struct {
	taker
	to []string
}

func (p *postman) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	for _, m := range batch {
		p.to = append(p.to, m.To)
	}
	return p.taker.Send(ctx, batch)
}

// asking is a journey that writes to whoever asks.
func asking() map[string]string {
	return map[string]string{
		"journey.lua":                 `journey { title = "Club", stages = { "new" } }`,
		"new.lua":                     "stage { title = \"New\" }\non(\"Asked\", function() send \"welcome\" end)",
		"messages/welcome.sms.liquid": "---\nkind: transactional\n---\nHello.\n",
	}
}

// work lets the partition of somebody's name do what it would, and no other.
func (w *lived) work(kind lifecycle.IdentityKind, name string) {
	w.t.Helper()
	w.must(w.engine.Chores(context.Background(), lifecycle.Identity{Kind: kind, Value: name}.Hash().Partition()))
}

// seqs returns the number of the newest entry of whoever the visitor became that no event caused and that has a fact of a kind.
func (w *lived) seqs(kind lifecycle.FactKind) (seq uint64) {
	w.t.Helper()
	page, err := w.engine.Lived(context.Background(), userID("ada"), engine.LivedPlace{}, 100)
	w.must(err)
	for _, entry := range page.Entries {
		for _, fact := range entry.Facts {
			if fact.Kind == kind && entry.Event == nil && entry.From.IsZero() {
				seq = max(seq, entry.Seq)
			}
		}
	}
	return seq
}

// TestWhatIsOwedComesAfterTheAddress has a message claimed whose customer has just become part of somebody else, at a time that
// a clock read before: their address is still on its way. Then the same with two steps to whom they are in the end.
func TestWhatIsOwedComesAfterTheAddress(t *testing.T) {
	for _, before := range []time.Duration{0, time.Second} {
		for _, steps := range []int{1, 2} {
			t.Run(fmt.Sprintf("%v before, %d steps", before, steps), func(t *testing.T) {
				w := newLived(t, delivery.Policy{})
				defer w.store.Close()
				w.delivery.SetHeirs(w.engine)
				sent := &postman{}
				w.delivery.Connect("sms", sent)
				w.publish(asking())
				for _, user := range []string{"ada", "eve"} {
					w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Looked", UserID: user})
				}
				w.clock.Advance(time.Second) // the visitor comes later, so that the stage is theirs
				w.settled(lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "phone", Traits: []byte(`{"phone":"+84912345678"}`)},
					lifecycle.Event{Type: lifecycle.Track, Name: "Asked", AnonymousID: "phone"})
				w.clock.Advance(2 * time.Second)
				read := w.clock.Now().Add(-before)
				ctx := context.Background()
				_, err := w.engine.Receive(ctx, []lifecycle.Event{{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "phone"}})
				w.must(err)
				w.work(lifecycle.UserID, "ada") // the visitor becomes part of her, and what was theirs is on its way
				if steps == 2 {
					_, err = w.engine.Receive(ctx, []lifecycle.Event{{Type: lifecycle.Alias, UserID: "eve", Properties: []byte(`{"previousId":"ada"}`)}})
					w.must(err)
					w.work(lifecycle.UserID, "eve")
					w.work(lifecycle.UserID, "ada")
					w.work(lifecycle.UserID, "eve")
				}
				handOver := func(id lifecycle.ID, at time.Time) {
					w.must(w.delivery.HandOver(ctx, &lifecycle.Message{Customer: id, Channel: "sms", Kind: lifecycle.Transactional}, at))
				}
				phone := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "phone"}.Hash()
				handOver(phone, read)
				if len(sent.to) > 0 {
					t.Fatal("the message did not wait for the merge")
				}
				w.work(lifecycle.AnonymousID, "phone") // and what reaches them is claimed at once
				for range 3 {
					for _, user := range []string{"ada", "eve"} {
						handOver(userID(user), w.clock.Now())
						w.work(lifecycle.UserID, user)
					}
				}
				if places, owed := w.seqs(lifecycle.FactPlaced), w.seqs(lifecycle.FactMessage); places == 0 || owed < places {
					t.Errorf("they were taken over by entry %d, and the message was handed on by entry %d", places, owed)
				}
				if got := strings.Join(sent.to, " "); got != "+84912345678" {
					t.Errorf("sent to %q", got)
				}
			})
		}
	}
}

// TestWhoBecomesSomebodyElseIsCaughtUpFirst has more timers overdue than one input may fire, of somebody who becomes part of
// another customer before they have.
func TestWhoBecomesSomebodyElseIsCaughtUpFirst(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	files := asking()
	files["new.lua"] = `stage { title = "New" }
on("Asked", function()
	for i = 1, 5 do wait "1 hour" end
	track "Done"
end, { parallel = true })
on("Done", function() score(1) end)`
	w.publish(files)
	w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Looked", UserID: "ada"})
	const many = 150
	for i := range many {
		w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Asked", AnonymousID: "phone", MessageID: fmt.Sprint("m", i)})
	}
	w.clock.Advance(10 * time.Hour)
	_, err := w.engine.Receive(context.Background(), []lifecycle.Event{{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "phone"}})
	w.must(err)
	w.settleAll()
	done := 0
	for place := (engine.LivedPlace{}); ; {
		page, err := w.engine.Lived(context.Background(), userID("ada"), place, 500)
		w.must(err)
		for _, entry := range page.Entries {
			if entry.Event != nil && entry.Event.Name == "Done" {
				done++
			}
			place = engine.LivedPlace{At: entry.At, Seq: entry.Seq}
		}
		if !page.More {
			break
		}
	}
	if done != many {
		t.Errorf("%d of %d waits came to their end", done, many)
	}
}
