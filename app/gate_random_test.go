package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// watchful takes every message, and knows where none may go any more.
type watchful struct {
	taker
	dead  map[string]bool
	wrong []string
}

func (w *watchful) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	for _, m := range batch {
		if w.dead[m.To] {
			w.wrong = append(w.wrong, m.To)
		}
	}
	return w.taker.Send(ctx, batch)
}

// However new customers, sends, answers and complaints come between each other: from the commit on in which the address and
// those who were known to have it have heard of a complaint, nothing leaves for it, and what may leave does.
func TestNoOrderOfThingsLetsAMessageThrough(t *testing.T) {
	ctx := context.Background()
	addresses := []string{"a@shop.example", "b@shop.example", "c@shop.example"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newLived(t, delivery.Policy{})
		defer w.store.Close()
		post := &watchful{dead: map[string]bool{}}
		w.delivery.Connect("email", post)
		w.publish(map[string]string{
			"journey.lua":                 `journey { title = "Club", stages = { "all" }, moves = {} }`,
			"all.lua":                     "stage { title = \"All\" }\non(\"Hi\", function() send \"hello\" end)\n",
			"messages/hello.email.liquid": mail("transactional"),
		})
		hash := func(user string) lifecycle.ID { return lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash() }
		handOver := func(user string) {
			w.must(w.delivery.HandOver(ctx, &lifecycle.Message{Customer: hash(user), Channel: "email", Kind: lifecycle.Transactional}, w.clock.Now()))
		}
		settle := func(partition int) { w.must(w.engine.Settle(ctx, partition)) }
		users := []string{"u1", "u2", "u3", "u4"}
		hellos := 0
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			user, address := rapid.SampledFrom(users).Draw(rt, "user"), rapid.SampledFrom(addresses).Draw(rt, "address")
			w.clock.Advance(time.Second)
			switch rapid.SampledFrom([]string{"hi", "hi", "hi", "send", "settle", "leave", "complain", "tell"}).Draw(rt, "step") {
			case "hi":
				w.n++
				event := lifecycle.Event{Type: lifecycle.Track, Name: "Hi", UserID: user, MessageID: fmt.Sprint("m", w.n), Timestamp: w.clock.Now()}
				event.Public = rapid.Bool().Draw(rt, "public")
				event.Context, _ = json.Marshal(map[string]any{"traits": map[string]any{"email": address}})
				_, err := w.engine.Receive(ctx, []lifecycle.Event{event})
				w.must(err)
				hellos++
			case "send":
				event := lifecycle.Event{UserID: user, Traits: json.RawMessage(fmt.Sprintf(`{"email":%q}`, address))}
				_, err := w.engine.Send(ctx, engine.Direct{Event: event, Journey: "club", Message: "hello"})
				w.must(err)
				hellos++
			case "settle":
				settle(hash(user).Partition())
			case "leave":
				handOver(user)
			case "complain":
				w.engine.Keep(ctx, []engine.Report{{Channel: "email", From: address, Event: "complained"}})
				settle(emailIdentity(address).Hash().Partition())
				post.dead[address] = true
			case "tell":
				w.n++
				event := lifecycle.Event{Type: lifecycle.Track, Name: "Email Bounced", UserID: user, MessageID: fmt.Sprint("m", w.n), Timestamp: w.clock.Now()}
				event.Properties = json.RawMessage(fmt.Sprintf(`{"address":%q,"kind":"hard"}`, address))
				_, err := w.engine.Receive(ctx, []lifecycle.Event{event})
				w.must(err)
				settle(hash(user).Partition())
				settle(emailIdentity(address).Hash().Partition())
				post.dead[address] = true
			}
			for _, name := range users {
				if rapid.IntRange(0, 3).Draw(rt, "leaves") == 0 {
					handOver(name)
				}
			}
		}
		for range 3 {
			for p := range lifecycle.Partitions {
				settle(p)
			}
			for _, user := range users {
				id := hash(user)
				w.must(w.delivery.HandOver(ctx, &lifecycle.Message{Customer: id, Channel: "email", Kind: lifecycle.Transactional}, w.clock.Now()))
				w.must(w.delivery.HandOver(ctx, &lifecycle.Message{Customer: id, Channel: "email", Kind: lifecycle.Transactional, Direct: true}, w.clock.Now()))
			}
		}
		if len(post.wrong) > 0 {
			rt.Fatalf("messages have left for %v, where nothing may go", post.wrong)
		}
		found := 0
		for p := range lifecycle.Partitions {
			answer, err := w.store.Ask(ctx, p, delivery.Newest{Limit: 1000})
			w.must(err)
			for _, m := range answer.([]delivery.Listed) {
				if found++; m.State == lifecycle.Queued {
					rt.Fatalf("a message hangs: %+v", m.Message)
				}
			}
		}
		if found != hellos {
			rt.Fatalf("%d messages of %d are there", found, hellos)
		}
	})
}

func emailIdentity(address string) lifecycle.Identity {
	return lifecycle.Identity{Kind: lifecycle.EmailIdentity, Value: address}
}
